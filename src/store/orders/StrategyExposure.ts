import type * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Schema } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Exposure from "../../domain/orders/Exposure.ts"
import { Status } from "../../domain/orders/OrderMessage.ts"
import * as StrategyLimits from "../../domain/orders/StrategyLimits.ts"
import { BigIntColumn } from "../Columns.ts"

const Side = Schema.Literal("BUY", "SELL")
const named = { exchange: Schema.String, tradingsymbol: Schema.String }
const Fills = Schema.Struct({ ...named, orderId: Schema.NullOr(Schema.String), net: BigIntColumn, quantity: BigIntColumn })
const Placed = Schema.Struct({
  ...named,
  tag: Schema.String,
  side: Side,
  quantity: Schema.Int,
  status: Status,
  isIceberg: Schema.Boolean
})
const Shown = Schema.Struct({ orderId: Schema.String, tag: Schema.String, side: Side, filled: BigIntColumn, pending: BigIntColumn })

/** An after-market order (AMO) waits for the next session, which may be up to this many days away. Any other order ends with its day. */
const amoDaysMax = 7

/** `whole`: true to read the strategy's other instruments too. */
interface Candidate {
  readonly whole: boolean
  readonly strategyId: number
  readonly instrument: { readonly exchange: string; readonly tradingsymbol: string }
  readonly taskId: number
  readonly dayStartMs: number
}
const Of = Schema.Struct({
  strategyId: Schema.Int,
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  whole: Schema.Boolean,
  taskId: Schema.Int,
  day: Schema.String,
  amoFrom: Schema.String
})
const keyOf = ({ exchange, tradingsymbol }: { readonly exchange: string; readonly tradingsymbol: string }): string =>
  Instrument.symbolKey(exchange, tradingsymbol)

