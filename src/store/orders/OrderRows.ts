import type * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Schema } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as OrderMessage from "../../domain/orders/OrderMessage.ts"
import { OrderRequest } from "../../domain/orders/OrderRequest.ts"
import type * as Task from "../../domain/orders/Task.ts"
import { BigIntColumn, NumericColumn, TimeColumn } from "../Columns.ts"
import * as TaskNames from "./TaskNames.ts"

/** In the attempts' JSON, times are milliseconds. */
const Attempt = Schema.Struct({
  number: Schema.Int,
  startedAtMs: Schema.Int,
  endedAtMs: Schema.NullOr(Schema.Int),
  outcome: Schema.NullOr(Schema.Literal("done", "refused", "unknown")),
  httpStatus: Schema.NullOr(Schema.Int),
  errorType: Schema.NullOr(Schema.String),
  message: Schema.NullOr(Schema.String)
})

const Row = Schema.Struct({
  taskId: BigIntColumn,
  owner: Schema.String,
  accountId: Schema.String,
  idempotencyKey: Schema.String,
  bodyHash: Schema.String,
  tag: Schema.String,
  mode: OrderMessage.Mode,
  request: OrderRequest,
  termsHash: Schema.String,
  referencePrice: Schema.NullOr(NumericColumn),
  isLimit: Schema.Boolean,
  unknownPolicy: Schema.Literal("park", "resend"),
  deadlineAt: TimeColumn,
  strategyId: Schema.NullOr(BigIntColumn),
  basketId: Schema.NullOr(Schema.String),
  basketPlace: Schema.NullOr(Schema.Int),
  retries: Schema.NullOr(BigIntColumn),
  undoes: Schema.NullOr(BigIntColumn),
  status: OrderMessage.Status,
  revision: Schema.Int,
  epoch: BigIntColumn,
  dueAt: Schema.NullOr(TimeColumn),
  orderId: Schema.NullOr(Schema.String),
  errorType: Schema.NullOr(Schema.String),
  errorMessage: Schema.NullOr(Schema.String),
  absentAt: Schema.NullOr(TimeColumn),
  createdAt: TimeColumn,
  updatedAt: TimeColumn,
  attempts: Schema.Array(Attempt)
})
type Row = typeof Row.Type

/** The fields that a task has from its acceptance on. They never change. */
export interface Accepted {
  readonly owner: string
  readonly accountId: string
  readonly idempotencyKey: string
  readonly bodyHash: string
  readonly tag: string
  readonly mode: OrderMessage.Mode
  readonly request: OrderRequest
  readonly termsHash: string
  /** The instrument's last price when the task was accepted. */
  readonly referencePrice: Row["referencePrice"]
  readonly strategyId: number | null
  readonly basketId: string | null
  readonly basketPlace: number | null
  readonly retries: number | null
  /** The basket's task whose order this task undoes. */
  readonly undoes: number | null
}

/** A task with everything that Postgres stores about it. `task` is the part that the decider uses. */
export interface StoredTask extends Accepted {
  readonly taskId: number
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly task: Task.Task
}

const atMs = (date: Date | null): number | null => (date === null ? null : date.getTime())

const taskOf = (row: Row): Task.Task => ({
  intent: { kind: row.request.kind, isLimit: row.isLimit, unknown: row.unknownPolicy, deadlineAtMs: row.deadlineAt.getTime() },
  status: row.status,
  revision: row.revision,
  epoch: row.epoch,
  attempts: row.attempts,
  dueAtMs: atMs(row.dueAt),
  orderId: row.orderId,
  error: row.errorType === null ? null : { type: row.errorType, message: row.errorMessage ?? "" },
  absentAtMs: atMs(row.absentAt)
})
const storedOf = (row: Row): StoredTask => ({
  taskId: row.taskId,
  owner: row.owner,
  accountId: row.accountId,
  idempotencyKey: row.idempotencyKey,
  bodyHash: row.bodyHash,
  tag: row.tag,
  mode: row.mode,
  request: row.request,
  termsHash: row.termsHash,
  referencePrice: row.referencePrice,
  strategyId: row.strategyId,
  basketId: row.basketId,
  basketPlace: row.basketPlace,
  retries: row.retries,
  undoes: row.undoes,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
  task: taskOf(row)
})

