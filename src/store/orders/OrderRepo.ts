import * as SqlClient from "@effect/sql/SqlClient"
import { Effect, Schema } from "effect"
import * as OrderMessage from "../../domain/orders/OrderMessage.ts"
import { OrderRequest } from "../../domain/orders/OrderRequest.ts"
import type * as Task from "../../domain/orders/Task.ts"
import { isIdentity } from "../Columns.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"
import * as OrderRows from "./OrderRows.ts"
import * as Outbox from "./Outbox.ts"

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

/** Requests that an account has sent, for the broker's limits and the gate. */
export interface Sent {
  readonly second: number
  readonly minute: number
  readonly day: number
}

/** Tasks that do not count as the same order: the task itself, and those of its basket. */
interface Except {
  readonly taskId: number
  readonly basketId: string | null
}

const encodeRequest = Schema.encodeSync(Schema.parseJson(OrderRequest))
const encodeTask = Schema.encodeSync(OrderMessage.OrderTask)
const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())

const makeChanges = (sql: SqlClient.SqlClient) => {
  const { byId, byKey } = OrderRows.reads(sql)
  const { event, line } = Outbox.writes(sql)

  const announce = (it: OrderRows.StoredTask, who: string, what: string, detail: unknown) =>
    Effect.zipRight(
      event({ accountId: it.accountId, taskId: it.taskId, kind: "task", body: encodeTask(OrderRows.messageOf(it)) }),
      line({ accountId: it.accountId, taskId: it.taskId, who, what, detail })
    )
  const reread = (taskId: number) =>
    Effect.flatMap(byId(taskId), (found) =>
      found === undefined ? Effect.dieMessage(`order task ${taskId} is gone`) : Effect.succeed(found)
    )

  const insert = (it: NewTask) =>
    Effect.gen(function* () {
      const [row] = yield* sql<{ readonly id: string }>`
        INSERT INTO order_tasks (owner, account_id, idempotency_key, body_hash, tag, mode, kind, request, terms_hash, reference_price, is_limit,
          unknown_policy, deadline_at, strategy_id, basket_id, basket_place, retries, undoes, status, revision, epoch)
        VALUES (${it.owner}, ${it.accountId}, ${it.idempotencyKey}, ${it.bodyHash}, ${it.tag}, ${it.mode}, ${it.request.kind},
          ${encodeRequest(it.request)}::jsonb, ${it.termsHash}, ${it.referencePrice === null ? null : it.referencePrice.toFixed()}::numeric,
          ${it.intent.isLimit}, ${it.intent.unknown}, ${iso(it.intent.deadlineAtMs)}::timestamptz, ${it.strategyId}, ${it.basketId},
          ${it.basketPlace}, ${it.retries}, ${it.undoes}, 'PENDING', 0, 0)
        ON CONFLICT (owner, account_id, idempotency_key) DO NOTHING RETURNING task_id AS id`
      if (row === undefined) return undefined
      const stored = yield* reread(Number(row.id))
      yield* announce(stored, it.owner, "accepted", { body_hash: it.bodyHash })
      return stored
    })

  /** Inserts all tasks in one transaction. If the first key is taken, nothing is inserted and the tasks of that key are returned. */
  const submit = (tasks: ReadonlyArray<NewTask>, compensated: string | null) =>
    Effect.gen(function* () {
      const stored: Array<OrderRows.StoredTask> = []
      for (const it of tasks) {
        const added = yield* insert(it)
        if (added === undefined) {
          const earlier = yield* byKey(it.owner, it.accountId, it.idempotencyKey)
          return { isNew: false as const, stored: earlier === undefined ? [] : [earlier] }
        }
        stored.push(added)
      }
      const [first] = tasks
      if (compensated !== null && first !== undefined)
        yield* sql`INSERT INTO order_compensations (basket_id, account_id, mode, status, legs, revision)
          VALUES (${compensated}, ${first.accountId}, ${first.mode}, 'open', '[]', 0)`
      return { isNew: true as const, stored }
    }).pipe(Postgres.transaction(sql))

  const saveAttempt = (it: OrderRows.StoredTask, one: Task.Attempt) => sql`
    INSERT INTO order_attempts (task_id, number, account_id, started_at, ended_at, outcome, http_status, error_type, message)
    VALUES (${it.taskId}, ${one.number}, ${it.accountId}, ${iso(one.startedAtMs)}::timestamptz, ${iso(one.endedAtMs)}::timestamptz,
      ${one.outcome}, ${one.httpStatus}, ${one.errorType}, ${one.message})
    ON CONFLICT (task_id, number) DO UPDATE SET ended_at = excluded.ended_at, outcome = excluded.outcome, http_status = excluded.http_status,
      error_type = excluded.error_type, message = excluded.message`

  /** Compares revision and epoch in the statement that writes, so a returning owner with an older epoch changes nothing. */
  const save = (before: OrderRows.StoredTask, task: Task.Task, { epoch, who }: Author) =>
    Effect.gen(function* () {
      const [row] = yield* sql<{ readonly id: string }>`
        UPDATE order_tasks SET status = ${task.status}, revision = ${task.revision}, epoch = ${task.epoch}, due_at = ${iso(task.dueAtMs)}::timestamptz,
          order_id = ${task.orderId}, error_type = ${task.error?.type ?? null}, error_message = ${task.error?.message ?? null},
          absent_at = ${iso(task.absentAtMs)}::timestamptz, updated_at = now()
        WHERE task_id = ${before.taskId} AND revision = ${before.task.revision} AND (${epoch}::bigint IS NULL OR epoch <= ${epoch}::bigint)
        RETURNING task_id AS id`
      if (row === undefined) return undefined
      const last = task.attempts.at(-1)
      if (last !== undefined) yield* saveAttempt(before, last)
      const stored = yield* reread(before.taskId)
      yield* announce(stored, who, task.status, { revision: task.revision, epoch, attempt: last ?? null, error: task.error })
      return stored
    }).pipe(Postgres.transaction(sql))

  return { submit, save } as const
}

