/**
 * A broker's figures of an account, under Kite's own names (kite.trade/docs/connect/v3/orders, /portfolio, /user). Amounts are rupees as
 * decimals, and times are ISO 8601 UTC. Each shape is defined once and has two encodings: Kite's JSON, and ours.
 */
import { Schema } from "effect"
import * as Money from "../Money.ts"
import * as KiteTime from "../market/KiteTime.ts"

type Amount = Schema.Schema<Money.Decimal, string> | Schema.Schema<Money.Decimal, number>
type Time = Schema.Schema<string, string>
interface Encoding<A extends Amount> {
  readonly amount: A
  readonly time: Time
}

const Text = Schema.String
const TextOrNull = Schema.NullOr(Schema.String)

const orderOf = <A extends Amount>({ amount, time }: Encoding<A>) =>
  Schema.Struct({
    order_id: Text,
    exchange_order_id: TextOrNull,
    parent_order_id: TextOrNull,
    placed_by: TextOrNull,
    status: Text,
    status_message: TextOrNull,
    order_timestamp: time,
    exchange_update_timestamp: Schema.NullOr(time),
    exchange_timestamp: Schema.NullOr(time),
    variety: Text,
    exchange: Text,
    tradingsymbol: Text,
    instrument_token: Schema.Int,
    order_type: Text,
    transaction_type: Text,
    validity: Text,
    product: Text,
    quantity: Schema.Int,
    disclosed_quantity: Schema.Int,
    price: amount,
    trigger_price: amount,
    average_price: amount,
    filled_quantity: Schema.Int,
    pending_quantity: Schema.Int,
    cancelled_quantity: Schema.Int,
    market_protection: amount,
    tag: TextOrNull,
    guid: TextOrNull
  })

const tradeOf = <A extends Amount>({ amount, time }: Encoding<A>) =>
  Schema.Struct({
    trade_id: Text,
    order_id: Text,
    exchange_order_id: TextOrNull,
    exchange: Text,
    tradingsymbol: Text,
    instrument_token: Schema.Int,
    product: Text,
    average_price: amount,
    quantity: Schema.Int,
    transaction_type: Schema.Literal("BUY", "SELL"),
    fill_timestamp: time,
    /** Kite gives only the time of day. */
    order_timestamp: TextOrNull,
    exchange_timestamp: Schema.NullOr(time)
  })

const positionOf = <A extends Amount>({ amount }: Encoding<A>) =>
  Schema.Struct({
    tradingsymbol: Text,
    exchange: Text,
    instrument_token: Schema.Int,
    product: Text,
    quantity: Schema.Int,
    overnight_quantity: Schema.Int,
    /** Units of the underlying per unit of quantity. */
    multiplier: Schema.Number,
    average_price: amount,
    close_price: amount,
    last_price: amount,
    value: amount,
    pnl: amount,
    m2m: amount,
    unrealised: amount,
    realised: amount,
    buy_quantity: Schema.Int,
    buy_price: amount,
    buy_value: amount,
    buy_m2m: amount,
    sell_quantity: Schema.Int,
    sell_price: amount,
    sell_value: amount,
    sell_m2m: amount,
    day_buy_quantity: Schema.Int,
    day_buy_price: amount,
    day_buy_value: amount,
    day_sell_quantity: Schema.Int,
    day_sell_price: amount,
    day_sell_value: amount
  })

const positionsOf = <A extends Amount>(encoding: Encoding<A>) =>
  Schema.Struct({ net: Schema.Array(positionOf(encoding)), day: Schema.Array(positionOf(encoding)) })

const holdingOf = <A extends Amount>({ amount, time }: Encoding<A>) =>
  Schema.Struct({
    tradingsymbol: Text,
    exchange: Text,
    instrument_token: Schema.Int,
    isin: Text,
    product: Text,
    price: amount,
    quantity: Schema.Int,
    used_quantity: Schema.Int,
    t1_quantity: Schema.Int,
    realised_quantity: Schema.Int,
    authorised_quantity: Schema.Int,
    authorised_date: Schema.NullOr(time),
    opening_quantity: Schema.Int,
    short_quantity: Schema.Int,
    collateral_quantity: Schema.Int,
    collateral_type: TextOrNull,
    discrepancy: Schema.Boolean,
    average_price: amount,
    last_price: amount,
    close_price: amount,
    pnl: amount,
    day_change: amount,
    day_change_percentage: Schema.Number
  })

