import { readFileSync, writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import * as ProcessTime from "../../ProcessTime.ts"
import { clear, proxy, seeded, type Weather } from "../../Proxy.ts"
import { accountIds, ask, eventually, natsClient, type Running, type Socket, socket, start, type World, world } from "../PlatformWorld.ts"
import { readRecord } from "../record/Record.ts"

const redis = inject("backends").redis
const nifty = 256_265
const poolMax = 4
/** A request that needs Postgres waits at most for a connection and for its query (docs/operations.md). */
const connectMs = 10_000
const queryMs = 4_000
/** A write waits at most for its turn (10 s), for a connection, and for its begin and its rollback. Two seconds are left for a busy machine. */
const writeMs = 30_000

/** The accounts of the file reach the broker by the door. */
const rewire = ({ config }: World, url: string): void => {
  const file = config["ACCOUNTS_FILE"] ?? ""
  const rows: ReadonlyArray<object> = JSON.parse(readFileSync(file, "utf8"))
  const root = url.replace(/\/$/, "")
  writeFileSync(file, JSON.stringify(rows.map((row) => ({ ...row, root, ws_root: root.replace("http", "ws") }))))
}
const ticksOf = (client: Socket) => Effect.sync(() => client.received.filter(({ type }) => type === "tick"))
/** The age of the newest tick that the client has. */
const ageMs = (client: Socket): number => {
  const newest = client.received.findLast(({ type }) => type === "tick")
  return newest === undefined ? Number.POSITIVE_INFINITY : Date.now() - Date.parse(newest.data.received_at ?? newest.data.timestamp)
}
const timed = (running: Running, path: string, options: Parameters<typeof ask>[2] = {}) =>
  Effect.map(ProcessTime.timed(ask(running, path, options)), ([{ status }, ms]) => ({ status, ms }))

describe("A slow network", () => {
  it.live(
    "BE-RES-04 latency of Postgres, Redis, NATS and the broker: ticks stay fresh, every request meets its deadline, and nothing piles up",
    () =>
      Effect.gen(function* () {
        const it = yield* world({ mode: "synthetic", rate: 20, strikesEachSide: 6 })
        const door = {
          postgres: yield* proxy(it.databaseUrl),
          redis: yield* proxy(redis ?? "redis://127.0.0.1:1"),
          nats: yield* proxy(it.nats.url),
          broker: yield* proxy(it.simulator.url)
        }
        rewire(it, door.broker.url)
        const running = yield* start({
          ...it.config,
          ...(redis === null ? {} : { REDIS_URL: door.redis.url }),
          DATABASE_URL: door.postgres.url,
          DATABASE_POOL_MAX: String(poolMax),
          DATABASE_CONNECT_TIMEOUT: `${connectMs} millis`,
          DATABASE_QUERY_TIMEOUT: `${queryMs} millis`,
          NATS_URL: door.nats.url,
          SEED_USER: "demo"
        })
        const client = yield* socket(running, "/ws/ticks")
        client.send({ action: "subscribe", tokens: [nifty] })
        const ticks = ticksOf(client)
        yield* eventually("ticks", ticks, (all) => all.length > 20)
        yield* eventually("all is well", ask(running, "/health"), ({ body }) => body.status === "ok")

        const slow = (latencyMs: number): Weather => ({ ...clear, latencyMs })
        const open = () => Object.values(door).map((one) => one.open())
        const before = open()
        for (const one of Object.values(door)) one.under(slow(150))
        // If messages piled up, the newest tick would become older and older.
        for (let at = 0; at < 5; at++) {
          const seen = (yield* ticks).length
          yield* eventually("ticks go on", ticks, (all) => all.length > seen + 50)
          yield* eventually(
            "they are fresh",
            Effect.sync(() => ageMs(client)),
            (age) => age < 3_000
          )
          for (const path of ["/strategies", "/subscriptions", "/instruments?search=NIFTY&limit=5"]) {
            // On a busy machine a query may exceed its time, which is answered in time too.
            yield* eventually(`${path} is answered`, timed(running, path), ({ status, ms }) => {
              assert.isBelow(ms, connectMs + queryMs, path)
              return status === 200
            })
          }
        }
        assert.isTrue(
          open().every((now, at) => now <= (before[at] ?? 0) + poolMax),
          `connections: ${open().join()} after ${before.join()}`
        )

        // Slower than a query may be: a definite answer in time, from fifty requests at once, on no more connections than the pool has.
        for (const one of Object.values(door)) one.under(clear)
        door.postgres.under(slow(2 * queryMs))
        const answers = yield* Effect.forEach(
          Array.from({ length: 50 }, (_, at) => at),
          (at) => timed(running, "/strategies", { method: "POST", body: { name: `slow ${at}` } }),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual([...new Set(answers.map(({ status }) => status))], [503])
        const longest = Math.max(...answers.map(({ ms }) => ms))
        assert.isBelow(longest, writeMs)
        const seen = (yield* ticks).length
        yield* eventually("ticks go on without Postgres", ticks, (all) => all.length > seen + 50)
        yield* eventually(
          "connections that were given up are closed",
          Effect.sync(() => door.postgres.open()),
          (now) => now <= 2 * poolMax
        )
        door.postgres.under(clear)
        yield* eventually("all is well again", ask(running, "/health"), ({ body }) => body.status === "ok")
        let writes = 0
        const write = Effect.suspend(() => ask(running, "/strategies", { method: "POST", body: { name: `afterwards ${writes++}` } }))
        yield* eventually("a write succeeds again", write, ({ status }) => status === 201)
        assert.isEmpty(client.received.filter(({ type }) => type === "gap" || type === "error"))
      }).pipe(Effect.scoped),
    900_000
  )

  it.live(
    "BE-RES-05 a tenth of the packets is lost between platform and broker, and between gateway and client: slower, but every tick once, in order, with its value",
    () =>
      Effect.gen(function* () {
        const it = yield* world({ mode: "synthetic", rate: 10, strikesEachSide: 6 })
        const broker = yield* proxy(it.simulator.url)
        rewire(it, broker.url)
        const running = yield* start({ ...it.config, SEED_USER: "demo" })
        const gateway = yield* proxy(running.url)
        const far = { ...running, url: gateway.url.replace(/\/$/, "") }
        broker.under({ latencyMs: 5, lostShare: 0.1, random: seeded(7) })
        gateway.under({ latencyMs: 5, lostShare: 0.1, random: seeded(8) })
        const client = yield* socket(far, "/ws/ticks")
        client.send({ action: "subscribe", tokens: [nifty] })
        const ticks = ticksOf(client)
        yield* eventually(
          "loss on both ways, and ticks through it",
          Effect.map(ticks, (all) => Math.min(all.length / 300, broker.packetsLost() / 50, gateway.packetsLost() / 20)),
          (share) => share > 1
        )
        // A request and its answer cross the same network.
        const { body: page } = yield* ask(far, "/subscriptions?limit=1000")
        assert.deepStrictEqual(page, (yield* ask(running, "/subscriptions?limit=1000")).body)
        const made = yield* ask(far, "/strategies", { method: "POST", body: { name: "through the loss" } })
        assert.strictEqual(made.status, 201)
        assert.strictEqual(it.simulator.stats().subscriptions, page.total)

        const nc = yield* natsClient(it.nats)
        const record = yield* Effect.promise(() => readRecord(nc, nifty))
        for (const [key, numbers] of record.numbers) assert.strictEqual(Math.max(...numbers) + 1, numbers.size, `holes in ${key}`)
        const stored = [...record.places]
        const found = (yield* ticks).filter(({ seq, row }) => record.places.has(`${seq} ${row}`)).map(({ seq, row }) => `${seq} ${row}`)
        assert.isAbove(found.length, 250)
        assert.deepStrictEqual(found, stored.slice(stored.indexOf(found[0] ?? ""), stored.indexOf(found.at(-1) ?? "") + 1))
        assert.isEmpty(client.received.filter(({ type }) => type === "gap" || type === "error"))
        assert.isUndefined(client.closed())
        broker.under(clear)
        yield* eventually(
          "both accounts stream on",
          ask(running, "/health"),
          ({ body }) => body.status === "ok" && accountIds.every((id) => body.ticker.accounts[id]?.state === "streaming")
        )
      }).pipe(Effect.scoped),
    900_000
  )
})
