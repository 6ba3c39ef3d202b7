import { Array as Arr, Either } from "effect"
import * as Position from "../accounts/Position.ts"
import * as IndiaTime from "../IndiaTime.ts"
import * as Money from "../Money.ts"
import * as Instrument from "../market/Instrument.ts"
import * as Day from "../rules/Day.ts"
import type { RuleSet } from "../rules/RuleSet.ts"
import * as Segments from "../rules/Segments.ts"
import type { UnknownRule } from "../rules/UnknownRule.ts"
import * as OrderCharges from "./OrderCharges.ts"
import * as PaperOrder from "./PaperOrder.ts"

/** One fill of a paper order. `price` is an integer in the instrument's units. */
export interface Trade {
  readonly tradeId: number
  readonly orderId: string
  readonly instrument: PaperOrder.PaperOrder["instrument"]
  readonly product: OrderCharges.Product
  readonly side: "BUY" | "SELL"
  readonly quantity: number
  readonly price: number
  readonly atMs: number
  readonly strategyId: number | null
}

/** All trades of one instrument and product. */
export interface Line {
  readonly instrument: Trade["instrument"]
  readonly product: OrderCharges.Product
  /** As of today: what was open in the morning, and the day's trades. */
  readonly position: Position.Position
  readonly trades: Arr.NonEmptyReadonlyArray<Trade>
}

/** Prices in the instrument's units; null: not known. */
export interface Prices {
  readonly mark: (instrument: Trade["instrument"]) => { readonly last: number; readonly close: number } | null
  /** The final price of an expired contract. */
  readonly settlement: (instrument: Trade["instrument"]) => number | null
}

export interface Funds {
  readonly openingCash: Money.Decimal
  /** Received for shares and options that were sold, less what was paid for those bought. */
  readonly traded: Money.Decimal
  /** Gain of all futures at the newest prices, realised or not. A future is settled in cash each day. */
  readonly futures: Money.Decimal
  /** What expired options paid. */
  readonly settled: Money.Decimal
  readonly charges: Money.Decimal
  /** Opening cash and all of the above. */
  readonly cash: Money.Decimal
}

const keyOf = ({ instrument: { exchange, expiry, tradingsymbol }, product }: Trade): string =>
  `${exchange}:${tradingsymbol} ${expiry} ${product}`

const traded = (position: Position.Position, { price, quantity, side }: Trade): Position.Position =>
  Position.trade(position, { side, quantity, value: Money.checked(price * quantity) })

/** The position of today. Each earlier day ends with its open quantity carried at the average price of its side. */
const positionOf = (trades: ReadonlyArray<Trade>, today: string): Position.Position => {
  let position = Position.none
  let day: string | undefined
  for (const trade of trades) {
    const on = IndiaTime.istDate(trade.atMs)
    if (day !== undefined && on !== day) position = Position.carry(position)
    day = on
    position = traded(position, trade)
  }
  return day !== undefined && day < today ? Position.carry(position) : position
}

/** An account's trades by instrument and product. `trades` are in their order. */
export const lines = (trades: ReadonlyArray<Trade>, today: string): ReadonlyArray<Line> => {
  return Object.values(Arr.groupBy(trades, keyOf)).map((own) => {
    const { instrument, product } = own[0]
    return { instrument, product, position: positionOf(own, today), trades: own }
  })
}

/** Units of the underlying in one unit of quantity; 1 where the rulebook has none. */
const multiplierOf = (rules: RuleSet, { exchange, name, tradingsymbol }: Trade["instrument"], on: string): number =>
  Either.match(Segments.multiplier(rules.segments, exchange, name === "" ? tradingsymbol : name, Day.ofIso(on)), {
    onLeft: () => 1,
    onRight: ({ multiplier }) => multiplier
  })

const hasExpired = ({ instrument: { expiry } }: Line, today: string): boolean => expiry !== null && expiry < today
const isDelivered = ({ product }: Line): boolean => product === "CNC" || product === "MTF"

/** Without a price the last trade's price is used, so that a value is never left out. */
const marksOf = (line: Line, rules: RuleSet, prices: Prices, today: string): Position.Marks => {
  const lastTrade = Arr.lastNonEmpty(line.trades).price
  const { close, last } = prices.mark(line.instrument) ?? { last: lastTrade, close: lastTrade }
  return { last, close, multiplier: multiplierOf(rules, line.instrument, today), scale: Instrument.priceScale(line.instrument.token) }
}

/** Decimal places of averages, which may have no end. */
const averagePlaces = 10
const rounded = (figures: Position.Figures): Position.Figures =>
  Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [name, typeof value === "number" ? value : value.toDecimalPlaces(averagePlaces)])
  ) as unknown as Position.Figures

const rowOf = (line: Line, position: Position.Position, marks: Position.Marks) => ({
  tradingsymbol: line.instrument.tradingsymbol,
  exchange: line.instrument.exchange,
  instrument_token: line.instrument.token,
  product: line.product,
  // As with Kite, a position of today has no previous close.
  ...rounded(Position.figures(position, line.position.overnightQuantity === 0 ? { ...marks, close: 0 } : marks))
})

