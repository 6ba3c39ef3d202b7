import { createOrTakeBack, type Migration, retire } from "../Migration.ts"

const compensations = createOrTakeBack(
  "order_compensations",
  `CREATE TABLE order_compensations (
      basket_id text PRIMARY KEY,
      account_id text NOT NULL,
      mode text NOT NULL CHECK (mode IN ('paper', 'live')),
      status text NOT NULL CHECK (status IN ('open', 'not_needed', 'running', 'done', 'incomplete')),
      legs jsonb NOT NULL,
      revision int NOT NULL,
      failed_at timestamptz,
      updated_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX order_compensations_open ON order_compensations (account_id) WHERE status IN ('open', 'running', 'incomplete');`
)

/**
 * Baskets whose placed orders are undone when one of them fails, and the state of each order. `undoes` of a task is the task whose order it
 * undoes. An older program ignores the column, so `down` leaves it where it is.
 */
export const migration: Migration = {
  id: 31,
  name: "compensation of baskets",
  up: `${compensations}
ALTER TABLE order_tasks ADD COLUMN IF NOT EXISTS undoes bigint;
CREATE INDEX IF NOT EXISTS order_tasks_undoes ON order_tasks (undoes) WHERE undoes IS NOT NULL;`,
  down: retire("order_compensations")
}
