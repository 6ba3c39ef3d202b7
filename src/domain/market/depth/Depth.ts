/** One price level. `price` may be in any unit (wire integers or rupees); results are in the same unit. */
export interface Level {
  readonly price: number
  readonly quantity: number
  readonly orders: number
}

/** Bids from the highest price, asks from the lowest. A level without quantity is ignored (Kite pads with zeros). */
export interface Book {
  readonly bids: ReadonlyArray<Level>
  readonly asks: ReadonlyArray<Level>
}

/** crossed: the best bid is above the best ask, so prices cannot be trusted. locked: the two are equal. */
export type Shape = "empty" | "bid_only" | "ask_only" | "crossed" | "locked" | "two_sided"

export interface Cumulative extends Level {
  /** Units at this price or better. */
  readonly total: number
}

export interface Summary {
  readonly shape: Shape
  readonly bid: Level | null
  readonly ask: Level | null
  /** Best ask - best bid; negative when crossed, null unless both sides are there. */
  readonly spread: number | null
  /** Spread / mid x 10,000. */
  readonly spreadBps: number | null
  readonly mid: number | null
  /** (bid x ask quantity + ask x bid quantity) / both quantities: nearer to the side that will be used up first. */
  readonly weightedMid: number | null
  /** (bid units - ask units) / all units over every level, -1 to 1; null when empty. */
  readonly imbalance: number | null
  readonly bidUnits: number
  readonly askUnits: number
  readonly bids: ReadonlyArray<Cumulative>
  readonly asks: ReadonlyArray<Cumulative>
}

const present = (levels: ReadonlyArray<Level>): ReadonlyArray<Level> => levels.filter((level) => level.quantity > 0 && level.price > 0)

const cumulate = (levels: ReadonlyArray<Level>): ReadonlyArray<Cumulative> => {
  let total = 0
  return levels.map((level) => {
    total += level.quantity
    return { ...level, total }
  })
}

const shapeOf = (bid: Level | null, ask: Level | null): Shape => {
  if (bid === null) return ask === null ? "empty" : "ask_only"
  if (ask === null) return "bid_only"
  if (bid.price === ask.price) return "locked"
  return bid.price > ask.price ? "crossed" : "two_sided"
}

/** Summary of one order book. A crossed book keeps its numbers; `shape` marks it. */
export const summary = (book: Book): Summary => {
  const bids = cumulate(present(book.bids))
  const asks = cumulate(present(book.asks))
  const bid = bids[0] ?? null
  const ask = asks[0] ?? null
  const bidUnits = bids.at(-1)?.total ?? 0
  const askUnits = asks.at(-1)?.total ?? 0
  const units = bidUnits + askUnits
  const both = bid === null || ask === null ? null : { bid, ask }
  const mid = both === null ? null : (both.bid.price + both.ask.price) / 2
  const spread = both === null ? null : both.ask.price - both.bid.price
  return {
    shape: shapeOf(bid, ask),
    bid,
    ask,
    spread,
    spreadBps: spread === null || mid === null ? null : (spread / mid) * 1e4,
    mid,
    weightedMid:
      both === null
        ? null
        : (both.bid.price * both.ask.quantity + both.ask.price * both.bid.quantity) / (both.bid.quantity + both.ask.quantity),
    imbalance: units === 0 ? null : (bidUnits - askUnits) / units,
    bidUnits,
    askUnits,
    bids,
    asks
  }
}

export interface Execution {
  /** Units that the visible levels could fill. */
  readonly filled: number
  /** Units beyond the visible depth. */
  readonly unfilled: number
  /** Average per filled unit; null when nothing is filled. */
  readonly averagePrice: number | null
  /** Cost relative to the best price, per unit, never negative. */
  readonly slippage: number | null
  /** Cost relative to the mid, per unit, including half the spread; null without a mid. */
  readonly slippageToMid: number | null
}

/** A market order of `size` units walking the visible book: BUY takes asks, SELL takes bids. */
export const execute = (book: Book, side: "BUY" | "SELL", size: number): Execution => {
  const levels = present(side === "BUY" ? book.asks : book.bids)
  const { mid } = summary(book)
  let filled = 0
  let value = 0
  for (const level of levels) {
    const taken = Math.min(level.quantity, size - filled)
    if (taken <= 0) break
    filled += taken
    value += taken * level.price
  }
  const unfilled = Math.max(0, size - filled)
  const best = levels[0]
  if (best === undefined || filled === 0) return { filled, unfilled, averagePrice: null, slippage: null, slippageToMid: null }
  const averagePrice = value / filled
  const worse = side === "BUY" ? 1 : -1
  // The difference to the best price is summed per level: subtracting it from the average could leave a rounding error below zero.
  let excess = 0
  let left = filled
  for (const level of levels) {
    const taken = Math.min(level.quantity, left)
    excess += taken * worse * (level.price - best.price)
    left -= taken
  }
  return { filled, unfilled, averagePrice, slippage: excess / filled, slippageToMid: mid === null ? null : worse * (averagePrice - mid) }
}

/** Spread that halves the tightness of a book compared with a book without spread. */
export const scoreHalfSpreadBps = 20
export const scoreFormula = "depth.liquidity.v1"

/**
 * Liquidity from 0 (no two-sided market) to 100, formula `depth.liquidity.v1` (our own):
 * 100 x sqrt(tightness x depth), tightness = 1 / (1 + spreadBps / 20), depth = min(1, thinner side's units / `referenceUnits`).
 * A locked book has spread 0. A crossed one scores 0 because its prices cannot both be real.
 */
export const liquidityScore = (book: Book, referenceUnits: number): number => {
  const { shape, spreadBps, bidUnits, askUnits } = summary(book)
  if (spreadBps === null || shape === "crossed" || !(referenceUnits > 0)) return 0
  const tightness = 1 / (1 + spreadBps / scoreHalfSpreadBps)
  return 100 * Math.sqrt(tightness * Math.min(1, Math.min(bidUnits, askUnits) / referenceUnits))
}