const makeCounts = (sql: SqlClient.SqlClient) => {
  const sent = (accountId: string, mode: OrderMessage.Mode, nowMs: number, dayStartMs: number) =>
    Effect.map(
      sql<Sent>`SELECT (count(*) FILTER (WHERE a.started_at > ${iso(nowMs - 1_000)}::timestamptz))::int AS second,
          (count(*) FILTER (WHERE a.started_at > ${iso(nowMs - 60_000)}::timestamptz))::int AS minute, count(*)::int AS day
        FROM order_attempts a JOIN order_tasks t USING (task_id)
        WHERE a.account_id = ${accountId} AND t.mode = ${mode} AND a.started_at > ${iso(dayStartMs)}::timestamptz`,
      ([row]) => row ?? { second: 0, minute: 0, day: 0 }
    )
  const sameTermsAtMs = (accountId: string, mode: OrderMessage.Mode, termsHash: string, except: Except) =>
    Effect.map(
      sql<{ readonly at: Date | null }>`SELECT max(created_at) AS at FROM order_tasks
        WHERE account_id = ${accountId} AND mode = ${mode} AND terms_hash = ${termsHash} AND status NOT IN ('DEAD_LETTER', 'CANCELLED')
          AND (${except.taskId}::bigint = 0 OR task_id < ${except.taskId}::bigint)
          AND (${except.basketId}::text IS NULL OR basket_id IS DISTINCT FROM ${except.basketId}::text)`,
      ([row]) => row?.at?.getTime() ?? null
    )
  const modifications = (accountId: string, orderId: string) =>
    Effect.map(
      sql<{ readonly count: number }>`SELECT count(*)::int AS count FROM order_tasks
        WHERE account_id = ${accountId} AND kind = 'modify' AND request->>'order_id' = ${orderId} AND status = 'COMPLETED'`,
      ([row]) => row?.count ?? 0
    )
  const hasTwin = (accountId: string, termsHash: string, taskId: number) =>
    Effect.map(
      sql`SELECT 1 FROM order_tasks WHERE account_id = ${accountId} AND kind = 'gtt_place' AND terms_hash = ${termsHash}
        AND task_id <> ${taskId}::bigint
        AND (status = 'RUNNING' OR (status IN ('PENDING', 'RETRYING') AND (${taskId}::bigint = 0 OR task_id < ${taskId}::bigint))) LIMIT 1`,
      (rows) => rows.length > 0
    )
  const triggersMade = (accountId: string, taskId: number) =>
    Effect.map(
      sql<{ readonly id: string }>`SELECT order_id AS id FROM order_tasks
        WHERE account_id = ${accountId} AND kind = 'gtt_place' AND task_id <> ${taskId}::bigint AND order_id IS NOT NULL`,
      (rows) => new Set(rows.map(({ id }) => id))
    )
  return { sent, sameTermsAtMs, modifications, hasTwin, triggersMade } as const
}

