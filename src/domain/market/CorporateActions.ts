import * as IndiaTime from "../IndiaTime.ts"
import type { Candle } from "./KiteHistory.ts"

/** What a company did with its shares. */
export const kinds = ["split", "bonus", "rights", "dividend"] as const
export type Kind = (typeof kinds)[number]

/** One action. Prices are paise, so that every factor is a ratio of whole numbers. */
export interface Action {
  readonly kind: Kind
  /** "YYYY-MM-DD": the first day on which the share trades at the new price. */
  readonly exDate: string
  /** This many shares before the action become `sharesAfter`. Both are 1 for a dividend. */
  readonly sharesBefore: number
  readonly sharesAfter: number
  /** The dividend of one share, or the issue price of rights; 0 for a split or a bonus. */
  readonly pricePaise: number
  /** Close of the day before `exDate`; 0 for a split or a bonus. */
  readonly closePaise: number
}

/** A ratio of two whole numbers. */
export interface Ratio {
  readonly numerator: number
  readonly denominator: number
}

/**
 * The factor that makes a price before the action comparable with prices after it. Split and bonus: shares before / shares after. Rights:
 * the theoretical price after the issue / the close. Dividend: (close - dividend) / close. Source: NSE Clearing, "Adjustments for corporate
 * actions" of the equity derivatives segment; a rights issue's benefit there is the same (P - E) / P.
 */
export const priceRatio = ({ kind, sharesBefore, sharesAfter, pricePaise, closePaise }: Action): Ratio => {
  switch (kind) {
    case "split":
    case "bonus":
      return { numerator: sharesBefore, denominator: sharesAfter }
    case "rights":
      return {
        numerator: closePaise * sharesBefore + pricePaise * (sharesAfter - sharesBefore),
        denominator: closePaise * sharesAfter
      }
    case "dividend":
      return { numerator: closePaise - pricePaise, denominator: closePaise }
  }
}

/**
 * The factor that makes a volume before the action comparable with volumes after it. Only a split and a bonus change the number of every
 * holder's shares.
 */
export const volumeRatio = ({ kind, sharesBefore, sharesAfter }: Action): Ratio =>
  kind === "split" || kind === "bonus" ? { numerator: sharesAfter, denominator: sharesBefore } : { numerator: 1, denominator: 1 }

/** Kite's history is in the newest shares: adjusted for splits, bonus and rights, never for dividends. */
const isInBrokerHistory = ({ kind }: Action): boolean => kind !== "dividend"

/** The origin of a candle: made of our ticks, at the prices that were traded, or from the broker's history. */
export type Origin = "live" | "broker"

const valueOf = ({ numerator, denominator }: Ratio): number => numerator / denominator

/** Puts a candle's integer prices into the newest shares (`isAdjusted`), or into the prices that were traded. Actions after `lastDay` change nothing. */
export const apply = <C extends Omit<Candle, "atMs"> & { readonly atMs: number }>(
  actions: ReadonlyArray<Action>,
  candle: C,
  origin: Origin,
  isAdjusted: boolean,
  lastDay: string
): C => {
  const day = IndiaTime.istDate(candle.atMs)
  let price = 1
  let volume = 1
  for (const action of actions) {
    if (action.exDate <= day || action.exDate > lastDay) continue
    const isApplied = origin === "broker" && isInBrokerHistory(action)
    if (isApplied === isAdjusted) continue
    const [p, v] = [valueOf(priceRatio(action)), valueOf(volumeRatio(action))]
    price *= isAdjusted ? p : 1 / p
    volume *= isAdjusted ? v : 1 / v
  }
  if (price === 1 && volume === 1) return candle
  const units = (value: number) => Math.round(value * price)
  return {
    ...candle,
    open: units(candle.open),
    high: units(candle.high),
    low: units(candle.low),
    close: units(candle.close),
    volume: Math.round(candle.volume * volume)
  }
}

/** What is wrong with an action, by field; empty if nothing is. */
export const problems = ({ kind, sharesBefore, sharesAfter, pricePaise, closePaise }: Action): ReadonlyArray<readonly [string, string]> => {
  const exchanges = kind === "split" || kind === "bonus"
  const wrong: Array<readonly [string, string]> = []
  if (kind === "dividend" && (sharesBefore !== 1 || sharesAfter !== 1))
    wrong.push(["shares_after", "a dividend leaves the shares as they are"])
  if (kind !== "dividend" && sharesAfter === sharesBefore) wrong.push(["shares_after", "must differ from shares_before"])
  if (kind !== "dividend" && kind !== "split" && sharesAfter < sharesBefore) wrong.push(["shares_after", `a ${kind} issue adds shares`])
  if (exchanges && (pricePaise !== 0 || closePaise !== 0)) wrong.push(["price", `a ${kind} has no price`])
  if (!exchanges && closePaise === 0) wrong.push(["close_before", "the factor needs the close of the day before"])
  if (!exchanges && pricePaise >= closePaise) wrong.push(["price", "must be below close_before"])
  return wrong
}
