import { createOrTakeBack, type Migration, retire } from "./Migration.ts"

/** Final settlement prices of expired contracts. They value legs and fills permanently. The first price of a contract is kept. */
export const migration: Migration = {
  id: 9,
  name: "settlements",
  up: createOrTakeBack(
    "settlements",
    `CREATE TABLE settlements (
      exchange text NOT NULL,
      tradingsymbol text NOT NULL,
      expiry date NOT NULL,
      price numeric(30, 10) NOT NULL CHECK (price >= 0),
      source text NOT NULL,
      settled_at timestamptz NOT NULL,
      PRIMARY KEY (exchange, tradingsymbol, expiry)
    );`
  ),
  down: retire("settlements")
}