/** A strategy's exposure in one instrument, or in each, with all its orders that may still trade, in all accounts. */
export const reads = (sql: SqlClient.SqlClient) => {
  const fills = SqlSchema.findAll({
    Request: Of,
    Result: Fills,
    execute: ({ exchange, strategyId, tradingsymbol, whole }) => sql`SELECT exchange, tradingsymbol, order_id AS "orderId",
        sum(CASE side WHEN 'BUY' THEN quantity ELSE -quantity END)::bigint AS net, sum(quantity)::bigint AS quantity
      FROM strategy_fills WHERE strategy_id = ${strategyId}
        AND (${whole}::boolean OR (exchange = ${exchange} AND tradingsymbol = ${tradingsymbol}))
      GROUP BY exchange, tradingsymbol, order_id`
  })
  /** Tasks that were accepted before this one, or that were sent before it. */
  const placed = SqlSchema.findAll({
    Request: Of,
    Result: Placed,
    execute: ({ amoFrom, day, exchange, strategyId, taskId, tradingsymbol, whole }) => sql`SELECT t.request->>'exchange' AS exchange,
        t.request->>'tradingsymbol' AS tradingsymbol, t.tag, t.status, t.request->>'transaction_type' AS side, (t.request->>'quantity')::int AS quantity, t.request->>'variety' = 'iceberg' AS "isIceberg"
      FROM order_tasks t WHERE t.strategy_id = ${strategyId} AND t.kind = 'place' AND t.task_id <> ${taskId}
        AND (${whole}::boolean OR (t.request->>'exchange' = ${exchange} AND t.request->>'tradingsymbol' = ${tradingsymbol}))
        AND (t.created_at >= ${day}::timestamptz OR (t.request->>'variety' = 'amo' AND t.created_at >= ${amoFrom}::timestamptz))
        AND (${taskId}::bigint = 0 OR t.task_id < ${taskId}::bigint OR EXISTS (SELECT 1 FROM order_attempts a WHERE a.task_id = t.task_id))`
  })
  /** The orders of these tasks. Those of an iceberg or cover order that the broker made itself are found by their tag. */
  const shown = SqlSchema.findAll({
    Request: Schema.Struct({ tags: Schema.Array(Schema.String), from: Schema.String }),
    Result: Shown,
    execute: ({ from, tags }) => sql`WITH own AS (
        SELECT t.account_id, t.tag, t.order_id FROM order_tasks t WHERE t.tag = ANY(${tags}::text[]) AND t.order_id IS NOT NULL
        UNION SELECT t.account_id, t.tag, o.order_id FROM order_tasks t
          JOIN account_orders o ON o.account_id = t.account_id AND o.body->>'tag' = t.tag
        WHERE t.tag = ANY(${tags}::text[]) AND t.request->>'variety' IN ('iceberg', 'co') AND o.changed_at >= ${from}::timestamptz)
      SELECT o.order_id AS "orderId", w.tag, o.body->>'transaction_type' AS side, o.filled_quantity AS filled,
        CASE WHEN o.body->>'status' IN ('COMPLETE', 'CANCELLED', 'REJECTED') THEN 0
          ELSE (o.body->>'pending_quantity')::bigint END AS pending
      FROM own w JOIN account_orders o USING (account_id, order_id)
      UNION ALL SELECT p.order_id, p.tag, p.body->'order'->>'side', (p.body->'order'->>'filled')::bigint,
        CASE WHEN p.status IN ('COMPLETE', 'CANCELLED') THEN 0
          ELSE (p.body->'order'->>'quantity')::bigint - (p.body->'order'->>'filled')::bigint END
      FROM paper_orders p WHERE p.tag = ANY(${tags}::text[])`
  })
  const counts = SqlSchema.single({
    Request: Of,
    Result: Schema.Struct({ holds: Schema.Boolean, ordersToday: Schema.Int }),
    execute: ({ day, strategyId, taskId }) => sql`SELECT
        EXISTS (SELECT 1 FROM strategy_fills WHERE strategy_id = ${strategyId} GROUP BY exchange, tradingsymbol
          HAVING sum(CASE side WHEN 'BUY' THEN quantity ELSE -quantity END) <> 0) AS holds,
        (SELECT count(*) FROM order_tasks t WHERE t.strategy_id = ${strategyId} AND t.kind = 'place' AND t.task_id <> ${taskId}
          AND ((t.status IN ('PENDING', 'RUNNING', 'RETRYING') AND (${taskId}::bigint = 0 OR t.task_id < ${taskId}::bigint))
            OR EXISTS (SELECT 1 FROM order_attempts a WHERE a.task_id = t.task_id AND a.started_at >= ${day}::timestamptz)))::int
          AS "ordersToday"`
  })
  return ({ dayStartMs, instrument, strategyId, taskId, whole }: Candidate) =>
    Effect.gen(function* () {
      const amoFromMs = dayStartMs - amoDaysMax * IndiaTime.dayMs
      const { exchange, tradingsymbol } = instrument
      const of = {
        strategyId,
        exchange,
        tradingsymbol,
        whole,
        taskId,
        day: IndiaTime.isoTime(dayStartMs),
        amoFrom: IndiaTime.isoTime(amoFromMs)
      }
      // Fills are read before orders: a fill that comes in between is then counted by its order.
      const booked = yield* fills(of)
      const tasks = yield* placed(of)
      const tags = tasks.map(({ tag }) => tag)
      const orders = tags.length === 0 ? [] : yield* shown({ tags, from: of.amoFrom })
      const { holds, ordersToday } = yield* counts(of)
      const names = new Map(
        [...booked, ...tasks].map(({ exchange, tradingsymbol }) => [keyOf({ exchange, tradingsymbol }), { exchange, tradingsymbol }])
      )
      const held = [...names].map(([key, name]): Exposure.Held => {
        const own = booked.filter((it) => keyOf(it) === key)
        const bookedOf = new Map(own.map(({ orderId, quantity }) => [orderId, quantity]))
        const net = own.reduce((sum, it) => sum + it.net, 0)
        const placed = tasks.filter((it) => keyOf(it) === key)
        return { ...name, ...StrategyLimits.exposureOf(net, (orderId) => bookedOf.get(orderId) ?? 0, placed, orders) }
      })
      const exposure = Exposure.of(held, instrument)
      return { exposure, held, holds: holds || exposure.net !== 0, ordersToday }
    })
}
