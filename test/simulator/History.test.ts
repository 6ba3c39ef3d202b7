import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, LogLevel, TestClock } from "effect"
import * as KiteHistory from "../../src/domain/market/KiteHistory.ts"
import * as Contracts from "../../src/simulator/Contracts.ts"
import * as HistoryRoutes from "../../src/simulator/HistoryRoutes.ts"
import * as Simulator from "../../src/simulator/Simulator.ts"
import type * as SimulatorOptions from "../../src/simulator/SimulatorOptions.ts"
import * as SyntheticMarket from "../../src/simulator/synthetic/SyntheticMarket.ts"
import * as SyntheticSettings from "../../src/simulator/synthetic/SyntheticSettings.ts"
import { ist } from "../domain/market/Ist.ts"
import { absent, first, login, recorded, subscriber, until } from "./SimulatorWorld.ts"

// A Monday, 11:30:20 IST.
const startMs = Date.parse("2026-11-23T06:00:20Z")
const settings = { ...SyntheticSettings.defaults, startMs, rate: 1, strikesEachSide: 3 }
const market = SyntheticMarket.make(settings)
const tokenOf = (symbol: RegExp) => market.instruments.find(({ tradingsymbol }) => symbol.test(tradingsymbol))?.token ?? 0
const nifty = tokenOf(/^NIFTY 50$/)
const call = tokenOf(/^NIFTY26NOV24500CE$/)
const future = tokenOf(/^NIFTY26NOVFUT$/)
const day = (date: string) => ({ fromMs: ist(`${date}T00:00:00`), toMs: ist(`${date}T23:59:59`) })

describe("synthetic history", () => {
  it("a past session has 375 joined minutes within the variation; a weekend has none", () => {
    const minutes = market.minutes(nifty, day("2026-11-20"))
    assert.strictEqual(minutes.length, 375)
    assert.deepStrictEqual([minutes[0]?.atMs, minutes.at(-1)?.atMs], [ist("2026-11-20T09:15:00"), ist("2026-11-20T15:29:00")])
    for (const [at, { open, high, low, close, volume }] of minutes.entries()) {
      assert.isTrue(low <= Math.min(open, close) && Math.max(open, close) <= high && volume === 0)
      assert.isTrue(low >= 2_450_000 * 0.98 - 5 && high <= 2_450_000 * 1.02 + 5)
      if (at > 0) assert.strictEqual(open, minutes[at - 1]?.close)
    }
    assert.isAbove(new Set(minutes.map(({ close }) => close)).size, 100)
    assert.deepStrictEqual(market.minutes(nifty, day("2026-11-21")), [])
  })

  it("depends only on the seed: repeated and partial requests, and another market of the same seed, give the same candles", () => {
    const whole = market.minutes(call, day("2026-11-20"))
    const half = ist("2026-11-20T12:00:00")
    const { fromMs, toMs } = day("2026-11-20")
    assert.deepStrictEqual([...market.minutes(call, { fromMs, toMs: half - 1 }), ...market.minutes(call, { fromMs: half, toMs })], whole)
    assert.deepStrictEqual(SyntheticMarket.make(settings).minutes(call, day("2026-11-20")), whole)
    assert.notDeepEqual(SyntheticMarket.make({ ...settings, seed: 2 }).minutes(call, day("2026-11-20")), whole)
  })

  it("joins the live price without a step, and then follows it", () => {
    const live = SyntheticMarket.make(settings)
    const spots: Array<number> = []
    const row = live.rowByToken.get(nifty)!
    for (let atMs = startMs; atMs <= startMs + 180_000; atMs += 500) {
      live.advance(atMs, () => {})
      spots.push(live.columns.lastPrice[row] ?? 0)
    }
    const minutes = live.minutes(nifty, day("2026-11-23"))
    const seam = minutes.findIndex(({ atMs }) => atMs === ist("2026-11-23T11:30:00"))
    assert.strictEqual(minutes.length - seam, 4)
    const [before, after] = [minutes[seam - 1]!, minutes[seam]!]
    assert.strictEqual(after.open, 2_450_000)
    assert.isBelow(Math.abs(before.close / after.open - 1), 0.001)
    const last = minutes.slice(seam)
    assert.isAtMost(Math.max(...spots), Math.max(...last.map(({ high }) => high)))
    assert.isAtLeast(Math.min(...spots), Math.min(...last.map(({ low }) => low)))
    // There are no candles of the future.
    assert.deepStrictEqual(live.minutes(nifty, { fromMs: startMs + 300_000, toMs: startMs + 900_000 }), [])
  })

  it("ends the previous session at the previous close, so that the day's change agrees with the candles", () => {
    const close = market.columns.close[market.rowByToken.get(nifty) ?? -1]
    assert.strictEqual(market.minutes(nifty, day("2026-11-20")).at(-1)?.close, close)
    // A Sunday: the newest session is Friday's.
    const sunday = SyntheticMarket.make({ ...settings, startMs: ist("2026-11-22T18:00:00") })
    assert.strictEqual(sunday.minutes(nifty, day("2026-11-20")).at(-1)?.close, close)
  })

  it("options and futures follow their underlying, and have no candles before they are listed", () => {
    const spot = market.minutes(nifty, day("2026-11-20"))
    const calls = market.minutes(call, day("2026-11-20"))
    const futures = market.minutes(future, day("2026-11-20"))
    // F&O trades ten minutes longer than the index since 2026-08-03.
    assert.strictEqual(calls.length, spot.length + 10)
    const rises = spot.filter(
      ({ open, close }, at) => Math.sign(close - open) === Math.sign((futures[at]?.close ?? 0) - (futures[at]?.open ?? 0))
    )
    assert.isAbove(rises.length, 300)
    for (const { low, volume, oi } of calls) assert.isTrue(low >= 5 && volume > 0 && oi > 0)
    assert.deepStrictEqual(market.minutes(call, day("2026-03-02")), [])
    assert.deepStrictEqual(market.minutes(999, day("2026-11-20")), [])
  })
})

