import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Redis as Client } from "ioredis"
import { inject } from "vitest"
import { channelOf } from "../../../src/actors/edge/RedisRelay.ts"
import { ask, eventually, start, world } from "../PlatformWorld.ts"

const redisUrl = inject("backends").redis

describe("Redis relay", () => {
  it("names a channel for the two subjects that Redis listeners know, and for no other", () => {
    assert.strictEqual(channelOf("opt.delta.NSE.NIFTY.2026-11-24"), "ticker:nifty:options")
    assert.strictEqual(channelOf("und.state.NSE.M&M"), "ticker:m&m:underlying")
    assert.isUndefined(channelOf("opt.chain.NSE.NIFTY.2026-11-24"))
  })

  it.live.skipIf(redisUrl === null)(
    "TC-ERR-001 repeats deltas and states on Redis, and again after its connection was lost",
    () =>
      Effect.gen(function* () {
        const { config } = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 4 }, { REDIS_URL: `${redisUrl}/7` })
        const listener = yield* Effect.acquireRelease(
          Effect.sync(() => new Client(redisUrl ?? "")),
          (client) => Effect.sync(() => client.disconnect())
        )
        const heard = new Map<string, Array<{ readonly seq: number; readonly spot: number | null }>>()
        listener.on("message", (channel, text) => heard.set(channel, [...(heard.get(channel) ?? []), JSON.parse(text)]))
        yield* Effect.promise(() => listener.subscribe("ticker:nifty:options", "ticker:nifty:underlying"))
        const running = yield* start({ ...config, SEED_USER: "demo" })
        const count = (channel: string) => Effect.sync(() => heard.get(channel)?.length ?? 0)
        yield* eventually("deltas", count("ticker:nifty:options"), (n) => n > 2)
        yield* eventually("states", count("ticker:nifty:underlying"), (n) => n > 2)
        assert.isAbove(heard.get("ticker:nifty:underlying")?.at(-1)?.spot ?? 0, 1_000)

        // Cuts every connection of this platform, like a restart of Redis. Its database number identifies it.
        const admin = yield* Effect.acquireRelease(
          Effect.sync(() => new Client(redisUrl ?? "")),
          (client) => Effect.sync(() => client.disconnect())
        )
        const others = (yield* Effect.promise(() => admin.client("LIST") as Promise<string>))
          .split("\n")
          .filter((line) => line.includes("name=tarang") && line.includes("db=7 "))
        assert.isAbove(others.length, 0)
        for (const line of others) yield* Effect.promise(() => admin.client("KILL", "ID", /id=(\d+)/.exec(line)?.[1] ?? "0").catch(() => 0))
        const before = yield* count("ticker:nifty:options")
        yield* eventually("deltas again", count("ticker:nifty:options"), (n) => n > before + 2)
        yield* eventually("health has it too", ask(running, "/health"), ({ status, body }) => status === 200 && body.status === "ok")
      }).pipe(Effect.scoped),
    300_000
  )
})
