import { Effect } from "effect"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Forward from "../../domain/options/Forward.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { pricingSettings } from "../../streams/PricingSettings.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import type { Chain, Row } from "../views/ChainView.ts"
import { Views } from "../views/Views.ts"

/** What the streams say of one instrument. */
export interface Quote {
  /** Rupees; null before the first. */
  readonly lastPrice: number | null
  readonly asOf: string | null
  /** Too old to be relied on, as the streams see it. */
  readonly isStale: boolean
  /** An option's own row. */
  readonly row: Row | undefined
}

export const noQuote: Quote = { lastPrice: null, asOf: null, isStale: false, row: undefined }

/** Prices, forwards and volatilities as they were last published. */
export class Valuation extends Effect.Service<Valuation>()("gateway/chains/Valuation", {
  effect: Effect.gen(function* () {
    const clock = yield* MarketClock
    const { chains } = yield* Views
    const lifetimes = yield* Lifetimes
    const settings = yield* pricingSettings

    const isOld = (asOf: string): boolean => clock.unsafeNow() - Date.parse(asOf) > settings.staleAfterMs

    const optionQuote = (token: number, head: Chain["head"] | undefined): Quote => {
      const row = chains.row(token)
      if (row === undefined) return noQuote
      const isStale = row.quality === "stale" || (head !== undefined && head.as_of !== "" && isOld(head.as_of))
      return { lastPrice: row.last_price, asOf: row.time, isStale, row }
    }
    const quote = (instrument: Instrument.Instrument): Quote => {
      if (Instrument.isOption(instrument)) {
        const symbol = Instrument.underlyingOf(instrument)?.name ?? ""
        return optionQuote(instrument.token, chains.find(symbol, instrument.expiry ?? "")?.head)
      }
      const price = chains.price(instrument.token)
      return price === undefined ? noQuote : { lastPrice: price.last_price, asOf: price.as_of, isStale: isOld(price.as_of), row: undefined }
    }

    const spot = (symbol: string): number | null => chains.state(symbol)?.spot ?? null

    /** The spot; of what has none (commodities) the nearest forward that is published, else the nearest future's price. */
    const basePrice = (symbol: string): number | null => {
      const state = chains.state(symbol)
      const forward = state?.expiries.find((one) => one.forward !== null)?.forward
      return state?.spot ?? forward ?? state?.futures.find((one) => one.last_price !== null)?.last_price ?? null
    }

    const futurePrice = (symbol: string, expiry: string): number | null =>
      chains.state(symbol)?.futures.find((one) => one.expiry === expiry)?.last_price ?? null

    /** Of a listed expiry as it was published, else its future, else the spot carried at the configured rates. */
    const forward = (symbol: string, expiry: string, spotPrice: number): number => {
      const published = chains.find(symbol, expiry)?.head.forward ?? null
      if (published !== null) return published
      const future = futurePrice(symbol, expiry)
      if (future !== null) return future
      const t = lifetimes.yearsLeft(symbol, expiry, clock.unsafeNow())
      return Forward.carried(spotPrice, settings.rate - settings.dividendYield, t)
    }

    /** Of the strike, else of the nearest strike of the expiry that has one (the lower of two). */
    const iv = (symbol: string, expiry: string, strike: number): number | null => {
      let best: Row | undefined
      for (const row of chains.find(symbol, expiry)?.rows.values() ?? []) {
        if (row.iv === null) continue
        const nearer = best === undefined ? -1 : Math.abs(row.strike - strike) - Math.abs(best.strike - strike)
        if (nearer < 0 || (nearer === 0 && best !== undefined && row.strike < best.strike)) best = row
      }
      return best?.iv ?? null
    }

    /** Volatility at the money of the expiry; null while there is none. */
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

    return { quote, spot, basePrice, forward, iv, atmIv, optionPrice, futurePrice, settings, nowMs: clock.unsafeNow } as const
  })
}) {}
