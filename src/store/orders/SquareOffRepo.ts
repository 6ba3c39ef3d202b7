import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Schema } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import { Mode, Status } from "../../domain/orders/OrderMessage.ts"
import type * as SquareOff from "../../domain/orders/SquareOff.ts"
import { BigIntColumn, TimeColumn } from "../Columns.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"
import { OrderRepo } from "./OrderRepo.ts"
import * as Outbox from "./Outbox.ts"
import * as TaskNames from "./TaskNames.ts"
import type { NewTask } from "./TaskWrites.ts"

/** What a stop applies to. */
const Scope = Schema.Literal("strategy", "account")
type Scope = typeof Scope.Type

const Row = Schema.Struct({
  scope: Scope,
  stopId: BigIntColumn,
  /** Null if the account itself is stopped. */
  strategyId: Schema.NullOr(BigIntColumn),
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
const tables = { strategy: "strategy_square_offs", account: "account_square_offs" } as const satisfies Record<Scope, string>
const kinds = { strategy: "strategy_stop", account: "account_stop" } as const satisfies Record<Scope, string>

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
export type StoppedTask = typeof Task.Type
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

/** The result of a look. `newestTaskId` is the newest task of the strategy or the account that the look knew. */
export interface Change {
  readonly status: SquareOff.Status
  readonly message: string | null
  readonly epoch: number
  readonly newestTaskId: number
  /** The tasks of a new round; empty if there is none. */
  readonly round: ReadonlyArray<NewTask>
}

/** A strategy in an account, or the account itself if `strategyId` is null. */
const Of = Schema.Struct({ strategyId: Schema.NullOr(Schema.Int), accountId: Schema.String, mode: Mode })
type Of = typeof Of.Type
const OfDay = Schema.Struct({ of: Of, day: Schema.String })

/**
 * A stop of the account closes the strategies' positions too, and its orders belong to no strategy. So trades of a strategy before the
 * newest round of such orders no longer count as its position, except shares for delivery, which such a stop leaves alone.
 */
const heldSince = (sql: SqlClient.SqlClient, { accountId, mode }: Of, task: string) => sql`(${sql.literal(task)}.kind <> 'place'
  OR ${sql.literal(task)}.request->>'product' NOT IN ('NRML', 'MIS')
  OR ${sql.literal(task)}.created_at > coalesce((SELECT max(round_at) FROM account_square_offs
    WHERE account_id = ${accountId} AND mode = ${mode}), '-infinity'::timestamptz))`

const makeOpen = (sql: SqlClient.SqlClient) =>
  SqlSchema.findAll({
    Request: Schema.String,
    Result: Row,
    // While the account's positions are being closed, the square-offs of its strategies wait.
    execute: (accountId) => sql`SELECT 'strategy' AS scope, q.stop_id AS "stopId", p.strategy_id AS "strategyId", p.owner,
        q.account_id AS "accountId", q.mode, q.status, q.message, q.rounds, q.round_at AS "roundAt", q.revision, q.epoch
      FROM strategy_square_offs q JOIN strategy_stops p USING (stop_id)
      WHERE q.account_id = ${accountId} AND q.status IN ('running', 'incomplete')
        AND NOT EXISTS (SELECT 1 FROM account_square_offs a
          WHERE a.account_id = q.account_id AND a.mode = q.mode AND a.status IN ('running', 'incomplete'))
      UNION ALL SELECT 'account', q.stop_id, NULL, ${TaskNames.accountStopOwner}, q.account_id, q.mode, q.status, q.message, q.rounds,
        q.round_at, q.revision, q.epoch
      FROM account_square_offs q WHERE q.account_id = ${accountId} AND q.status IN ('running', 'incomplete') ORDER BY 1, 2, 6`
  })

const makeReads = (sql: SqlClient.SqlClient) => {
  const ofScope = ({ accountId, mode, strategyId }: Of) => sql`account_id = ${accountId} AND mode = ${mode}
    AND (${strategyId}::bigint IS NULL OR strategy_id = ${strategyId}::bigint)`
  const newest = (of: Of) =>
    Effect.map(
      sql<{ readonly id: string }>`SELECT coalesce(max(task_id), 0) AS id FROM order_tasks WHERE ${ofScope(of)} AND kind = 'place'`,
      ([row]) => Number(row?.id ?? 0)
    )
  const tasks = SqlSchema.findAll({
    Request: OfDay,
    Result: Task,
    execute: ({ day, of }) => sql`SELECT task_id AS "taskId", tag, status, kind, idempotency_key AS key,
        CASE kind WHEN 'cancel' THEN request->>'order_id' ELSE order_id END AS "orderId", error_type AS "errorType",
        error_message AS "errorMessage", updated_at AS "updatedAt"
      FROM order_tasks k WHERE ${ofScope(of)} AND kind IN ('place', 'cancel')
        AND ${
          // An order ends with its day, so older tasks of an account do not matter for its positions.
          of.strategyId === null
            ? sql`(status IN ('PENDING', 'RUNNING', 'RETRYING') OR created_at >= ${day}::timestamptz)`
            : heldSince(sql, of, "k")
        }
      ORDER BY task_id`
  })
  const live = SqlSchema.findAll({
    Request: OfDay,
    Result: Traded,
    execute: ({ day, of }) => sql`WITH task AS (
        SELECT account_id, tag, order_id, request->>'variety' AS variety FROM order_tasks k
        WHERE ${ofScope(of)} AND kind = 'place' AND ${heldSince(sql, of, "k")}),
      own AS (SELECT account_id, tag, order_id FROM task WHERE order_id IS NOT NULL
        UNION SELECT k.account_id, k.tag, o.order_id FROM task k
          JOIN account_orders o ON o.account_id = k.account_id AND o.body->>'tag' = k.tag WHERE k.variety IN ('iceberg', 'co'))
      SELECT t.order_id AS "orderId", w.tag, t.body->>'exchange' AS exchange, t.body->>'tradingsymbol' AS tradingsymbol,
        t.body->>'product' AS product, t.body->>'transaction_type' AS side, sum(t.quantity)::bigint AS quantity,
        bool_or((t.body->>'fill_timestamp')::timestamptz >= ${day}::timestamptz) AS "isToday"
      FROM own w JOIN account_trades t USING (account_id, order_id) GROUP BY 1, 2, 3, 4, 5, 6`
  })
  const paper = SqlSchema.findAll({
    Request: OfDay,
    Result: Traded,
    execute: ({ day, of }) => sql`SELECT o.order_id AS "orderId", k.tag,
        o.body->'instrument'->>'exchange' AS exchange, o.body->'instrument'->>'tradingsymbol' AS tradingsymbol, o.body->>'product' AS product,
        o.body->'order'->>'side' AS side, sum(t.quantity)::bigint AS quantity, bool_or(t.traded_at >= ${day}::timestamptz) AS "isToday"
      FROM (SELECT * FROM order_tasks k WHERE ${ofScope(of)} AND kind = 'place' AND ${heldSince(sql, of, "k")}) k
        JOIN paper_orders o ON o.tag = k.tag JOIN paper_trades t ON t.order_id = o.order_id
      GROUP BY 1, 2, 3, 4, 5, 6`
  })
  return { newest, tasks, live, paper } as const
}

const texts: Readonly<Record<SquareOff.Status, string>> = {
  running: "its positions are being closed",
  done: "its positions were closed",
  incomplete: "something of it is left: look at its positions"
}

/** How far the positions of stopped strategies and accounts are closed in each account. */
export class SquareOffRepo extends Effect.Service<SquareOffRepo>()("store/orders/SquareOffRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const orders = yield* OrderRepo
    const { event, line } = Outbox.writes(sql)
    const open = makeOpen(sql)
    const { live, newest, paper, tasks } = makeReads(sql)

    const save = (before: Stored, { epoch, message, newestTaskId, round, status }: Change, who: string) =>
      Effect.gen(function* () {
        const { accountId, mode, revision, scope, stopId, strategyId } = before
        const isRound = round.length > 0
        const rows = yield* sql`UPDATE ${sql(tables[scope])} SET status = ${status}, message = ${message}, epoch = ${epoch},
            revision = revision + 1, updated_at = now(), rounds = rounds + ${isRound ? 1 : 0},
            round_at = CASE WHEN ${isRound}::boolean THEN now() ELSE round_at END
          WHERE stop_id = ${stopId} AND account_id = ${accountId} AND mode = ${mode} AND revision = ${revision} AND epoch <= ${epoch}
            AND (NOT ${isRound}::boolean OR NOT EXISTS (SELECT 1 FROM order_tasks t WHERE t.account_id = ${accountId}
              AND t.mode = ${mode} AND (${strategyId}::bigint IS NULL OR t.strategy_id = ${strategyId}::bigint)
              AND t.kind = 'place' AND t.task_id > ${newestTaskId}))
            AND (${scope === "account"}::boolean OR NOT EXISTS (SELECT 1 FROM account_square_offs a
              WHERE a.account_id = ${accountId} AND a.mode = ${mode} AND a.status IN ('running', 'incomplete'))) RETURNING stop_id`
        if (rows.length === 0) return undefined
        const of = strategyId === null ? {} : { strategy_id: strategyId }
        const detail = { ...of, stop_id: stopId, action: "square_off", state: status, mode }
        if (status !== before.status) {
          const body = { message: `${scope} ${strategyId ?? accountId}: ${texts[status]}`, detail }
          yield* event({ accountId, taskId: null, kind: kinds[scope], body })
        }
        yield* line({ accountId, taskId: null, who, what: "square off", detail: { ...detail, message, round: round.length } })
        return isRound ? (yield* orders.submit(round)).stored : []
      }).pipe(Postgres.transaction(sql))

    const run = <A, E>(name: string, self: Effect.Effect<A, E>) => StoreError.guardRead(self).pipe(Effect.withSpan(`SquareOffRepo.${name}`))
    return {
      /** An account's square-offs that are not done and whose stop is not released. */
      open: (accountId: string) => run("open", open(accountId)),
      /** The newest task of the strategy or the account that places an order; 0 if there is none. */
      newest: (of: Of) => run("newest", newest(of)),
      /**
       * The tasks of the strategy or the account that place or cancel an order, the oldest first. For an account, only the tasks since
       * `dayStartMs`, and all that have not ended.
       */
      tasks: (of: Of, dayStartMs: number) => run("tasks", tasks({ of, day: IndiaTime.isoTime(dayStartMs) })),
      /** The quantities that the orders of these tasks have traded, by order. */
      trades: (of: Of, dayStartMs: number) => {
        const request = { of, day: IndiaTime.isoTime(dayStartMs) }
        return run("trades", of.mode === "live" ? live(request) : paper(request))
      },
      /**
       * Saves a look together with the tasks of its round, or neither. Undefined, without a change, if somebody saved in between, the stop
       * was released, a newer owner has the account, there is a newer task than the look knew, or a stop of the account closes the
       * strategy's positions.
       */
      save: (before: Stored, change: Change, who: string) => run("save", save(before, change, who))
    } as const
  })
}) {}
