import { createOrTakeBack, type Migration, retire } from "./Migration.ts"

/**
 * An administrator's rows over the shipped rules, and every change of them. Each change is a version: the newest one names the rules in force.
 * An entry is kept in the form of the shipped files (Entries.Entry), so a row can move into a release as it is.
 */
export const migration: Migration = {
  id: 12,
  name: "calendar_entries",
  up: `
${createOrTakeBack(
  "calendar_entries",
  `CREATE TABLE calendar_entries (
      entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      entry jsonb NOT NULL,
      created_by text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now()
    );`
)}
${createOrTakeBack(
  "calendar_changes",
  `CREATE TABLE calendar_changes (
      version bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      entry_id bigint NOT NULL,
      action text NOT NULL CHECK (action IN ('created', 'changed', 'deleted')),
      entry jsonb NOT NULL,
      changed_by text NOT NULL,
      changed_at timestamptz NOT NULL DEFAULT now()
    );`
)}`,
  down: `${retire("calendar_entries")}${retire("calendar_changes")}`
}
