import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as Catalogue from "../../../src/domain/indicators/Catalogue.ts"
import * as Indicator from "../../../src/domain/indicators/Indicator.ts"
import * as Series from "../../../src/domain/indicators/Series.ts"

const ready = (text: string) => Either.getOrThrow(Catalogue.parse(text))
const sessionMinutes = 375
const openOf = (day: string) => IndiaTime.istMidnightMs(day) + 9.25 * 3_600_000
/** Bars of `width` minutes on each of many days in a row. */
const bars = (firstDay: string, days: number, width: number): ReadonlyArray<Indicator.Bar> =>
  Array.from({ length: days }, (_, day) =>
    Array.from({ length: Math.ceil(sessionMinutes / width) }, (_, index): Indicator.Bar => {
      const place = day * 1_000 + index
      const price = 24_500 + ((place * 7919) % 1000) / 20
      return {
        atMs: openOf(firstDay) + day * IndiaTime.dayMs + index * width * IndiaTime.minuteMs,
        open: price,
        high: price + (place % 13) / 20,
        low: price - (place % 11) / 20,
        close: price + ((place % 5) - 2) / 20,
        volume: place % 97
      }
    })
  ).flat()

const allOf = (text: string, given: ReadonlyArray<Indicator.Bar>, first: number, width: number) =>
  Series.segments(ready(text), given, first, given.length, width, sessionMinutes).flatMap((segment) =>
    Series.valuesOf(ready(text), given, segment)
  )
const originDay = (text: string, day: string, minutes: number) =>
  IndiaTime.istDate(Series.originMs(ready(text), day, minutes, sessionMinutes))

describe("Series", () => {
  it("a series begins as many whole days before its day as the indicator needs", () => {
    assert.strictEqual(originDay("vwap", "2026-08-17", 5), "2026-08-17")
    assert.strictEqual(originDay("obv", "2026-08-17", 5), "2026-08-01")
    assert.strictEqual(originDay("obv", "2026-08-17", 1440), "2026-01-01")
    // 21 bars of 5 minutes are within one session: two calendar days, and five for holidays.
    assert.strictEqual(originDay("sma", "2026-08-17", 5), "2026-08-10")
    // 470 bars of 1 minute are within two sessions: three calendar days, and five for holidays.
    assert.strictEqual(originDay("macd", "2026-08-17", 1), "2026-08-09")
    // 140 sessions are 196 calendar days.
    assert.strictEqual(originDay("rsi", "2026-08-17", 1440), IndiaTime.istDate(openOf("2026-08-17") - 201 * IndiaTime.dayMs))
  })

  it("a series never begins further back than the longest warm-up", () => {
    const days = (openOf("2026-08-17") - Series.originMs(ready("ema(period=1000)"), "2026-08-17", 1440, sessionMinutes)) / IndiaTime.dayMs
    assert.isAtMost(days, 7_006)
  })

  it.prop(
    "BE-SVC-03 a bar has the same values, bit for bit, whichever span was asked for",
    [
      FastCheck.constantFrom("sma", "ema", "rsi", "macd", "supertrend", "adx", "vwap", "vwap(anchor=cumulative)", "obv", "mfi"),
      FastCheck.constantFrom(5, 15, 60),
      FastCheck.integer({ min: 24, max: 38 })
    ],
    ([text, width, day]) => {
      // The given bars reach from 1 July into August, so every origin is among them.
      const whole = bars("2026-07-01", 40, width)
      const perDay = Math.ceil(sessionMinutes / width)
      const long = allOf(text, whole, 22 * perDay, width)
      const origin = Series.originMs(ready(text), IndiaTime.istDate(whole[day * perDay]!.atMs), width, sessionMinutes)
      const short = whole.filter(({ atMs }) => atMs >= origin)
      const first = short.findIndex(({ atMs }) => atMs === whole[day * perDay]!.atMs)
      assert.deepStrictEqual(allOf(text, short, first, width), long.slice((day - 22) * perDay))
    }
  )

  it.prop(
    "BE-SVC-03 streaming from a day's origin equals the day's values of a longer span",
    [FastCheck.constantFrom("ema", "rsi", "macd", "supertrend", "adx", "obv", "stochastic"), FastCheck.constantFrom(5, 15, 60)],
    ([text, width]) => {
      const whole = bars("2026-07-01", 36, width)
      const perDay = Math.ceil(sessionMinutes / width)
      const one = ready(text)
      const batch = allOf(text, whole, 25 * perDay, width).slice(-perDay)
      const origin = Series.originMs(one, IndiaTime.istDate(whole.at(-1)!.atMs), width, sessionMinutes)
      let live = Indicator.start(one.indicator)
      const streamed: Array<Indicator.Values | null> = []
      for (const bar of whole.filter(({ atMs }) => atMs >= origin)) {
        live = Indicator.update(one.indicator, live, { ...bar, close: bar.high, volume: 0 })
        live = Indicator.update(one.indicator, live, bar)
        streamed.push(live.values)
      }
      assert.deepStrictEqual(streamed.slice(-perDay), batch)
    }
  )

  it("a window of bars needs one run; sums that begin again with a day or a month need a run for each", () => {
    const whole = bars("2026-07-30", 4, 60)
    const runs = (text: string) => Series.segments(ready(text), whole, 7, whole.length, 60, sessionMinutes)
    assert.deepStrictEqual(runs("sma"), [{ from: 0, at: 7, end: 28 }])
    assert.deepStrictEqual(runs("vwap"), [
      { from: 7, at: 7, end: 14 },
      { from: 14, at: 14, end: 21 },
      { from: 21, at: 21, end: 28 }
    ])
    assert.deepStrictEqual(runs("obv"), [
      { from: 0, at: 7, end: 14 },
      { from: 14, at: 14, end: 28 }
    ])
  })
})
