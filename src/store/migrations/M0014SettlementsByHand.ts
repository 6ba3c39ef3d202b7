import type { Migration } from "./Migration.ts"

/**
 * Settlement prices that a person enters, with who it was and where the price is from. An older program ignores the two columns and reads
 * the wider price, so `down` leaves them and their values where they are.
 */
export const migration: Migration = {
  id: 14,
  name: "settlements by hand",
  up: `
ALTER TABLE settlements ALTER COLUMN price TYPE numeric(40, 20);
ALTER TABLE settlements ADD COLUMN IF NOT EXISTS entered_by text;
ALTER TABLE settlements ADD COLUMN IF NOT EXISTS reference text;`,
  down: "SELECT 1;"
}
