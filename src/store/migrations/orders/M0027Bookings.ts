import type { Migration } from "../Migration.ts"

/**
 * The result of booking each trade: booked into its order's strategy, or why not; null until then. Fills keep their order and its product,
 * because charges depend on them. An older program ignores the columns, so `down` leaves them where they are.
 */
export const migration: Migration = {
  id: 27,
  name: "bookings",
  up: `
ALTER TABLE account_trades ADD COLUMN IF NOT EXISTS booking text CHECK (booking IN ('none', 'booked', 'no_strategy', 'strategy_full'));
ALTER TABLE paper_trades ADD COLUMN IF NOT EXISTS booking text CHECK (booking IN ('none', 'booked', 'no_strategy', 'strategy_full'));
CREATE INDEX IF NOT EXISTS account_trades_unbooked ON account_trades (account_id) WHERE booking IS NULL;
CREATE INDEX IF NOT EXISTS paper_trades_unbooked ON paper_trades (account_id) WHERE booking IS NULL;
ALTER TABLE strategy_fills ADD COLUMN IF NOT EXISTS order_id text;
ALTER TABLE strategy_fills ADD COLUMN IF NOT EXISTS product text CHECK (product IN ('NRML', 'MIS', 'CNC', 'MTF'));`,
  down: "SELECT 1;"
}
