import { readFileSync, writeFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inject } from "vitest"
import { type Proxy, proxy } from "../../Proxy.ts"
import { type Answer, ask, eventually, type Running, socket, start, world } from "../PlatformWorld.ts"

const server = inject("backends").redis
const nifty = 256_265

/** The backends, each behind a door that the test closes and opens. */
const doors = (of: { readonly redis: string; readonly postgres: string; readonly nats: string; readonly broker: string }) =>
  Effect.all({ redis: proxy(of.redis), postgres: proxy(of.postgres), nats: proxy(of.nats), broker: proxy(of.broker) })

/** The accounts of the file reach the broker by `door`. */
const rewire = (file: string, door: Proxy): void => {
  const rows: ReadonlyArray<object> = JSON.parse(readFileSync(file, "utf8"))
  const root = door.url.replace(/\/$/, "")
  writeFileSync(file, JSON.stringify(rows.map((row) => ({ ...row, root, ws_root: root.replace("http", "ws") }))))
}

interface Step {
  readonly name: string
  readonly status: "degraded" | "down"
  /** What /health says while the backend is away. */
  readonly says: RegExp
  readonly door: Proxy
}

describe("Every backend fails", () => {
  it.live(
    "TC-ERR-040 Redis, Postgres, NATS and the broker fail and return one by one: the platform lives, each function returns with its backend, and /health reports each step",
    () =>
      Effect.gen(function* () {
        const { config, databaseUrl, nats, simulator } = yield* world()
        // Where no Redis is wanted, its step is left out, and the others are the same.
        const door = yield* doors({ redis: server ?? "redis://127.0.0.1:1", postgres: databaseUrl, nats: nats.url, broker: simulator.url })
        rewire(config["ACCOUNTS_FILE"] ?? "", door.broker)
        const running: Running = yield* start({
          ...config,
          ...(server === null ? {} : { REDIS_URL: door.redis.url }),
          DATABASE_URL: door.postgres.url,
          NATS_URL: door.nats.url,
          SEED_USER: "demo",
          KITE_RECONNECT_MAX: "1 second"
        })
        const health = (what: string, holds: (answer: Answer) => boolean) => eventually(what, ask(running, "/health"), holds)
        const client = yield* socket(running, "/ws/ticks")
        client.send({ action: "subscribe", tokens: [nifty] })
        const ticks = Effect.sync(() => client.received.filter(({ type }) => type === "tick").length)
        const streams = (what: string) => Effect.flatMap(ticks, (before) => eventually(`ticks ${what}`, ticks, (now) => now > before + 5))
        let created = 0
        const create = Effect.suspend(() => ask(running, "/strategies", { method: "POST", body: { name: `s${created++}` } }))
        yield* health("all is well", ({ body }) => body.status === "ok")
        yield* streams("at first")

        const steps: ReadonlyArray<Step> = [
          ...(server === null ? [] : [{ name: "Redis", status: "degraded", says: /^Redis is down$/, door: door.redis } as const]),
          { name: "Postgres", status: "down", says: /^database is down/, door: door.postgres },
          { name: "NATS", status: "down", says: /^NATS is down/, door: door.nats },
          { name: "the broker", status: "degraded", says: /ticker sim1 failed: .*ticker sim2 failed: /, door: door.broker }
        ]
        for (const { name, status, says, door } of steps) {
          yield* Effect.promise(door.stop)
          const away = yield* health(`/health says that ${name} is away`, ({ body }) => body.status === status && says.test(body.reason))
          assert.strictEqual(away.status, status === "down" ? 503 : 200)
          // What does not need the backend goes on.
          if (name === "Redis" || name === "Postgres") yield* streams(`without ${name}`)
          assert.strictEqual((yield* create).status, name === "Postgres" ? 503 : 201, name)
          assert.strictEqual((yield* ask(running, "/health/live")).status, 200)
          yield* Effect.promise(() => door.start())
          yield* streams(`with ${name} back`)
          yield* health(`all is well with ${name} back`, ({ body }) => body.status === "ok" && body.reason === null)
          assert.strictEqual((yield* create).status, 201)
        }
        assert.isUndefined(client.closed())
      }).pipe(Effect.scoped),
    600_000
  )
})
