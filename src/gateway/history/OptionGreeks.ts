import { Effect } from "effect"
import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import type * as KiteHistory from "../../domain/market/KiteHistory.ts"
import * as Life from "../../domain/market/Life.ts"
import * as HistoricalGreeks from "../../domain/options/HistoricalGreeks.ts"
import { pricingSettings } from "../../settings/PricingSettings.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import * as Slices from "../../store/Slices.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"

/** Values an option's candles with the candles of its underlying. */
export const make = Effect.gen(function* () {
  const registry = yield* InstrumentRegistry
  const settings = yield* pricingSettings
  const rules = yield* RuleBook
  const { placeOf } = yield* Lifetimes

  /** The instrument that prices an option: the index or share, otherwise the future with the same or the next later expiry. */
  const underlyingOf = (option: Instrument.Instrument): Instrument.Instrument | undefined => {
    const under = Instrument.underlyingOf(option)
    const members = under === null ? [] : registry.ofUnderlying(under.exchange, under.name)
    const futures = members.filter((one) => one.instrumentType === "FUT" && (one.expiry ?? "") >= (option.expiry ?? ""))
    return members.find(({ expiry }) => expiry === null) ?? futures.sort((a, b) => ((a.expiry ?? "") < (b.expiry ?? "") ? -1 : 1))[0]
  }

  /** Greeks for each of the option's candles; undefined when the instrument is not an option. `read` reads the underlying's candles. */
  const of = (
    instrument: Instrument.Instrument,
    minutes: number,
    candles: ReadonlyArray<KiteHistory.Candle>,
    read: (underlying: Instrument.Instrument) => Effect.Effect<ReadonlyArray<KiteHistory.Candle>>
  ): Effect.Effect<ReadonlyArray<HistoricalGreeks.Valued> | undefined> =>
    Effect.gen(function* () {
      const { instrumentType, expiry } = instrument
      if ((instrumentType !== "CE" && instrumentType !== "PE") || expiry === null) return undefined
      const scale = Instrument.priceScale(instrument.token)
      const under = Instrument.underlyingOf(instrument)
      const underlying = underlyingOf(instrument)
      const found = underlying === undefined || candles.length === 0 ? [] : yield* read(underlying)
      const option = {
        kind: instrumentType,
        strike: Money.toNumber(instrument.strike, scale),
        tickSize: Money.toNumber(instrument.tickSize, scale),
        expiryMs: under === null ? Number.NaN : Life.chainEndsMs(rules.current(), under, expiry)
      }
      const priced = { closeAt: new Map(found.map(({ atMs, close }) => [atMs, close])), carried: underlying?.expiry === null }
      const place = placeOf(instrument)
      const closesMs = (atMs: number) => InstrumentHours.barClosesMs(rules.current(), place, atMs, minutes)
      return yield* Slices.flatMap(candles, (slice) =>
        Effect.sync(() => HistoricalGreeks.ofCandles(option, slice, priced, closesMs, settings))
      )
    })

  return { of } as const
})
