import type * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Schema } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as OrderMessage from "../../domain/orders/OrderMessage.ts"
import type { Kind } from "../../domain/orders/Task.ts"
import { TimeColumn } from "../Columns.ts"
import * as OrderAccounts from "./OrderAccounts.ts"
import type * as TaskNames from "./TaskNames.ts"

/** Requests that an account has sent, for the broker's limits and the gate. */
export interface Sent {
  readonly second: number
  readonly minute: number
  readonly day: number
}

/** Tasks that do not count as the same order: the task itself, and those of its basket. */
export interface Except {
  readonly taskId: number
  readonly basketId: string | null
}

/** A task that is about to be accepted or sent. */
export interface Ask extends Except {
  readonly accountId: string
  readonly mode: OrderMessage.Mode
  readonly kind: Kind
  readonly termsHash: string
  /** The order or the trigger that a modification changes; null for other tasks. */
  readonly modifiedId: string | null
  /** The stop that made the task; null for any other task. */
  readonly madeBy: TaskNames.Stop | null
  readonly nowMs: number
  readonly dayStartMs: number
}

const Ahead = Schema.Struct({
  ...OrderAccounts.Limits.fields,
  stopped: Schema.NullOr(Schema.String),
  lossStop: Schema.NullOr(Schema.String),
  second: Schema.Int,
  minute: Schema.Int,
  day: Schema.Int,
  sameTermsAt: Schema.NullOr(TimeColumn),
  modifications: Schema.Int,
  isSuperseded: Schema.Boolean,
  isTwin: Schema.Boolean,
  isReleased: Schema.Boolean
})

/**
 * Facts about an account and a task. `sameTermsAtMs` is null if the account has no window for duplicates, or no task with the same terms.
 */
export interface Facts {
  readonly limits: OrderAccounts.Limits
  readonly stopped: string | null
  /** Why the account's stop forbids orders that open a position; null if there is no stop. */
  readonly lossStop: string | null
  readonly sent: Sent
  readonly sameTermsAtMs: number | null
  readonly modifications: number
  /** True if a newer modification of the same order or trigger has an attempt. */
  readonly isSuperseded: boolean
  readonly isTwin: boolean
  /** True if the stop that made the task is released. */
  readonly isReleased: boolean
}

/** Each count as a query, which can run alone or as a part of a larger statement. */
const queries = (sql: SqlClient.SqlClient) => ({
  /** Three counts that read only an index. */
  sent: (accountId: string, mode: OrderMessage.Mode, nowMs: number, dayStartMs: number) => {
    const since = (ms: number) => sql`(SELECT count(*)::int FROM order_attempts
      WHERE account_id = ${accountId} AND mode = ${mode} AND started_at > ${IndiaTime.isoTime(ms)}::timestamptz)`
    return sql<Sent>`SELECT ${since(nowMs - 1_000)} AS second, ${since(nowMs - IndiaTime.minuteMs)} AS minute, ${since(dayStartMs)} AS day`
  },
  sameTerms: (accountId: string, mode: OrderMessage.Mode, termsHash: string, { basketId, taskId }: Except) =>
    sql`SELECT max(created_at) AS at FROM order_tasks
      WHERE account_id = ${accountId} AND mode = ${mode} AND terms_hash = ${termsHash} AND status NOT IN ('DEAD_LETTER', 'CANCELLED')
        AND (${taskId}::bigint = 0 OR task_id < ${taskId}::bigint)
        AND (${basketId}::text IS NULL OR basket_id IS DISTINCT FROM ${basketId}::text)`,
  modifications: (accountId: string, orderId: string) =>
    sql`SELECT count(*)::int AS count FROM order_tasks
      WHERE account_id = ${accountId} AND kind = 'modify' AND request->>'order_id' = ${orderId} AND status = 'COMPLETED'`,
  newer: (accountId: string, kind: Kind, modifiedId: string, taskId: number) =>
    sql`SELECT 1 FROM order_tasks n WHERE n.account_id = ${accountId} AND n.task_id > ${taskId}::bigint AND n.kind = ${kind}
      AND n.request->>${sql.literal(kind === "modify" ? "'order_id'" : "'trigger_id'")} = ${modifiedId}
      AND EXISTS (SELECT 1 FROM order_attempts a WHERE a.task_id = n.task_id)`,
  twins: (accountId: string, termsHash: string, taskId: number) =>
    sql`SELECT 1 FROM order_tasks WHERE account_id = ${accountId} AND kind = 'gtt_place' AND terms_hash = ${termsHash}
      AND task_id <> ${taskId}::bigint
      AND (status = 'RUNNING' OR (status IN ('PENDING', 'RETRYING') AND (${taskId}::bigint = 0 OR task_id < ${taskId}::bigint))) LIMIT 1`,
  released: ({ scope, stopId }: TaskNames.Stop) =>
    sql`SELECT 1 FROM ${sql(scope === "account" ? "account_stops" : "strategy_stops")}
      WHERE stop_id = ${stopId}::bigint AND released_at IS NOT NULL`,
  triggersMade: (accountId: string, taskId: number) =>
    sql<{ readonly id: string }>`SELECT order_id AS id FROM order_tasks
      WHERE account_id = ${accountId} AND kind = 'gtt_place' AND task_id <> ${taskId}::bigint AND order_id IS NOT NULL`
})

/** The broker's book shows an order within this time after it has answered its id. */
const shownWithinMs = 120_000

