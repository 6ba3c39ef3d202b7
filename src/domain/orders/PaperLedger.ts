import { Either, HashMap, Option } from "effect"
import type { Product } from "../accounts/OrderAttributes.ts"
import * as Position from "../accounts/Position.ts"
import * as IndiaTime from "../IndiaTime.ts"
import * as Money from "../Money.ts"
import * as CorporateActions from "../market/CorporateActions.ts"
import * as Instrument from "../market/Instrument.ts"
import * as Day from "../rules/Day.ts"
import type { RuleSet } from "../rules/RuleSet.ts"
import * as Segments from "../rules/Segments.ts"
import type { UnknownRule } from "../rules/UnknownRule.ts"
import * as DayProfit from "./DayProfit.ts"
import * as Exposure from "./Exposure.ts"
import type * as OrderCharges from "./OrderCharges.ts"
import * as PaperOrder from "./PaperOrder.ts"

/** One fill of a paper order. `price` is an integer in the instrument's units. */
export interface Trade {
  readonly tradeId: number
  readonly orderId: string
  readonly instrument: PaperOrder.PaperOrder["instrument"]
  readonly product: Product
  readonly side: "BUY" | "SELL"
  readonly quantity: number
  readonly price: number
  readonly atMs: number
  readonly strategyId: number | null
}

/** The result of the fills of one instrument and product. */
export interface Line {
  readonly instrument: Trade["instrument"]
  readonly product: Product
  /** The id of the line's first fill. Lines are sorted by it. */
  readonly firstTradeId: number
  /** The Indian date that `position` is of. */
  readonly day: string
  /** The position at the start of the day, with the day's fills. */
  readonly position: Position.Position
  /** Everything that was ever traded, as one position. */
  readonly whole: Position.Position
  /** Price of the last fill. */
  readonly lastPrice: number
  /** Dividends received for the shares held, in rupees. */
  readonly dividends: Money.Decimal
}

interface ChargedOrder {
  readonly filled: PaperOrder.Filled
  /** The Indian date of its first fill, whose rates it pays. */
  readonly on: string
  readonly amounts: OrderCharges.Amounts
}

interface Totals {
  readonly lines: HashMap.HashMap<string, Line>
  readonly orders: HashMap.HashMap<string, ChargedOrder>
  /** The charges of all orders. Left if the rulebook has no rates for one of them. */
  readonly charges: Either.Either<Money.Decimal, UnknownRule>
}

/** Everything besides the fills that a fold of them depends on. If it changes, the fills are folded again. */
export interface Ground {
  readonly rules: RuleSet
  /** Corporate actions of a share, the oldest first. */
  readonly actionsOf: (instrument: Trade["instrument"]) => ReadonlyArray<CorporateActions.Action>
}

/** The result of all fills of an account. A new fill changes one line and one order; the other fills are not added up again. */
export interface Ledger extends Totals {
  readonly ground: Ground
  /** The Indian date of the newest fill; null before the first. */
  readonly day: string | null
  /** The totals before the first fill of `day`. */
  readonly morning: Totals
  readonly trades: number
  readonly newestTradeId: number
}

/** The newest price and the previous close. */
export interface Mark {
  readonly last: number
  readonly close: number
}

/** Prices in the instrument's units; null if unknown. */
export interface Prices {
  readonly mark: (instrument: Trade["instrument"]) => Mark | null
  /** The final price of an expired contract. */
  readonly settlement: (instrument: Trade["instrument"]) => number | null
}

export interface Funds {
  readonly openingCash: Money.Decimal
  /** Received for shares and options that were sold, less what was paid for those bought. */
  readonly traded: Money.Decimal
  /** Gain of all futures at the newest prices, realised or not. A future is settled in cash each day. */
  readonly futures: Money.Decimal
  /** Cash received from expired options at their settlement. */
  readonly settled: Money.Decimal
  /** Dividends received for shares that were held. */
  readonly dividends: Money.Decimal
  readonly charges: Money.Decimal
  /** Opening cash and all of the above. */
  readonly cash: Money.Decimal
}

/** The mark by an instrument's newest packet; null without a packet. */
export const markOf = (packet: { readonly lastPrice: number; readonly close: number } | undefined): Mark | null =>
  packet === undefined ? null : { last: packet.lastPrice, close: packet.close }

const keyOf = ({ instrument: { exchange, expiry, tradingsymbol }, product }: Trade): string =>
  `${exchange}:${tradingsymbol} ${expiry} ${product}`

