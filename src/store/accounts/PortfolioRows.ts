import type * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Option, Schema } from "effect"
import * as Figures from "../../domain/accounts/Figures.ts"
import * as OrderMerge from "../../domain/accounts/OrderMerge.ts"
import * as Reconciliation from "../../domain/accounts/Reconciliation.ts"
import { BigIntColumn, TimeColumn } from "../Columns.ts"
import * as Slices from "../Slices.ts"

/** The reading with which the next one is compared. Its many orders and trades are decoded and encoded separately (`inTurns`). */
const Reconciled = Schema.Struct({
  day: Schema.String,
  orders: Schema.Array(Schema.Unknown),
  trades: Schema.Array(Schema.Unknown),
  positions: Figures.Positions,
  holdings: Schema.Array(Figures.Holding),
  funds: Figures.Funds
})

/** The kinds of readings. A new reading replaces the previous one of its kind. */
export const readings = {
  positions: Figures.Positions,
  holdings: Schema.Array(Figures.Holding),
  funds: Figures.Funds,
  reconciled: Reconciled
} as const

const OrderRow = Schema.Struct({ order: Figures.Order, source: Schema.Literal(...OrderMerge.sources), changedAt: TimeColumn })
const Sync = Schema.Struct({
  asked: BigIntColumn,
  done: BigIntColumn,
  doneAt: Schema.NullOr(TimeColumn),
  differences: Schema.Array(Reconciliation.Difference)
})

/** Orders or trades that are decoded or encoded before sockets and timers get a turn: some milliseconds. */
const sliceMax = 50
const inTurns = <A, I>(schema: Schema.Schema<A, I>) => {
  const decode = Schema.decodeUnknown(Schema.Array(schema))
  const encode = Schema.encode(Schema.Array(schema))
  return {
    decode: (rows: ReadonlyArray<unknown>) => Slices.flatMap(rows, (slice) => decode(slice), sliceMax),
    encode: (all: ReadonlyArray<A>) => Slices.flatMap(all, (slice) => encode(slice), sliceMax)
  } as const
}
const ordersInTurns = inTurns(Figures.Order)
const tradesInTurns = inTurns(Figures.Trade)
const orderRowsInTurns = inTurns(OrderRow)

/** A reading in the form of `readings.reconciled`. */
export const toReconciled = ({ orders, trades, ...rest }: Reconciliation.Reading) =>
  Effect.map(Effect.all([ordersInTurns.encode(orders), tradesInTurns.encode(trades)]), ([orders, trades]) => ({ ...rest, orders, trades }))
const ofReconciled = ({ orders, trades, ...rest }: typeof Reconciled.Type) =>
  Effect.map(
    Effect.all([ordersInTurns.decode(orders), tradesInTurns.decode(trades)]),
    ([orders, trades]): Reconciliation.Reading => ({ ...rest, orders, trades })
  )

export interface Page {
  readonly accountId: string
  /** The day in India on which the broker showed the rows. */
  readonly day: string
  readonly limit: number
  readonly offset: number
}

/** The newest reading of a kind; null before the first one. */
const reading = <A, I>(sql: SqlClient.SqlClient, kind: keyof typeof readings, body: Schema.Schema<A, I>) => {
  const find = SqlSchema.findOne({
    Request: Schema.String,
    Result: Schema.Struct({ asOf: TimeColumn, body }),
    execute: (accountId) => sql`SELECT as_of AS "asOf", body FROM account_figures WHERE account_id = ${accountId} AND kind = ${kind}`
  })
  return (accountId: string) => Effect.map(find(accountId), Option.getOrNull)
}

export const reads = (sql: SqlClient.SqlClient) => {
  const reconciled = reading(sql, "reconciled", readings.reconciled)
  const total = (table: "account_orders" | "account_trades") => (accountId: string, day: string) =>
    Effect.map(
      sql<{
        readonly total: number
      }>`SELECT count(*)::int AS total FROM ${sql(table)} WHERE account_id = ${accountId} AND seen_on = ${day}::date`,
      ([row]) => row?.total ?? 0
    )
  const orders = (it: Page) =>
    Effect.flatMap(
      sql`SELECT body AS order, source, changed_at AS "changedAt" FROM account_orders
        WHERE account_id = ${it.accountId} AND seen_on = ${it.day}::date ORDER BY order_id LIMIT ${it.limit} OFFSET ${it.offset}`,
      orderRowsInTurns.decode
    )
  const ordersById = SqlSchema.findAll({
    Request: Schema.Struct({ accountId: Schema.String, ids: Schema.Array(Schema.String) }),
    Result: Schema.Struct({ ...OrderRow.fields, isRejectionTold: Schema.Boolean }),
    execute: ({ accountId, ids }) => sql`SELECT body AS order, source, changed_at AS "changedAt", is_rejection_told AS "isRejectionTold"
      FROM account_orders WHERE account_id = ${accountId} AND order_id = ANY(${ids}::text[])`
  })
  const trades = (it: Page) =>
    Effect.flatMap(
      sql<{ readonly trade: unknown }>`SELECT body AS trade FROM account_trades
        WHERE account_id = ${it.accountId} AND seen_on = ${it.day}::date ORDER BY place LIMIT ${it.limit} OFFSET ${it.offset}`,
      (rows) => tradesInTurns.decode(rows.map(({ trade }) => trade))
    )
  /** The keys (`Reconciliation.tradeKey`) of the trades that the broker showed on that day. */
  const tradeKeys = (accountId: string, day: string) =>
    Effect.map(
      sql<{ readonly orderId: string; readonly tradeId: string }>`SELECT order_id AS "orderId", trade_id AS "tradeId" FROM account_trades
        WHERE account_id = ${accountId} AND seen_on = ${day}::date`,
      (rows) => rows.map(({ orderId, tradeId }) => Reconciliation.tradeKey({ order_id: orderId, trade_id: tradeId }))
    )
  const sync = SqlSchema.findOne({
    Request: Schema.String,
    Result: Sync,
    execute: (accountId) => sql`SELECT asked, done, done_at AS "doneAt", differences FROM account_syncs WHERE account_id = ${accountId}`
  })
  /** Whether an order changed after the readings of positions and funds began. */
  const isBehind = (accountId: string) =>
    Effect.map(
      sql<{ readonly isBehind: boolean }>`SELECT coalesce((SELECT max(change) FROM account_orders WHERE account_id = ${accountId}), 0) >
        coalesce((SELECT min(through_change) FROM account_figures WHERE account_id = ${accountId} AND kind IN ('positions', 'funds')), 0)
        AS "isBehind"`,
      ([row]) => row?.isBehind === true
    )
  const newestChange = (accountId: string) =>
    Effect.map(
      sql<{ readonly change: string }>`SELECT coalesce(max(change), 0) AS change FROM account_orders WHERE account_id = ${accountId}`,
      ([row]) => Number(row?.change ?? 0)
    )
  return {
    positions: reading(sql, "positions", readings.positions),
    holdings: reading(sql, "holdings", readings.holdings),
    funds: reading(sql, "funds", readings.funds),
    reconciled: (accountId: string) =>
      Effect.flatMap(reconciled(accountId), (found) => (found === null ? Effect.succeed(null) : ofReconciled(found.body))),
    orders,
    ordersById,
    trades,
    tradeKeys,
    orderTotal: total("account_orders"),
    tradeTotal: total("account_trades"),
    sync: (accountId: string) => Effect.map(sync(accountId), Option.getOrNull),
    isBehind,
    newestChange
  } as const
}
