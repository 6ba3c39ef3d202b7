import { assert, layer } from "@effect/vitest"
import { Effect, Either } from "effect"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as Catalogue from "../../../src/domain/indicators/Catalogue.ts"
import type * as Indicator from "../../../src/domain/indicators/Indicator.ts"
import * as Series from "../../../src/domain/indicators/Series.ts"
import { BarRepo, type NewBar } from "../../../src/store/history/BarRepo.ts"
import * as Asks from "../../../src/streams/Asks.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import { ask, metric, tokens, World, world } from "../GatewayWorld.ts"

const dayMs = IndiaTime.dayMs
/** NSE trades for 375 minutes. */
const sessionMinutes = 375
const priceAt = (place: number) => 2_450_000 + ((place * 7919) % 40_000)
const bar = (atMs: number, place: number, minutes: number): NewBar => ({
  exchange: "NSE",
  ...(minutes === 1
    ? { instrumentToken: tokens.nifty, tradingsymbol: "NIFTY 50" }
    : { instrumentToken: tokens.infy, tradingsymbol: "INFY" }),
  minutes,
  source: minutes === 1 ? "live" : "broker",
  at: new Date(atMs),
  open: priceAt(place),
  high: priceAt(place) + 505,
  low: priceAt(place) - 515,
  close: priceAt(place) + (place % 7) * 5,
  volume: 100 + (place % 50),
  oi: null,
  complete: true
})
const rupees = ({ at, open, high, low, close, volume }: NewBar): Indicator.Bar => ({
  atMs: at.getTime(),
  open: open / 100,
  high: high / 100,
  low: low / 100,
  close: close / 100,
  volume
})
/** Read once: India's midnight may pass while the tests run. */
const yesterdayMs = IndiaTime.istMidnightMs(IndiaTime.istDate(Date.now())) - dayMs
/** Day candles of a share on the last 400 days up to yesterday. */
const days = Array.from({ length: 400 }, (_, n) => bar(yesterdayMs - (399 - n) * dayMs, n, 1440))
/** The minutes of three sessions of the index. */
const minutes = ["2026-11-18", "2026-11-19", "2026-11-20"].flatMap((day, session) =>
  Array.from({ length: sessionMinutes }, (_, n) =>
    bar(Date.parse(`${day}T09:15:00+05:30`) + n * IndiaTime.minuteMs, session * sessionMinutes + n, 1)
  )
)
const filled = Effect.gen(function* () {
  const { engine } = yield* World
  const repo = yield* BarRepo
  // Without an engine a request would wait for it.
  yield* Asks.serve(Asks.fetchHistory, () => Effect.fail(new Error("no broker")), 1).pipe(
    Effect.provideService(JetStream, engine),
    Effect.forkScoped
  )
  yield* Effect.promise(() => engine.nc.flush())
  yield* repo.save(days)
  yield* repo.save(minutes)
})

/** The values of `text` at the bar `offset` places before the end. */
const expected = (text: string, bars: ReadonlyArray<Indicator.Bar>, width: number, offset: number) => {
  const ready = Either.getOrThrow(Catalogue.parse(text))
  const at = bars.length - 1 - offset
  const [run] = Series.segments(ready, bars, at, at + 1, width, sessionMinutes)
  assert(run !== undefined)
  return Series.valuesOf(ready, bars, run)[0]
}

