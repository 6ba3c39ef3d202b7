import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as KiteHistory from "../../../src/domain/market/KiteHistory.ts"
import * as RecentCandles from "../../../src/gateway/indicators/RecentCandles.ts"
import type { StoredCandle } from "../../../src/store/history/StoredBars.ts"
import { anInstrument } from "../../domain/market/AnInstrument.ts"

const minuteMs = IndiaTime.minuteMs
const minute = KiteHistory.intervals[0]
const candle = (atMs: number, close: number): StoredCandle => ({
  atMs,
  open: close,
  high: close,
  low: close,
  close,
  volume: 1,
  oi: null,
  source: "live",
  complete: true
})

/** A history of minutes from 0 on, which counts what it is asked for. */
const aHistory = () => {
  const stored = new Map<number, number>()
  const asked: Array<number> = []
  return {
    stored,
    asked,
    candles: (_: unknown, __: unknown, { fromMs, toMs }: KiteHistory.Span) =>
      Effect.sync(() => {
        asked.push(fromMs)
        const within = [...stored].filter(([atMs]) => atMs >= fromMs && atMs <= toMs).toSorted(([a], [b]) => a - b)
        return { candles: within.map(([atMs, close]) => candle(atMs, close)), warning: null }
      })
  }
}
const share = anInstrument(408065, { exchange: "NSE", tradingsymbol: "INFY" })

describe("The candles of charts that are requested again and again", () => {
  it.effect("are all read once a minute, and in between only those that may still change", () =>
    Effect.gen(function* () {
      const history = aHistory()
      for (let n = 0; n <= 100; n++) history.stored.set(n * minuteMs, n)
      const recent = RecentCandles.make(history)
      const read = (fromMs: number, toMs: number) => Effect.map(recent.candles(share, minute, { fromMs, toMs }), (it) => it.candles)
      assert.lengthOf(yield* read(0, 100 * minuteMs), 101)
      // The newest candle changed, and two came.
      for (const n of [100, 101, 102]) history.stored.set(n * minuteMs, n + 0.5)
      const next = yield* read(5 * minuteMs, 102 * minuteMs)
      assert.deepStrictEqual(history.asked, [0, 90 * minuteMs])
      assert.deepStrictEqual(
        next.map(({ close }) => close),
        Array.from({ length: 103 }, (_, n) => (n < 100 ? n : n + 0.5))
      )
      // Another request needs older candles than those that are kept.
      history.stored.set(-minuteMs, -1)
      assert.lengthOf(yield* read(-minuteMs, 102 * minuteMs), 104)
      // A correction of an old candle shows after a minute.
      history.stored.set(7 * minuteMs, 77)
      assert.strictEqual((yield* read(0, 102 * minuteMs))[8]?.close, 7)
      yield* TestClock.adjust(RecentCandles.wholeMs)
      assert.strictEqual((yield* read(-minuteMs, 102 * minuteMs))[8]?.close, 77)
      // It shows at once when a change of candles is announced.
      history.stored.set(7 * minuteMs, 78)
      yield* recent.forget
      assert.strictEqual((yield* read(-minuteMs, 102 * minuteMs))[8]?.close, 78)
      assert.deepStrictEqual(history.asked, [0, 90 * minuteMs, -minuteMs, 92 * minuteMs, -minuteMs, -minuteMs])
    })
  )

  it.effect("are dropped when there are too many, beginning with the chart that was unused for longest", () =>
    Effect.gen(function* () {
      const history = aHistory()
      for (let n = 0; n <= 40; n++) history.stored.set(n * minuteMs, n)
      const recent = RecentCandles.make(history, 100)
      const read = (name: string) =>
        recent.candles(anInstrument(1, { exchange: "NSE", tradingsymbol: name }), minute, { fromMs: 0, toMs: 40 * minuteMs })
      for (const name of ["A", "B", "A", "C", "A", "B"]) yield* read(name)
      // A is used most. C takes the place of B, and B that of C.
      const [whole, part] = [0, 30 * minuteMs]
      assert.deepStrictEqual(history.asked, [whole, whole, part, whole, part, whole])
    })
  )

  it.effect("are not kept if they were requested before a change", () =>
    Effect.gen(function* () {
      const history = aHistory()
      history.stored.set(0, 1)
      const recent: ReturnType<typeof RecentCandles.make> = RecentCandles.make({
        candles: (...[one, interval, span]) => Effect.zipLeft(history.candles(one, interval, span), recent.forget)
      })
      const read = recent.candles(share, minute, { fromMs: 0, toMs: minuteMs })
      yield* read
      yield* read
      assert.deepStrictEqual(history.asked, [0, 0])
    })
  )
})
