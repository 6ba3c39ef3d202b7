import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Schema } from "effect"
import { Mode, Status } from "../../domain/orders/OrderMessage.ts"
import type * as SquareOff from "../../domain/orders/SquareOff.ts"
import { BigIntColumn, TimeColumn } from "../Columns.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"
import { OrderRepo } from "./OrderRepo.ts"
import * as Outbox from "./Outbox.ts"
import type { NewTask } from "./TaskWrites.ts"

const Row = Schema.Struct({
  stopId: BigIntColumn,
  strategyId: BigIntColumn,
  owner: Schema.String,
  accountId: Schema.String,
  mode: Mode,
  status: Schema.Literal("running", "incomplete"),
  message: Schema.NullOr(Schema.String),
  rounds: Schema.Int,
  roundAt: Schema.NullOr(TimeColumn),
  revision: Schema.Int,
  epoch: BigIntColumn
})
export type Stored = typeof Row.Type

const Task = Schema.Struct({
  taskId: BigIntColumn,
  tag: Schema.String,
  status: Status,
  kind: Schema.Literal("place", "cancel"),
  key: Schema.String,
  orderId: Schema.NullOr(Schema.String),
  errorType: Schema.NullOr(Schema.String),
  errorMessage: Schema.NullOr(Schema.String),
  updatedAt: TimeColumn
})
export type StrategyTask = typeof Task.Type
const Traded = Schema.Struct({
  orderId: Schema.String,
  tag: Schema.String,
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  product: Schema.String,
  side: Schema.Literal("BUY", "SELL"),
  quantity: BigIntColumn,
  isToday: Schema.Boolean
})

/** What a look saves. `newestTaskId` is the strategy's newest task that the look knew. */
export interface Change {
  readonly status: SquareOff.Status
  readonly message: string | null
  readonly epoch: number
  readonly newestTaskId: number
  /** The tasks of a new round; empty: none. */
  readonly round: ReadonlyArray<NewTask>
}

const Of = Schema.Struct({ strategyId: Schema.Int, accountId: Schema.String, mode: Mode })
type Of = typeof Of.Type

const makeReads = (sql: SqlClient.SqlClient) => {
  const open = SqlSchema.findAll({
    Request: Schema.String,
    Result: Row,
    execute: (accountId) => sql`SELECT q.stop_id AS "stopId", p.strategy_id AS "strategyId", p.owner, q.account_id AS "accountId", q.mode,
        q.status, q.message, q.rounds, q.round_at AS "roundAt", q.revision, q.epoch
      FROM strategy_square_offs q JOIN strategy_stops p USING (stop_id)
      WHERE q.account_id = ${accountId} AND q.status IN ('running', 'incomplete') ORDER BY q.stop_id, q.mode`
  })
  const tasks = SqlSchema.findAll({
    Request: Of,
    Result: Task,
    execute: ({ accountId, mode, strategyId }) => sql`SELECT task_id AS "taskId", tag, status, kind, idempotency_key AS key,
        CASE kind WHEN 'cancel' THEN request->>'order_id' ELSE order_id END AS "orderId", error_type AS "errorType",
        error_message AS "errorMessage", updated_at AS "updatedAt"
      FROM order_tasks WHERE strategy_id = ${strategyId} AND account_id = ${accountId} AND mode = ${mode} AND kind IN ('place', 'cancel')
      ORDER BY task_id`
  })
  const live = SqlSchema.findAll({
    Request: Schema.Struct({ of: Of, day: Schema.String }),
    Result: Traded,
    execute: ({ day, of: { accountId, strategyId } }) => sql`WITH task AS (
        SELECT account_id, tag, order_id, request->>'variety' AS variety FROM order_tasks
        WHERE strategy_id = ${strategyId} AND account_id = ${accountId} AND mode = 'live' AND kind = 'place'),
      own AS (SELECT account_id, tag, order_id FROM task WHERE order_id IS NOT NULL
        UNION SELECT k.account_id, k.tag, o.order_id FROM task k
          JOIN account_orders o ON o.account_id = k.account_id AND o.body->>'tag' = k.tag WHERE k.variety IN ('iceberg', 'co'))
      SELECT t.order_id AS "orderId", w.tag, t.body->>'exchange' AS exchange, t.body->>'tradingsymbol' AS tradingsymbol,
        t.body->>'product' AS product, t.body->>'transaction_type' AS side, sum(t.quantity)::bigint AS quantity,
        bool_or((t.body->>'fill_timestamp')::timestamptz >= ${day}::timestamptz) AS "isToday"
      FROM own w JOIN account_trades t USING (account_id, order_id) GROUP BY 1, 2, 3, 4, 5, 6`
  })
  const paper = SqlSchema.findAll({
    Request: Schema.Struct({ of: Of, day: Schema.String }),
    Result: Traded,
    execute: ({ day, of: { accountId, strategyId } }) => sql`SELECT o.order_id AS "orderId", k.tag,
        o.body->'instrument'->>'exchange' AS exchange, o.body->'instrument'->>'tradingsymbol' AS tradingsymbol, o.body->>'product' AS product,
        o.body->'order'->>'side' AS side, sum(t.quantity)::bigint AS quantity, bool_or(t.traded_at >= ${day}::timestamptz) AS "isToday"
      FROM order_tasks k JOIN paper_orders o ON o.tag = k.tag JOIN paper_trades t ON t.order_id = o.order_id
      WHERE k.strategy_id = ${strategyId} AND k.account_id = ${accountId} AND k.mode = 'paper' AND k.kind = 'place'
      GROUP BY 1, 2, 3, 4, 5, 6`
  })
  return { open, tasks, live, paper } as const
}

