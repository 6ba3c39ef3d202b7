import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { proxy } from "../../Proxy.ts"
import { ask, eventually, natsClient, type Running, socket, start, world } from "../PlatformWorld.ts"
import { readRecord } from "../record/Record.ts"

const server = inject("backends").redis
const nifty = 256_265

/** A counter of this process. Other processes may publish on the same channels, so the channels prove nothing. */
const counted = (running: Running, name: string) =>
  Effect.map(ask(running, "/metrics"), ({ body }) => Number(new RegExp(`^${name}\\{to="redis"\\} (\\d+)`, "m").exec(body)?.[1] ?? 0))

const ticksOf = (running: Running) =>
  Effect.gen(function* () {
    const client = yield* socket(running, "/ws/ticks")
    client.send({ action: "subscribe", tokens: [nifty] })
    return {
      count: Effect.sync(() => client.received.filter(({ type }) => type === "tick").length),
      isWhole: () => client.closed() === undefined && client.received.every(({ type }) => type !== "gap" && type !== "error"),
      places: () => client.received.flatMap(({ type, seq, row }) => (type === "tick" ? [`${seq} ${row}`] : []))
    }
  })
const goesOn = (what: string, count: Effect.Effect<number>, more = 5) =>
  Effect.flatMap(count, (before) => eventually(what, count, (now) => now > before + more))

describe.skipIf(server === null)("Redis fails (skipped when TARANG_REDIS=none asks for it)", () => {
  it.live(
    "TC-ERR-001 TC-ERR-003 down, and its connections reset, while ticks stream: logged, tried again, no tick is missed, and publishing resumes by itself",
    () =>
      Effect.gen(function* () {
        const door = yield* proxy(server ?? "")
        const { config, nats } = yield* world(
          { mode: "synthetic", rate: 5, strikesEachSide: 4 },
          { REDIS_URL: door.url, SEED_USER: "demo" }
        )
        const running = yield* start(config)
        const ticks = yield* ticksOf(running)
        const published = counted(running, "relayed_messages_total")
        yield* goesOn("ticks before", ticks.count)
        yield* goesOn("publishing before", published)

        yield* Effect.promise(door.stop)
        yield* eventually("/health says it", ask(running, "/health"), ({ body }) => body.reason === "Redis is down")
        yield* goesOn("ticks without Redis", ticks.count, 20)
        yield* goesOn("what Redis does not get is counted", counted(running, "relay_dropped_total"))
        yield* Effect.promise(() => door.start())
        yield* goesOn("publishing again", published)
        yield* eventually("/health is well", ask(running, "/health"), ({ body }) => body.status === "ok")

        const before = door.accepted()
        door.cut()
        yield* eventually("a new connection", Effect.sync(door.accepted), (now) => now > before)
        yield* goesOn("publishing after the reset", published)
        yield* goesOn("ticks after the reset", ticks.count)

        assert.isTrue(ticks.isWhole())
        // Every tick of the record reached the client, once and in order, and the record states no interruption.
        const places = ticks.places()
        const nc = yield* natsClient(nats)
        const record = yield* Effect.promise(() => readRecord(nc, nifty))
        const stored = [...record.places]
        assert.deepStrictEqual(places, stored.slice(stored.indexOf(places[0] ?? ""), stored.indexOf(places.at(-1) ?? "") + 1))
        assert.strictEqual(record.breaks, 0)
        const logged = running.logs.map(({ message }) => message)
        for (const text of ["Redis is away", "Redis is back"])
          assert.isAtLeast(logged.filter((message) => message.startsWith(text)).length, 2, text)
        assert.deepStrictEqual(
          running.logs.filter(({ level }) => level === "ERROR").map(({ message }) => message),
          []
        )
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "TC-ERR-002 down at the start: the platform starts degraded, /health says so, it streams, and Redis that comes later is used",
    () =>
      Effect.gen(function* () {
        const door = yield* proxy(server ?? "")
        yield* Effect.promise(door.stop)
        const { config } = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 4 }, { REDIS_URL: door.url, SEED_USER: "demo" })
        const running = yield* start(config)
        const ticks = yield* ticksOf(running)
        yield* goesOn("ticks", ticks.count)
        const { status, body } = yield* eventually(
          "/health says it",
          ask(running, "/health"),
          ({ body }) => body.reason === "Redis is down"
        )
        assert.deepStrictEqual([status, body.status, body.dependencies.redis], [200, "degraded", "down"])
        yield* Effect.promise(() => door.start())
        yield* eventually(
          "/health is well",
          ask(running, "/health"),
          ({ body }) => body.status === "ok" && body.dependencies.redis === "ok"
        )
        yield* goesOn("publishing", counted(running, "relayed_messages_total"))
      }).pipe(Effect.scoped),
    300_000
  )
})
