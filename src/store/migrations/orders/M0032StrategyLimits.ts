import { createOrTakeBack, type Migration, retire } from "../Migration.ts"

const limits = createOrTakeBack(
  "strategy_limits",
  `CREATE TABLE strategy_limits (
      strategy_id bigint PRIMARY KEY REFERENCES strategies ON DELETE CASCADE,
      max_position_lots int CHECK (max_position_lots > 0),
      max_loss numeric CHECK (max_loss > 0),
      max_orders_per_day int CHECK (max_orders_per_day > 0),
      action text NOT NULL CHECK (action IN ('block', 'square_off')),
      updated_at timestamptz NOT NULL DEFAULT now()
    );`
)

const stops = createOrTakeBack(
  "strategy_stops",
  `CREATE TABLE strategy_stops (
      stop_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      strategy_id bigint NOT NULL,
      owner text NOT NULL,
      action text NOT NULL CHECK (action IN ('block', 'square_off')),
      reason text NOT NULL,
      profit numeric NOT NULL,
      max_loss numeric NOT NULL,
      stopped_at timestamptz NOT NULL DEFAULT now(),
      released_at timestamptz,
      released_by text
    );
    CREATE UNIQUE INDEX strategy_stops_open ON strategy_stops (strategy_id) WHERE released_at IS NULL;`
)

const accounts = createOrTakeBack(
  "strategy_square_offs",
  `CREATE TABLE strategy_square_offs (
      stop_id bigint NOT NULL REFERENCES strategy_stops,
      account_id text NOT NULL,
      mode text NOT NULL CHECK (mode IN ('paper', 'live')),
      status text NOT NULL CHECK (status IN ('running', 'done', 'incomplete', 'released')),
      message text,
      rounds int NOT NULL DEFAULT 0,
      round_at timestamptz,
      revision int NOT NULL DEFAULT 0,
      epoch bigint NOT NULL DEFAULT 0,
      updated_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (stop_id, account_id, mode)
    );
    CREATE INDEX strategy_square_offs_open ON strategy_square_offs (account_id) WHERE status IN ('running', 'incomplete');`
)

/**
 * Limits of strategies, their stops, and how far the positions of a stopped strategy are closed in each account. A strategy has one stop that is
 * not released. A stop stays when its strategy is deleted, because its orders may still be on their way.
 */
export const migration: Migration = {
  id: 32,
  name: "limits of strategies",
  up: `${[limits, stops, accounts].join("\n")}
CREATE INDEX IF NOT EXISTS order_tasks_of_strategy ON order_tasks (strategy_id, task_id) WHERE strategy_id IS NOT NULL;`,
  down: ["strategy_square_offs", "strategy_stops", "strategy_limits"].map(retire).join("\n")
}
