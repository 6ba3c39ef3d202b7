import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { NatsConnection } from "nats"
import type { IndicatorValue } from "../../../src/domain/indicators/IndicatorMessage.ts"
import { ask, eventually, natsClient, type Running, socket, start, world } from "../PlatformWorld.ts"

/** Half an hour of one expiry, every minute: the spot, and one strike's call and put. */
const minutesOf = 30
const spotAt = (n: number) => 24_500 + ((n * 7919) % 100)
const lines = Array.from({ length: minutesOf }, (_, n) => n).flatMap((n) =>
  (["CE", "PE"] as const).map(
    (side) => `2026081909${15 + n},25-Aug-2026,24500,${side},${spotAt(n)}.25,${100 + n},${1_000 + n * 65},${65_000 + n * 65}`
  )
)
const csv = ["timestamp,expiry,strike,option_type,spot,ltp,volume,oi", ...lines].join("\n")
const recorded = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "tarang-indicators-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  yield* Effect.promise(() => writeFile(join(folder, "day.csv"), csv))
  // So slow that it lasts until a busy machine has subscribed.
  return yield* world({ mode: "recorded", file: join(folder, "day.csv"), underlying: "NIFTY", speed: 25 })
})

const timeframes = ["1m", "3m", "5m"] as const
const indicators = ["ema(period=2)", "rsi(period=2)", "vwap(anchor=session)", "obv()"]
/** Collects everything published on ind.>. */
const collect = (nc: NatsConnection) => {
  const found: Array<IndicatorValue> = []
  nc.subscribe("ind.>", { callback: (error, message) => error === null && found.push(message.json()) })
  return Effect.as(
    Effect.promise(() => nc.flush()),
    found
  )
}
const day = "from=2026-08-19&to=2026-08-19"
const historyOf = (running: Running, timeframe: string, indicator: string) =>
  Effect.map(
    ask(running, `/indicators/history?symbol=NIFTY&timeframe=${timeframe}&indicator=${encodeURIComponent(indicator)}&${day}`),
    ({ body }) => (body.points ?? []) as ReadonlyArray<{ readonly date: string; readonly values: object }>
  )
const subscribe = (running: Running, path: "subscribe" | "unsubscribe") =>
  Effect.forEach(timeframes, (timeframe) =>
    eventually(
      `${path} ${timeframe}`,
      ask(running, `/indicators/${path}`, { method: "POST", body: { symbol: "NIFTY", timeframe, indicators } }),
      ({ status }) => status === 200
    )
  )
/** Every published value of a closed bar equals the one that REST computes from the stored bars. Returns how many bars there were. */
const compare = (running: Running, published: ReadonlyArray<IndicatorValue>) =>
  Effect.gen(function* () {
    let bars = 0
    for (const timeframe of timeframes) {
      for (const indicator of indicators) {
        const closed = published.filter((one) => one.closed && one.timeframe === timeframe && one.indicator === indicator)
        const newest = new Map(closed.map(({ date, values }) => [date, values]))
        // The bar writer may still be behind, and then a longer bar lacks its last minutes.
        yield* eventually(
          `equal values of ${timeframe} ${indicator}`,
          Effect.map(historyOf(running, timeframe, indicator), (all) => {
            const stored = new Map(all.map(({ date, values }) => [date, values]))
            return [...newest].filter(([date, values]) => !isDeepStrictEqual(values, stored.get(date)))
          }),
          (different) => different.length === 0
        )
        bars += newest.size
      }
    }
    return bars
  })

describe("indicators of the whole platform", () => {
  it.scopedLive(
    "BE-SVC-03 BE-SVC-07 values on ind.> equal those computed from the stored bars, bit for bit, before and after a restart",
    () =>
      Effect.gen(function* () {
        const { config, nats } = yield* recorded
        const running = yield* start({ ...config, SEED_USER: "demo" })
        const published = yield* collect(yield* natsClient(nats, "reader"))
        yield* subscribe(running, "subscribe")
        const dates = (timeframe: string) => new Set(published.filter((one) => one.timeframe === timeframe).map(({ date }) => date))
        yield* eventually(
          "the recorded minutes are over",
          Effect.sync(() => [...dates("1m")].toSorted().at(-1) ?? ""),
          (newest) => newest >= "2026-08-19T04:13:00.000Z"
        )
        const points = yield* eventually(
          "the day's minutes are stored",
          historyOf(running, "1m", "obv()"),
          (all) => all.length >= minutesOf - 1
        )
        assert.isAtLeast(points.length, minutesOf - 2)
        // Of the recording's last bars the broker may know more than its packets did, and the history of the broker then replaces ours.
        const kept = published.filter(({ closed, date }) => closed && date < "2026-08-19T04:05:00.000Z")
        assert.isAtLeast(yield* compare(running, kept), 1)

        yield* running.stop
        const again = yield* start(config)
        assert.isAtLeast(yield* compare(again, kept), 1)
        // The recording is over, so these values wait for no tick.
        const client = yield* socket(again, "/indicators/stream")
        for (const timeframe of timeframes) client.send({ action: "subscribe", symbol: "NIFTY", timeframe, indicators })
        yield* eventually(
          "the newest values come at once",
          Effect.sync(
            () => new Set(client.received.flatMap((one) => (one.type === "indicator" ? [`${one.timeframe} ${one.indicator}`] : []))).size
          ),
          (count) => count === timeframes.length * indicators.length
        )
        yield* subscribe(again, "unsubscribe")
        const nc = yield* natsClient(nats)
        const kv = yield* Effect.promise(() => nc.jetstream().views.kv("actors"))
        yield* eventually(
          "the actors that nobody wants have ended",
          Effect.promise(async () => {
            const keys: Array<string> = []
            for await (const key of await kv.keys("indicators.>")) keys.push(key)
            return keys
          }),
          (keys) => keys.length === 0
        )
      }),
    600_000
  )
})
