import type { Migration } from "./Migration.ts"

/**
 * Prices of legs and fills keep every digit that the broker printed, as 88.08333333333333. The earlier numeric(30, 10) cut them. An older
 * program reads the wider columns too, so `down` leaves them and their digits.
 */
export const migration: Migration = {
  id: 11,
  name: "broker prices",
  up: `
ALTER TABLE strategy_legs ALTER COLUMN entry_price TYPE numeric(40, 20);
ALTER TABLE strategy_fills ALTER COLUMN price TYPE numeric(40, 20);`,
  down: "SELECT 1;"
}
