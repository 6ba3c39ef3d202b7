import { Effect } from "effect"
import type * as Instrument from "../../domain/market/Instrument.ts"
import type * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import * as Life from "../../domain/market/Life.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import * as StoredBars from "../../store/history/StoredBars.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { MarketClock } from "../../streams/MarketClock.ts"

/** The expiry of contracts and the trading places of instruments, from the rulebook at market time. */
export class Lifetimes extends Effect.Service<Lifetimes>()("gateway/shared/Lifetimes", {
  effect: Effect.gen(function* () {
    const registry = yield* InstrumentRegistry
    const clock = yield* MarketClock
    const rules = yield* RuleBook

    /** Where the symbol's underlying trades. Contracts that are not listed expire like NSE's. */
    const underlyingOf = (symbol: string): Instrument.Underlying => ({ exchange: registry.exchangesOf(symbol)[0] ?? "NSE", name: symbol })
    const shownUntilMs = (underlying: Instrument.Underlying, expiry: string): number =>
      Life.shownUntilMs(rules.current(), underlying, expiry)

    /** Where an instrument trades; undefined if the rulebook does not know its exchange. */
    const placeOf = (instrument: Instrument.Instrument): InstrumentHours.Place | undefined =>
      StoredBars.placeOf(registry, rules.current(), instrument)

    return {
      placeOf,
      /** Where the symbol's underlying trades. */
      exchangeOf: (symbol: string): string => underlyingOf(symbol).exchange,
      /** Until when contracts of a symbol are listed and kept. */
      shownUntilMs: (symbol: string, expiry: string): number => shownUntilMs(underlyingOf(symbol), expiry),
      isAlive: (symbol: string, expiry: string): boolean => shownUntilMs(underlyingOf(symbol), expiry) > clock.unsafeNow(),
      /** False for an instrument that never expires. */
      hasExpired: (instrument: Instrument.Instrument): boolean =>
        instrument.expiry !== null && Life.instrumentShownUntilMs(rules.current(), instrument) <= clock.unsafeNow(),
      /** UTC milliseconds; undefined for an instrument that never expires. */
      endOf: (instrument: Instrument.Instrument): number | undefined =>
        instrument.expiry === null ? undefined : Life.instrumentShownUntilMs(rules.current(), instrument),
      /** UTC milliseconds for pricing; NaN if the rulebook does not know the instant. */
      endsMs: (symbol: string, expiry: string): number => Life.chainEndsMs(rules.current(), underlyingOf(symbol), expiry),
      /** Years of option time from an instant; NaN if the rulebook does not know the expiry. */
      yearsLeft: (symbol: string, expiry: string, nowMs: number): number =>
        Life.yearsLeft(rules.current(), underlyingOf(symbol), expiry, nowMs)
    } as const
  })
}) {}
