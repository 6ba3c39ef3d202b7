import { Either, Schema } from "effect"
import { isPriced, OrderType, Product, Validity } from "../accounts/OrderAttributes.ts"
import * as IndiaTime from "../IndiaTime.ts"
import * as Money from "../Money.ts"
import * as Instrument from "../market/Instrument.ts"
import * as BrokerLimits from "../rules/BrokerLimits.ts"
import type { RuleSet } from "../rules/RuleSet.ts"
import * as ExchangePhase from "./ExchangePhase.ts"
import * as Matching from "./Matching.ts"
import * as OrderCharges from "./OrderCharges.ts"
import type { Modify, Place } from "./OrderRequest.ts"

/** The instrument as it was listed when the order was placed, so that its fills keep their meaning after it has expired. */
const Listed = Schema.Struct({
  token: Schema.Int,
  exchangeToken: Schema.Int,
  tradingsymbol: Schema.String,
  name: Schema.String,
  expiry: Schema.NullOr(Schema.String),
  strike: Schema.Int,
  tickSize: Schema.Int,
  lotSize: Schema.Int,
  instrumentType: Schema.Literal("EQ", "FUT", "CE", "PE"),
  segment: Schema.String,
  exchange: Schema.String
})

const Matched = Schema.Struct({
  side: Schema.Literal("BUY", "SELL"),
  orderType: OrderType,
  validity: Schema.Literal("DAY", "IOC"),
  quantity: Schema.Int,
  price: Schema.Int,
  triggerPrice: Schema.Int,
  protection: Schema.NullOr(Schema.Int),
  tick: Schema.Int,
  status: Schema.Literal("NEW", "TRIGGER PENDING", "OPEN", "COMPLETE", "CANCELLED"),
  limit: Schema.NullOr(Schema.Int),
  filled: Schema.Int,
  value: Schema.Int
})

/** An order of a paper account. It never reaches a broker: the platform matches it with the packets of the record. */
export const PaperOrder = Schema.Struct({
  orderId: Schema.String,
  tag: Schema.String,
  strategyId: Schema.NullOr(Schema.Int),
  variety: Schema.Literal("regular", "amo"),
  product: Product,
  validity: Validity,
  instrument: Listed,
  /** Futures or options on the share exist, so that it takes part in the closing auction. */
  hasDerivatives: Schema.Boolean,
  order: Matched,
  placedAtMs: Schema.Int,
  updatedAtMs: Schema.Int,
  /** For TTL: when the order ends if it has not traded. */
  endsAtMs: Schema.NullOr(Schema.Int),
  /** The Indian date of the session to which the order belongs. */
  day: Schema.String,
  /** True for an after-market order (AMO) until its exchange trades. */
  isWaiting: Schema.Boolean,
  modifications: Schema.Int
})
export type PaperOrder = typeof PaperOrder.Type

/** What is known when an order is placed or changed. */
export interface Ground {
  readonly rules: RuleSet
  readonly atMs: number
  /** The synthetic market has no hours. */
  readonly neverCloses: boolean
  /** The instrument's last price in its units. */
  readonly lastPrice: number
}

/** Why a request is refused. A refused request changes nothing. */
export interface Refusal {
  readonly type: "instrument" | "variety" | "trading_hours" | "charges" | "market_protection" | "order_not_open" | "modification"
  readonly message: string
}
const refuse = (type: Refusal["type"], message: string): Either.Either<never, Refusal> => Either.left({ type, message })

/** The id of the order that a task's tag makes. It can be computed again after any crash. No broker's id looks like it. */
export const idOf = (tag: string): string => `${idStart}${tag}`
const idStart = "paper-"
export const isPaperId = (orderId: string): boolean => orderId.startsWith(idStart)

export const phaseOf = (
  { instrument, hasDerivatives }: Pick<PaperOrder, "instrument" | "hasDerivatives">,
  { atMs, neverCloses, rules }: Pick<Ground, "atMs" | "neverCloses" | "rules">
): ExchangePhase.Phase => (neverCloses ? ExchangePhase.always : ExchangePhase.at(rules, instrument, hasDerivatives, atMs))

const scaleOf = ({ token }: Instrument.Instrument): number => Instrument.priceScale(token)
/** Price units of a price that is a multiple of the tick; 0 for a price that the order does not have. */
const unitsOf = (price: Money.Decimal | undefined, instrument: Instrument.Instrument): number =>
  price === undefined ? 0 : price.times(scaleOf(instrument)).toNumber()

/** The name by which the rulebook knows an instrument's underlying. */
const underlyingOf = (instrument: Instrument.Instrument): string => Instrument.underlyingOf(instrument)?.name ?? instrument.tradingsymbol

/** What an order has filled so far: `value` is the sum of price units times quantity. */
export interface Filled {
  readonly instrument: Instrument.Instrument
  readonly product: Product
  readonly side: "BUY" | "SELL"
  readonly filled: number
  readonly value: number
}