const start = (options: Partial<SimulatorOptions.Options> = {}) =>
  Simulator.make({ accounts: [first], market: { mode: "synthetic", ...settings, rate: 0 }, ...options }).pipe(
    Logger.withMinimumLogLevel(LogLevel.Warning)
  )

describe("GET /instruments/historical", () => {
  const asked = (url: string, path: string, authorization: string) =>
    Effect.promise(async () => {
      const response = await fetch(`${url}/instruments/historical/${path}`, { headers: { authorization, "x-kite-version": "3" } })
      return { status: response.status, body: JSON.parse(await response.text()) }
    })

  it.scopedLive("kiteconnect reads candles of every interval, which begin at the session's open", () =>
    Effect.gen(function* () {
      const { url } = yield* start()
      const { kite } = yield* login(url)
      for (const { name, minutes, daysMax } of KiteHistory.intervals) {
        const candles: ReadonlyArray<{ date: Date; open: number; high: number; low: number; close: number; volume: number; oi?: number }> =
          yield* Effect.promise(() =>
            kite.getHistoricalData(future, name as never, "2026-11-20 00:00:00", "2026-11-20 23:59:59", false, true)
          )
        assert.strictEqual(candles.length, minutes === 1440 ? 1 : Math.ceil(385 / minutes), name)
        const opens = minutes === 1440 ? ist("2026-11-20T00:00:00") : ist("2026-11-20T09:15:00")
        assert.strictEqual(candles[0]?.date.getTime(), opens, name)
        assert.isAbove(candles[0]?.oi ?? 0, 0)
        const tooLong = yield* Effect.tryPromise({
          try: () => kite.getHistoricalData(future, name as never, new Date(startMs - (daysMax + 1) * 86_400_000), new Date(startMs)),
          catch: (error) => error as { message: string }
        }).pipe(Effect.flip)
        assert.strictEqual(tooLong.message, `interval exceeds max limit: ${daysMax} days`)
      }
    })
  )

  it.scopedLive("rows have Kite's form: a time and numbers, with open interest on request", () =>
    Effect.gen(function* () {
      const { url } = yield* start()
      const { accessToken } = yield* login(url)
      const authorization = `token ${first.apiKey}:${accessToken}`
      const span = "from=2026-11-20+09:15:00&to=2026-11-20+09:16:00"
      const { status, body } = yield* asked(url, `${nifty}/minute?${span}`, authorization)
      assert.strictEqual(status, 200)
      assert.deepStrictEqual([body.status, body.data.candles.length, body.data.candles[0].length], ["success", 2, 6])
      assert.strictEqual(body.data.candles[0][0], "2026-11-20T09:15:00+0530")
      assert.strictEqual((yield* asked(url, `${call}/minute?${span}&oi=1`, authorization)).body.data.candles[0].length, 7)
    })
  )

  it.scopedLive("impossible requests are refused with Kite's messages", () =>
    Effect.gen(function* () {
      const { url } = yield* start()
      const { accessToken } = yield* login(url)
      const authorization = `token ${first.apiKey}:${accessToken}`
      const span = "from=2026-11-20+09:15:00&to=2026-11-20+09:16:00"
      const cases: ReadonlyArray<readonly [string, number, string, string]> = [
        [`1/minute?${span}`, 400, "InputException", "invalid token"],
        [`x/minute?${span}`, 400, "InputException", "invalid token"],
        [`${nifty}/2minute?${span}`, 400, "InputException", "invalid interval"],
        [`${nifty}/minute?to=2026-11-20`, 400, "InputException", "invalid from date"],
        [`${nifty}/minute?from=2026-11-20&to=2026-13-20`, 400, "InputException", "invalid to date"],
        [`${nifty}/minute?from=2026-11-21&to=2026-11-20`, 400, "InputException", "from date cannot be after to date"],
        [`${nifty}/day?${span}&continuous=1`, 400, "InputException", "continuous data is available only for day candles of futures"]
      ]
      for (const [path, status, type, message] of cases) {
        const answer = yield* asked(url, path, authorization)
        assert.deepStrictEqual([answer.status, answer.body.error_type, answer.body.message], [status, type, message], path)
      }
      assert.strictEqual((yield* asked(url, `${nifty}/minute?${span}`, "token a:b")).status, 403)
    })
  )

  it.scoped("a fourth call within a second gets 429", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(startMs)
      const { url } = yield* start({ rateLimits: true })
      const { accessToken } = yield* login(url)
      const ask = asked(url, `${nifty}/day?from=2026-11-20&to=2026-11-20`, `token ${first.apiKey}:${accessToken}`)
      const answers = yield* Effect.all([ask, ask, ask, ask])
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        [200, 200, 200, 429]
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* ask).status, 200)
    })
  )

  it.scopedLive.skipIf(recorded("kite/historical_oi.json") === undefined)(
    `the shape is that of Kite's recorded answer ${recorded("kite/historical_oi.json") === undefined ? absent : ""}`,
    () =>
      Effect.gen(function* () {
        const { url } = yield* start()
        const { accessToken } = yield* login(url)
        const { body } = yield* asked(
          url,
          `${future}/minute?from=2026-11-20+09:15:00&to=2026-11-20+09:20:00&oi=1`,
          `token ${first.apiKey}:${accessToken}`
        )
        const kite = JSON.parse(readFileSync(recorded("kite/historical_oi.json") ?? "", "utf8"))
        const types = (row: ReadonlyArray<unknown>) => row.map((value) => typeof value)
        assert.deepStrictEqual([Object.keys(body), Object.keys(body.data)], [Object.keys(kite), Object.keys(kite.data)])
        assert.deepStrictEqual(types(body.data.candles[0]), types(kite.data.candles[0]))
        assert.strictEqual(body.data.candles[0][0].length, kite.data.candles[0][0].length)
      })
  )
})