layer(world(), { excludeTestServices: true })("Indicators", (it) => {
  it.effect("lists every indicator with its settings, and the timeframes", () =>
    Effect.gen(function* () {
      const { status, body } = yield* ask("/indicators/available")
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(
        body.indicators.map(({ name }: { name: string }) => name),
        Catalogue.entries.map(({ name }) => name)
      )
      assert.deepStrictEqual(body.timeframes, ["1m", "3m", "5m", "10m", "15m", "30m", "1h", "1d"])
      const macd = body.indicators.find(({ name }: { name: string }) => name === "macd")
      assert.deepStrictEqual(macd.outputs, ["line", "signal", "hist"])
      assert.deepStrictEqual(macd.settings[0], { name: "fast", type: "whole", default: 12, min: 1, max: 1000, choices: null })
      assert.deepStrictEqual(macd.settings[3].choices, ["textbook", "talib"])
    })
  )

  it.effect("BE-SVC-03 the newest values and those of earlier bars are computed from the candles of /history", () =>
    Effect.gen(function* () {
      yield* filled
      const bars = days.map(rupees)
      const texts = [
        "rsi(period=14)",
        "macd(fast=5,slow=9,signal=4,seed=textbook)",
        "sma(period=20)",
        "supertrend(period=10,multiplier=3,seed=talib)"
      ]
      for (const offset of [0, 1, 100]) {
        const path = offset === 0 ? "current" : "at-offset"
        const more = offset === 0 ? "" : `&offset=${offset}`
        const { status, body } = yield* ask(`/indicators/${path}?symbol=INFY&timeframe=day&indicators=${texts.join(",")}${more}`)
        assert.strictEqual(status, 200, JSON.stringify(body))
        assert.strictEqual(body.date, new Date(yesterdayMs - offset * dayMs).toISOString())
        assert.deepStrictEqual(
          [body.symbol, body.exchange, body.tradingsymbol, body.timeframe, body.closed],
          ["INFY", "NSE", "INFY", "1d", true]
        )
        assert.deepStrictEqual(
          body.indicators,
          texts.map((indicator) => ({ indicator, values: expected(indicator, bars, 1440, offset) }))
        )
      }
      const beyond = yield* ask("/indicators/at-offset?symbol=INFY&timeframe=day&indicators=rsi&offset=900")
      assert.deepStrictEqual([beyond.status, beyond.body.date, beyond.body.closed, beyond.body.indicators], [200, null, null, []])
    }).pipe(Effect.scoped)
  )

  it.effect("BE-SVC-03 BE-SVC-07 history has a point for each bar, in pages, with the same values whichever span is asked for", () =>
    Effect.gen(function* () {
      yield* filled
      const candles = yield* ask("/historical?symbol=NIFTY&timeframe=5m&from=2026-11-18&to=2026-11-20")
      const bars = candles.body.candles.map(({ date, ...one }: { date: string }) => ({ atMs: Date.parse(date), ...one }))
      assert.strictEqual(bars.length, 225)
      for (const [text, output] of [
        ["ema(period=5)", "ema"],
        ["vwap(anchor=session)", "vwap"],
        ["obv()", "obv"]
      ] as const) {
        const path = `/indicators/history?symbol=NIFTY&timeframe=5m&indicator=${text}`
        const whole = (yield* ask(`${path}&from=2026-11-18&to=2026-11-20&limit=1000`)).body
        assert.deepStrictEqual([whole.total, whole.points.length, whole.indicator, whole.outputs], [225, 225, text, [output]])
        assert.deepStrictEqual(
          whole.points.map(({ values }: { values: object }) => values),
          bars.map((_: unknown, at: number) => expected(text, bars, 5, bars.length - 1 - at))
        )
        const day = (yield* ask(`${path}&from=2026-11-20&to=2026-11-20`)).body
        assert.deepStrictEqual([day.total, day.points], [75, whole.points.slice(150)])
        const page = (yield* ask(`${path}&from=2026-11-19&to=2026-11-20&limit=10&offset=70`)).body
        assert.deepStrictEqual([page.total, page.limit, page.offset, page.points], [150, 10, 70, whole.points.slice(145, 155)])
        const none = (yield* ask(`${path}&from=2026-11-20&to=2026-11-20&offset=75`)).body
        assert.deepStrictEqual([none.total, none.points], [75, []])
      }
    }).pipe(Effect.scoped)
  )

  it.effect("a batch answers each item or says why not", () =>
    Effect.gen(function* () {
      yield* filled
      const body = {
        requests: [
          { symbol: "INFY", timeframe: "day", indicators: ["rsi"] },
          { symbol: "NOPE", timeframe: "5m", indicators: ["rsi"] },
          { symbol: "NSE:INFY", timeframe: "1d", indicators: ["ema(period=9)", "obv"] }
        ]
      }
      const { status, body: answer } = yield* ask("/indicators/batch", { method: "POST", body })
      assert.strictEqual(status, 200, JSON.stringify(answer))
      assert.deepStrictEqual(answer.refused, [{ symbol: "NOPE", timeframe: "5m", message: "Symbol not found" }])
      const single = yield* ask("/indicators/current?symbol=INFY&timeframe=day&indicators=rsi")
      assert.deepStrictEqual(answer.results[0], single.body)
      assert.deepStrictEqual(
        answer.results[1].indicators.map(({ indicator }: { indicator: string }) => indicator),
        ["ema(period=9)", "obv()"]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("BE-API-03 a wrong request names its field, an unknown symbol is 404, and a request without credentials is 401", () =>
    Effect.gen(function* () {
      const fieldsOf = (path: string) =>
        Effect.map(ask(`/indicators/${path}`), ({ status, body }) => [status, ...body.errors.map(({ field }: { field: string }) => field)])
      assert.deepStrictEqual(yield* fieldsOf("current?symbol=INFY&timeframe=5m&indicators=rsi,nope"), [422, "indicators.1"])
      assert.deepStrictEqual(yield* fieldsOf("current?symbol=INFY&timeframe=5m&indicators=rsi(period=0)"), [422, "indicators.0"])
      assert.deepStrictEqual(yield* fieldsOf("current?symbol=INFY&timeframe=7m&indicators=rsi"), [422, "timeframe"])
      assert.deepStrictEqual(yield* fieldsOf("current?symbol=INFY&timeframe=5m"), [422, "indicators"])
      assert.deepStrictEqual(yield* fieldsOf("at-offset?symbol=INFY&timeframe=5m&indicators=rsi&offset=1001"), [422, "offset"])
      assert.deepStrictEqual(yield* fieldsOf("history?symbol=INFY&timeframe=5m&indicator=rsi&from=2026-11-20&to=2026-11-19"), [422, "from"])
      const many = Array.from({ length: 21 }, (_, n) => `sma(period=${n + 1})`).join(",")
      assert.deepStrictEqual(yield* fieldsOf(`current?symbol=INFY&timeframe=5m&indicators=${many}`), [422, "indicators"])
      const unknown = yield* ask("/indicators/current?symbol=NOPE&timeframe=5m&indicators=rsi")
      assert.deepStrictEqual([unknown.status, unknown.body.detail], [404, "Symbol not found"])
      for (const [method, path] of [
        ["GET", "available"],
        ["GET", "current?symbol=INFY&timeframe=5m&indicators=rsi"],
        ["DELETE", "cache"]
      ] as const) {
        assert.strictEqual((yield* ask(`/indicators/${path}`, { method, as: null })).status, 401)
      }
    })
  )

  it.effect("equal requests share one computation, and DELETE /indicators/cache forgets it", () =>
    Effect.gen(function* () {
      yield* filled
      yield* ask("/indicators/cache", { method: "DELETE" })
      const misses = yield* metric('indicator_cache_answers_total{result="miss"}')
      const path = "/indicators/current?symbol=INFY&timeframe=day&indicators=cci,mfi"
      const answers = yield* Effect.all(
        Array.from({ length: 10 }, () => ask(path)),
        { concurrency: 10 }
      )
      for (const { body } of answers) assert.deepStrictEqual(body, answers[0]?.body)
      const computed = (yield* metric('indicator_cache_answers_total{result="miss"}')) - misses
      assert.isAtLeast(computed, 1)
      assert.isAtLeast(yield* metric("indicator_cache_entries"), 1)
      const { status, body } = yield* ask("/indicators/cache", { method: "DELETE" })
      assert.deepStrictEqual([status, body.removed >= 1], [200, true])
      assert.strictEqual(yield* metric("indicator_cache_entries"), 0)
      assert.deepStrictEqual((yield* ask("/indicators/cache", { method: "DELETE" })).body, { removed: 0 })
    }).pipe(Effect.scoped)
  )

  it.effect("BE-DB-06 importing and deleting a corporate action drop the cached values, because they change the candles", () =>
    Effect.gen(function* () {
      yield* filled
      const path = "/indicators/current?symbol=INFY&timeframe=day&indicators=cci"
      const entries = metric("indicator_cache_entries")
      const asAdmin = { as: "root", role: "admin" } as const
      const action = {
        exchange: "NSE",
        symbol: "NOSUCHSHARE",
        ex_date: "2026-11-30",
        kind: "split",
        shares_before: 1,
        shares_after: 2,
        source: ["https://example.org/circular"]
      }
      yield* ask(path)
      assert.isAtLeast(yield* entries, 1)
      const made = yield* ask("/calendar/corporate-actions/import", { method: "POST", ...asAdmin, body: { actions: [action] } })
      assert.strictEqual(made.status, 200, JSON.stringify(made.body))
      assert.strictEqual(yield* entries, 0)
      yield* ask(path)
      assert.isAtLeast(yield* entries, 1)
      const { corporate_actions } = (yield* ask("/calendar/corporate-actions?symbol=NOSUCHSHARE")).body
      assert.strictEqual(
        (yield* ask(`/calendar/corporate-actions/${corporate_actions[0].id}`, { method: "DELETE", ...asAdmin })).status,
        200
      )
      assert.strictEqual(yield* entries, 0)
    }).pipe(Effect.scoped)
  )
})
