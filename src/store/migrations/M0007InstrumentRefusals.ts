import { createOrTakeBack, type Migration, retire } from "./Migration.ts"

/** Why the newest dump of a trade date was rejected. The row is deleted when a complete dump of that or a later date is stored. */
export const migration: Migration = {
  id: 7,
  name: "instrument_refusals",
  up: createOrTakeBack(
    "instrument_refusals",
    `CREATE TABLE instrument_refusals (
      trade_date date PRIMARY KEY,
      reason text NOT NULL,
      refused_at timestamptz NOT NULL DEFAULT now()
    );`
  ),
  down: retire("instrument_refusals")
}
