import * as SqlClient from "@effect/sql/SqlClient"
import { Effect } from "effect"
import { isIdentity } from "../../domain/Ids.ts"
import type * as OrderMessage from "../../domain/orders/OrderMessage.ts"
import type * as Task from "../../domain/orders/Task.ts"
import * as Prepared from "../owners/Prepared.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"
import * as OrderRows from "./OrderRows.ts"
import * as TaskCounts from "./TaskCounts.ts"
import * as TaskWrites from "./TaskWrites.ts"

const makeChanges = (sql: SqlClient.SqlClient) => {
  const { byKey } = OrderRows.reads(sql)
  const { insert, save } = TaskWrites.make(sql)

  /** Inserts all tasks, or none if the first key is taken; then the task of that key is returned. */
  const insertAll = (tasks: ReadonlyArray<TaskWrites.NewTask>) =>
    Effect.gen(function* () {
      const stored: Array<OrderRows.StoredTask> = []
      for (const it of tasks) {
        const added = yield* insert(it)
        if (added === undefined) {
          const earlier = yield* byKey(it.owner, it.accountId, it.idempotencyKey)
          // Nobody else can have a later part's key (`TaskNames.partKey`), or the tag of a key that is free. Dying rolls the parts back.
          if (earlier === undefined || stored.length > 0)
            return yield* Effect.dieMessage("an order task has the tag of another key, or the key of a later part")
          return { isNew: false as const, stored: [earlier] }
        }
        stored.push(added)
      }
      return { isNew: true as const, stored }
    })
  const submit = (tasks: ReadonlyArray<TaskWrites.NewTask>, compensated: string | null) => {
    const [first, ...others] = tasks
    // A single task is one statement, which needs no transaction.
    if (compensated === null && others.length === 0) return insertAll(tasks)
    return Effect.gen(function* () {
      const added = yield* insertAll(tasks)
      if (added.isNew && compensated !== null && first !== undefined)
        yield* sql`INSERT INTO order_compensations (basket_id, account_id, mode, status, legs, revision)
          VALUES (${compensated}, ${first.accountId}, ${first.mode}, 'open', '[]', 0)`
      return added
    }).pipe(Postgres.transaction(sql))
  }
  return { submit, save } as const
}

/** Order tasks with their attempts. Every change writes its event and its line of the audit in the same transaction. */
export class OrderRepo extends Effect.Service<OrderRepo>()("store/orders/OrderRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const reads = OrderRows.reads(sql)
    const { submit, save } = makeChanges(sql)
    const counts = TaskCounts.make(sql)
    const read = <A, E>(name: string, self: Effect.Effect<A, E>) => StoreError.guardRead(self).pipe(Effect.withSpan(`OrderRepo.${name}`))
    /** Runs a statement that an order waits for, so it is prepared. */
    const now = <A, E>(name: string, self: Effect.Effect<A, E>) => read(name, Prepared.kept(self))
    return {
      /**
       * Inserts the tasks, all or none. `isNew` is false when the first one's key was taken; then the earlier task is returned.
       * `compensated` is the id of a basket whose placed orders are undone when one of them fails.
       */
      submit: (tasks: ReadonlyArray<TaskWrites.NewTask>, compensated: string | null = null) => now("submit", submit(tasks, compensated)),
      /**
       * Saves a decision about the task as it was read. Undefined, without a change, if somebody saved the task in between or a newer owner
       * wrote it.
       */
      save: (before: OrderRows.StoredTask, task: Task.Task, author: TaskWrites.Author) => now("save", save(before, task, author)),
      byId: (taskId: number) => now("byId", isIdentity(taskId) ? reads.byId(taskId) : Effect.succeed(undefined)),
      byKey: (owner: string, accountId: string, key: string) => now("byKey", reads.byKey(owner, accountId, key)),
      /** The task of the same basket that may begin after this one has ended. */
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
      /** The tasks that undo the orders of these tasks. */
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
        now("sent", counts.sent(accountId, mode, nowMs, dayStartMs)),
      /** The facts that the gate needs about a task, in one statement. `taskId` is 0 if there is no task yet. */
      ahead: (ask: TaskCounts.Ask) => now("ahead", counts.ahead(ask)),
      /** The account's other orders that may have reached the broker, and that its book may not show yet. */
      underway: (of: TaskCounts.Elsewhere) => now("underway", counts.underway(of)),
      /**
       * Whether another request for a trigger with the same terms may be under way, or comes before this task. `taskId` is 0 if there is no
       * task yet.
       */
      hasTwin: (accountId: string, termsHash: string, taskId: number) => read("hasTwin", counts.hasTwin(accountId, termsHash, taskId)),
      /** Ids of the triggers that the account's other tasks made. */
      triggersMade: (accountId: string, taskId: number) => read("triggersMade", counts.triggersMade(accountId, taskId))
    } as const
  })
}) {}
export declare namespace OrderRepo {
  export type StoredTask = OrderRows.StoredTask
}
