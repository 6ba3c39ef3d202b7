import { createOrTakeBack, type Migration, retire } from "./Migration.ts"

/** Every change of a corporate action, with its terms after it (of a deletion: before it), who made it and when. */
export const migration: Migration = {
  id: 17,
  name: "corporate_action_changes",
  up: createOrTakeBack(
    "corporate_action_changes",
    `CREATE TABLE corporate_action_changes (
      change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      action_id bigint NOT NULL,
      change text NOT NULL CHECK (change IN ('saved', 'deleted')),
      terms jsonb NOT NULL,
      changed_by text NOT NULL,
      changed_at timestamptz NOT NULL DEFAULT now()
    );`
  ),
  down: retire("corporate_action_changes")
}
