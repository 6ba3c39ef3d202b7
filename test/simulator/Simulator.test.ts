import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Logger, LogLevel } from "effect"
import * as Simulator from "../../src/simulator/Simulator.ts"
import * as SimulatorOptions from "../../src/simulator/SimulatorOptions.ts"
import { first, login } from "./SimulatorWorld.ts"

const accountsText = JSON.stringify([
  { account_id: first.accountId, api_key: first.apiKey, api_secret: first.apiSecret, user_id: first.userId, login: "auto" }
])
const csv = "timestamp,expiry,strike,option_type,spot,ltp,volume,oi\n202608191127,25-Aug-2026,24000,CE,24052.4,120.35,650,1300\n"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "tarang-simulator-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

/** The Live layer with an environment. `files` are written first, and are named relative to their folder. */
const live = (environment: Readonly<Record<string, string>>, files: Readonly<Record<string, string>> = { "accounts.json": accountsText }) =>
  Effect.gen(function* () {
    const path = yield* folder
    for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
    const values = { ACCOUNTS_FILE: "accounts.json", ...environment }
    const absolute = Object.entries(values).map(([name, value]) => [name, name.endsWith("FILE") ? join(path, value) : value] as const)
    return yield* Layer.build(Simulator.Live).pipe(
      Effect.map((context) => context.unsafeMap.get(Simulator.Simulator.key) as Simulator.Service),
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map(absolute))),
      Logger.withMinimumLogLevel(LogLevel.Error)
    )
  })
const failure = (environment: Readonly<Record<string, string>>, files?: Readonly<Record<string, string>>) =>
  Effect.map(Effect.flip(live(environment, files)), String)

describe("Simulator.Live", () => {
  it.scopedLive("keeps idle connections open for longer than a test pauses, and says so on both ports", () =>
    Effect.gen(function* () {
      const { adminUrl, url } = yield* live({ SIMULATOR_ADMIN_PORT: "0" })
      for (const path of [`${url}/market`, `${adminUrl}/orders`]) {
        const hint = yield* Effect.promise(async () => {
          const answer = await fetch(path)
          await answer.body?.cancel()
          return answer.headers.get("keep-alive")
        })
        expect(Number(/^timeout=(\d+)$/.exec(hint ?? "")?.[1])).toBeGreaterThanOrEqual(60)
      }
    })
  )

  it.scopedLive("runs a synthetic market from the environment", () =>
    Effect.gen(function* () {
      const simulator = yield* live({
        SIMULATOR_RATE: "0",
        SIMULATOR_SEED: "42",
        SIMULATOR_STRIKES: "2",
        SIMULATOR_VARIATION: "0.01",
        SIMULATOR_VOLUME_LOTS: "3",
        SIMULATOR_BASE_PRICES: "NIFTY=25000, M&M=3000.5"
      })
      const { kite } = yield* login(simulator.url)
      const ltp = yield* Effect.promise(() => kite.getLTP(["NSE:NIFTY 50", "NSE:M&M", "NSE:NIFTY BANK"]))
      expect(Object.values(ltp).map((one) => one.last_price)).toEqual([25000, 3000.5, 57500])
      const strikes = new Set(
        simulator.market.instruments.filter((one) => one.name === "NIFTY" && one.strike > 0).map((one) => one.strike / 100)
      )
      expect([...strikes]).toEqual([24900, 24950, 25000, 25050, 25100])
    })
  )

  it.scopedLive("runs a recorded market from the environment", () =>
    Effect.gen(function* () {
      const files = { "accounts.json": accountsText, "day.csv": csv }
      const simulator = yield* live({ SIMULATOR_MARKET: "recorded", SIMULATOR_FILE: "day.csv", SIMULATOR_SPEED: "60" }, files)
      expect(simulator.market.status()).toEqual({ timeMs: Date.parse("2026-08-19T05:57:00Z"), speed: 60, state: "waiting" })
      const fastest = yield* live(
        { SIMULATOR_MARKET: "recorded", SIMULATOR_FILE: "day.csv", SIMULATOR_SPEED: "max", SIMULATOR_UNDERLYING: "BANKNIFTY" },
        files
      )
      expect([fastest.market.status().speed, fastest.market.underlying]).toEqual(["max", "BANKNIFTY"])
    })
  )

  it.effect("simulated days have a split from the environment, and none otherwise", () =>
    Effect.gen(function* () {
      const splits = (environment: Readonly<Record<string, string>>) =>
        Effect.gen(function* () {
          const path = yield* folder
          writeFileSync(join(path, "accounts.json"), accountsText)
          const values = {
            SIMULATOR_MARKET: "days",
            SIMULATOR_FROM: "2026-07-27",
            ACCOUNTS_FILE: join(path, "accounts.json"),
            ...environment
          }
          const { market } = yield* SimulatorOptions.fromEnvironment.pipe(
            Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(values))))
          )
          return market.mode === "days" ? market.splits : undefined
        }).pipe(Effect.scoped)
      expect(yield* splits({ SIMULATOR_SPLIT: "M&M:2026-07-29:2" })).toEqual([{ name: "M&M", on: "2026-07-29", factor: 2 }])
      expect(yield* splits({})).toEqual([])
    })
  )

  it.scopedLive("names the variable that is wrong in the environment", () =>
    Effect.gen(function* () {
      expect(yield* failure({ SIMULATOR_MARKET: "live" })).toContain("SIMULATOR_MARKET")
      expect(yield* failure({ SIMULATOR_MARKET: "recorded" })).toContain("SIMULATOR_FILE")
      expect(yield* failure({ SIMULATOR_MARKET: "recorded", SIMULATOR_FILE: "x", SIMULATOR_SPEED: "fast" })).toContain(
        '"fast" is neither a number above 0 nor max'
      )
      expect(yield* failure({ SIMULATOR_RATE: "-1" })).toContain("SIMULATOR_RATE must be 0 or more")
      expect(yield* failure({ SIMULATOR_VOLUME_LOTS: "0" })).toContain("SIMULATOR_VOLUME_LOTS must be 1 or more")
      expect(yield* failure({ SIMULATOR_STRIKES: "999" })).toContain("SIMULATOR_STRIKES must be 0 to 200")
      expect(yield* failure({ SIMULATOR_BASE_PRICES: "GOLD=1" })).toContain('"GOLD=1" is not NAME=rupees with one of these names: NIFTY')
      expect(yield* failure({ SIMULATOR_BASE_PRICES: "NIFTY=-5" })).toContain("SIMULATOR_BASE_PRICES")
      const days = { SIMULATOR_MARKET: "days", SIMULATOR_FROM: "2026-07-27" }
      for (const split of ["NIFTY:2026-07-29:2", "M&M:2026-07-32:2", "M&M:2026-07-29:1"])
        expect(yield* failure({ ...days, SIMULATOR_SPLIT: split })).toContain(
          `"${split}" is not NAME:YYYY-MM-DD:N with one of these shares: M&M`
        )
    })
  )

  it.scopedLive("names an accounts file that is absent, is empty, or lacks a field", () =>
    Effect.gen(function* () {
      expect(yield* failure({}, {})).toContain("accounts.json: cannot be read")
      expect(yield* failure({}, { "accounts.json": "[]" })).toContain("accounts.json: [0] is missing")
      expect(yield* failure({}, { "accounts.json": '[{"account_id":"a","api_key":"k","user_id":"u"}]' })).toContain("api_secret")
    })
  )
})
