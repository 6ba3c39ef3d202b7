import { createOrTakeBack, type Migration, retire } from "./Migration.ts"

/** Trades of a strategy; rows are only added. Each holds its instrument's names on its own day, because tokens are reused. */
export const migration: Migration = {
  id: 5,
  name: "strategy fills",
  up: createOrTakeBack(
    "strategy_fills",
    `CREATE TABLE strategy_fills (
      fill_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      strategy_id bigint NOT NULL REFERENCES strategies ON DELETE CASCADE,
      instrument_token bigint NOT NULL CHECK (instrument_token BETWEEN 1 AND 4294967295),
      tradingsymbol text NOT NULL,
      exchange text NOT NULL,
      side text NOT NULL CHECK (side IN ('BUY', 'SELL')),
      quantity bigint NOT NULL CHECK (quantity BETWEEN 1 AND 1000000000),
      price numeric(30, 10) NOT NULL CHECK (price >= 0),
      executed_at timestamptz NOT NULL,
      external_id text,
      created_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT strategy_fills_external UNIQUE (strategy_id, external_id)
    );
    CREATE INDEX strategy_fills_order ON strategy_fills (strategy_id, executed_at, fill_id);
    CREATE INDEX strategy_fills_newest ON strategy_fills (strategy_id, fill_id);
    CREATE INDEX strategy_fills_instrument ON strategy_fills (instrument_token);`
  ),
  down: retire("strategy_fills")
}