const holdingOf = ({ instrument, position, product }: Line, { close, last, scale }: Position.Marks) => {
  const { daySellQuantity, overnightQuantity: quantity, overnightValue } = position
  const price = (units: number) => Money.toDecimal(units, scale)
  const average = price(overnightValue).div(quantity).toDecimalPlaces(averagePlaces)
  return {
    tradingsymbol: instrument.tradingsymbol,
    exchange: instrument.exchange,
    instrument_token: instrument.token,
    product,
    quantity,
    used_quantity: Math.min(daySellQuantity, quantity),
    average_price: average,
    last_price: price(last),
    close_price: price(close),
    pnl: price(last * quantity - overnightValue),
    day_change: price(last - close)
  }
}

/** The charges of each order by its id, by the rates of the day of its first fill. */
export const charges = (
  rules: RuleSet,
  trades: ReadonlyArray<Trade>
): Either.Either<ReadonlyMap<string, OrderCharges.Amounts>, UnknownRule> =>
  Either.gen(function* () {
    const found = new Map<string, OrderCharges.Amounts>()
    for (const [orderId, own] of Object.entries(Arr.groupBy(trades, (trade) => trade.orderId))) {
      const total = own.reduce(traded, Position.none)
      const filled = total.dayBuyQuantity + total.daySellQuantity
      const value = total.dayBuyValue + total.daySellValue
      const { atMs, instrument, product, side } = own[0]
      found.set(orderId, yield* PaperOrder.chargesOf(rules, { instrument, product, side, filled, value }, IndiaTime.istDate(atMs)))
    }
    return found
  })

interface At {
  readonly rules: RuleSet
  readonly prices: Prices
  /** Today's Indian date. */
  readonly today: string
}

/**
 * What a paper account's trades come to. Positions have Kite's fields. Shares for delivery become holdings on the next day. An expired
 * contract is in no position once its final price is known.
 */
export const portfolio = (trades: ReadonlyArray<Trade>, { prices, rules, today }: At) => {
  const all = lines(trades, today)
    .filter((line) => !(hasExpired(line, today) && prices.settlement(line.instrument) !== null))
    .map((line) => ({ line, marks: marksOf(line, rules, prices, today) }))
  const isHeld = (line: Line) => isDelivered(line) && line.position.overnightQuantity > 0
  /** Shares that were delivered are holdings and in no position. */
  const open = all
    .map(({ line, marks }) => ({
      line,
      marks,
      position: isHeld(line) ? { ...line.position, overnightQuantity: 0, overnightValue: 0 } : line.position
    }))
    .filter(({ position }) => Position.net(position) !== 0 || Position.hasDayTrades(position))
  return {
    net: open.map(({ line, marks, position }) => rowOf(line, position, marks)),
    day: open
      .filter(({ position }) => Position.hasDayTrades(position))
      .map(({ line, marks, position }) => rowOf(line, { ...position, overnightQuantity: 0, overnightValue: 0 }, marks)),
    holdings: all.filter(({ line }) => isHeld(line)).map(({ line, marks }) => holdingOf(line, marks))
  }
}
export type Portfolio = ReturnType<typeof portfolio>

/** Everything that was ever traded, as one position. */
const wholeOf = ({ trades }: Line): Position.Position => trades.reduce(traded, Position.none)

/** The account's cash. Nothing is blocked for margins. */
export const funds = (
  trades: ReadonlyArray<Trade>,
  openingCash: Money.Decimal,
  { prices, rules, today }: At
): Either.Either<Funds, UnknownRule> =>
  Either.map(charges(rules, trades), (byOrder) => {
    const sum = (values: ReadonlyArray<Money.Decimal>) => values.reduce((total, value) => total.plus(value), Money.zero)
    const all = lines(trades, today).map((line) => {
      const marks = marksOf(line, rules, prices, today)
      const settlement = hasExpired(line, today) ? prices.settlement(line.instrument) : null
      const { pnl, value } = Position.figures(wholeOf(line), { ...marks, last: settlement ?? marks.last })
      const isFuture = line.instrument.instrumentType === "FUT"
      return { isFuture, pnl, value, settled: settlement === null ? Money.zero : pnl.minus(value) }
    })
    const paid = all.filter(({ isFuture }) => !isFuture)
    const amounts = {
      traded: sum(paid.map(({ value }) => value)),
      futures: sum(all.filter(({ isFuture }) => isFuture).map(({ pnl }) => pnl)),
      settled: sum(paid.map(({ settled }) => settled)),
      charges: OrderCharges.sum([...byOrder.values()]).total
    }
    return {
      openingCash,
      ...amounts,
      cash: openingCash.plus(amounts.traded).plus(amounts.futures).plus(amounts.settled).minus(amounts.charges)
    }
  })

/** The profit of today's net positions at the newest prices, before charges, as the broker's own figure for a live account. */
export const dayProfit = (trades: ReadonlyArray<Trade>, at: At): Money.Decimal =>
  portfolio(trades, at).net.reduce((sum, { pnl }) => sum.plus(pnl), Money.zero)