/** Order tasks with their attempts. Every change writes its event and its line of the audit in the same transaction. */
export class OrderRepo extends Effect.Service<OrderRepo>()("store/orders/OrderRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const reads = OrderRows.reads(sql)
    const { submit, save } = makeChanges(sql)
    const counts = makeCounts(sql)
    const read = <A, E>(name: string, self: Effect.Effect<A, E>) => StoreError.guardRead(self).pipe(Effect.withSpan(`OrderRepo.${name}`))
    return {
      /**
       * Inserts the tasks, all or none. `isNew` is false when the first one's key was taken; then the earlier task is returned. `compensated`
       * is the id of a basket whose placed orders are taken back when one of them fails.
       */
      submit: (tasks: ReadonlyArray<NewTask>, compensated: string | null = null) => read("submit", submit(tasks, compensated)),
      /**
       * Saves a decision about the task as it was read. Undefined: somebody saved the task in between, or a newer owner wrote it, and
       * nothing changed.
       */
      save: (before: OrderRows.StoredTask, task: Task.Task, author: Author) => read("save", save(before, task, author)),
      byId: (taskId: number) => read("byId", isIdentity(taskId) ? reads.byId(taskId) : Effect.succeed(undefined)),
      byKey: (owner: string, accountId: string, key: string) => read("byKey", reads.byKey(owner, accountId, key)),
      /** The task that may begin because this one of its basket has ended. */
      nextOfBasket: (taskId: number) =>
        Effect.map(
          read(
            "nextOfBasket",
            sql<{ readonly id: string }>`SELECT n.task_id AS id FROM order_tasks t
              JOIN order_tasks n ON n.basket_id = t.basket_id AND n.basket_place = t.basket_place + 1
              WHERE t.task_id = ${taskId} AND t.status NOT IN ('PENDING', 'RUNNING', 'RETRYING') AND n.status = 'PENDING'`
          ),
          ([row]) => (row === undefined ? undefined : Number(row.id))
        ),
      ofBasket: (basketId: string) => read("ofBasket", reads.ofBasket(basketId)),
      /** The tasks that take the orders of these tasks back. */
      undoing: (taskIds: ReadonlyArray<number>) => read("undoing", reads.undoing(taskIds)),
      /** The cancellations that a stop of these accounts made. */
      ofStop: (accounts: ReadonlyArray<string>, stoppedAtMs: number) => read("ofStop", reads.ofStop(accounts, stoppedAtMs)),
      /** Newest first. */
      list: (query: OrderRows.Query) => Effect.all({ rows: read("list", reads.page(query)), total: read("count", reads.count(query)) }),
      /** Tasks of an account that have not ended, oldest first. */
      unfinished: (accountId: string) => read("unfinished", reads.open(accountId, ["PENDING", "RUNNING", "RETRYING"])),
      /** Tasks whose outcome is parked. */
      parked: (accountId: string, mode: OrderMessage.Mode) =>
        Effect.map(read("parked", reads.open(accountId, ["UNKNOWN"])), (tasks) => tasks.filter((it) => it.mode === mode)),
      /** Whether the account has ever had a task of this mode. */
      hasTasks: (accountId: string, mode: OrderMessage.Mode) =>
        Effect.map(
          read("hasTasks", sql`SELECT 1 FROM order_tasks WHERE account_id = ${accountId} AND mode = ${mode} LIMIT 1`),
          (rows) => rows.length > 0
        ),
      byTags: (accountId: string, tags: ReadonlyArray<string>) => read("byTags", reads.byTags(accountId, tags)),
      sent: (accountId: string, mode: OrderMessage.Mode, nowMs: number, dayStartMs: number) =>
        read("sent", counts.sent(accountId, mode, nowMs, dayStartMs)),
      /** When another task of the same terms was accepted last. `taskId` 0: no task yet. Tasks of the same basket do not count. */
      sameTermsAtMs: (accountId: string, mode: OrderMessage.Mode, termsHash: string, except: Except) =>
        read("sameTermsAtMs", counts.sameTermsAtMs(accountId, mode, termsHash, except)),
      /** Whether another request for a trigger of the same terms may be on its way, or is before this task. `taskId` 0: no task yet. */
      hasTwin: (accountId: string, termsHash: string, taskId: number) => read("hasTwin", counts.hasTwin(accountId, termsHash, taskId)),
      /** Ids of the triggers that the account's other tasks made. */
      triggersMade: (accountId: string, taskId: number) => read("triggersMade", counts.triggersMade(accountId, taskId)),
      modifications: (accountId: string, orderId: string) => read("modifications", counts.modifications(accountId, orderId))
    } as const
  })
}) {}
export declare namespace OrderRepo {
  export type StoredTask = OrderRows.StoredTask
}