const texts: Readonly<Record<SquareOff.Status, string>> = {
  running: "its positions are being closed",
  done: "its positions were closed",
  incomplete: "something of it is left: look at its positions"
}

/** How far the positions of stopped strategies are closed in each account. */
export class SquareOffRepo extends Effect.Service<SquareOffRepo>()("store/orders/SquareOffRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const orders = yield* OrderRepo
    const { event, line } = Outbox.writes(sql)
    const { live, open, paper, tasks } = makeReads(sql)

    const save = (before: Stored, { epoch, message, newestTaskId, round, status }: Change, who: string) =>
      Effect.gen(function* () {
        const { accountId, mode, revision, stopId, strategyId } = before
        const isRound = round.length > 0
        const rows = yield* sql`UPDATE strategy_square_offs SET status = ${status}, message = ${message}, epoch = ${epoch},
            revision = revision + 1, updated_at = now(), rounds = rounds + ${isRound ? 1 : 0},
            round_at = CASE WHEN ${isRound}::boolean THEN now() ELSE round_at END
          WHERE stop_id = ${stopId} AND account_id = ${accountId} AND mode = ${mode} AND revision = ${revision} AND epoch <= ${epoch}
            AND (NOT ${isRound}::boolean OR NOT EXISTS (SELECT 1 FROM order_tasks t WHERE t.strategy_id = ${strategyId}
              AND t.account_id = ${accountId} AND t.mode = ${mode} AND t.kind = 'place' AND t.task_id > ${newestTaskId})) RETURNING stop_id`
        if (rows.length === 0) return undefined
        const detail = { strategy_id: strategyId, stop_id: stopId, action: "square_off", state: status, mode }
        if (status !== before.status) {
          const body = { message: `strategy ${strategyId}: ${texts[status]}`, detail }
          yield* event({ accountId, taskId: null, kind: "strategy_stop", body })
        }
        yield* line({ accountId, taskId: null, who, what: "square off", detail: { ...detail, message, round: round.length } })
        return isRound ? (yield* orders.submit(round)).stored : []
      }).pipe(Postgres.transaction(sql))

    const run = <A, E>(name: string, self: Effect.Effect<A, E>) => StoreError.guardRead(self).pipe(Effect.withSpan(`SquareOffRepo.${name}`))
    return {
      /** Those of an account that are not done and were not released. */
      open: (accountId: string) => run("open", open(accountId)),
      /** The strategy's tasks in the account that place or cancel an order, the oldest first. */
      tasks: (of: Of) => run("tasks", tasks(of)),
      /** What the orders of these tasks have traded, by order. */
      trades: (of: Of, dayStartMs: number) => {
        const request = { of, day: new Date(dayStartMs).toISOString() }
        return run("trades", of.mode === "live" ? live(request) : paper(request))
      },
      /**
       * Saves a look together with the tasks of its round, or neither. Undefined: somebody saved in between, the stop was released, a newer
       * owner looks after the account, or the strategy has a newer task than the look knew.
       */
      save: (before: Stored, change: Change, who: string) => run("save", save(before, change, who))
    } as const
  })
}) {}