const columnList = `t.task_id AS "taskId", t.owner, t.account_id AS "accountId", t.idempotency_key AS "idempotencyKey",
  t.body_hash AS "bodyHash", t.tag, t.mode, t.request, t.terms_hash AS "termsHash", t.reference_price AS "referencePrice",
  t.is_limit AS "isLimit", t.unknown_policy AS "unknownPolicy", t.deadline_at AS "deadlineAt", t.strategy_id AS "strategyId",
  t.basket_id AS "basketId", t.basket_place AS "basketPlace", t.retries, t.undoes, t.status, t.revision, t.epoch, t.due_at AS "dueAt",
  t.order_id AS "orderId", t.error_type AS "errorType", t.error_message AS "errorMessage", t.absent_at AS "absentAt",
  t.created_at AS "createdAt", t.updated_at AS "updatedAt",
  coalesce((SELECT json_agg(json_build_object('number', a.number,
    'startedAtMs', (extract(epoch FROM a.started_at) * 1000)::bigint, 'endedAtMs', (extract(epoch FROM a.ended_at) * 1000)::bigint,
    'outcome', a.outcome, 'httpStatus', a.http_status, 'errorType', a.error_type, 'message', a.message) ORDER BY a.number)
    FROM order_attempts a WHERE a.task_id = t.task_id), '[]'::json) AS attempts`

const Query = Schema.Struct({
  accounts: Schema.Array(Schema.String),
  statuses: Schema.Array(Schema.String),
  /** Part of the error's type or message; null matches every task. */
  error: Schema.NullOr(Schema.String),
  limit: Schema.Int,
  offset: Schema.Int
})
export type Query = typeof Query.Type

