/** The position in one instrument and product, as kite.trade/docs/connect/v3/portfolio describes it. */
import * as Money from "../Money.ts"

/** Quantities in Kite's units. Values are integers: price units times quantity, without the multiplier. */
export interface Position {
  /** Carried from the day before; short is negative. */
  readonly overnightQuantity: number
  /** What the carried quantity cost, not negative. */
  readonly overnightValue: number
  readonly dayBuyQuantity: number
  readonly dayBuyValue: number
  readonly daySellQuantity: number
  readonly daySellValue: number
}

export const none: Position = {
  overnightQuantity: 0,
  overnightValue: 0,
  dayBuyQuantity: 0,
  dayBuyValue: 0,
  daySellQuantity: 0,
  daySellValue: 0
}

export interface Trade {
  readonly side: "BUY" | "SELL"
  readonly quantity: number
  readonly value: number
}

export const trade = (position: Position, { quantity, side, value }: Trade): Position =>
  side === "BUY"
    ? { ...position, dayBuyQuantity: position.dayBuyQuantity + quantity, dayBuyValue: position.dayBuyValue + value }
    : { ...position, daySellQuantity: position.daySellQuantity + quantity, daySellValue: position.daySellValue + value }

export const net = ({ dayBuyQuantity, daySellQuantity, overnightQuantity }: Position): number =>
  overnightQuantity + dayBuyQuantity - daySellQuantity

/** Both sides of a position with the carried quantity at `overnightValue`. */
const sides = (position: Position, overnightValue: number) => {
  const { dayBuyQuantity, dayBuyValue, daySellQuantity, daySellValue, overnightQuantity } = position
  const isLong = overnightQuantity > 0
  return {
    buyQuantity: dayBuyQuantity + Math.max(0, overnightQuantity),
    buyValue: dayBuyValue + (isLong ? overnightValue : 0),
    sellQuantity: daySellQuantity + Math.max(0, -overnightQuantity),
    sellValue: daySellValue + (isLong ? 0 : overnightValue)
  }
}

/** Value of part of a quantity at its average price, rounded to the price unit. */
const partOf = (value: number, quantity: number, part: number): number => (quantity === 0 ? 0 : Math.round((value * part) / quantity))

/** The position of the next morning: what is open, at the average price of its side. */
export const carry = (position: Position): Position => {
  const quantity = net(position)
  const { buyQuantity, buyValue, sellQuantity, sellValue } = sides(position, position.overnightValue)
  const overnightValue = quantity > 0 ? partOf(buyValue, buyQuantity, quantity) : partOf(sellValue, sellQuantity, -quantity)
  return { ...none, overnightQuantity: quantity, overnightValue }
}

export interface Conversion {
  readonly side: "BUY" | "SELL"
  readonly when: "day" | "overnight"
  readonly quantity: number
}

/** The quantity that a conversion may move. */
export const convertible = (position: Position, { side, when }: Conversion): number => {
  const open = net(position)
  if (when === "overnight") return Math.max(0, side === "BUY" ? position.overnightQuantity : -position.overnightQuantity)
  return side === "BUY" ? Math.min(position.dayBuyQuantity, Math.max(0, open)) : Math.min(position.daySellQuantity, Math.max(0, -open))
}

/** Moves quantity from a product's position to another one's, at its average price. */
export const convert = (from: Position, to: Position, { quantity, side, when }: Conversion): readonly [from: Position, to: Position] => {
  if (when === "overnight") {
    const value = partOf(from.overnightValue, Math.abs(from.overnightQuantity), quantity)
    const signed = side === "BUY" ? quantity : -quantity
    const move = (position: Position, sign: 1 | -1): Position => ({
      ...position,
      overnightQuantity: position.overnightQuantity + sign * signed,
      overnightValue: position.overnightValue + sign * value
    })
    return [move(from, -1), move(to, 1)]
  }
  const value =
    side === "BUY" ? partOf(from.dayBuyValue, from.dayBuyQuantity, quantity) : partOf(from.daySellValue, from.daySellQuantity, quantity)
  return [trade(from, { side, quantity: -quantity, value: -value }), trade(to, { side, quantity, value })]
}

export interface Marks {
  readonly last: number
  /** The previous close. */
  readonly close: number
  readonly multiplier: number
  /** Price units per rupee. */
  readonly scale: number
}

/**
 * The figures of a row of Kite's positions: quantities as numbers, money and prices in rupees as decimals. `realised` is 0 and `unrealised` is
 * the profit, as in Kite's recorded answers.
 */
export const figures = (position: Position, { close, last, multiplier, scale }: Marks) => {
  const quantity = net(position)
  const cost = sides(position, position.overnightValue)
  const marked = sides(position, Math.abs(position.overnightQuantity) * close)
  const open = quantity * last
  const rupees = (value: number) => Money.toDecimal(value, scale).times(multiplier)
  const price = (value: number, of: number) => (of === 0 ? Money.zero : Money.toDecimal(value, scale).div(of))
  const pnl = rupees(cost.sellValue - cost.buyValue + open)
  return {
    quantity,
    overnight_quantity: position.overnightQuantity,
    multiplier,
    average_price:
      quantity === 0 ? Money.zero : quantity > 0 ? price(cost.buyValue, cost.buyQuantity) : price(cost.sellValue, cost.sellQuantity),
    close_price: Money.toDecimal(close, scale),
    last_price: Money.toDecimal(last, scale),
    value: rupees(cost.sellValue - cost.buyValue),
    pnl,
    m2m: rupees(marked.sellValue - marked.buyValue + open),
    unrealised: pnl,
    realised: Money.zero,
    buy_quantity: cost.buyQuantity,
    buy_price: price(cost.buyValue, cost.buyQuantity),
    buy_value: rupees(cost.buyValue),
    buy_m2m: rupees(marked.buyValue),
    sell_quantity: cost.sellQuantity,
    sell_price: price(cost.sellValue, cost.sellQuantity),
    sell_value: rupees(cost.sellValue),
    sell_m2m: rupees(marked.sellValue),
    day_buy_quantity: position.dayBuyQuantity,
    day_buy_price: price(position.dayBuyValue, position.dayBuyQuantity),
    day_buy_value: rupees(position.dayBuyValue),
    day_sell_quantity: position.daySellQuantity,
    day_sell_price: price(position.daySellValue, position.daySellQuantity),
    day_sell_value: rupees(position.daySellValue)
  }
}
export type Figures = ReturnType<typeof figures>

export const hasDayTrades = ({ dayBuyQuantity, daySellQuantity }: Position): boolean => dayBuyQuantity > 0 || daySellQuantity > 0

/** What the position made since the previous close, in rupees. */
export const m2m = (position: Position, marks: Marks): Money.Decimal => figures(position, marks).m2m
