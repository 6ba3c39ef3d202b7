import { createOrTakeBack, type Migration, retire } from "../Migration.ts"

const orders = createOrTakeBack(
  "paper_orders",
  `CREATE TABLE paper_orders (
      order_id text PRIMARY KEY,
      account_id text NOT NULL,
      tag text NOT NULL CONSTRAINT paper_orders_tag UNIQUE,
      status text NOT NULL,
      revision int NOT NULL,
      epoch bigint NOT NULL,
      matched_seq bigint NOT NULL,
      record_created_ms bigint NOT NULL,
      body jsonb NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX paper_orders_working ON paper_orders (account_id) WHERE status NOT IN ('COMPLETE', 'CANCELLED');
    CREATE INDEX paper_orders_of_account ON paper_orders (account_id, created_at);`
)

const trades = createOrTakeBack(
  "paper_trades",
  `CREATE TABLE paper_trades (
      trade_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      order_id text NOT NULL REFERENCES paper_orders (order_id),
      number int NOT NULL,
      account_id text NOT NULL,
      quantity bigint NOT NULL CHECK (quantity > 0),
      price bigint NOT NULL,
      traded_at timestamptz NOT NULL,
      CONSTRAINT paper_trades_number UNIQUE (order_id, number)
    );
    CREATE INDEX paper_trades_of_account ON paper_trades (account_id, trade_id);`
)

/**
 * Orders of paper accounts and their fills. `tag` is unique, so that a task makes one order however often it is sent. `matched_seq` is the
 * sequence of the record up to which an order was matched, in the stream that was created at `record_created_ms`. A trade's price is an
 * integer in the instrument's units.
 */
export const migration: Migration = {
  id: 21,
  name: "paper orders",
  up: [orders, trades].join("\n"),
  down: ["paper_trades", "paper_orders"].map(retire).join("\n")
}
