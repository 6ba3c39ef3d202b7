import { Effect } from "effect"
import * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Money from "../../domain/Money.ts"
import * as Coverage from "../../domain/market/Coverage.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import type * as KiteHistory from "../../domain/market/KiteHistory.ts"
import * as Life from "../../domain/market/Life.ts"
import * as HistoricalGreeks from "../../domain/options/HistoricalGreeks.ts"
import type * as Hours from "../../domain/rules/Hours.ts"
import { BarRepo } from "../../store/BarRepo.ts"
import { InstrumentRegistry } from "../../store/InstrumentRegistry.ts"
import * as Slices from "../../store/Slices.ts"
import * as Asks from "../../streams/Asks.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { pricingSettings } from "../../streams/PricingSettings.ts"
import { RuleBook } from "../../streams/RuleBook.ts"
import { Engine } from "../shared/Engine.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { orProblem } from "../shared/StoreProblem.ts"

export interface Candles {
  readonly candles: ReadonlyArray<KiteHistory.Candle>
  /** What could not be had, and why; null when nothing is missing that the broker could have told. */
  readonly warning: string | null
}

/** Windows of Kite's that one request may need. */
const windowsMax = 10
/** A caller gets what there is when the broker has not told the rest by then; it may still come for the next caller. */
const fillMax = "30 seconds"
const tooSlow = new Problem.Unavailable({ detail: `The broker's history did not come within ${fillMax}` })
/** Candles of one answer: what a browser takes at once, and some megabytes here. */
const candlesMax = 50_000
/** Sessions are on five days of a week. */
const daysPerSession = 7 / 5

/** How many days one answer may span, whatever the caller asks for; unknown hours count as a whole day. */
export const daysMax = ({ minutes, daysMax }: KiteHistory.Interval, session: Hours.Session | undefined): number => {
  const sessionMinutes = (session === undefined ? IndiaTime.dayMs : session.closesAtMs - session.opensAtMs) / IndiaTime.minuteMs
  const perSession = Math.max(1, Math.ceil(sessionMinutes / minutes))
  return Math.min(windowsMax * daysMax, Math.floor((candlesMax / perSession) * daysPerSession))
}

/**
 * Candles of an instrument: our own minutes first, and what they lack from the broker, which the engine fetches into Postgres once. While the
 * broker cannot be asked, what there is.
 */
