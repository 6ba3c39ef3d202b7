import type { Migration } from "../Migration.ts"

/**
 * Order tasks may also be requests about good-till-triggered orders. `down` keeps such tasks, so it also keeps the wider check. An older
 * program refuses to start with tasks that it does not know.
 */
export const migration: Migration = {
  id: 30,
  name: "good-till-triggered orders",
  up: `ALTER TABLE order_tasks DROP CONSTRAINT IF EXISTS order_tasks_kind_check;
ALTER TABLE order_tasks ADD CONSTRAINT order_tasks_kind_check
  CHECK (kind IN ('place', 'modify', 'cancel', 'gtt_place', 'gtt_modify', 'gtt_delete'));`,
  down: "SELECT 1;"
}
