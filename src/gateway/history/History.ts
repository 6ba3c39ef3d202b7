import { Effect } from "effect"
import * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import type * as KiteHistory from "../../domain/market/KiteHistory.ts"
import type * as HistoricalGreeks from "../../domain/options/HistoricalGreeks.ts"
import * as Day from "../../domain/rules/Day.ts"
import type * as Hours from "../../domain/rules/Hours.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import type { StoredCandle } from "../../store/history/StoredBars.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import * as OptionGreeks from "./OptionGreeks.ts"
import * as StoredCandles from "./StoredCandles.ts"

export interface Candles {
  readonly candles: ReadonlyArray<StoredCandle>
  /** What is missing and why; null when nothing is missing that the broker could have supplied. */
  readonly warning: string | null
}

/** The most of Kite's windows that one request may need. */
const windowsMax = 10
/** After this long a caller gets the stored candles. The broker's may still arrive for the next caller. */
const fillMax = "30 seconds"
const tooSlow = new Problem.Unavailable({ detail: `The broker's history did not come within ${fillMax}` })
/** The most candles of one answer: as many as a browser can draw at once, and a few megabytes here. */
const candlesMax = 50_000

/** How many days one answer may span. A day of unknown hours counts as 24 hours. */
const daysMax = ({ minutes, daysMax }: KiteHistory.Interval, session: Hours.Session | undefined): number => {
  const sessionMinutes = (session === undefined ? IndiaTime.dayMs : session.closesAtMs - session.opensAtMs) / IndiaTime.minuteMs
  const perSession = Math.max(1, Math.ceil(sessionMinutes / minutes))
  return Math.min(windowsMax * daysMax, Math.floor((candlesMax / perSession) * Day.daysPerSession))
}

/**
 * Candles of an instrument: the stored minutes first. The engine fetches missing candles from the broker into Postgres once. While the broker
 * cannot be asked, the answer has the stored ones and a warning.
 */
export class History extends Effect.Service<History>()("gateway/history/History", {
  effect: Effect.gen(function* () {
    const clock = yield* MarketClock
    const rules = yield* RuleBook
    const { placeOf } = yield* Lifetimes
    const stored = yield* StoredCandles.make
    const optionGreeks = yield* OptionGreeks.make

    const candles = (
      instrument: Instrument.Instrument,
      interval: KiteHistory.Interval,
      span: KiteHistory.Span,
      isAdjusted: boolean
    ): Effect.Effect<Candles, Problem.Unavailable | Problem.Invalid> =>
      Effect.gen(function* () {
        const nowMs = clock.unsafeNow()
        const days = daysMax(interval, InstrumentHours.usual(rules.current(), placeOf(instrument), nowMs))
        if (span.fromMs > span.toMs) return yield* Problem.reversedSpan()
        if (span.toMs - span.fromMs > days * IndiaTime.dayMs)
          return yield* Problem.invalidField("from", `at most ${days} days of ${interval.name} candles at once`)
        const actions = yield* stored.actionsOf(instrument, nowMs)
        const filled = yield* Effect.either(
          Effect.timeoutFail(stored.fill(instrument, interval, span, nowMs), { duration: fillMax, onTimeout: () => tooSlow })
        )
        const found = yield* stored.read(instrument, interval, span, nowMs, actions, isAdjusted)
        // Nothing is stored and the broker did not answer: an empty answer would be wrong.
        if (filled._tag === "Left" && found.length === 0) return yield* filled.left
        return { candles: found, warning: filled._tag === "Left" ? filled.left.detail : null }
      })

    /** Greeks for each candle of an option, from one read of its underlying; undefined when the instrument is not an option. */
    const greeks = (
      instrument: Instrument.Instrument,
      interval: KiteHistory.Interval,
      span: KiteHistory.Span,
      of: ReadonlyArray<KiteHistory.Candle>
    ): Effect.Effect<ReadonlyArray<HistoricalGreeks.Valued> | undefined> =>
      optionGreeks.of(instrument, interval.minutes, of, (underlying) =>
        // Option prices were made on the share's price of that day.
        candles(underlying, interval, span, false).pipe(
          Effect.map((all) => all.candles),
          // The option's candles are valid without the underlying's: they have no Greeks, and each says so.
          Effect.catchAll((error) =>
            Effect.as(Effect.logWarning("no history of the underlying", error), [] as ReadonlyArray<KiteHistory.Candle>)
          )
        )
      )

    return { candles, greeks } as const
  })
}) {}
