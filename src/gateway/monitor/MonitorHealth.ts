import { Effect } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Freshness from "../../domain/market/Freshness.ts"
import { pricingSettings } from "../../settings/PricingSettings.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { Symbols } from "../instruments/Symbols.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { Views } from "../views/Views.ts"
import { Monitor } from "./Monitor.ts"

const ageMs = (time: string | null | undefined, nowMs: number): number | null =>
  time === null || time === undefined ? null : Math.max(0, nowMs - Date.parse(time))

/** Whether the numbers of an underlying are fresh, by market time. */
export const make = Effect.gen(function* () {
  const monitor = yield* Monitor
  const { chains } = yield* Views
  const clock = yield* MarketClock
  const rules = yield* RuleBook
  const symbols = yield* Symbols
  const lifetimes = yield* Lifetimes
  const { staleAfterMs } = yield* pricingSettings

  return (symbol: string, asked: string | undefined) =>
    Effect.gen(function* () {
      const { expiry, head, strikes } = yield* monitor.chosen(symbol, asked)
      const state = chains.state(symbol)
      const nowMs = clock.unsafeNow()
      const underlying = symbols.find(symbol)
      const place = underlying === undefined ? undefined : lifetimes.placeOf(underlying)
      const spot_time = state?.spot_time ?? null
      const spot_age_ms = ageMs(spot_time, Freshness.judgedAtMs(rules.current(), place, nowMs))
      const chain_age_ms = strikes.length === 0 ? null : ageMs(head.as_of, nowMs)
      const late = (what: string, age: number | null) =>
        age !== null && age > staleAfterMs ? [`${what} is ${Math.round(age / 1_000)} s old`] : []
      const missing = [
        ...(state === undefined ? ["nothing is published for the underlying"] : []),
        ...(strikes.length === 0 ? ["no option of the expiry is streamed"] : [])
      ]
      const stale = [...late("the spot price", spot_age_ms), ...late("the chain", chain_age_ms)]
      const rows: Record<string, number> = {}
      for (const { call, put } of strikes)
        for (const option of [call, put]) if (option !== null) rows[option.quality] = (rows[option.quality] ?? 0) + 1
      const status: "live" | "stale" | "no_data" = missing.length > 0 ? "no_data" : stale.length > 0 ? "stale" : "live"
      return {
        symbol,
        expiry,
        status,
        reasons: [...missing, ...stale],
        market_time: IndiaTime.isoTime(nowMs),
        spot_time,
        spot_age_ms,
        state_age_ms: ageMs(state?.as_of, nowMs),
        chain_age_ms,
        stale_after_ms: staleAfterMs,
        rows
      }
    })
})
