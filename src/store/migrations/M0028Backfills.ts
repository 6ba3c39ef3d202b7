import { createOrTakeBack, type Migration, retire } from "./Migration.ts"

/**
 * Jobs that fetch missing bars from the broker, and the instruments of each in their order. Counters only grow. The bars themselves, and the
 * days that are whole, are in bars and bar_days: a job that begins again looks there for what is still missing.
 */
export const migration: Migration = {
  id: 28,
  name: "backfills",
  up: [
    createOrTakeBack(
      "backfills",
      `CREATE TABLE backfills (
        backfill_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        created_by text NOT NULL,
        minutes smallint NOT NULL CHECK (minutes BETWEEN 1 AND 1440),
        from_day date NOT NULL,
        to_day date NOT NULL CHECK (to_day >= from_day),
        state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'completed', 'cancelled')),
        problem text,
        created_at timestamptz NOT NULL DEFAULT now(),
        turn_at timestamptz NOT NULL DEFAULT now(),
        ended_at timestamptz
      );
      CREATE INDEX backfills_open ON backfills (turn_at) WHERE ended_at IS NULL;`
    ),
    createOrTakeBack(
      "backfill_instruments",
      `CREATE TABLE backfill_instruments (
        backfill_id bigint NOT NULL REFERENCES backfills ON DELETE CASCADE,
        place int NOT NULL CHECK (place >= 0),
        exchange text NOT NULL,
        tradingsymbol text NOT NULL,
        state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'failed')),
        days_missing int NOT NULL DEFAULT 0,
        requests int NOT NULL DEFAULT 0,
        rows bigint NOT NULL DEFAULT 0,
        tries int NOT NULL DEFAULT 0,
        error text,
        PRIMARY KEY (backfill_id, place)
      );
      CREATE INDEX backfill_instruments_waiting ON backfill_instruments (backfill_id, tries, place) WHERE state = 'waiting';`
    )
  ].join("\n"),
  down: [retire("backfill_instruments"), retire("backfills")].join("\n")
}