describe("recorded history", () => {
  const csv = [
    "timestamp,expiry,strike,option_type,spot,ltp,volume,oi",
    "202608191127,25-Aug-2026,24000,CE,24052.40,120.35,650,1300",
    "202608191128,25-Aug-2026,24000,CE,24060.70,125,715,1365",
    "202608191130,25-Aug-2026,24000,CE,24049.95,118.10,780,1430"
  ].join("\n")
  const made = Contracts.tokenOf(16_000_001, 2)

  it.scopedLive("contains what was played, and nothing before or after", () =>
    Effect.gen(function* () {
      const folder = yield* Effect.acquireRelease(
        Effect.sync(() => mkdtempSync(join(tmpdir(), "tarang-history-"))),
        (path) => Effect.sync(() => rmSync(path, { recursive: true }))
      )
      writeFileSync(join(folder, "day.csv"), csv)
      const simulator = yield* Simulator.make({
        accounts: [first],
        market: { mode: "recorded", underlying: "NIFTY", file: join(folder, "day.csv"), speed: "max" }
      }).pipe(Logger.withMinimumLogLevel(LogLevel.Error))
      const candles = (token: number) =>
        Effect.flatMap(login(simulator.url), ({ kite }) =>
          Effect.promise(() => kite.getHistoricalData(token, "minute" as never, "2026-08-19 00:00:00", "2026-08-19 23:59:59", false, true))
        )
      assert.deepStrictEqual(yield* candles(256265), [])
      const client = yield* subscriber(simulator)
      client.send({ a: "subscribe", v: [made] })
      yield* until("the recording is over", () => simulator.market.status().state === "ended")
      const found = (yield* candles(made)) as ReadonlyArray<{ date: Date; close: number; volume: number; oi: number }>
      assert.deepStrictEqual(
        found.map(({ date, close, volume, oi }) => [date.toISOString().slice(11, 16), close, volume, oi]),
        [
          ["05:57", 120.35, 0, 1300],
          ["05:58", 125, 65, 1365],
          ["06:00", 118.1, 65, 1430]
        ]
      )
      assert.strictEqual(((yield* candles(256265)) as ReadonlyArray<unknown>).length, 3)
    })
  )
})

describe("HistoryRoutes", () => {
  it("reads Kite's two forms of time, and no others", () => {
    assert.strictEqual(HistoryRoutes.instantMs("2026-11-20 09:15:00"), ist("2026-11-20T09:15:00"))
    assert.strictEqual(HistoryRoutes.instantMs("2026-11-20"), ist("2026-11-20T00:00:00"))
    for (const text of ["", "2026-02-30", "20-11-2026", "2026-11-20 09:15", "2026-11-20T09:15:00Z"])
      assert.isNaN(HistoryRoutes.instantMs(text), text)
  })
})
