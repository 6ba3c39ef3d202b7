import { createOrTakeBack, type Migration, retire } from "./Migration.ts"

export const migration: Migration = {
  id: 2,
  name: "subscriptions",
  up: createOrTakeBack(
    "subscriptions",
    `CREATE TABLE subscriptions (
      instrument_token bigint PRIMARY KEY CHECK (instrument_token BETWEEN 1 AND 4294967295),
      tradingsymbol text NOT NULL,
      segment text NOT NULL,
      status text NOT NULL CHECK (status IN ('active', 'inactive')),
      requested_mode text NOT NULL CHECK (requested_mode IN ('FULL', 'QUOTE', 'LTP')),
      account_id text,
      created_by text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX subscriptions_status ON subscriptions (status, instrument_token);
    CREATE INDEX subscriptions_account ON subscriptions (account_id) WHERE status = 'active';`
  ),
  down: retire("subscriptions")
}