export const reads = (sql: SqlClient.SqlClient) => {
  const columns = sql.literal(columnList)
  const matches = ({ accounts, error, statuses }: Pick<Query, "accounts" | "error" | "statuses">) =>
    sql`t.account_id = ANY(${accounts}::text[]) AND t.status = ANY(${statuses}::text[])
      AND (${error}::text IS NULL OR position(lower(${error}::text) IN lower(coalesce(t.error_type || ' ' || t.error_message, ''))) > 0)`
  const page = SqlSchema.findAll({
    Request: Query,
    Result: Row,
    execute: (query) =>
      sql`SELECT ${columns} FROM order_tasks t WHERE ${matches(query)} ORDER BY t.task_id DESC LIMIT ${query.limit} OFFSET ${query.offset}`
  })
  const count = SqlSchema.single({
    Request: Query,
    Result: Schema.Struct({ total: BigIntColumn }),
    execute: (query) => sql`SELECT count(*) AS total FROM order_tasks t WHERE ${matches(query)}`
  })
  const byId = SqlSchema.findOne({
    Request: Schema.Int,
    Result: Row,
    execute: (taskId) => sql`SELECT ${columns} FROM order_tasks t WHERE t.task_id = ${taskId}`
  })
  const byKey = SqlSchema.findOne({
    Request: Schema.Struct({ owner: Schema.String, accountId: Schema.String, idempotencyKey: Schema.String }),
    Result: Row,
    execute: (it) => sql`SELECT ${columns} FROM order_tasks t
      WHERE t.owner = ${it.owner} AND t.account_id = ${it.accountId} AND t.idempotency_key = ${it.idempotencyKey}`
  })
  const ofBasket = SqlSchema.findAll({
    Request: Schema.String,
    Result: Row,
    execute: (basketId) => sql`SELECT ${columns} FROM order_tasks t WHERE t.basket_id = ${basketId} ORDER BY t.basket_place`
  })
  const undoing = SqlSchema.findAll({
    Request: Schema.Array(Schema.Int),
    Result: Row,
    execute: (taskIds) => sql`SELECT ${columns} FROM order_tasks t WHERE t.undoes = ANY(${taskIds}::bigint[]) ORDER BY t.task_id`
  })
  const ofStop = SqlSchema.findAll({
    Request: Schema.Struct({ accounts: Schema.Array(Schema.String), keys: Schema.String }),
    Result: Row,
    execute: ({ accounts, keys }) => sql`SELECT ${columns} FROM order_tasks t WHERE t.owner = ${TaskNames.stopOwner}
      AND t.account_id = ANY(${accounts}::text[]) AND starts_with(t.idempotency_key, ${keys}) ORDER BY t.task_id`
  })
  const unsentOfStop = SqlSchema.findAll({
    Request: Schema.Struct({ accounts: Schema.Array(Schema.String), keys: Schema.String }),
    Result: Row,
    // The lock keeps the executor from sending a task between this statement and the one that cancels it.
    execute: ({ accounts, keys }) => sql`SELECT ${columns} FROM order_tasks t WHERE t.account_id = ANY(${accounts}::text[])
      AND t.status IN ('PENDING', 'RETRYING') AND starts_with(t.idempotency_key, ${keys}) ORDER BY t.task_id FOR UPDATE OF t`
  })
  const open = SqlSchema.findAll({
    Request: Schema.Struct({ accountId: Schema.String, statuses: Schema.Array(OrderMessage.Status) }),
    Result: Row,
    execute: ({ accountId, statuses }) => sql`SELECT ${columns} FROM order_tasks t
      WHERE t.account_id = ${accountId} AND t.status = ANY(${statuses}::text[]) ORDER BY t.task_id`
  })
  /** Tasks by the tags of orders in the broker's book. */
  const byTags = SqlSchema.findAll({
    Request: Schema.Struct({ accountId: Schema.String, tags: Schema.Array(Schema.String) }),
    Result: Row,
    execute: ({ accountId, tags }) =>
      sql`SELECT ${columns} FROM order_tasks t WHERE t.account_id = ${accountId} AND t.tag = ANY(${tags}::text[])`
  })
  return {
    page: (query: Query) => Effect.map(page(query), (rows) => rows.map(storedOf)),
    count: (query: Query) => Effect.map(count(query), ({ total }) => total),
    byId: (taskId: number) =>
      Effect.map(byId(taskId), (row) => row.pipe((found) => (found._tag === "Some" ? storedOf(found.value) : undefined))),
    byKey: (owner: string, accountId: string, idempotencyKey: string) =>
      Effect.map(byKey({ owner, accountId, idempotencyKey }), (row) => (row._tag === "Some" ? storedOf(row.value) : undefined)),
    ofBasket: (basketId: string) => Effect.map(ofBasket(basketId), (rows) => rows.map(storedOf)),
    /** The tasks that undo the orders of these tasks. */
    undoing: (taskIds: ReadonlyArray<number>) => Effect.map(undoing(taskIds), (rows) => rows.map(storedOf)),
    /** The cancellations that a stop made. */
    ofStop: (accounts: ReadonlyArray<string>, stoppedAtMs: number) =>
      Effect.map(ofStop({ accounts, keys: TaskNames.stopKeys(stoppedAtMs) }), (rows) => rows.map(storedOf)),
    /** The tasks of a stop of a strategy or an account that were not sent. They stay locked until the transaction ends. */
    unsentOfStop: (accounts: ReadonlyArray<string>, stopId: number | string) =>
      Effect.map(unsentOfStop({ accounts, keys: TaskNames.keysOfStop(stopId) }), (rows) => rows.map(storedOf)),
    open: (accountId: string, statuses: ReadonlyArray<Task.Status>) =>
      Effect.map(open({ accountId, statuses }), (rows) => rows.map(storedOf)),
    byTags: (accountId: string, tags: ReadonlyArray<string>) => Effect.map(byTags({ accountId, tags }), (rows) => rows.map(storedOf))
  } as const
}

/** A task as clients see it. */
export const messageOf = (it: StoredTask): OrderMessage.OrderTask => ({
  task_id: String(it.taskId),
  account_id: it.accountId,
  kind: it.request.kind,
  status: it.task.status,
  mode: it.mode,
  idempotency_key: it.idempotencyKey,
  tag: it.tag,
  order_id: it.task.orderId,
  attempts: it.task.attempts.map((one) => ({
    number: one.number,
    started_at: IndiaTime.isoTime(one.startedAtMs),
    ended_at: IndiaTime.isoTimeOrNull(one.endedAtMs),
    outcome: one.outcome,
    http_status: one.httpStatus,
    error_type: one.errorType,
    message: one.message
  })),
  request: it.request,
  error: it.task.error,
  strategy_id: it.strategyId,
  basket_id: it.basketId,
  retries: it.retries === null ? null : String(it.retries),
  undoes: it.undoes === null ? null : String(it.undoes),
  revision: it.task.revision,
  created_at: it.createdAt.toISOString(),
  updated_at: it.updatedAt.toISOString(),
  deadline_at: IndiaTime.isoTime(it.task.intent.deadlineAtMs)
})
