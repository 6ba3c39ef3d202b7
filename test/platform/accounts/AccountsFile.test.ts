import { readFileSync, writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, eventually, start, world } from "../PlatformWorld.ts"

interface Ticker {
  readonly state: string
  readonly detail: string | null
  readonly ticks: number
}

describe("ACCOUNTS_FILE of a running platform", () => {
  it.live(
    "an account that is added streams, one that is removed stops, and a broken file changes nothing and is in /health",
    () =>
      Effect.gen(function* () {
        const { config } = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 2 })
        const file = config["ACCOUNTS_FILE"] ?? ""
        const [sim1, sim2] = JSON.parse(readFileSync(file, "utf8")) as ReadonlyArray<unknown>
        const write = (rows: ReadonlyArray<unknown>) => Effect.sync(() => writeFileSync(file, JSON.stringify(rows)))
        yield* write([sim1])
        const running = yield* start({ ...config, SEED_USER: "demo" })
        const health = Effect.map(ask(running, "/health"), ({ body }) => ({
          reason: body.reason as string | null,
          sim1: body.ticker.accounts.sim1 as Ticker | undefined,
          sim2: body.ticker.accounts.sim2 as Ticker | undefined
        }))
        yield* eventually("sim1 streams", health, (now) => (now.sim1?.ticks ?? 0) > 10)

        yield* write([sim1, sim2])
        yield* eventually("sim2 is known", health, (now) => now.sim2?.state === "idle")
        const active = (yield* ask(running, "/subscriptions?status=active&limit=1")).body.subscriptions[0]
        const moved = yield* ask(running, "/subscriptions", {
          method: "POST",
          body: { instrument_token: active.instrument_token, requested_mode: active.requested_mode, account_id: "sim2" }
        })
        assert.strictEqual(moved.status, 200)
        yield* eventually("sim2 streams", health, (now) => now.sim2?.state === "streaming" && now.sim2.ticks > 3)

        yield* Effect.sync(() => writeFileSync(file, `[{"account_id": "sim1",`))
        yield* eventually("the file is reported", health, ({ reason }) => reason?.includes("is not valid JSON") === true)
        const before = (yield* health).sim2?.ticks ?? 0
        yield* eventually("sim2 streams on", health, (now) => now.sim2?.state === "streaming" && now.sim2.ticks > before)

        yield* write([sim1])
        yield* eventually("sim2 is gone", health, (now) => now.sim2 === undefined && now.reason?.includes("ACCOUNTS_FILE") !== true)
        const ticks = (yield* health).sim1?.ticks ?? 0
        yield* eventually("sim1 streams on", health, (now) => now.sim1?.state === "streaming" && now.sim1.ticks > ticks)
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "an account that must leave from an address that the machine does not have is named in /health before it sends anything, and the other one streams",
    () =>
      Effect.gen(function* () {
        const { config } = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 2 }, { ACCOUNT_STAND_INS: "false" })
        const file = config["ACCOUNTS_FILE"] ?? ""
        const [sim1, sim2] = JSON.parse(readFileSync(file, "utf8")) as ReadonlyArray<object>
        // 192.0.2.1 is an address of no machine (RFC 5737); every machine has all of 127.0.0.0/8.
        const rows = [
          { ...sim1, local_address: "127.0.0.2" },
          { ...sim2, local_address: "192.0.2.1" }
        ]
        yield* Effect.sync(() => writeFileSync(file, JSON.stringify(rows)))
        const running = yield* start({ ...config, SEED_USER: "demo" })
        const { body } = yield* eventually(
          "the account that cannot leave is named, and the other streams",
          ask(running, "/health"),
          ({ body }) =>
            body.ticker?.accounts?.sim1?.ticks > 3 &&
            /sim2.*local_address 192\.0\.2\.1 is not an address of this machine/.test(body.reason ?? "")
        )
        // A busy machine may also miss a probe, which makes it worse than degraded.
        assert.include(["degraded", "down"], body.status)
        assert.strictEqual(body.ticker.accounts.sim1.login.local_address, "127.0.0.2")
        assert.strictEqual(body.ticker.accounts.sim2.ticks, 0)
      }).pipe(Effect.scoped),
    300_000
  )
})
