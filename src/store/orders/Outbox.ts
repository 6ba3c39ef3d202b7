import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Schema } from "effect"
import { BigIntColumn, TimeColumn } from "../Columns.ts"
import * as Prepared from "../owners/Prepared.ts"
import * as StoreError from "../StoreError.ts"

export interface NewEvent {
  readonly accountId: string
  readonly taskId: number | null
  /** `task`, or a kind of account event. */
  readonly kind: string
  readonly body: unknown
}
export interface AuditLine {
  readonly accountId: string
  readonly taskId: number | null
  readonly who: string
  readonly what: string
  readonly detail: unknown
}

/** Statements for a transaction that changes something and announces it. */
export const writes = (sql: SqlClient.SqlClient) => ({
  event: ({ accountId, body, kind, taskId }: NewEvent) =>
    sql`INSERT INTO order_outbox (account_id, task_id, kind, body) VALUES (${accountId}, ${taskId}, ${kind}, ${JSON.stringify(body)}::jsonb)`,
  line: ({ accountId, detail, taskId, what, who }: AuditLine) =>
    sql`INSERT INTO order_audit (account_id, task_id, who, what, detail)
      VALUES (${accountId}, ${taskId}, ${who}, ${what}, ${JSON.stringify(detail)}::jsonb)`
})

const Event = Schema.Struct({
  eventId: BigIntColumn,
  accountId: Schema.String,
  taskId: Schema.NullOr(BigIntColumn),
  kind: Schema.String,
  body: Schema.Unknown,
  createdAt: TimeColumn
})

/** Events that NATS does not have yet. They are written with the change that they report, and removed once they are published. */
export class Outbox extends Effect.Service<Outbox>()("store/orders/Outbox", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const { event, line } = writes(sql)
    const waiting = SqlSchema.findAll({
      Request: Schema.Struct({ accountId: Schema.String, limit: Schema.Int }),
      Result: Event,
      execute: ({ accountId, limit }) => sql`SELECT event_id AS "eventId", account_id AS "accountId", task_id AS "taskId", kind, body,
        created_at AS "createdAt" FROM order_outbox WHERE account_id = ${accountId} ORDER BY event_id LIMIT ${limit}`
    })
    const accounts = SqlSchema.findAll({
      Request: Schema.Void,
      Result: Schema.Struct({ accountId: Schema.String }),
      execute: () => sql`SELECT DISTINCT account_id AS "accountId" FROM order_outbox`
    })
    return {
      /** The accounts that have events in the outbox. */
      accounts: Effect.map(StoreError.guardRead(accounts()), (all) => all.map(({ accountId }) => accountId)).pipe(
        Effect.withSpan("Outbox.accounts")
      ),
      /** The account's oldest events, in order. */
      waiting: (accountId: string, limit: number) =>
        StoreError.guardRead(Prepared.kept(waiting({ accountId, limit }))).pipe(Effect.withSpan("Outbox.waiting")),
      published: (eventIds: ReadonlyArray<number>) =>
        StoreError.guardRead(Prepared.kept(sql`DELETE FROM order_outbox WHERE event_id = ANY(${eventIds}::bigint[])`)).pipe(
          Effect.asVoid,
          Effect.withSpan("Outbox.published")
        ),
      /** Announces an event that is not a change of a task, such as an alert, with its line of the audit. */
      announce: (it: NewEvent, who: string) =>
        StoreError.guardRead(
          sql.withTransaction(
            Effect.zipRight(event(it), line({ accountId: it.accountId, taskId: it.taskId, who, what: it.kind, detail: it.body }))
          )
        ).pipe(Effect.asVoid, Effect.withSpan("Outbox.announce"))
    } as const
  })
}) {}
export declare namespace Outbox {
  export type Event = typeof Event.Type
}
