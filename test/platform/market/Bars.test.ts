import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import type { Bars } from "../../../src/domain/market/Bar.ts"
import * as Calendars from "../../../src/domain/rules/Calendars.ts"
import * as Day from "../../../src/domain/rules/Day.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import { ask, eventually, natsClient, start, world } from "../PlatformWorld.ts"

/** Ten minutes of one expiry, every minute: spot, and a call and a put at two strikes. */
const minutesOf = 10
const spotAt = (n: number) => 24_500 + ((n * 7) % 5) * 10
const lines = Array.from({ length: minutesOf }, (_, n) => n).flatMap((n) =>
  [24_400, 24_500].flatMap((strike) =>
    (["CE", "PE"] as const).map((side) => {
      const price = Math.max(0, side === "CE" ? spotAt(n) - strike : strike - spotAt(n)) + 60 + n
      const minute = String(15 + n).padStart(2, "0")
      return `2026081909${minute},25-Aug-2026,${strike},${side},${spotAt(n)}.25,${price},${1_000 + n * 65},${65_000 + n * 65}`
    })
  )
)
const csv = ["timestamp,expiry,strike,option_type,spot,ltp,volume,oi", ...lines].join("\n")

const recorded = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "tarang-bars-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  yield* Effect.promise(() => writeFile(join(folder, "day.csv"), csv))
  return yield* world({ mode: "recorded", file: join(folder, "day.csv"), underlying: "NIFTY", speed: "max" })
})

/** Five full sessions in a row. Their days lie before the start of any platform, and the rulebook has their holidays. */
const [first, last] = ["2026-09-21", "2026-09-25"]

/**
 * The newest full session before an instant's day, since contracts are listed for some months only. The rulebook may lack the holidays of
 * that year: then market and platform take a weekday for an ordinary one.
 */
const newestFullDay = (nowMs: number): string => {
  for (let day = Day.at(nowMs) - 1; ; day--) {
    const kind = Calendars.dayOf(shipped.calendars, "NSE_FO", day)
    if (Either.isLeft(kind) || kind.right === "plain") return Day.iso(day)
  }
}

describe("bars and history of the whole platform", () => {
  it.scopedLive(
    "BE-SVC-07 TC-MATL-022 bars of a recorded day are published, kept, valued and served, before and after a restart",
    () =>
      Effect.gen(function* () {
        const { config, nats } = yield* recorded
        const running = yield* start({ ...config, SEED_USER: "demo" })
        const span = "from=2026-08-19&to=2026-08-19"
        const candles = (of: typeof running) =>
          Effect.map(ask(of, `/historical?symbol=NIFTY&timeframe=minute&${span}`), ({ body }) => body.candles ?? [])
        const spots = yield* eventually("the day's minutes are served", candles(running), (found) => found.length >= minutesOf)
        assert.deepStrictEqual(
          spots.slice(0, minutesOf).map(({ date, close }: { date: string; close: number }) => [date.slice(11, 16), close]),
          Array.from({ length: minutesOf }, (_, n) => [`03:${45 + n}`, spotAt(n) + 0.25])
        )

        const { instruments } = (yield* ask(running, "/instruments?underlying=NIFTY&search=24500%20CE")).body
        const history = `/history?instrument_token=${instruments[0].instrument_token}&interval=minute&${span}&oi=1`
        const option = yield* eventually(
          "the option's minutes are served",
          Effect.map(ask(running, history), ({ body }) => body.candles ?? []),
          (found) => found.length >= minutesOf - 1
        )
        assert.strictEqual(option.filter(({ greeks }: { greeks: unknown }) => greeks !== null).length, option.length)
        assert.isTrue(
          option.every(({ oi, greeks }: { oi: number; greeks: { delta: number } }) => oi >= 65_000 && greeks.delta > 0 && greeks.delta < 1)
        )

        const nc = yield* natsClient(nats, "reader")
        const stored = Effect.promise(async () => {
          const consumer = await nc.jetstream().consumers.get("MD_BARS", { filterSubjects: ["md.bar.*.NSE.NIFTY.256265"] })
          const found: Array<Bars> = []
          for (let left = (await consumer.info()).num_pending; left > 0; ) {
            for await (const message of await consumer.fetch({ max_messages: Math.min(left, 500), expires: 2_000 })) {
              found.push(message.json())
              left--
            }
          }
          return found
        })
        const closedOf = (published: ReadonlyArray<Bars>, interval: string) =>
          published.filter((one) => one.interval === interval).flatMap(({ bars }) => bars.filter((bar) => bar.closed))
        const published = yield* eventually("a bar for each second and each minute with a price", stored, (found) =>
          ["1m", "1s"].every((interval) => closedOf(found, interval).length >= minutesOf)
        )
        const closed = (interval: string) => closedOf(published, interval)
        for (const { open, high, low, close } of [...closed("1m"), ...closed("1s")]) {
          assert.isTrue(low <= Math.min(open, close) && Math.max(open, close) <= high)
        }
        assert.strictEqual(new Set(closed("1m").map(({ timestamp }) => timestamp)).size, closed("1m").length)

        yield* running.stop
        const again = yield* start(config)
        const kept = yield* eventually("the day's minutes are served again", candles(again), (found) => found.length >= minutesOf)
        assert.deepStrictEqual(kept.slice(0, minutesOf), spots.slice(0, minutesOf))
      }),
    300_000
  )

  it.scopedLive(
    "TC-GRK-031 the past before the platform began comes from the broker, once, in every timeframe, and joins the live day",
    () =>
      Effect.gen(function* () {
        const { config } = yield* world({ mode: "synthetic", rate: 2, strikesEachSide: 4 })
        const running = yield* start({ ...config, SEED_USER: "demo" })
        // A busy machine may answer 503 at first; candles fetched meanwhile are stored.
        const served = (path: string) =>
          Effect.map(
            eventually(path, ask(running, path), ({ status }) => status === 200),
            ({ body }) => body
          )
        const count = (timeframe: string) =>
          Effect.map(served(`/historical?symbol=NIFTY&timeframe=${timeframe}&from=${first}&to=${last}`), ({ candles }) => candles.length)
        assert.deepStrictEqual(yield* Effect.forEach(["minute", "5minute", "15minute", "60minute", "day"], count), [1_875, 375, 125, 35, 5])
        const { underlyings } = (yield* ask(running, "/instruments/fo-enabled")).body
        const nifty = underlyings.find(({ symbol }: { symbol: string }) => symbol === "NIFTY")
        const { instruments } = (yield* ask(running, `/instruments?underlying=NIFTY&expiry=${nifty.expiries[0]}&search=CE&limit=1`)).body
        const newest = newestFullDay(Date.now())
        const { candles } = yield* served(
          `/history?instrument_token=${instruments[0].instrument_token}&interval=5minute&from=${newest}&to=${newest}`
        )
        assert.strictEqual(candles.length, 77) // options trade to 15:40
        assert.isAbove(candles.filter(({ greeks }: { greeks: unknown }) => greeks !== null).length, 60)
        const from = Date.parse(`${last}T03:45:00Z`) / 1_000
        const udf = yield* served(`/udf/history?symbol=NSE:NIFTY%2050&resolution=5&from=${from}&to=${from + 3_600}`)
        assert.deepStrictEqual([udf.s, udf.t.length], ["ok", 12])
        const refreshed = yield* ask(running, "/instruments/refresh", { method: "POST" })
        assert.strictEqual(refreshed.status, 200)
        assert.isAbove(refreshed.body.instruments, 100)
      }),
    300_000
  )
})