const fundsOf = <A extends Amount>({ amount }: Encoding<A>) => {
  const segment = Schema.Struct({
    enabled: Schema.Boolean,
    net: amount,
    available: Schema.Struct({
      adhoc_margin: amount,
      cash: amount,
      opening_balance: amount,
      live_balance: amount,
      collateral: amount,
      intraday_payin: amount
    }),
    utilised: Schema.Struct({
      debits: amount,
      exposure: amount,
      m2m_realised: amount,
      m2m_unrealised: amount,
      option_premium: amount,
      payout: amount,
      span: amount,
      holding_sales: amount,
      turnover: amount,
      liquid_collateral: amount,
      stock_collateral: amount,
      delivery: amount
    })
  })
  return Schema.Struct({ equity: Schema.NullOr(segment), commodity: Schema.NullOr(segment) })
}

const ours: Encoding<typeof Money.Money> = { amount: Money.Money, time: Schema.String }
export const Order = orderOf(ours).annotations({ identifier: "AccountOrder" })
export const Trade = tradeOf(ours).annotations({ identifier: "AccountTrade" })
export const Position = positionOf(ours).annotations({ identifier: "AccountPosition" })
export const Positions = Schema.Struct({ net: Schema.Array(Position), day: Schema.Array(Position) })
export const Holding = holdingOf(ours).annotations({ identifier: "AccountHolding" })
export const Funds = fundsOf(ours)
export type Order = typeof Order.Type
export type Trade = typeof Trade.Type
export type Position = typeof Position.Type
export type Positions = typeof Positions.Type
export type Holding = typeof Holding.Type
export type Funds = typeof Funds.Type

/** A double's shortest text is the decimal that the broker printed. */
export const KiteAmount = Schema.transform(Schema.Number.pipe(Schema.finite()), Money.DecimalFromSelf, {
  strict: true,
  decode: Money.ofNumber,
  encode: (value) => value.toNumber()
})
/** Kite's text of a time in India. */
export const KiteMoment = Schema.transform(KiteTime.IstDateTime, Schema.String, {
  strict: true,
  decode: (date) => date.toISOString(),
  encode: (text) => new Date(text)
})
const kite: Encoding<typeof KiteAmount> = { amount: KiteAmount, time: KiteMoment }

type Row = Readonly<Record<string, unknown>>
const AnyRow = Schema.Record({ key: Schema.String, value: Schema.Unknown })
/** Kite leaves fields out, and adds new ones: absent fields get a value, and others are ignored. */
const complete = <A, I>(absent: Row, schema: Schema.Schema<A, I>): Schema.Schema<A, Row> =>
  Schema.compose(
    Schema.transform(AnyRow, AnyRow, { strict: true, decode: (row) => ({ ...absent, ...row }), encode: (row) => row }),
    schema,
    { strict: false }
  ) as unknown as Schema.Schema<A, Row>

/** A row of GET /orders, the data of a socket's order message, or the body of a postback. */
export const KiteOrder = complete(
  {
    exchange_order_id: null,
    parent_order_id: null,
    placed_by: null,
    status_message: null,
    exchange_update_timestamp: null,
    exchange_timestamp: null,
    disclosed_quantity: 0,
    cancelled_quantity: 0,
    market_protection: 0,
    tag: null,
    guid: null
  },
  orderOf(kite)
)
export const KiteTrade = complete({ exchange_order_id: null, order_timestamp: null, exchange_timestamp: null }, tradeOf(kite))
export const KitePositions = positionsOf(kite)
export const KiteHolding = complete(
  {
    isin: "",
    realised_quantity: 0,
    authorised_quantity: 0,
    authorised_date: null,
    opening_quantity: 0,
    short_quantity: 0,
    collateral_quantity: 0,
    collateral_type: null,
    discrepancy: false,
    day_change: 0,
    day_change_percentage: 0
  },
  holdingOf(kite)
)
export const KiteFunds = complete({ equity: null, commodity: null }, fundsOf(kite))

/** Positions are counted by instrument and product. */
export const keyOf = (it: { readonly exchange: string; readonly tradingsymbol: string; readonly product: string }): string =>
  `${it.exchange}:${it.tradingsymbol} ${it.product}`
