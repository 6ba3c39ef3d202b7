import { createOrTakeBack, type Migration, retire } from "./Migration.ts"

/**
 * Corporate actions of shares, one of a kind per share and day. `broker_refreshed`: the broker's bars from before the action were dropped once
 * it was in force, because a broker's history is in the newest shares and bars that were fetched earlier are not.
 */
export const migration: Migration = {
  id: 13,
  name: "corporate_actions",
  up: createOrTakeBack(
    "corporate_actions",
    `CREATE TABLE corporate_actions (
      action_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      exchange text NOT NULL,
      symbol text NOT NULL,
      ex_date date NOT NULL,
      kind text NOT NULL CHECK (kind IN ('split', 'bonus', 'rights', 'dividend')),
      shares_before int NOT NULL CHECK (shares_before > 0),
      shares_after int NOT NULL CHECK (shares_after > 0),
      price_paise bigint NOT NULL CHECK (price_paise >= 0),
      close_paise bigint NOT NULL CHECK (close_paise >= 0),
      source text[] NOT NULL,
      imported_by text NOT NULL,
      imported_at timestamptz NOT NULL DEFAULT now(),
      broker_refreshed boolean NOT NULL DEFAULT false,
      UNIQUE (exchange, symbol, ex_date, kind)
    );`
  ),
  down: retire("corporate_actions")
}
