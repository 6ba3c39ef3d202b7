import { readFileSync, writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import * as ProcessTime from "../../ProcessTime.ts"
import { proxy } from "../../Proxy.ts"
import { ask, begin, eventually, lastSeq, natsClient, socket, start, world } from "../PlatformWorld.ts"
import { readRecord } from "../record/Record.ts"

const nifty = 256_265
/** The row's limit. */
const noticedMsMax = 30_000

describe("A network partition while ticks stream", () => {
  it.live(
    "TC-ERR-030 cuts the platform off from NATS, Postgres and the broker without a reset: it is noticed and reported within 30 s, and heals by itself",
    () =>
      Effect.gen(function* () {
        const market = { mode: "synthetic", rate: 20, strikesEachSide: 6 } as const
        const { config, databaseUrl, nats, simulator } = yield* world(market, { KITE_LIVENESS: "5 seconds" })
        const door = yield* Effect.all({ nats: proxy(nats.url), postgres: proxy(databaseUrl), broker: proxy(simulator.url) })
        const file = config["ACCOUNTS_FILE"] ?? ""
        const rows: ReadonlyArray<object> = JSON.parse(readFileSync(file, "utf8"))
        const root = door.broker.url.replace(/\/$/, "")
        writeFileSync(file, JSON.stringify(rows.map((row) => ({ ...row, root, ws_root: root.replace("http", "ws") }))))
        const running = yield* start({
          ...config,
          NATS_URL: door.nats.url,
          DATABASE_URL: door.postgres.url,
          SEED_USER: "demo"
        })
        const client = yield* socket(running, "/ws/ticks")
        client.send({ action: "subscribe", tokens: [nifty] })
        const ticks = Effect.sync(() => client.received.filter(({ type }) => type === "tick"))
        yield* eventually("ticks", ticks, (all) => all.length > 20)
        yield* eventually("all is well", ask(running, "/health"), ({ body }) => body.status === "ok")

        const nowMs = yield* ProcessTime.clock
        const cutAtMs = nowMs()
        for (const one of Object.values(door)) one.freeze()
        const { body } = yield* eventually(
          "/health says all of it",
          ask(running, "/health"),
          ({ body }) => body.status === "down" && body.reason.includes("NATS is down") && body.reason.includes("database is down")
        )
        const ms = nowMs() - cutAtMs
        assert.isBelow(ms, noticedMsMax, body.reason)
        // The broker's socket is judged by its heartbeats: the ticker lets go of it, and dials again.
        const dialled = door.broker.accepted()
        yield* eventually("the broker is dialled again", Effect.sync(door.broker.accepted), (now) => now > dialled)
        assert.isBelow(nowMs() - cutAtMs, noticedMsMax)

        for (const one of Object.values(door)) one.thaw()
        const seen = (yield* ticks).length
        yield* eventually("ticks go on", ticks, (all) => all.length > seen + 20)
        yield* eventually("all is well again", ask(running, "/health"), ({ body }) => body.status === "ok")

        // The record says what is missing, and every tick of it reached the client once and in order.
        const nc = yield* natsClient(nats)
        const record = yield* Effect.promise(() => readRecord(nc, nifty))
        for (const [key, numbers] of record.numbers) assert.strictEqual(Math.max(...numbers) + 1, numbers.size, `holes in ${key}`)
        assert.isAbove(record.breaks, 0, "the lost connections stand in the record")
        const places = (yield* ticks).map(({ seq, row }) => `${seq} ${row}`)
        const stored = [...record.places]
        assert.deepStrictEqual(places, stored.slice(stored.indexOf(places[0] ?? ""), stored.indexOf(places.at(-1) ?? "") + 1))
      }).pipe(Effect.scoped),
    900_000
  )

  it.live(
    "TC-WSS-042 between the gateway and NATS: the bridge connects again by itself, and a client gets what JetStream stored meanwhile, each tick once and in order",
    () =>
      Effect.gen(function* () {
        const { config, nats } = yield* world({ mode: "synthetic", rate: 20, strikesEachSide: 6 })
        const door = yield* proxy(nats.url)
        const actors = yield* begin({ ...config, SEED_USER: "demo" }, ["actors"])
        assert.isTrue(Exit.isSuccess(actors.exit))
        yield* Effect.addFinalizer(() => actors.stop)
        const running = yield* start({ ...config, NATS_URL: door.url }, ["gateway"])
        const client = yield* socket(running, "/ws/ticks")
        client.send({ action: "subscribe", tokens: [nifty] })
        const ticks = Effect.sync(() => client.received.filter(({ type }) => type === "tick"))
        yield* eventually("ticks", ticks, (all) => all.length > 20)
        const nc = yield* natsClient(nats, "engine")
        for (const [how, away, back] of [
          ["cut", door.stop, () => door.start()],
          ["mute", async () => door.freeze(), async () => door.thaw()]
        ] as const) {
          yield* Effect.promise(away)
          yield* eventually(`${how}: it is said`, ask(running, "/health"), ({ body }) => body.reason?.includes("NATS is down"))
          const seq = yield* lastSeq(nc)
          yield* eventually(`${how}: the record goes on`, lastSeq(nc), (now) => now > seq + 300)
          yield* Effect.promise(back)
          const seen = (yield* ticks).length
          yield* eventually(`${how}: ticks go on`, ticks, (all) => all.length > seen + 20 && all.at(-1).seq > seq + 300)
          yield* eventually(`${how}: the bridge is ready`, ask(running, "/health/ready"), ({ status }) => status === 200)
        }
        const places = (yield* ticks).map(({ seq, row }) => `${seq} ${row}`)
        const stored = [...(yield* Effect.promise(() => readRecord(nc, nifty))).places]
        assert.deepStrictEqual(places, stored.slice(stored.indexOf(places[0] ?? ""), stored.indexOf(places.at(-1) ?? "") + 1))
        assert.isEmpty(client.received.filter(({ type }) => type === "gap" || type === "error"))
      }).pipe(Effect.scoped),
    900_000
  )
})
