import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Option, Schema } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as Compensation from "../../domain/orders/Compensation.ts"
import { Mode } from "../../domain/orders/OrderMessage.ts"
import { TimeColumn } from "../Columns.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"
import * as Outbox from "./Outbox.ts"

/** An incomplete basket is checked for this long, because a parked order may still appear. */
const incompleteFor = "24 hours"

const Leg = Schema.Struct({
  taskId: Schema.Int,
  state: Schema.Literal("waiting", "not_placed", "unknown", "cancelling", "closing", "undone", "failed"),
  orderId: Schema.NullOr(Schema.String),
  filled: Schema.NullOr(Schema.Int),
  message: Schema.NullOr(Schema.String)
})
const Row = Schema.Struct({
  basketId: Schema.String,
  accountId: Schema.String,
  mode: Mode,
  status: Schema.Literal("open", "not_needed", "running", "done", "incomplete"),
  legs: Schema.Array(Leg),
  revision: Schema.Int,
  failedAt: Schema.NullOr(TimeColumn)
})
export type StoredCompensation = typeof Row.Type

const columnList = `basket_id AS "basketId", account_id AS "accountId", mode, status, legs, revision, failed_at AS "failedAt"`

export interface Change {
  readonly status: Compensation.Status
  readonly legs: ReadonlyArray<Compensation.Leg>
  readonly failedAtMs: number | null
  /** The text of the event; null if only details changed, and no event is sent. */
  readonly message: string | null
}

/** A leg in the form of events and answers to clients. */
export const messageOf = ({ filled, message, orderId, state, taskId }: Compensation.Leg) => ({
  task_id: String(taskId),
  state,
  order_id: orderId,
  filled_quantity: filled,
  message
})

/** Baskets whose placed orders are undone when one of them fails. */
export class CompensationRepo extends Effect.Service<CompensationRepo>()("store/orders/CompensationRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const columns = sql.literal(columnList)
    const { event, line } = Outbox.writes(sql)
    const byBasket = SqlSchema.findOne({
      Request: Schema.String,
      Result: Row,
      execute: (basketId) => sql`SELECT ${columns} FROM order_compensations WHERE basket_id = ${basketId}`
    })
    const open = SqlSchema.findAll({
      Request: Schema.String,
      Result: Row,
      execute: (accountId) => sql`SELECT ${columns} FROM order_compensations WHERE account_id = ${accountId}
        AND (status IN ('open', 'running') OR (status = 'incomplete' AND failed_at > now() - ${incompleteFor}::interval)) ORDER BY basket_id`
    })
    const save = (before: StoredCompensation, { failedAtMs, legs, message, status }: Change, who: string) =>
      Effect.gen(function* () {
        const { accountId, basketId, revision } = before
        const failedAt = IndiaTime.isoTimeOrNull(failedAtMs)
        const rows = yield* sql`UPDATE order_compensations SET status = ${status}, legs = ${JSON.stringify(legs)}::jsonb,
            revision = revision + 1, failed_at = ${failedAt}::timestamptz, updated_at = now()
          WHERE basket_id = ${basketId} AND revision = ${revision} RETURNING basket_id`
        if (rows.length === 0) return false
        const detail = { basket_id: basketId, status, legs: legs.map(messageOf) }
        if (message !== null) yield* event({ accountId, taskId: null, kind: "compensation", body: { message, detail } })
        yield* line({ accountId, taskId: null, who, what: "compensation", detail })
        return true
      }).pipe(Postgres.transaction(sql))
    return {
      byBasket: (basketId: string) =>
        Effect.map(StoreError.guardRead(byBasket(basketId)), Option.getOrUndefined).pipe(Effect.withSpan("CompensationRepo.byBasket")),
      /** An account's baskets that are not finished, and the incomplete ones of the last day. */
      open: (accountId: string) => StoreError.guardRead(open(accountId)).pipe(Effect.withSpan("CompensationRepo.open")),
      /**
       * Saves a change with its line of the audit, and with its event if there is a message. False, without a change, if somebody saved in
       * between.
       */
      save: (before: StoredCompensation, change: Change, who: string) =>
        StoreError.guardRead(save(before, change, who)).pipe(Effect.withSpan("CompensationRepo.save"))
    } as const
  })
}) {}
