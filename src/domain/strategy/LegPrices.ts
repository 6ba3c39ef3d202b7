/**
 * The newest prices of all legs of a state at the valued instants, one row per leg. They are part of the state. In the legs' own objects these
 * numbers were scattered over the memory, and writing them took most of the time that a price needs.
 */
export interface LegPrices {
  /** Wire integers; NaN before the first price. */
  price: Float64Array
  /** When the price was received, UNIX ms; -Infinity before the first. */
  atMs: Float64Array
  /** Rows without a leg. */
  readonly free: Array<number>
}

const rowsMin = 16

export const make = (): LegPrices => ({ price: new Float64Array(0), atMs: new Float64Array(0), free: [] })

const larger = (column: Float64Array, rows: number): Float64Array => {
  const copy = new Float64Array(rows)
  copy.set(column)
  return copy
}

const grow = (prices: LegPrices): void => {
  const before = prices.price.length
  const rows = Math.max(rowsMin, before * 2)
  prices.price = larger(prices.price, rows)
  prices.atMs = larger(prices.atMs, rows)
  // The lowest row is taken first.
  for (let row = rows - 1; row >= before; row--) prices.free.push(row)
}

/** Takes a free row for a leg. */
const take = (prices: LegPrices): number => {
  if (prices.free.length === 0) grow(prices)
  return prices.free.pop() as number
}

/** Where a leg's price is; -1 if it has no row. */
export interface Priced {
  priceRow: number
}

/** Sets a leg's price. A leg without a row gets one. */
export const set = (prices: LegPrices, leg: Priced, price: number, atMs: number): void => {
  if (leg.priceRow < 0) leg.priceRow = take(prices)
  prices.price[leg.priceRow] = price
  prices.atMs[leg.priceRow] = atMs
}

/** Frees the rows of these legs. */
export const release = (prices: LegPrices, legs: ReadonlyArray<Priced>): void => {
  for (const leg of legs) {
    if (leg.priceRow >= 0) prices.free.push(leg.priceRow)
    leg.priceRow = -1
  }
}
