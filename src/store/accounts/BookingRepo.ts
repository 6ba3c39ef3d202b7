import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Schema } from "effect"
import * as Figures from "../../domain/accounts/Figures.ts"
import { isProduct } from "../../domain/accounts/OrderAttributes.ts"
import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as PaperOrder from "../../domain/orders/PaperOrder.ts"
import { BigIntColumn, TimeColumn } from "../Columns.ts"
import * as StoreError from "../StoreError.ts"
import type { NewFill } from "../strategies/FillRepo.ts"

/** The result of booking a trade. `none`: its order has no strategy. The account's owners get an alert for the last two. */
export type Booking = "none" | "booked" | "no_strategy" | "strategy_full"

/**
 * A trade that is not booked yet. `strategyId` and `owner` are those of its order's task; null if there is no task, or if it has no
 * strategy.
 */
export interface Unbooked {
  readonly source: "broker" | "paper"
  readonly orderId: string
  readonly tradeId: string
  readonly strategyId: number | null
  readonly owner: string | null
  readonly fill: NewFill
}

/** The most trades of one look. */
const batchMax = 500

const task = { strategyId: Schema.NullOr(BigIntColumn), owner: Schema.NullOr(Schema.String) }
const BrokerRow = Schema.Struct({ trade: Figures.Trade, ...task })
const PaperRow = Schema.Struct({
  tradeId: BigIntColumn,
  quantity: BigIntColumn,
  price: BigIntColumn,
  tradedAt: TimeColumn,
  body: PaperOrder.PaperOrder,
  ...task
})

/**
 * The id by which a strategy stores a trade only once. The broker never reuses an order's id, and a trade's id is unique within its order.
 */
const externalId = (accountId: string, orderId: string, tradeId: string): string => `${accountId}/${orderId}/${tradeId}`
const productOf = (text: string) => (isProduct(text) ? text : null)

const ofBroker = (accountId: string, { owner, strategyId, trade }: typeof BrokerRow.Type): Unbooked => ({
  source: "broker",
  orderId: trade.order_id,
  tradeId: trade.trade_id,
  strategyId,
  owner,
  fill: {
    instrumentToken: trade.instrument_token,
    tradingsymbol: trade.tradingsymbol,
    exchange: trade.exchange,
    direction: trade.transaction_type,
    quantity: trade.quantity,
    price: trade.average_price,
    executedAt: new Date(trade.fill_timestamp),
    externalId: externalId(accountId, trade.order_id, trade.trade_id),
    orderId: trade.order_id,
    product: productOf(trade.product)
  }
})

const ofPaper = (accountId: string, { body, owner, price, quantity, strategyId, tradedAt, tradeId }: typeof PaperRow.Type): Unbooked => {
  const { instrument, order, orderId, product } = body
  return {
    source: "paper",
    orderId,
    tradeId: String(tradeId),
    strategyId,
    owner,
    fill: {
      instrumentToken: instrument.token,
      tradingsymbol: instrument.tradingsymbol,
      exchange: instrument.exchange,
      direction: order.side,
      quantity,
      price: Money.toDecimal(price, Instrument.priceScale(instrument.token)),
      executedAt: tradedAt,
      externalId: externalId(accountId, orderId, String(tradeId)),
      orderId,
      product
    }
  }
}

/** Books trades into strategies. */
export class BookingRepo extends Effect.Service<BookingRepo>()("store/accounts/BookingRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    // An order without a task was placed elsewhere, because a task is saved before its order is sent.
    const broker = SqlSchema.findAll({
      Request: Schema.String,
      Result: BrokerRow,
      execute: (accountId) => sql`SELECT t.body AS trade, k.strategy_id AS "strategyId", k.owner FROM account_trades t
        JOIN account_orders o USING (account_id, order_id)
        LEFT JOIN order_tasks k ON k.tag = o.body->>'tag' AND k.account_id = t.account_id AND k.kind = 'place'
        WHERE t.account_id = ${accountId} AND t.booking IS NULL ORDER BY t.place LIMIT ${batchMax}`
    })
    const paper = SqlSchema.findAll({
      Request: Schema.String,
      Result: PaperRow,
      execute: (accountId) => sql`SELECT t.trade_id AS "tradeId", t.quantity, t.price, t.traded_at AS "tradedAt", o.body,
          k.strategy_id AS "strategyId", k.owner FROM paper_trades t
        JOIN paper_orders o USING (order_id) LEFT JOIN order_tasks k ON k.tag = o.tag AND k.account_id = t.account_id
        WHERE t.account_id = ${accountId} AND t.booking IS NULL ORDER BY t.trade_id LIMIT ${batchMax}`
    })
    const mark = (accountId: string, { orderId, source, tradeId }: Unbooked, booking: Booking) =>
      source === "broker"
        ? sql`UPDATE account_trades SET booking = ${booking}
            WHERE account_id = ${accountId} AND order_id = ${orderId} AND trade_id = ${tradeId}`
        : sql`UPDATE paper_trades SET booking = ${booking} WHERE trade_id = ${Number(tradeId)}`
    return {
      /** The oldest trades that are not booked yet, of the broker and on paper. */
      unbooked: (accountId: string) =>
        StoreError.guardRead(
          Effect.map(Effect.all([broker(accountId), paper(accountId)]), ([live, papers]) => [
            ...live.map((row) => ofBroker(accountId, row)),
            ...papers.map((row) => ofPaper(accountId, row))
          ])
        ).pipe(Effect.withSpan("BookingRepo.unbooked")),
      mark: (accountId: string, trade: Unbooked, booking: Booking) =>
        StoreError.guardRead(mark(accountId, trade, booking)).pipe(Effect.asVoid, Effect.withSpan("BookingRepo.mark"))
    } as const
  })
}) {}
