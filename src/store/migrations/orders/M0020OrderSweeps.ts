import type { Migration } from "../Migration.ts"

/**
 * The newest stop for which the account's open orders were found and their cancellations saved. An older program ignores the column, so
 * `down` leaves it where it is.
 */
export const migration: Migration = {
  id: 20,
  name: "order sweeps",
  up: "ALTER TABLE order_accounts ADD COLUMN IF NOT EXISTS swept_at timestamptz;",
  down: "SELECT 1;"
}
