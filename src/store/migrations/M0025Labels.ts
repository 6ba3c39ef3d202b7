import { createOrTakeBack, type Migration, retire } from "./Migration.ts"

/** Users' notes on instruments, and the events of them that NATS does not have yet. */
export const migration: Migration = {
  id: 25,
  name: "labels",
  up: [
    createOrTakeBack(
      "labels",
      `CREATE TABLE labels (
        label_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        owner text NOT NULL,
        exchange text NOT NULL,
        tradingsymbol text NOT NULL,
        at timestamptz NOT NULL,
        place text NOT NULL CHECK (place IN ('bar', 'timescale')),
        label text NOT NULL,
        text text NOT NULL,
        color text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now()
      );
      CREATE INDEX labels_by_owner ON labels (owner, exchange, tradingsymbol, at, label_id);`
    ),
    createOrTakeBack(
      "label_outbox",
      `CREATE TABLE label_outbox (
        event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        owner text NOT NULL,
        change text NOT NULL,
        label jsonb NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      );`
    )
  ].join("\n"),
  down: [retire("label_outbox"), retire("labels")].join("\n")
}
