import { createOrTakeBack, type Migration, retire } from "./Migration.ts"

export const migration: Migration = {
  id: 4,
  name: "strategy candles",
  up: createOrTakeBack(
    "strategy_m2m_candles",
    `CREATE TABLE strategy_m2m_candles (
      strategy_id bigint NOT NULL REFERENCES strategies ON DELETE CASCADE,
      minute timestamptz NOT NULL,
      open numeric(38, 10) NOT NULL,
      high numeric(38, 10) NOT NULL,
      low numeric(38, 10) NOT NULL,
      close numeric(38, 10) NOT NULL,
      PRIMARY KEY (strategy_id, minute)
    );`
  ),
  down: retire("strategy_m2m_candles")
}
