import type * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Option, Schema } from "effect"
import * as Figures from "../../domain/accounts/Figures.ts"
import * as OrderMerge from "../../domain/accounts/OrderMerge.ts"
import * as Reconciliation from "../../domain/accounts/Reconciliation.ts"
import { BigIntColumn, TimeColumn } from "../Columns.ts"

/** The reading that the next one is compared with. */
const Reconciled = Schema.Struct({
  day: Schema.String,
  orders: Schema.Array(Figures.Order),
  trades: Schema.Array(Figures.Trade),
  positions: Figures.Positions,
  holdings: Schema.Array(Figures.Holding),
  funds: Figures.Funds
})

/** The readings that replace each other, by kind. */
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
export type Sync = typeof Sync.Type

const Page = { accountId: Schema.String, day: Schema.String, limit: Schema.Int, offset: Schema.Int }
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
  const total = (table: "account_orders" | "account_trades") => (accountId: string, day: string) =>
    Effect.map(
      sql<{
        readonly total: number
      }>`SELECT count(*)::int AS total FROM ${sql(table)} WHERE account_id = ${accountId} AND seen_on = ${day}::date`,
      ([row]) => row?.total ?? 0
    )
  const orders = SqlSchema.findAll({
    Request: Schema.Struct(Page),
    Result: OrderRow,
    execute: (it) => sql`SELECT body AS order, source, changed_at AS "changedAt" FROM account_orders
      WHERE account_id = ${it.accountId} AND seen_on = ${it.day}::date ORDER BY order_id LIMIT ${it.limit} OFFSET ${it.offset}`
  })
  const ordersById = SqlSchema.findAll({
    Request: Schema.Struct({ accountId: Schema.String, ids: Schema.Array(Schema.String) }),
    Result: Schema.Struct({ ...OrderRow.fields, isRejectionTold: Schema.Boolean }),
    execute: ({ accountId, ids }) => sql`SELECT body AS order, source, changed_at AS "changedAt", is_rejection_told AS "isRejectionTold"
      FROM account_orders WHERE account_id = ${accountId} AND order_id = ANY(${ids}::text[])`
  })
  const trades = SqlSchema.findAll({
    Request: Schema.Struct(Page),
    Result: Schema.Struct({ trade: Figures.Trade }),
    execute: (it) => sql`SELECT body AS trade FROM account_trades
      WHERE account_id = ${it.accountId} AND seen_on = ${it.day}::date ORDER BY place LIMIT ${it.limit} OFFSET ${it.offset}`
  })
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
    reconciled: reading(sql, "reconciled", readings.reconciled),
    orders: (page: Page) => orders(page),
    ordersById,
    trades: (page: Page) => Effect.map(trades(page), (rows) => rows.map(({ trade }) => trade)),
    orderTotal: total("account_orders"),
    tradeTotal: total("account_trades"),
    sync: (accountId: string) => Effect.map(sync(accountId), Option.getOrNull),
    isBehind,
    newestChange
  } as const
}
