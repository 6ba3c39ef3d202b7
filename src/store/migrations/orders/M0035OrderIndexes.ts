import type { Migration } from "../Migration.ts"

/**
 * Indexes for the queries before each order, so that they stay fast on a day with many orders. An attempt stores its task's mode, so that
 * an account's requests are counted without reading the tasks. `down` leaves the modes, and allows attempts without one, which an older
 * program writes.
 */
export const migration: Migration = {
  id: 35,
  name: "indexes of orders",
  up: `ALTER TABLE order_attempts ADD COLUMN IF NOT EXISTS mode text CHECK (mode IN ('paper', 'live'));
UPDATE order_attempts a SET mode = t.mode FROM order_tasks t WHERE t.task_id = a.task_id AND a.mode IS NULL;
ALTER TABLE order_attempts ALTER COLUMN mode SET NOT NULL;
CREATE INDEX IF NOT EXISTS order_attempts_of_mode ON order_attempts (account_id, mode, started_at);
DROP INDEX IF EXISTS order_attempts_of_account;
CREATE INDEX IF NOT EXISTS order_tasks_of_terms ON order_tasks (account_id, mode, terms_hash);
CREATE INDEX IF NOT EXISTS account_orders_changed ON account_orders (account_id, change);`,
  down: `ALTER TABLE order_attempts ALTER COLUMN mode DROP NOT NULL;
DROP INDEX IF EXISTS account_orders_changed;
DROP INDEX IF EXISTS order_tasks_of_terms;
CREATE INDEX IF NOT EXISTS order_attempts_of_account ON order_attempts (account_id, started_at);
DROP INDEX IF EXISTS order_attempts_of_mode;`
}
