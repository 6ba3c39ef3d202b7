import { createOrTakeBack, type Migration, retire } from "./Migration.ts"

/**
 * Bars by instrument and length: our own minutes (live) and the broker's history (broker). Prices are integers in the token's scale.
 * bar_days: the days that were completely fetched from the broker, days without a trade included. Tokens are reused, so every row has a
 * tradingsymbol.
 */
export const migration: Migration = {
  id: 6,
  name: "bars",
  up: `
${createOrTakeBack(
  "bars",
  `CREATE TABLE bars (
      instrument_token bigint NOT NULL CHECK (instrument_token BETWEEN 1 AND 4294967295),
      tradingsymbol text NOT NULL,
      minutes smallint NOT NULL CHECK (minutes BETWEEN 1 AND 1440),
      source text NOT NULL CHECK (source IN ('live', 'broker')),
      at timestamptz NOT NULL,
      open bigint NOT NULL,
      high bigint NOT NULL,
      low bigint NOT NULL,
      close bigint NOT NULL,
      volume bigint NOT NULL CHECK (volume >= 0),
      oi bigint CHECK (oi >= 0),
      complete boolean NOT NULL,
      PRIMARY KEY (instrument_token, minutes, source, at),
      CHECK (low >= 0 AND low <= least(open, close) AND high >= greatest(open, close))
    );`
)}
${createOrTakeBack(
  "bar_days",
  `CREATE TABLE bar_days (
      instrument_token bigint NOT NULL CHECK (instrument_token BETWEEN 1 AND 4294967295),
      tradingsymbol text NOT NULL,
      minutes smallint NOT NULL CHECK (minutes BETWEEN 1 AND 1440),
      day date NOT NULL,
      fetched_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (instrument_token, tradingsymbol, minutes, day)
    );`
)}`,
  down: `${retire("bars")}${retire("bar_days")}`
}