export class History extends Effect.Service<History>()("gateway/history/History", {
  effect: Effect.gen(function* () {
    const repo = yield* BarRepo
    const registry = yield* InstrumentRegistry
    const clock = yield* MarketClock
    const engine = yield* Engine
    const settings = yield* pricingSettings
    const rules = yield* RuleBook

    const { placeOf } = yield* Lifetimes

    /** The instrument whose price an option's follows: the index or share, else the future that ends with it or next after it. */
    const underlyingOf = (option: Instrument.Instrument): Instrument.Instrument | undefined => {
      const under = Instrument.underlyingOf(option)
      const members = under === null ? [] : registry.ofUnderlying(under.exchange, under.name)
      const futures = members.filter((one) => one.instrumentType === "FUT" && (one.expiry ?? "") >= (option.expiry ?? ""))
      return members.find(({ expiry }) => expiry === null) ?? futures.sort((a, b) => ((a.expiry ?? "") < (b.expiry ?? "") ? -1 : 1))[0]
    }

    const rangeOf = (
      instrument: Instrument.Instrument,
      minutes: number,
      place: InstrumentHours.Place | undefined,
      span: KiteHistory.Span,
      nowMs: number
    ) => ({
      instrumentToken: instrument.token,
      tradingsymbol: instrument.tradingsymbol,
      minutes,
      from: new Date(span.fromMs),
      to: new Date(span.toMs),
      now: new Date(nowMs),
      sessions: InstrumentHours.during(rules.current(), place, Coverage.daysIn(span)),
      gridOpenMs: InstrumentHours.gridOpenMs(rules.current(), place, span.toMs)
    })

    const fill = (instrument: Instrument.Instrument, { minutes }: KiteHistory.Interval, span: KiteHistory.Span, nowMs: number) =>
      Effect.gen(function* () {
        const place = placeOf(instrument)
        const range = rangeOf(instrument, minutes, place, span, nowMs)
        const sessionOf = (day: string) => InstrumentHours.on(rules.current(), place, day)
        const missing = Coverage.missing(yield* orProblem(repo.days(range)), span, nowMs, sessionOf)
        yield* Effect.forEach(
          missing,
          ({ fromMs, toMs }) =>
            engine.ask(Asks.fetchHistory, {
              instrument_token: instrument.token,
              tradingsymbol: instrument.tradingsymbol,
              minutes,
              from_ms: fromMs,
              to_ms: toMs
            }),
          { discard: true }
        )
      })

    const candles = (
      instrument: Instrument.Instrument,
      interval: KiteHistory.Interval,
      span: KiteHistory.Span
    ): Effect.Effect<Candles, Problem.Unavailable | Problem.Invalid> =>
      Effect.gen(function* () {
        const days = daysMax(interval, InstrumentHours.usual(rules.current(), placeOf(instrument), clock.unsafeNow()))
        if (span.fromMs > span.toMs) return yield* Problem.invalidField("from", "must not be after to")
        if (span.toMs - span.fromMs > days * IndiaTime.dayMs)
          return yield* Problem.invalidField("from", `at most ${days} days of ${interval.name} candles at once`)
        const nowMs = clock.unsafeNow()
        const filled = yield* Effect.either(
          Effect.timeoutFail(fill(instrument, interval, span, nowMs), { duration: fillMax, onTimeout: () => tooSlow })
        )
        const scale = Instrument.priceScale(instrument.token)
        const rows = yield* orProblem(repo.range(rangeOf(instrument, interval.minutes, placeOf(instrument), span, nowMs)))
        // Nothing at all, and nobody could be asked: that is no empty answer.
        if (filled._tag === "Left" && rows.length === 0) return yield* filled.left
        return {
          candles: rows.map(({ at, open, high, low, close, volume, oi }) => ({
            atMs: at.getTime(),
            open: open / scale,
            high: high / scale,
            low: low / scale,
            close: close / scale,
            volume,
            oi
          })),
          warning: filled._tag === "Left" ? filled.left.detail : null
        }
      })

    /** Greeks by candle of an option, from one look at its underlying over the whole span; undefined for what is no option. */
    const greeks = (
      instrument: Instrument.Instrument,
      interval: KiteHistory.Interval,
      span: KiteHistory.Span,
      of: ReadonlyArray<KiteHistory.Candle>
    ): Effect.Effect<ReadonlyArray<HistoricalGreeks.Valued> | undefined> =>
      Effect.gen(function* () {
        const { instrumentType, expiry } = instrument
        if ((instrumentType !== "CE" && instrumentType !== "PE") || expiry === null) return undefined
        const scale = Instrument.priceScale(instrument.token)
        const underlying = underlyingOf(instrument)
        const under = Instrument.underlyingOf(instrument)
        const place = placeOf(instrument)
        const found =
          underlying === undefined || of.length === 0
            ? []
            : yield* candles(underlying, interval, span).pipe(
                Effect.map((all) => all.candles),
                // The option's own candles stand: without its underlying they have no Greeks, and each says so.
                Effect.catchAll((error) =>
                  Effect.as(Effect.logWarning("no history of the underlying", error), [] as ReadonlyArray<KiteHistory.Candle>)
                )
              )
        const option = {
          kind: instrumentType,
          strike: Money.toNumber(instrument.strike, scale),
          tickSize: Money.toNumber(instrument.tickSize, scale),
          expiryMs: under === null ? Number.NaN : Life.chainEndsMs(rules.current(), under, expiry)
        }
        const priced = { closeAt: new Map(found.map(({ atMs, close }) => [atMs, close])), carried: underlying?.expiry === null }
        const closesMs = (atMs: number) => InstrumentHours.barClosesMs(rules.current(), place, atMs, interval.minutes)
        return yield* Slices.flatMap(of, (slice) =>
          Effect.sync(() => HistoricalGreeks.ofCandles(option, slice, priced, closesMs, settings))
        )
      })

    return { candles, greeks } as const
  })
}) {}
