import { type Migration, retiredSchema } from "./Migration.ts"

/**
 * A bar's exchange by the low byte of its token. The list has the segments that existed when this step was written; rows of later segments
 * have their exchange.
 */
const exchangeOf = (table: string): string => `
  CASE ${table}.instrument_token & 255
    WHEN 1 THEN 'NSE' WHEN 2 THEN 'NFO' WHEN 3 THEN 'CDS' WHEN 4 THEN 'BSE' WHEN 5 THEN 'BFO' WHEN 6 THEN 'BCD' WHEN 7 THEN 'MCX'
    WHEN 8 THEN 'MCXSX' WHEN 12 THEN 'NCO'
    ELSE coalesce((SELECT i.exchange FROM instruments i WHERE i.instrument_token = ${table}.instrument_token
      AND i.tradingsymbol = ${table}.tradingsymbol ORDER BY i.trade_date DESC LIMIT 1), 'NSE')
  END`

/** Moves rows that violate a new key aside, and takes back rows that an earlier step moved. */
const setAside = (table: string, key: string, first: string): string => `
CREATE SCHEMA IF NOT EXISTS ${retiredSchema};
CREATE TABLE IF NOT EXISTS ${retiredSchema}.${table}_aside (LIKE ${table});
WITH ranked AS (SELECT ctid AS place, row_number() OVER (PARTITION BY ${key} ORDER BY ${first}) AS nth FROM ${table}),
  moved AS (DELETE FROM ${table} USING ranked WHERE ${table}.ctid = ranked.place AND ranked.nth > 1 RETURNING ${table}.*)
INSERT INTO ${retiredSchema}.${table}_aside SELECT * FROM moved;`

const takeBack = (table: string): string => `
DO $migration$ BEGIN
  IF to_regclass('${retiredSchema}.${table}_aside') IS NOT NULL THEN
    INSERT INTO ${table} SELECT * FROM ${retiredSchema}.${table}_aside;
    DROP TABLE ${retiredSchema}.${table}_aside;
  END IF;
END $migration$;`

const byName = (table: string, key: string, first: string): string => `
ALTER TABLE ${table} DROP CONSTRAINT ${table}_pkey;
ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS exchange text;
${takeBack(table)}
UPDATE ${table} SET exchange = ${exchangeOf(table)} WHERE exchange IS NULL;
ALTER TABLE ${table} ALTER COLUMN exchange SET NOT NULL;
${setAside(table, key, first)}
ALTER TABLE ${table} ADD PRIMARY KEY (${key});`

const byToken = (table: string, key: string, first: string): string => `
ALTER TABLE ${table} DROP CONSTRAINT ${table}_pkey;
ALTER TABLE ${table} ALTER COLUMN exchange DROP NOT NULL;
${takeBack(table)}
${setAside(table, key, first)}
ALTER TABLE ${table} ADD PRIMARY KEY (${key});`

/**
 * Bars and fetched days belong to a name on an exchange. Exchanges reuse tokens, and a contract may get another token: the token is only
 * the one under which a row came. Rows of one key are kept apart in the schema `retired` until the other key takes them back.
 */
export const migration: Migration = {
  id: 16,
  name: "bars by name",
  up: `
${byName("bars", "exchange, tradingsymbol, minutes, source, at", "complete DESC, instrument_token DESC")}
${byName("bar_days", "exchange, tradingsymbol, minutes, day", "fetched_at DESC")}`,
  down: `
${byToken("bars", "instrument_token, minutes, source, at", "complete DESC, tradingsymbol DESC")}
${byToken("bar_days", "instrument_token, tradingsymbol, minutes, day", "fetched_at DESC")}`
}
