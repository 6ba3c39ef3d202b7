import type * as SqlClient from "@effect/sql/SqlClient"
import { Effect, Schema } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as OrderMessage from "../../domain/orders/OrderMessage.ts"
import { OrderRequest } from "../../domain/orders/OrderRequest.ts"
import * as Task from "../../domain/orders/Task.ts"
import * as OrderRows from "./OrderRows.ts"

/** A task that does not exist yet. */
export interface NewTask extends OrderRows.Accepted {
  readonly intent: Task.Intent
}

/** Who changes a task, for the audit: a user, or the executor with the epoch of its lease. */
export interface Author {
  readonly who: string
  /** Null for a user, whom no executor replaces. */
  readonly epoch: number | null
}

/** The fields that the database adds when it writes a task. */
interface Written {
  readonly id: string
  readonly createdAt: Date
  readonly updatedAt: Date
}

const requestText = Schema.parseJson(OrderRequest)
const encodeRequest = Schema.encodeSync(requestText)
const decodeRequest = Schema.decodeSync(requestText)
const encodeTask = Schema.encodeSync(OrderMessage.OrderTask)

const notWritten = { taskId: 0, createdAt: new Date(0), updatedAt: new Date(0) } as const
/** A new task in the form in which its row is read later. */
const storedOf = ({ intent, ...accepted }: NewTask): OrderRows.StoredTask => ({
  ...accepted,
  request: decodeRequest(encodeRequest(accepted.request)),
  ...notWritten,
  task: Task.make(intent)
})
const asWritten = (it: OrderRows.StoredTask, [row]: ReadonlyArray<Written>): OrderRows.StoredTask | undefined =>
  row === undefined ? undefined : { ...it, taskId: Number(row.id), createdAt: row.createdAt, updatedAt: row.updatedAt }

/**
 * The two statements that write a task, each with its event and its line of the audit. A statement happens completely or not at all. So an
 * order waits for one round trip instead of the seven of a transaction, each of which would wait for a busy processor.
 */
export const make = (sql: SqlClient.SqlClient) => {
  const isoOf = (column: "created_at" | "updated_at") =>
    sql`to_char(${sql.literal(column)} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
  /** Only the database knows the id and the times of the row that `task` returns. */
  const announced = (it: OrderRows.StoredTask, who: string, what: string, detail: unknown) => sql`
    event AS (INSERT INTO order_outbox (account_id, task_id, kind, body)
      SELECT account_id, task_id, 'task', ${JSON.stringify(encodeTask(OrderRows.messageOf(it)))}::jsonb
        || jsonb_build_object('task_id', task_id::text, 'created_at', ${isoOf("created_at")}, 'updated_at', ${isoOf("updated_at")}) FROM task),
    line AS (INSERT INTO order_audit (account_id, task_id, who, what, detail)
      SELECT account_id, task_id, ${who}::text, ${what}::text, ${JSON.stringify(detail)}::jsonb FROM task)
    SELECT task_id AS id, created_at AS "createdAt", updated_at AS "updatedAt" FROM task`
  const returned = sql.literal("RETURNING task_id, account_id, mode, created_at, updated_at")

  /**
   * Undefined if the key is taken. The conflict names no constraint, because key and tag are both unique: of two requests with one key at the
   * same instant, the later one may meet the earlier one's tag first, and Postgres would refuse it as a violation (INSERT, ON CONFLICT).
   */
  const insert = (it: NewTask) => {
    const stored = storedOf(it)
    const statement = sql<Written>`
      WITH task AS (INSERT INTO order_tasks (owner, account_id, idempotency_key, body_hash, tag, mode, kind, request, terms_hash, reference_price,
          is_limit, unknown_policy, deadline_at, strategy_id, basket_id, basket_place, retries, undoes, status, revision, epoch)
        VALUES (${it.owner}, ${it.accountId}, ${it.idempotencyKey}, ${it.bodyHash}, ${it.tag}, ${it.mode}, ${it.request.kind},
          ${encodeRequest(it.request)}::jsonb, ${it.termsHash}, ${it.referencePrice === null ? null : it.referencePrice.toFixed()}::numeric,
          ${it.intent.isLimit}, ${it.intent.unknown}, ${IndiaTime.isoTime(it.intent.deadlineAtMs)}::timestamptz, ${it.strategyId}, ${it.basketId},
          ${it.basketPlace}, ${it.retries}, ${it.undoes}, ${stored.task.status}, ${stored.task.revision}, ${stored.task.epoch})
        ON CONFLICT DO NOTHING ${returned}),
      ${announced(stored, it.owner, "accepted", { body_hash: it.bodyHash })}`
    return Effect.map(statement, (rows) => asWritten(stored, rows))
  }

  const attempted = (one: Task.Attempt | undefined) =>
    one === undefined
      ? sql``
      : sql`attempt AS (
          INSERT INTO order_attempts (task_id, number, account_id, mode, started_at, ended_at, outcome, http_status, error_type, message)
          SELECT task_id, ${one.number}::int, account_id, mode, ${IndiaTime.isoTime(one.startedAtMs)}::timestamptz, ${IndiaTime.isoTimeOrNull(one.endedAtMs)}::timestamptz,
            ${one.outcome}::text, ${one.httpStatus}::int, ${one.errorType}::text, ${one.message}::text FROM task
          ON CONFLICT (task_id, number) DO UPDATE SET ended_at = excluded.ended_at, outcome = excluded.outcome,
            http_status = excluded.http_status, error_type = excluded.error_type, message = excluded.message),`

  /**
   * Compares revision and epoch in the statement that writes, so a returning owner with an older epoch changes nothing. Undefined if
   * nothing was written.
   */
  const save = (before: OrderRows.StoredTask, task: Task.Task, { epoch, who }: Author) => {
    const last = task.attempts.at(-1)
    const stored = { ...before, task }
    const statement = sql<Written>`
      WITH task AS (UPDATE order_tasks SET status = ${task.status}, revision = ${task.revision}, epoch = ${task.epoch},
          due_at = ${IndiaTime.isoTimeOrNull(task.dueAtMs)}::timestamptz, order_id = ${task.orderId}, error_type = ${task.error?.type ?? null},
          error_message = ${task.error?.message ?? null}, absent_at = ${IndiaTime.isoTimeOrNull(task.absentAtMs)}::timestamptz, updated_at = now()
        WHERE task_id = ${before.taskId} AND revision = ${before.task.revision} AND (${epoch}::bigint IS NULL OR epoch <= ${epoch}::bigint)
        ${returned}),
      ${attempted(last)}
      ${announced(stored, who, task.status, { revision: task.revision, epoch, attempt: last ?? null, error: task.error })}`
    return Effect.map(statement, (rows) => asWritten(stored, rows))
  }

  return { insert, save } as const
}
