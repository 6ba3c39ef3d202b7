import { Effect } from "effect"
import type * as Problem from "../../contract/shared/Problem.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as Catalogue from "../../domain/indicators/Catalogue.ts"
import type * as Indicator from "../../domain/indicators/Indicator.ts"
import * as Series from "../../domain/indicators/Series.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import type * as KiteHistory from "../../domain/market/KiteHistory.ts"
import { nextTurn } from "../../loop/Turn.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { type Candles, History } from "../history/History.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import * as RecentCandles from "./RecentCandles.ts"

/** The values of one indicator at one bar. */
export interface Point {
  readonly atMs: number
  readonly values: Indicator.Values
}

/** Candles with the bars before them that the values of the span need. */
export interface Bars extends Candles {
  readonly sessionMinutes: number
}

/** What to compute at one bar, and how many bars it lies back from the newest one. */
export interface AtRequest {
  readonly instrument: Instrument.Instrument
  readonly interval: KiteHistory.Interval
  readonly indicators: ReadonlyArray<Catalogue.Ready>
  readonly offset: number
}
export interface At {
  /** When the bar opens; null if there is no such bar. */
  readonly atMs: number | null
  /** The values of each indicator, by its id. */
  readonly values: ReadonlyMap<string, Indicator.Values>
  readonly warning: string | null
}

/** Computes indicators on the candles of /history, in the newest shares. `at` sees a correction of an older candle within a minute. */
export class IndicatorSeries extends Effect.Service<IndicatorSeries>()("gateway/indicators/IndicatorSeries", {
  effect: Effect.gen(function* () {
    const history = yield* History
    const clock = yield* MarketClock
    const rules = yield* RuleBook
    const { placeOf } = yield* Lifetimes
    const recent = RecentCandles.make(history)

    const sessionMinutesOf = (instrument: Instrument.Instrument, atMs: number): number =>
      InstrumentHours.usualMinutes(rules.current(), placeOf(instrument), atMs)

    /** When the series of the indicators begin whose values are wanted from `fromMs` on. */
    const beginMs = (
      indicators: ReadonlyArray<Catalogue.Ready>,
      { minutes }: KiteHistory.Interval,
      fromMs: number,
      sessionMinutes: number
    ): number => {
      const day = IndiaTime.istDate(fromMs)
      return Math.min(fromMs, ...indicators.map((one) => Series.originMs(one, day, minutes, sessionMinutes)))
    }
    /** The candles from `fromMs` to `toMs`, and those before them from which the indicators' series begin. */
    const bars = (
      instrument: Instrument.Instrument,
      interval: KiteHistory.Interval,
      indicators: ReadonlyArray<Catalogue.Ready>,
      { fromMs, toMs }: KiteHistory.Span
    ): Effect.Effect<Bars, Problem.Unavailable | Problem.Invalid> => {
      const sessionMinutes = sessionMinutesOf(instrument, toMs)
      const found = history.candles(instrument, interval, { fromMs: beginMs(indicators, interval, fromMs, sessionMinutes), toMs }, true)
      return Effect.map(found, (candles) => ({ ...candles, sessionMinutes }))
    }
    /** The indicator's values at the bars from index `first` to `end` (exclusive). Other work gets a turn between two runs. */
    const points = (
      ready: Catalogue.Ready,
      { minutes }: KiteHistory.Interval,
      { candles, sessionMinutes }: Bars,
      first: number,
      end: number
    ): Effect.Effect<ReadonlyArray<Point>> =>
      Effect.gen(function* () {
        const found: Array<Point> = []
        for (const run of Series.segments(ready, candles, first, end, minutes, sessionMinutes)) {
          if (found.length > 0) yield* nextTurn
          for (const [at, values] of Series.valuesOf(ready, candles, run).entries()) {
            found.push({ atMs: (candles[run.at + at] as KiteHistory.Candle).atMs, values })
          }
        }
        return found
      })
    const at = ({ instrument, interval, indicators, offset }: AtRequest): Effect.Effect<At, Problem.Unavailable | Problem.Invalid> =>
      Effect.gen(function* () {
        const toMs = clock.unsafeNow()
        const sessionMinutes = sessionMinutesOf(instrument, toMs)
        const days = Series.newestBarDaysMax + Series.daysOf(offset, interval.minutes, sessionMinutes)
        // From a midnight on, so that all requests of a day read the same candles.
        const midnightMs = IndiaTime.startOfDayMs(toMs - days * IndiaTime.dayMs)
        const fromMs = beginMs(indicators, interval, midnightMs, sessionMinutes)
        const found = { ...(yield* recent.candles(instrument, interval, { fromMs, toMs })), sessionMinutes }
        const place = found.candles.length - 1 - offset
        const values = new Map<string, Indicator.Values>()
        if (place < 0) return { atMs: null, values, warning: found.warning }
        for (const one of indicators) {
          const [point] = yield* points(one, interval, found, place, place + 1)
          if (point !== undefined) values.set(one.id, point.values)
        }
        return { atMs: (found.candles[place] as KiteHistory.Candle).atMs, values, warning: found.warning }
      })

    return {
      bars,
      points,
      at,
      /** Reads all candles again for the next answers, because older ones changed. */
      forget: recent.forget,
      /** True when no further trade can change the bar. */
      isClosed: (instrument: Instrument.Instrument, { minutes }: KiteHistory.Interval, atMs: number): boolean =>
        InstrumentHours.barClosesMs(rules.current(), placeOf(instrument), atMs, minutes) <= clock.unsafeNow()
    } as const
  })
}) {}
