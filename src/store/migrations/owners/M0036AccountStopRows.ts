import type { Migration } from "../Migration.ts"
import { type Guarded, guard, ofAccount, unguard } from "./Guarded.ts"

const guarded: ReadonlyArray<Guarded> = [
  ofAccount("account_stops", "SELECT, UPDATE (release_token, release_until, released_at, released_by)"),
  ofAccount("account_square_offs", "SELECT, UPDATE (status, revision, updated_at)")
]

/** Callers see the stops of the accounts that they may use, and release them. */
export const migration: Migration = {
  id: 36,
  name: "row security of account stops",
  up: guarded.map(guard).join("\n"),
  down: guarded.map(unguard).join("\n")
}
