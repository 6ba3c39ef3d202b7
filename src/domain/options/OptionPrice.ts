import * as Quotes from "../market/Quotes.ts"

/** A last trade counts as old if it is older than the book by more than this. */
export const tradeAgeMaxMs = 10_000
/** A good book is at most this wide: two ticks, or a tenth of its middle if that is more. */
const widthTicksMax = 2
const widthShareMax = 0.1

/** The price that an option's volatility and the forward are computed from; NaN without one. */
export interface OptionPrice {
  /** Rupees. */
  price: number
  /** When it was made: the trade's time, or the time of the book. -Infinity for the price of a contract that never traded. */
  atMs: number
}

/**
 * Chooses the last price, or the middle of the book where the trade is old and the book is good (docs/conventions.md, "The price of an
 * option"). Both ages are by the exchange's times, so the choice does not depend on when a packet came. Writes into `out`.
 */
export const choose = (quotes: Quotes.Quotes, row: number, tick: number, out: OptionPrice): void => {
  const bid = Quotes.rupees(quotes, row, Quotes.at(quotes.bid, row))
  const ask = Quotes.rupees(quotes, row, Quotes.at(quotes.ask, row))
  const tradeMs = Quotes.at(quotes.pricedMs, row)
  const bookMs = Math.min(Quotes.at(quotes.timeMs, row), Quotes.at(quotes.receivedMs, row))
  const middle = 0.5 * (bid + ask)
  const isGood = ask > bid && ask - bid <= Math.max(widthTicksMax * tick, widthShareMax * middle)
  const isMiddle = isGood && bookMs - tradeMs > tradeAgeMaxMs
  out.price = isMiddle ? middle : Quotes.rupees(quotes, row, Quotes.at(quotes.lastPrice, row))
  out.atMs = isMiddle ? bookMs : tradeMs
}
