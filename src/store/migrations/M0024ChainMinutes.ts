import { createOrTakeBack, type Migration, retire } from "./Migration.ts"

/** With the extension TimescaleDB the rows are kept in chunks of a week. Queries are the same with and without it. */
const asHypertable = (table: string): string => `
DO $migration$ BEGIN
  IF to_regproc('create_hypertable') IS NOT NULL THEN
    PERFORM create_hypertable('${table}'::regclass, 'at'::name, chunk_time_interval => interval '7 days', if_not_exists => true,
      migrate_data => true);
  END IF;
END $migration$;`

/**
 * Each chain once a minute of trading: its totals, and a row for each option. An option is named by its exchange and tradingsymbol, because
 * exchanges reuse tokens. Prices are rupees, volatilities and Greeks have the published units, open interest counts units.
 */
export const migration: Migration = {
  id: 24,
  name: "chain_minutes",
  up: `
${createOrTakeBack(
  "chain_minutes",
  `CREATE TABLE chain_minutes (
      exchange text NOT NULL,
      underlying text NOT NULL,
      expiry date NOT NULL,
      at timestamptz NOT NULL,
      as_of timestamptz NOT NULL,
      spot numeric,
      forward numeric,
      forward_source text,
      atm_strike numeric,
      atm_iv double precision,
      max_pain numeric,
      pcr_oi double precision,
      pcr_volume double precision,
      call_oi bigint NOT NULL,
      put_oi bigint NOT NULL,
      convention text NOT NULL,
      PRIMARY KEY (exchange, underlying, expiry, at)
    );
    CREATE INDEX chain_minutes_by_time ON chain_minutes (exchange, underlying, at);
    CREATE INDEX chain_minutes_by_age ON chain_minutes (at);`
)}
${createOrTakeBack(
  "strike_minutes",
  `CREATE TABLE strike_minutes (
      exchange text NOT NULL,
      tradingsymbol text NOT NULL,
      at timestamptz NOT NULL,
      underlying_exchange text NOT NULL,
      underlying text NOT NULL,
      expiry date NOT NULL,
      strike numeric NOT NULL,
      side text NOT NULL CHECK (side IN ('CE', 'PE')),
      instrument_token bigint NOT NULL,
      last_price numeric,
      bid numeric,
      ask numeric,
      volume bigint,
      oi bigint,
      oi_change bigint,
      iv double precision,
      delta double precision,
      gamma double precision,
      theta double precision,
      vega double precision,
      rho double precision,
      quality text NOT NULL,
      PRIMARY KEY (exchange, tradingsymbol, at)
    );
    CREATE INDEX strike_minutes_by_chain ON strike_minutes (underlying_exchange, underlying, expiry, at, strike);
    CREATE INDEX strike_minutes_by_age ON strike_minutes (at);`
)}
${asHypertable("chain_minutes")}
${asHypertable("strike_minutes")}`,
  down: `${retire("chain_minutes")}${retire("strike_minutes")}`
}
