import { type Migration, retiredSchema } from "./Migration.ts"

const retired = `${retiredSchema}.strategy_candle_profits`

/** Adds the P&L at its end to each candle, so that a P&L chart survives a reload. */
export const migration: Migration = {
  id: 8,
  name: "candle profits",
  up: `
ALTER TABLE strategy_m2m_candles ADD COLUMN total_pnl numeric(38, 10);
DO $migration$ BEGIN
  IF to_regclass('${retired}') IS NOT NULL THEN
    UPDATE strategy_m2m_candles c SET total_pnl = r.total_pnl FROM ${retired} r WHERE r.strategy_id = c.strategy_id AND r.minute = c.minute;
    DROP TABLE ${retired};
  END IF;
END $migration$;`,
  down: `
CREATE SCHEMA IF NOT EXISTS ${retiredSchema};
CREATE TABLE ${retired} AS SELECT strategy_id, minute, total_pnl FROM strategy_m2m_candles WHERE total_pnl IS NOT NULL;
ALTER TABLE strategy_m2m_candles DROP COLUMN total_pnl;`
}