const Underway = Schema.Struct({
  tag: Schema.String,
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  side: Schema.Literal("BUY", "SELL"),
  quantity: Schema.Int
})
/** A task, whose own order does not count. */
const Elsewhere = Schema.Struct({
  accountId: Schema.String,
  mode: Schema.Literal("paper", "live"),
  taskId: Schema.Int,
  nowMs: Schema.Int,
  dayStartMs: Schema.Int
})
export type Elsewhere = typeof Elsewhere.Type

/** The account's other orders that may have reached the broker, and that its book may not show yet. */
const makeUnderway = (sql: SqlClient.SqlClient) => {
  const columns = sql.literal(`t.tag, t.request->>'exchange' AS exchange, t.request->>'tradingsymbol' AS tradingsymbol,
    t.request->>'transaction_type' AS side, (t.request->>'quantity')::int AS quantity`)
  return SqlSchema.findAll({
    Request: Elsewhere,
    Result: Underway,
    execute: ({ accountId, dayStartMs, mode, nowMs, taskId }) => sql`SELECT ${columns} FROM order_tasks t
        WHERE t.account_id = ${accountId} AND t.mode = ${mode} AND t.kind = 'place' AND t.task_id <> ${taskId}::bigint
          AND t.status IN ('RUNNING', 'RETRYING', 'UNKNOWN') AND t.created_at >= ${IndiaTime.isoTime(dayStartMs)}::timestamptz
          AND EXISTS (SELECT 1 FROM order_attempts a WHERE a.task_id = t.task_id AND a.outcome IS DISTINCT FROM 'refused')
      UNION SELECT ${columns} FROM order_attempts a JOIN order_tasks t USING (task_id)
        WHERE a.account_id = ${accountId} AND a.started_at >= ${IndiaTime.isoTime(nowMs - shownWithinMs)}::timestamptz AND t.mode = ${mode}
          AND t.kind = 'place' AND t.task_id <> ${taskId}::bigint AND t.status = 'COMPLETED'`
  })
}

const decodeAhead = Schema.decodeUnknown(Ahead)

/** Everything that the gate asks Postgres about one task, in one statement. Separate statements would each wait for a busy processor. */
const makeAhead = (sql: SqlClient.SqlClient) => {
  const { modifications, newer, released, sameTerms, sent, twins } = queries(sql)
  const limits = sql.literal(OrderAccounts.limitColumns)
  const isSuperseded = ({ accountId, kind, modifiedId, taskId }: Ask) =>
    // A request without a task is the newest of its order.
    modifiedId === null || taskId === 0 ? sql`false` : sql`EXISTS (${newer(accountId, kind, modifiedId, taskId)})`
  const counts = (ask: Ask) => {
    const { accountId, kind, madeBy, mode, modifiedId, taskId, termsHash } = ask
    return sql`
    CASE WHEN duplicate_window_ms IS NOT NULL THEN (${sameTerms(accountId, mode, termsHash, ask)}) END AS "sameTermsAt",
    ${kind !== "modify" || modifiedId === null ? sql`0` : sql`(${modifications(accountId, modifiedId)})`} AS modifications,
    ${isSuperseded(ask)} AS "isSuperseded",
    ${kind === "gtt_place" ? sql`EXISTS (${twins(accountId, termsHash, taskId)})` : sql`false`} AS "isTwin",
    ${madeBy === null ? sql`false` : sql`EXISTS (${released(madeBy)})`} AS "isReleased"`
  }
  const stopped = (accountId: string) => sql`SELECT reason FROM order_stops
    WHERE scope IN (${accountId}, ${OrderAccounts.everyAccount}) ORDER BY stopped_at DESC LIMIT 1`
  const lossStop = (accountId: string) => sql`SELECT reason FROM account_stops WHERE account_id = ${accountId} AND released_at IS NULL`
  return (ask: Ask) =>
    sql`SELECT ${limits}, second, minute, day, ${counts(ask)}, (${stopped(ask.accountId)}) AS stopped,
        (${lossStop(ask.accountId)}) AS "lossStop"
      FROM (${sent(ask.accountId, ask.mode, ask.nowMs, ask.dayStartMs)}) AS sent
      LEFT JOIN order_accounts ON account_id = ${ask.accountId}`.pipe(
      Effect.flatMap(([row]) => decodeAhead(row)),
      Effect.map(
        ({ day, isReleased, isSuperseded, isTwin, lossStop, minute, modifications, sameTermsAt, second, stopped, ...limits }): Facts => {
          const sent = { second, minute, day }
          return {
            limits,
            stopped,
            lossStop,
            sent,
            sameTermsAtMs: sameTermsAt?.getTime() ?? null,
            modifications,
            isSuperseded,
            isTwin,
            isReleased
          }
        }
      )
    )
}

export const make = (sql: SqlClient.SqlClient) => {
  const { sent, triggersMade, twins } = queries(sql)
  return {
    ahead: makeAhead(sql),
    underway: makeUnderway(sql),
    sent: (...given: Parameters<typeof sent>) => Effect.map(sent(...given), ([row]) => row ?? { second: 0, minute: 0, day: 0 }),
    hasTwin: (...given: Parameters<typeof twins>) => Effect.map(twins(...given), (rows) => rows.length > 0),
    triggersMade: (...given: Parameters<typeof triggersMade>) =>
      Effect.map(triggersMade(...given), (rows) => new Set(rows.map(({ id }) => id)))
  } as const
}
