import { createOrTakeBack, type Migration, retire } from "./Migration.ts"

/** Kite's dump per trade date. Exchanges reuse tokens, so only (trade date, token) identifies an instrument. */
export const migration: Migration = {
  id: 1,
  name: "instruments",
  up: `
${createOrTakeBack(
  "instrument_days",
  `CREATE TABLE instrument_days (
      trade_date date PRIMARY KEY,
      instruments int NOT NULL CHECK (instruments >= 0),
      loaded_at timestamptz NOT NULL DEFAULT now()
    );`
)}
${createOrTakeBack(
  "instruments",
  `CREATE TABLE instruments (
      trade_date date NOT NULL,
      instrument_token bigint NOT NULL CHECK (instrument_token BETWEEN 1 AND 4294967295),
      exchange_token bigint NOT NULL,
      tradingsymbol text NOT NULL,
      name text NOT NULL,
      expiry date,
      strike bigint NOT NULL CHECK (strike >= 0),
      tick_size bigint NOT NULL CHECK (tick_size >= 0),
      lot_size bigint NOT NULL CHECK (lot_size >= 0),
      instrument_type text NOT NULL CHECK (instrument_type IN ('EQ', 'FUT', 'CE', 'PE')),
      segment text NOT NULL,
      exchange text NOT NULL,
      PRIMARY KEY (trade_date, instrument_token)
    );
    CREATE INDEX instruments_symbol ON instruments (exchange, tradingsymbol, trade_date);`
)}`,
  down: `${retire("instruments")}${retire("instrument_days")}`
}
