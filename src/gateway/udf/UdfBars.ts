import { Effect } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import * as KiteHistory from "../../domain/market/KiteHistory.ts"
import type * as Hours from "../../domain/rules/Hours.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { History } from "../history/History.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"

/** The most bars of one answer. */
export const barsMax = 10_000
/** When the span has no bar, the last bar before it is searched this far back. */
const lookBackDays = 15

export const intervalOf = (resolution: string): KiteHistory.Interval | undefined => {
  const text = resolution.toUpperCase()
  if (text === "D" || text === "1D") return KiteHistory.byMinutes(IndiaTime.dayMinutes)
  if (text === "1H" || text === "H") return KiteHistory.byMinutes(60)
  return /^\d{1,2}$/.test(text) ? KiteHistory.byMinutes(Number(text)) : undefined
}

/** Charts expect a day at its date's midnight UTC, not at India's midnight on the evening before. */
const timeOf = (atMs: number, minutes: number): number => (minutes < IndiaTime.dayMinutes ? atMs : atMs + IndiaTime.istOffsetMs) / 1_000

const daily = KiteHistory.byMinutes(IndiaTime.dayMinutes) as KiteHistory.Interval

const columns = (candles: ReadonlyArray<KiteHistory.Candle>, minutes: number) => ({
  s: "ok" as const,
  t: candles.map(({ atMs }) => timeOf(atMs, minutes)),
  o: candles.map(({ open }) => open),
  h: candles.map(({ high }) => high),
  l: candles.map(({ low }) => low),
  c: candles.map(({ close }) => close),
  v: candles.map(({ volume }) => volume)
})
/** Milliseconds of a text of whole seconds; NaN for any other text. */
export const secondsMs = (text: string): number => (/^-?\d{1,11}$/.test(text) ? Number(text) * 1_000 : Number.NaN)
export const failure = (errmsg: string) => ({ s: "error" as const, errmsg })

/**
 * An upper bound for the time that so many bars cover, with holidays in each week. A day of unknown hours counts as one hour of
 * trading.
 */
const reachMs = (bars: number, { minutes }: KiteHistory.Interval, session: Hours.Session | undefined): number => {
  const sessionMs = session === undefined ? 60 * IndiaTime.minuteMs : session.closesAtMs - session.opensAtMs
  const perSession = Math.max(1, Math.floor(sessionMs / IndiaTime.minuteMs / minutes))
  return (Math.ceil(bars / perSession) * 1.6 + 7) * IndiaTime.dayMs
}

/** Bars of an instrument, in the protocol's columns. */
export const make = Effect.gen(function* () {
  const history = yield* History
  const clock = yield* MarketClock
  const lifetimes = yield* Lifetimes
  const rules = yield* RuleBook

  const usualSession = (it: Instrument.Instrument) => InstrumentHours.usual(rules.current(), lifetimes.placeOf(it), clock.unsafeNow())

  /** The candles of a span, which reaches back at most `barsMax` bars. */
  const bars = (it: Instrument.Instrument, interval: KiteHistory.Interval, fromMs: number, toMs: number) =>
    Effect.map(
      // A chart is in the newest shares: a split is no fall of the price.
      history.candles(it, interval, { fromMs: Math.max(fromMs, toMs - reachMs(barsMax, interval, usualSession(it))), toMs }, true),
      ({ candles }) => candles
    )

  const historyOf = (it: Instrument.Instrument, interval: KiteHistory.Interval, fromMs: number, toMs: number, countback: number) =>
    Effect.gen(function* () {
      // `to` is exclusive. A day is requested by its date.
      const shiftMs = interval.minutes < IndiaTime.dayMinutes ? 0 : IndiaTime.istOffsetMs
      const untilMs = Math.min(toMs, clock.unsafeNow() + shiftMs + IndiaTime.dayMs) - shiftMs - 1
      const sinceMs = fromMs - shiftMs
      // "countback has priority over from": TradingView Charting Library, UDF, "Bars".
      const reach = countback > 0 ? untilMs - reachMs(countback, interval, usualSession(it)) : sinceMs
      if (reach > untilMs) return { s: "no_data" as const }
      const found = yield* bars(it, interval, reach, untilMs)
      const wanted = countback > 0 ? found.slice(-countback) : found.filter(({ atMs }) => atMs >= sinceMs)
      if (wanted.length > 0) return columns(wanted.slice(-barsMax), interval.minutes)
      const earlier = yield* bars(it, interval, reach - lookBackDays * IndiaTime.dayMs, reach - 1)
      const last = earlier.at(-1)
      return { s: "no_data" as const, ...(last === undefined ? {} : { nextTime: timeOf(last.atMs, interval.minutes) }) }
    }).pipe(Effect.catchAll(({ detail }) => Effect.succeed(failure(detail))))

  /** The newest day's candle and the one before it, oldest first. */
  const lastDays = (it: Instrument.Instrument) => {
    const nowMs = clock.unsafeNow()
    return Effect.map(bars(it, daily, nowMs - lookBackDays * IndiaTime.dayMs, nowMs), (days) => days.slice(-2))
  }

  return { usualSession, historyOf, lastDays } as const
})
