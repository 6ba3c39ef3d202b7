import { createOrTakeBack, type Migration, retire } from "../Migration.ts"

const stops = createOrTakeBack(
  "account_stops",
  `CREATE TABLE account_stops (
      stop_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      account_id text NOT NULL,
      mode text NOT NULL CHECK (mode IN ('paper', 'live')),
      action text NOT NULL CHECK (action IN ('block', 'square_off')),
      reason text NOT NULL,
      profit numeric NOT NULL,
      max_daily_loss numeric NOT NULL,
      stopped_at timestamptz NOT NULL DEFAULT now(),
      release_token text,
      release_until timestamptz,
      released_at timestamptz,
      released_by text
    );
    CREATE UNIQUE INDEX account_stops_open ON account_stops (account_id) WHERE released_at IS NULL;`
)

const squareOffs = createOrTakeBack(
  "account_square_offs",
  `CREATE TABLE account_square_offs (
      stop_id bigint NOT NULL REFERENCES account_stops,
      account_id text NOT NULL,
      mode text NOT NULL CHECK (mode IN ('paper', 'live')),
      status text NOT NULL CHECK (status IN ('running', 'done', 'incomplete', 'released')),
      message text,
      rounds int NOT NULL DEFAULT 0,
      round_at timestamptz,
      revision int NOT NULL DEFAULT 0,
      epoch bigint NOT NULL DEFAULT 0,
      updated_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (stop_id, account_id, mode)
    );
    CREATE INDEX account_square_offs_of ON account_square_offs (account_id, mode);`
)

/**
 * What a loss of the limit does to an account besides refusing orders, the account's stops, and how far its positions are closed. Also a
 * limit of all open lots of an account or a strategy. An account has one stop that is not released. An older program ignores the columns,
 * so `down` leaves them where they are.
 */
export const migration: Migration = {
  id: 34,
  name: "stops of accounts",
  up: `${[stops, squareOffs].join("\n")}
ALTER TABLE order_accounts ADD COLUMN IF NOT EXISTS max_total_lots int CHECK (max_total_lots > 0),
  ADD COLUMN IF NOT EXISTS loss_action text CHECK (loss_action IN ('block', 'square_off'));
ALTER TABLE strategy_limits ADD COLUMN IF NOT EXISTS max_total_lots int CHECK (max_total_lots > 0);`,
  down: ["account_square_offs", "account_stops"].map(retire).join("\n")
}
