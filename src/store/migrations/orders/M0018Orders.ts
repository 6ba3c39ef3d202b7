import { createOrTakeBack, type Migration, retire } from "../Migration.ts"

const tasks = createOrTakeBack(
  "order_tasks",
  `CREATE TABLE order_tasks (
      task_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      owner text NOT NULL,
      account_id text NOT NULL,
      idempotency_key text NOT NULL,
      body_hash text NOT NULL,
      tag text NOT NULL CONSTRAINT order_tasks_tag UNIQUE,
      mode text NOT NULL CHECK (mode IN ('paper', 'live')),
      kind text NOT NULL CHECK (kind IN ('place', 'modify', 'cancel')),
      request jsonb NOT NULL,
      terms_hash text NOT NULL,
      reference_price numeric,
      is_limit boolean NOT NULL,
      unknown_policy text NOT NULL CHECK (unknown_policy IN ('park', 'resend')),
      deadline_at timestamptz NOT NULL,
      strategy_id bigint,
      basket_id text,
      basket_place int,
      retries bigint,
      status text NOT NULL CHECK (status IN ('PENDING', 'RUNNING', 'RETRYING', 'COMPLETED', 'DEAD_LETTER', 'CANCELLED', 'UNKNOWN')),
      revision int NOT NULL,
      epoch bigint NOT NULL,
      due_at timestamptz,
      order_id text,
      error_type text,
      error_message text,
      absent_at timestamptz,
      created_at timestamptz NOT NULL DEFAULT now(),
      updated_at timestamptz NOT NULL DEFAULT now(),
      CONSTRAINT order_tasks_key UNIQUE (owner, account_id, idempotency_key)
    );
    CREATE INDEX order_tasks_open ON order_tasks (account_id) WHERE status IN ('PENDING', 'RUNNING', 'RETRYING', 'UNKNOWN');
    CREATE INDEX order_tasks_of_account ON order_tasks (account_id, task_id);
    CREATE INDEX order_tasks_of_basket ON order_tasks (basket_id, basket_place) WHERE basket_id IS NOT NULL;`
)

const attempts = createOrTakeBack(
  "order_attempts",
  `CREATE TABLE order_attempts (
      task_id bigint NOT NULL REFERENCES order_tasks (task_id),
      number int NOT NULL,
      account_id text NOT NULL,
      started_at timestamptz NOT NULL,
      ended_at timestamptz,
      outcome text CHECK (outcome IN ('done', 'refused', 'unknown')),
      http_status int,
      error_type text,
      message text,
      PRIMARY KEY (task_id, number)
    );
    CREATE INDEX order_attempts_of_account ON order_attempts (account_id, started_at);`
)

const outbox = createOrTakeBack(
  "order_outbox",
  `CREATE TABLE order_outbox (
      event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      account_id text NOT NULL,
      task_id bigint,
      kind text NOT NULL,
      body jsonb NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX order_outbox_of_account ON order_outbox (account_id, event_id);`
)

/** No user may change or remove a line of the audit. TRUNCATE is refused as well. */
const audit = createOrTakeBack(
  "order_audit",
  `CREATE TABLE order_audit (
      audit_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      at timestamptz NOT NULL DEFAULT now(),
      account_id text NOT NULL,
      task_id bigint,
      who text NOT NULL,
      what text NOT NULL,
      detail jsonb NOT NULL
    );
    CREATE INDEX order_audit_of_account ON order_audit (account_id, audit_id);
    CREATE OR REPLACE FUNCTION order_audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $body$
      BEGIN RAISE EXCEPTION 'order_audit is append-only' USING ERRCODE = 'restrict_violation'; END $body$;
    CREATE TRIGGER order_audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON order_audit
      FOR EACH STATEMENT EXECUTE FUNCTION order_audit_is_append_only();`
)

const accounts = createOrTakeBack(
  "order_accounts",
  `CREATE TABLE order_accounts (
      account_id text PRIMARY KEY,
      mode text NOT NULL DEFAULT 'paper' CHECK (mode IN ('paper', 'live')),
      max_order_value numeric CHECK (max_order_value > 0),
      max_position_lots int CHECK (max_position_lots > 0),
      max_daily_loss numeric CHECK (max_daily_loss > 0),
      max_orders_per_day int CHECK (max_orders_per_day > 0),
      price_band_percent numeric CHECK (price_band_percent > 0),
      duplicate_window_ms int CHECK (duplicate_window_ms > 0),
      updated_at timestamptz NOT NULL DEFAULT now()
    );`
)

const stops = createOrTakeBack(
  "order_stops",
  `CREATE TABLE order_stops (
      scope text PRIMARY KEY,
      reason text NOT NULL,
      stopped_by text NOT NULL,
      stopped_at timestamptz NOT NULL DEFAULT now(),
      release_token text,
      release_until timestamptz
    );`
)

/**
 * Order tasks with their attempts and settings of accounts. The scope of a stop is an account's id, or `*` for all accounts. Events wait in
 * the outbox until NATS has them; the audit keeps every change for ever.
 */
export const migration: Migration = {
  id: 18,
  name: "orders",
  up: [tasks, attempts, outbox, audit, accounts, stops].join("\n"),
  down: ["order_stops", "order_accounts", "order_audit", "order_outbox", "order_attempts", "order_tasks"].map(retire).join("\n")
}