const traded = (position: Position.Position, { price, quantity, side }: Trade): Position.Position =>
  Position.trade(position, { side, quantity, value: Money.checked(price * quantity) })

const nothing: Totals = { lines: HashMap.empty(), orders: HashMap.empty(), charges: Either.right(Money.zero) }
export const make = (ground: Ground): Ledger => ({ ...nothing, ground, day: null, morning: nothing, trades: 0, newestTradeId: 0 })

const isDelivered = ({ product }: Pick<Line, "product">): boolean => product === "CNC" || product === "MTF"

const paisePerRupee = 100
/**
 * Shares that are held on the morning of an action. A split and a bonus change their number and not their cost; a fraction of a share is
 * lost. A dividend is paid in cash. A rights issue is not taken up.
 */
const acted = (line: Line, action: CorporateActions.Action): Line => {
  const { overnightQuantity: held, overnightValue: value } = line.position
  const shares = CorporateActions.volumeRatio(action)
  const price = CorporateActions.priceRatio(action)
  const quantity = Math.floor((held * shares.numerator) / shares.denominator)
  const dividend = action.kind === "dividend" ? Money.toDecimal(action.pricePaise * held, paisePerRupee) : Money.zero
  return {
    ...line,
    position: { ...line.position, overnightQuantity: quantity, overnightValue: quantity === 0 ? 0 : value },
    lastPrice: Math.round((line.lastPrice * price.numerator) / price.denominator),
    dividends: line.dividends.plus(dividend)
  }
}

/** The line on the morning of a later day: the open quantity is carried at the average price of its side. */
const carried = (line: Line, to: string, { actionsOf }: Ground): Line => {
  if (line.day >= to) return line
  const next: Line = { ...line, day: to, position: Position.carry(line.position) }
  if (!isDelivered(line) || next.position.overnightQuantity <= 0) return next
  return actionsOf(line.instrument)
    .filter(({ exDate }) => line.day < exDate && exDate <= to)
    .reduce(acted, next)
}

const newLine = ({ instrument, price, product, tradeId }: Trade, day: string): Line => ({
  instrument,
  product,
  firstTradeId: tradeId,
  day,
  position: Position.none,
  whole: Position.none,
  lastPrice: price,
  dividends: Money.zero
})

/** An order pays the charges of all its fills together, so a further fill replaces what it paid before. */
const charged = ({ charges, orders, ground: { rules } }: Ledger, trade: Trade, on: string): Pick<Totals, "orders" | "charges"> => {
  const { instrument, orderId, price, product, quantity, side } = trade
  const before = Option.getOrUndefined(HashMap.get(orders, orderId))
  const filled: PaperOrder.Filled = {
    instrument,
    product,
    side,
    filled: (before?.filled.filled ?? 0) + quantity,
    value: Money.checked((before?.filled.value ?? 0) + price * quantity)
  }
  const day = before?.on ?? on
  const amounts = PaperOrder.chargesOf(rules, filled, day)
  if (Either.isLeft(amounts)) return { orders, charges: Either.left(amounts.left) }
  return {
    orders: HashMap.set(orders, orderId, { filled, on: day, amounts: amounts.right }),
    charges: Either.map(charges, (total) => total.minus(before?.amounts.total ?? 0).plus(amounts.right.total))
  }
}

/** Adds the next fill. */
export const add = (ledger: Ledger, trade: Trade): Ledger => {
  const { day, ground, lines, morning, trades } = ledger
  const on = IndiaTime.istDate(trade.atMs)
  const key = keyOf(trade)
  const line = carried(
    Option.getOrElse(HashMap.get(lines, key), () => newLine(trade, on)),
    on,
    ground
  )
  return {
    ...charged(ledger, trade, on),
    lines: HashMap.set(lines, key, {
      ...line,
      position: traded(line.position, trade),
      whole: traded(line.whole, trade),
      lastPrice: trade.price
    }),
    ground,
    day: on,
    morning: day === on ? morning : { lines, orders: ledger.orders, charges: ledger.charges },
    trades: trades + 1,
    newestTradeId: trade.tradeId
  }
}

/** All lines on a day, in the order of their first fills. */
const linesOf = ({ lines }: Totals, today: string, ground: Ground): ReadonlyArray<Line> =>
  [...HashMap.values(lines)].map((line) => carried(line, today, ground)).toSorted((one, other) => one.firstTradeId - other.firstTradeId)
export const lines = (ledger: Ledger, today: string): ReadonlyArray<Line> => linesOf(ledger, today, ledger.ground)

