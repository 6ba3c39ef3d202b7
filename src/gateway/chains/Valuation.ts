import { Effect } from "effect"
import * as Money from "../../domain/Money.ts"
import * as Freshness from "../../domain/market/Freshness.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Forward from "../../domain/options/Forward.ts"
import { pricingSettings } from "../../settings/PricingSettings.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import type { Chain, Row } from "../views/ChainView.ts"
import { Views } from "../views/Views.ts"

/** The published values of one instrument. */
export interface Quote {
  /** Rupees; null before the first. */
  readonly lastPrice: number | null
  readonly asOf: string | null
  /** True if the streams consider the price too old. */
  readonly isStale: boolean
  /** The row of the option itself. */
  readonly row: Row | undefined
}

export const noQuote: Quote = { lastPrice: null, asOf: null, isStale: false, row: undefined }

/** The last published prices, forwards and volatilities. */
export class Valuation extends Effect.Service<Valuation>()("gateway/chains/Valuation", {
  effect: Effect.gen(function* () {
    const clock = yield* MarketClock
    const { chains } = yield* Views
    const lifetimes = yield* Lifetimes
    const rules = yield* RuleBook
    const settings = yield* pricingSettings

    const isOlder = (asOf: string, thanMs: number): boolean => thanMs - Date.parse(asOf) > settings.staleAfterMs
    const isOld = (asOf: string): boolean => isOlder(asOf, clock.unsafeNow())
    const isOldPrice = (instrument: Instrument.Instrument, asOf: string): boolean =>
      isOlder(asOf, Freshness.judgedAtMs(rules.current(), lifetimes.placeOf(instrument), clock.unsafeNow()))

    const optionQuote = (option: Instrument.Instrument, head: Chain["head"] | undefined): Quote => {
      const row = chains.row(option)
      if (row === undefined) return noQuote
      const isStale = row.quality === "stale" || (head !== undefined && head.as_of !== "" && isOld(head.as_of))
      return { lastPrice: row.last_price, asOf: row.time, isStale, row }
    }
    const quote = (instrument: Instrument.Instrument): Quote => {
      if (Instrument.isOption(instrument)) {
        const symbol = Instrument.underlyingOf(instrument)?.name ?? ""
        return optionQuote(instrument, chains.find(symbol, instrument.expiry ?? "")?.head)
      }
      const price = chains.price(instrument)
      if (price === undefined) return noQuote
      return { lastPrice: price.last_price, asOf: price.as_of, isStale: isOldPrice(instrument, price.as_of), row: undefined }
    }

    const spot = (symbol: string): number | null => chains.state(symbol)?.spot ?? null

    /** The spot. Without a spot (commodities), the nearest published forward, otherwise the nearest future's price. */
    const basePrice = (symbol: string): number | null => {
      const state = chains.state(symbol)
      const forward = state?.expiries.find((one) => one.forward !== null)?.forward
      return state?.spot ?? forward ?? state?.futures.find((one) => one.last_price !== null)?.last_price ?? null
    }

    const futurePrice = (symbol: string, expiry: string): number | null =>
      chains.state(symbol)?.futures.find((one) => one.expiry === expiry)?.last_price ?? null

    /** The published forward of a listed expiry, otherwise its future, otherwise the spot carried at the configured rates. */
    const forward = (symbol: string, expiry: string, spotPrice: number): number => {
      const published = chains.find(symbol, expiry)?.head.forward ?? null
      if (published !== null) return published
      const future = futurePrice(symbol, expiry)
      if (future !== null) return future
      const t = lifetimes.yearsLeft(symbol, expiry, clock.unsafeNow())
      return Forward.carried(spotPrice, settings.rate - settings.dividendYield, t)
    }

    /** Volatility of the strike, or of the nearest strike of the expiry that has one; of two equally near, the lower one. */
    const iv = (symbol: string, expiry: string, strike: number): number | null => {
      let best: Row | undefined
      for (const row of chains.find(symbol, expiry)?.rows.values() ?? []) {
        if (row.iv === null) continue
        const nearer = best === undefined ? -1 : Math.abs(row.strike - strike) - Math.abs(best.strike - strike)
        if (nearer < 0 || (nearer === 0 && best !== undefined && row.strike < best.strike)) best = row
      }
      return best?.iv ?? null
    }

    /** At-the-money volatility of the expiry; null if unknown. */
    const atmIv = (symbol: string, expiry: string): number | null => {
      const published = chains.state(symbol)?.expiries.find((one) => one.expiry === expiry)?.atm_iv ?? null
      const atm = chains.find(symbol, expiry)?.head.atm_strike ?? null
      return published ?? (atm === null ? null : iv(symbol, expiry, atm))
    }

    /** Last price of an option by its terms. */
    const optionPrice = (symbol: string, expiry: string, strike: number, side: "CE" | "PE"): number | null => {
      for (const row of chains.find(symbol, expiry)?.rows.values() ?? [])
        if (row.strike === strike && row.side === side) return row.last_price
      return null
    }

    /**
     * The instant from which the option time of an expiry is counted: the close while its options do not trade, because the last prices
     * were made then; otherwise `nowMs`.
     */
    const valuedMs = (symbol: string, expiry: string, nowMs: number): number => {
      const head = chains.find(symbol, expiry)?.head
      return head !== undefined && head.valued_at < head.as_of ? Date.parse(head.valued_at) : nowMs
    }

    return { quote, spot, basePrice, forward, iv, atmIv, optionPrice, futurePrice, settings, valuedMs, nowMs: clock.unsafeNow } as const
  })
}) {}

/** The last price as a decimal number of rupees; null before the first. */
export const lastPrice = (valuation: Valuation, instrument: Instrument.Instrument): Money.Decimal | null => {
  const last = valuation.quote(instrument).lastPrice
  return last === null ? null : Money.ofNumber(last)
}
