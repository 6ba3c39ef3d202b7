import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { proxy } from "../../Proxy.ts"
import { ask, eventually, socket, start, world } from "../PlatformWorld.ts"

const nifty = 256_265
/** Requests before, while and after the connections are cut. */
const requests = 90
const requestsAtOnce = 10
const leg = { tradingsymbol: "NIFTY 50", exchange: "NSE", direction: "BUY", quantity: 1, entry_price: "100" }

describe("Postgres away under load", () => {
  it.live(
    "BE-DB-05 nothing that was acknowledged is lost, nothing is half-written or doubled, and streaming goes on",
    () =>
      Effect.gen(function* () {
        const { config, databaseUrl } = yield* world()
        const door = yield* proxy(databaseUrl)
        const running = yield* start({
          ...config,
          DATABASE_URL: door.url,
          DATABASE_CONNECT_TIMEOUT: "2 seconds",
          DATABASE_QUERY_TIMEOUT: "5 seconds",
          SEED_USER: "demo"
        })
        const client = yield* socket(running, "/ws/ticks")
        client.send({ action: "subscribe", tokens: [nifty] })
        const ticks = Effect.sync(() => client.received.filter(({ type }) => type === "tick").length)
        yield* eventually("ticks", ticks, (count) => count > 0)

        const acknowledged = new Map<number, string>()
        const refused = new Set<string>()
        const create = (at: number) =>
          Effect.gen(function* () {
            const name = `load ${at}`
            if (at === requests / 3) yield* Effect.promise(() => door.stop())
            if (at === (2 * requests) / 3) yield* Effect.promise(() => door.start())
            const { status, body } = yield* ask(running, "/strategies", {
              method: "POST",
              user: "u1",
              body: { name, instruments: [leg, leg] }
            })
            if (status === 201) acknowledged.set(body.strategy_id, name)
            else {
              assert.deepStrictEqual([status, body.detail], [503, "Database unavailable"])
              refused.add(name)
            }
          })
        yield* Effect.forEach(
          Array.from({ length: requests }, (_, at) => at),
          create,
          { concurrency: requestsAtOnce, discard: true }
        )
        assert.isAbove(refused.size, 0)
        assert.isAbove(acknowledged.size, 0)
        yield* eventually("the database is back", ask(running, "/health"), ({ body }) => body.dependencies.database === "ok")
        const seen = yield* ticks
        yield* eventually("ticks go on", ticks, (count) => count > seen)

        const listed: Array<{ readonly strategy_id: number; readonly name: string }> = []
        for (let offset = 0; ; offset += 100) {
          const { body } = yield* eventually(
            "a page of the strategies",
            ask(running, `/strategies?limit=100&offset=${offset}`, { user: "u1" }),
            ({ status }) => status === 200
          )
          listed.push(...body.strategies)
          if (listed.length >= body.total) break
        }
        const names = listed.map(({ name }) => name)
        assert.strictEqual(new Set(names).size, names.length)
        for (const [id, name] of acknowledged)
          assert.isTrue(
            listed.some((one) => one.strategy_id === id && one.name === name),
            `${name} is lost`
          )
        for (const { strategy_id } of listed) {
          const { body } = yield* ask(running, `/strategies/${strategy_id}`, { user: "u1" })
          assert.strictEqual(body.instruments.length, 2)
        }
      }).pipe(Effect.scoped),
    300_000
  )
})