/** The net quantity of each line, as parts of what the account holds. */
export const held = (ledger: Ledger, today: string): ReadonlyArray<Exposure.Part> =>
  Exposure.ofPositions(lines(ledger, today).map(({ instrument, position }) => ({ ...instrument, quantity: Position.net(position) })))

/** The charges of an order by the rates of the day of its first fill; undefined without a fill. */
export const chargesOf = ({ orders }: Ledger, orderId: string): OrderCharges.Amounts | undefined =>
  Option.getOrUndefined(HashMap.get(orders, orderId))?.amounts

/** Units of the underlying in one unit of quantity; 1 if the rulebook has no multiplier. */
const multiplierOf = (rules: RuleSet, { exchange, name, tradingsymbol }: Trade["instrument"], on: string): number =>
  Either.match(Segments.multiplier(rules.segments, exchange, name === "" ? tradingsymbol : name, Day.ofIso(on)), {
    onLeft: () => 1,
    onRight: ({ multiplier }) => multiplier
  })

const hasExpired = ({ instrument: { expiry } }: Line, today: string): boolean => expiry !== null && expiry < today

/** Without a price the last trade's price is used, so that a value is never left out. */
const marksOf = (line: Line, rules: RuleSet, prices: Prices, today: string): Position.Marks => {
  const { close, last } = prices.mark(line.instrument) ?? { last: line.lastPrice, close: line.lastPrice }
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

export interface At {
  readonly prices: Prices
  /** Today's Indian date. */
  readonly today: string
}

/**
 * Positions and holdings that result from a paper account's fills. Positions have Kite's fields. Shares for delivery become holdings on the
 * next day. An expired contract is in no position once its final price is known.
 */
export const portfolio = (ledger: Ledger, { prices, today }: At) => {
  const all = lines(ledger, today)
    .filter((line) => !(hasExpired(line, today) && prices.settlement(line.instrument) !== null))
    .map((line) => ({ line, marks: marksOf(line, ledger.ground.rules, prices, today) }))
  const isHeld = (line: Line) => isDelivered(line) && line.position.overnightQuantity > 0
  /** Delivered shares are holdings and not positions. */
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

const fundsOf = (totals: Totals, openingCash: Money.Decimal, { prices, today }: At, ground: Ground): Either.Either<Funds, UnknownRule> =>
  Either.map(totals.charges, (charges) => {
    const sum = (values: ReadonlyArray<Money.Decimal>) => values.reduce((total, value) => total.plus(value), Money.zero)
    const all = linesOf(totals, today, ground).map((line) => {
      const marks = marksOf(line, ground.rules, prices, today)
      const settlement = hasExpired(line, today) ? prices.settlement(line.instrument) : null
      const { pnl, value } = Position.figures(line.whole, { ...marks, last: settlement ?? marks.last })
      const isFuture = line.instrument.instrumentType === "FUT"
      return { isFuture, pnl, value, settled: settlement === null ? Money.zero : pnl.minus(value), dividends: line.dividends }
    })
    const paid = all.filter(({ isFuture }) => !isFuture)
    const amounts = {
      traded: sum(paid.map(({ value }) => value)),
      futures: sum(all.filter(({ isFuture }) => isFuture).map(({ pnl }) => pnl)),
      settled: sum(paid.map(({ settled }) => settled)),
      dividends: sum(all.map(({ dividends }) => dividends)),
      charges
    }
    const { dividends, futures, settled, traded } = amounts
    return { openingCash, ...amounts, cash: openingCash.plus(traded).plus(futures).plus(settled).plus(dividends).minus(charges) }
  })

/** The account's cash. `PaperMargin` computes what open orders block. */
export const funds = (ledger: Ledger, openingCash: Money.Decimal, at: At): Either.Either<Funds, UnknownRule> =>
  fundsOf(ledger, openingCash, at, ledger.ground)

/** The cash without the fills of today. */
export const morningFunds = (ledger: Ledger, openingCash: Money.Decimal, at: At): Either.Either<Funds, UnknownRule> =>
  fundsOf(ledger.day === at.today ? ledger.morning : ledger, openingCash, at, ledger.ground)

/** The profit of today's net positions since the previous close at the newest prices, less today's charges. */
export const dayProfit = (ledger: Ledger, at: At): Money.Decimal => {
  const before = ledger.day === at.today ? ledger.morning.charges : ledger.charges
  const charges = Either.getOrElse(
    Either.zipWith(ledger.charges, before, (now, then) => now.minus(then)),
    () => Money.zero
  )
  return DayProfit.net(portfolio(ledger, at).net, charges)
}
