import { createOrTakeBack, type Migration, retire } from "./Migration.ts"

export const migration: Migration = {
  id: 3,
  name: "strategies",
  up: `
${createOrTakeBack(
  "strategies",
  `CREATE TABLE strategies (
      strategy_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      owner text NOT NULL,
      name text NOT NULL CHECK (name <> ''),
      description text,
      tags text[] NOT NULL DEFAULT '{}',
      status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX strategies_owner ON strategies (owner, strategy_id);`
)}
${createOrTakeBack(
  "strategy_legs",
  `CREATE TABLE strategy_legs (
      leg_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      strategy_id bigint NOT NULL REFERENCES strategies ON DELETE CASCADE,
      instrument_token bigint NOT NULL CHECK (instrument_token BETWEEN 1 AND 4294967295),
      tradingsymbol text NOT NULL,
      exchange text NOT NULL,
      direction text NOT NULL CHECK (direction IN ('BUY', 'SELL')),
      quantity bigint NOT NULL CHECK (quantity BETWEEN 0 AND 9007199254740991),
      entry_price numeric(30, 10) NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX strategy_legs_strategy ON strategy_legs (strategy_id, leg_id);
    CREATE INDEX strategy_legs_instrument ON strategy_legs (instrument_token);`
)}`,
  down: `${retire("strategy_legs")}${retire("strategies")}`
}
