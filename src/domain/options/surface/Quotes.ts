/** Selects the quotes of one expiry for fitting a smile, and counts the omitted strikes by reason. */
import type * as BlackScholes from "../BlackScholes.ts"
import * as ImpliedVol from "../ImpliedVol.ts"
import type { Smile } from "./EssviFit.ts"

export interface Quote {
  readonly strike: number
  readonly kind: BlackScholes.OptionKind
  /** The best bid in rupees. Null without a buyer. */
  readonly bid: number | null
  readonly ask: number | null
  readonly lastPrice: number | null
  /** True if the quote is too old to use. */
  readonly isOld: boolean
}

export interface Terms {
  readonly forward: number
  readonly years: number
  /** Yearly, continuously compounded. */
  readonly rate: number
}

/**
 * Why a strike is omitted. The reasons are checked in this order: `far` (beyond `deviationsMax`), `old` (no recent price), `crossed` (a
 * bid above the ask), `no_price`, `no_volatility` (no volatility gives the price), `wide` (the volatilities of bid and ask differ by
 * more than `widthMax`).
 */
export type Reason = "far" | "old" | "crossed" | "no_price" | "no_volatility" | "wide"
export type LeftOut = Readonly<Record<Reason, number>>

export interface Chosen {
  readonly smile: Smile
  /** Strikes of the smile's quotes, and the side that each was taken from. */
  readonly strikes: Float64Array
  readonly kinds: ReadonlyArray<BlackScholes.OptionKind>
  readonly leftOut: LeftOut
}

/** Beyond this many standard deviations at the money from the forward, prices reflect the tick size rather than the odds. */
export const deviationsMax = 4
/** Widest difference between the volatilities of ask and bid, a fraction. */
export const widthMax = 0.05
/** The least width in the weight of a quote, because even a book without width is not a perfect price. */
const widthLeast = 0.002
/** The width in the weight of a last price without a book. */
const widthOfLast = 0.02

const volatilityOf = (price: number, kind: BlackScholes.OptionKind, strike: number, { forward, years, rate }: Terms): number =>
  ImpliedVol.solveBlack76(kind === "CE" ? 1 : -1, price, forward, strike, years, rate, 0, 0)

/** The volatility of a quote and its width, or the reason why it has none. */
const volOf = (quote: Quote, terms: Terms): { readonly vol: number; readonly width: number } | Reason => {
  const { ask, bid, kind, lastPrice, strike } = quote
  if (quote.isOld) return "old"
  if (bid !== null && ask !== null && bid > 0 && ask > 0) {
    if (bid > ask) return "crossed"
    const vol = volatilityOf(0.5 * (bid + ask), kind, strike, terms)
    if (!(vol > 0)) return "no_volatility"
    // A bid without time value has no volatility, so it counts as zero.
    const width = volatilityOf(ask, kind, strike, terms) - Math.max(0, volatilityOf(bid, kind, strike, terms))
    return width <= widthMax ? { vol, width } : "wide"
  }
  if (lastPrice === null || !(lastPrice > 0)) return "no_price"
  const vol = volatilityOf(lastPrice, kind, strike, terms)
  return vol > 0 ? { vol, width: widthOfLast } : "no_volatility"
}

/** Volatility of the quote nearest the forward; NaN if no quote has one. */
const volAtMoney = (quotes: ReadonlyArray<Quote>, terms: Terms): number => {
  let nearest = Number.POSITIVE_INFINITY
  let vol = Number.NaN
  for (const quote of quotes) {
    const distance = Math.abs(quote.strike - terms.forward)
    const found = distance < nearest ? volOf(quote, terms) : "far"
    if (typeof found === "string") continue
    nearest = distance
    vol = found.vol
  }
  return vol
}

/** One quote per strike, from its out-of-the-money side: a put below the forward, otherwise a call. */
export const choose = (quotes: ReadonlyArray<Quote>, terms: Terms): Chosen => {
  const leftOut: Record<Reason, number> = { far: 0, old: 0, crossed: 0, no_price: 0, no_volatility: 0, wide: 0 }
  const used: Array<{ readonly quote: Quote; readonly vol: number; readonly width: number }> = []
  const outOfTheMoney = quotes.filter(({ kind, strike }) => kind === (strike < terms.forward ? "PE" : "CE"))
  const reach = deviationsMax * volAtMoney(outOfTheMoney, terms) * Math.sqrt(terms.years)
  for (const quote of outOfTheMoney) {
    const isFar = Math.abs(Math.log(quote.strike / terms.forward)) > reach
    const found = isFar ? "far" : volOf(quote, terms)
    if (typeof found === "string") leftOut[found]++
    else used.push({ quote, ...found })
  }
  used.sort((a, b) => a.quote.strike - b.quote.strike)
  const strikes = Float64Array.from(used, ({ quote }) => quote.strike)
  return {
    smile: {
      years: terms.years,
      logMoneyness: strikes.map((strike) => Math.log(strike / terms.forward)),
      vol: Float64Array.from(used, ({ vol }) => vol),
      weight: Float64Array.from(used, ({ width }) => 1 / Math.max(width, widthLeast) ** 2)
    },
    strikes,
    kinds: used.map(({ quote }) => quote.kind),
    leftOut
  }
}