/** The charges of an order's fills together, as if all had the average price. Left if the rulebook has no rates. */
export const chargesOf = (rules: RuleSet, { filled, instrument, product, side, value }: Filled, on: string) => {
  const price = Money.toDecimal(value, scaleOf(instrument)).div(filled)
  const { exchange, instrumentType } = instrument
  const underlying = underlyingOf(instrument)
  return OrderCharges.charges(rules, { on, exchange, underlying, instrumentType, product, side, quantity: filled, price })
}

/** The unfilled part as an order. Its price is the worst at which it may trade, or `lastPrice` if it has no such price yet. */
export const restOf = ({ instrument, order, product }: PaperOrder, lastPrice: number, on: string): OrderCharges.Order => {
  const { exchange, instrumentType } = instrument
  const units = order.limit ?? (order.price || order.triggerPrice || lastPrice)
  return {
    on,
    exchange,
    underlying: underlyingOf(instrument),
    instrumentType,
    product,
    side: order.side,
    quantity: order.quantity - order.filled,
    price: Money.toDecimal(units, scaleOf(instrument))
  }
}

/** The market protection in ten-thousandths of the price; null means any price. A request of -1 takes the broker's automatic protection. */
const protectionOf = (
  { market_protection: percent, order_type: type }: Place,
  instrument: Instrument.Instrument,
  { atMs, lastPrice, rules }: Ground
): Either.Either<number | null, Refusal> => {
  if (isPriced(type) || percent === undefined || percent.isZero()) return Either.right(null)
  if (percent.isPositive()) return Either.right(percent.times(100).round().toNumber())
  const kind = Instrument.isOption(instrument) ? "options" : "equity_and_futures"
  const price = Money.toDecimal(lastPrice, scaleOf(instrument))
  return Either.mapBoth(BrokerLimits.protectionPercent(rules.documents.broker, kind, price, IndiaTime.istDate(atMs)), {
    onLeft: ({ message }): Refusal => ({ type: "market_protection", message }),
    onRight: ({ value }) => value.times(100).round().toNumber()
  })
}

export interface NewPaperOrder extends Pick<PaperOrder, "tag" | "strategyId" | "hasDerivatives"> {
  readonly request: Place
  readonly instrument: Instrument.Instrument
}

/** A new order that the gate has let through. It is not matched yet. */
export const place = (
  { hasDerivatives, instrument, request, strategyId, tag }: NewPaperOrder,
  ground: Ground
): Either.Either<PaperOrder, Refusal> =>
  Either.gen(function* () {
    const { atMs, rules } = ground
    const { product, validity, variety } = request
    const day = IndiaTime.istDate(atMs)
    if (Instrument.isIndex(instrument.token)) return yield* refuse("instrument", "an index cannot be traded")
    if (variety !== "regular" && variety !== "amo") return yield* refuse("variety", `a paper account takes no ${variety} orders`)
    const phase = phaseOf({ instrument, hasDerivatives }, ground)
    if (variety === "amo" && !ExchangePhase.takesAmo(phase))
      return yield* refuse("trading_hours", "an order after the market is taken while the exchange is closed")
    const protection = yield* protectionOf(request, instrument, ground)
    const order = Matching.make({
      side: request.transaction_type,
      orderType: request.order_type,
      // The exchange matches a TTL order like a day's order; `lapse` ends it.
      validity: validity === "IOC" ? "IOC" : "DAY",
      quantity: request.quantity,
      price: unitsOf(request.price, instrument),
      triggerPrice: unitsOf(request.trigger_price, instrument),
      protection,
      tick: instrument.tickSize
    })
    yield* Either.mapLeft(
      chargesOf(rules, { instrument, product, side: order.side, filled: 1, value: ground.lastPrice }, day),
      ({ message }): Refusal => ({ type: "charges", message })
    )
    return {
      orderId: idOf(tag),
      tag,
      strategyId,
      variety,
      product,
      validity,
      instrument,
      hasDerivatives,
      order,
      placedAtMs: atMs,
      updatedAtMs: atMs,
      endsAtMs: request.validity_ttl === undefined ? null : atMs + request.validity_ttl * IndiaTime.minuteMs,
      day,
      isWaiting: variety === "amo" && !phase.trades,
      modifications: 0
    }
  })

export const isWorking = ({ order }: PaperOrder): boolean => Matching.isWorking(order)

const notOpen = (paper: PaperOrder) => refuse("order_not_open", `order ${paper.orderId} is ${statusOf(paper)}`)

const fixed = ["order_type", "validity", "disclosed_quantity", "market_protection"] as const

