import { createOrTakeBack, type Migration, retire } from "./Migration.ts"

/**
 * Alerts of users, the places up to which their streams are decided, their events, and the deliveries of events to webhooks. `input_seq` is
 * the sequence up to which an alert is decided in its stream; null until the actor has taken it up. An alert has at most one event for each
 * sequence.
 */
export const migration: Migration = {
  id: 29,
  name: "alerts",
  up: [
    createOrTakeBack(
      "alerts",
      `CREATE TABLE alerts (
        alert_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        owner text NOT NULL,
        name text NOT NULL,
        watch jsonb NOT NULL,
        condition text NOT NULL,
        threshold numeric NOT NULL,
        hysteresis numeric NOT NULL CHECK (hysteresis >= 0),
        repeat boolean NOT NULL,
        cooldown_s int NOT NULL CHECK (cooldown_s >= 0),
        status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused')),
        webhook_url text,
        webhook_secret text,
        revision int NOT NULL DEFAULT 1,
        state text NOT NULL CHECK (state IN ('waiting', 'armed', 'done')),
        input_epoch bigint,
        input_seq bigint,
        fired_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CHECK ((webhook_url IS NULL) = (webhook_secret IS NULL))
      );
      CREATE INDEX alerts_by_owner ON alerts (owner, alert_id);`
    ),
    createOrTakeBack(
      "alert_places",
      `CREATE TABLE alert_places (
        source text PRIMARY KEY,
        input_epoch bigint NOT NULL,
        input_seq bigint NOT NULL
      );`
    ),
    createOrTakeBack(
      "alert_events",
      `CREATE TABLE alert_events (
        event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        alert_id bigint NOT NULL,
        owner text NOT NULL,
        input_epoch bigint NOT NULL,
        input_seq bigint NOT NULL,
        revision int NOT NULL,
        body jsonb NOT NULL,
        as_of timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        is_published boolean NOT NULL DEFAULT false,
        UNIQUE (alert_id, revision, input_epoch, input_seq)
      );
      CREATE INDEX alert_events_by_owner ON alert_events (owner, alert_id, event_id);
      CREATE INDEX alert_events_unpublished ON alert_events (event_id) WHERE NOT is_published;`
    ),
    createOrTakeBack(
      "alert_deliveries",
      `CREATE TABLE alert_deliveries (
        event_id bigint PRIMARY KEY REFERENCES alert_events ON DELETE CASCADE,
        owner text NOT NULL,
        url text NOT NULL,
        secret text NOT NULL,
        state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
        attempts int NOT NULL DEFAULT 0,
        due_at timestamptz NOT NULL DEFAULT now(),
        error text,
        ended_at timestamptz
      );
      CREATE INDEX alert_deliveries_due ON alert_deliveries (due_at) WHERE state = 'waiting';`
    )
  ].join("\n"),
  down: [retire("alert_deliveries"), retire("alert_events"), retire("alert_places"), retire("alerts")].join("\n")
}
