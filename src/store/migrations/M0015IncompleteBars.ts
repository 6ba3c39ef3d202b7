import type { Migration } from "./Migration.ts"

/** Finds our own incomplete minutes without reading all bars. They are few. */
export const migration: Migration = {
  id: 15,
  name: "incomplete bars",
  up: "CREATE INDEX IF NOT EXISTS bars_incomplete ON bars (at) WHERE source = 'live' AND NOT complete;",
  down: "DROP INDEX IF EXISTS bars_incomplete;"
}