/** Why a modification is refused; null if it is allowed. */
const problemOf = ({ instrument, order }: PaperOrder, request: Modify): string | null => {
  const { price, quantity, trigger_price } = request
  const other = fixed.find((name) => request[name] !== undefined)
  if (other !== undefined) return `${other} of a paper order does not change: cancel it and place another one`
  if (quantity !== undefined && (quantity < order.filled || quantity % instrument.lotSize !== 0))
    return `quantity ${quantity} is not a multiple of the lot, ${instrument.lotSize}, or less than what is filled, ${order.filled}`
  for (const [name, value, own] of [
    ["price", price, order.price],
    ["trigger_price", trigger_price, order.triggerPrice]
  ] as const) {
    if (value === undefined) continue
    if (own === 0) return `a ${order.orderType} order has no ${name}`
    if (!value.times(scaleOf(instrument)).mod(instrument.tickSize).isZero())
      return `${name} ${Money.format(value)} is not a multiple of the tick`
  }
  return null
}

/** Changes quantity, price or trigger price of a working order. */
export const modify = (paper: PaperOrder, request: Modify, atMs: number): Either.Either<PaperOrder, Refusal> => {
  if (!isWorking(paper)) return notOpen(paper)
  const problem = problemOf(paper, request)
  if (problem !== null) return refuse("modification", problem)
  const { price, quantity, trigger_price } = request
  const order = Matching.modify(paper.order, {
    ...(quantity === undefined ? {} : { quantity }),
    ...(price === undefined ? {} : { price: unitsOf(price, paper.instrument) }),
    ...(trigger_price === undefined ? {} : { triggerPrice: unitsOf(trigger_price, paper.instrument) })
  })
  return Either.right({ ...paper, order, updatedAtMs: atMs, modifications: paper.modifications + 1 })
}

const cancelled = (paper: PaperOrder, atMs: number): PaperOrder => ({ ...paper, order: Matching.cancel(paper.order), updatedAtMs: atMs })

export const cancel = (paper: PaperOrder, atMs: number): Either.Either<PaperOrder, Refusal> =>
  isWorking(paper) ? Either.right(cancelled(paper, atMs)) : notOpen(paper)

/**
 * Matches a working order with a packet that was received at `atMs`. Returns the same object if nothing changed. The exchange matches only
 * in its continuous phases.
 */
export const match = (
  paper: PaperOrder,
  market: Matching.Market,
  phase: ExchangePhase.Phase,
  atMs: number
): readonly [PaperOrder, ReadonlyArray<Matching.Fill>] => {
  if (!phase.trades) return [paper, []]
  const [order, fills] = Matching.match(paper.order, market)
  const { status } = paper.order
  if (fills.length === 0 && order.status === status && !paper.isWaiting) return [paper, []]
  return [{ ...paper, order, updatedAtMs: atMs, isWaiting: false, day: IndiaTime.istDate(atMs) }, fills]
}

/** Ends an order whose day or time is over, or whose contract has expired. An after-market order (AMO) waits for the next session. */
export const lapse = (paper: PaperOrder, phase: ExchangePhase.Phase, atMs: number): PaperOrder => {
  const { day, endsAtMs, instrument, isWaiting } = paper
  const today = IndiaTime.istDate(atMs)
  const isExpired = instrument.expiry !== null && instrument.expiry < today
  const hasNoDays = phase === ExchangePhase.always
  const isDayOver = !hasNoDays && !isWaiting && (day < today || ExchangePhase.isClosed(phase))
  const isTimeOver = endsAtMs !== null && atMs >= endsAtMs
  return isWorking(paper) && (isExpired || isDayOver || isTimeOver) ? cancelled(paper, atMs) : paper
}

/** The status in Kite's words. An order that an auction collects is open until it is matched. */
export const statusOf = ({ isWaiting, order }: PaperOrder): string => {
  if (order.status !== "NEW") return order.status
  return isWaiting ? "AMO REQ RECEIVED" : "OPEN"
}

/** Decimal places of an average price. */
const averagePlaces = 10

/** A row of the order book by Kite's names, prices in rupees. */
export const row = (paper: PaperOrder) => {
  const { instrument, order } = paper
  const scale = scaleOf(instrument)
  const rest = order.quantity - order.filled
  return {
    order_id: paper.orderId,
    tag: paper.tag,
    status: statusOf(paper),
    status_message: null,
    variety: paper.variety,
    exchange: instrument.exchange,
    tradingsymbol: instrument.tradingsymbol,
    instrument_token: instrument.token,
    transaction_type: order.side,
    order_type: order.orderType,
    product: paper.product,
    validity: paper.validity,
    quantity: order.quantity,
    filled_quantity: order.filled,
    pending_quantity: isWorking(paper) ? rest : 0,
    cancelled_quantity: order.status === "CANCELLED" ? rest : 0,
    price: Money.toDecimal(order.price, scale),
    trigger_price: Money.toDecimal(order.triggerPrice, scale),
    average_price: order.filled === 0 ? Money.zero : Money.toDecimal(order.value, scale).div(order.filled).toDecimalPlaces(averagePlaces),
    order_timestamp: IndiaTime.isoTime(paper.placedAtMs),
    exchange_update_timestamp: IndiaTime.isoTime(paper.updatedAtMs),
    strategy_id: paper.strategyId,
    mode: "paper" as const
  }
}
