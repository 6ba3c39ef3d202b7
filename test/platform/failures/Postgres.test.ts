import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Schedule } from "effect"
import type { Bars } from "../../../src/domain/market/Bar.ts"
import * as StartFailure from "../../../src/StartFailure.ts"
import * as DaysMarket from "../../../src/simulator/days/DaysMarket.ts"
import * as Databases from "../../Databases.ts"
import * as ProcessTime from "../../ProcessTime.ts"
import { proxy } from "../../Proxy.ts"
import { ask, begin, eventually, natsClient, readAll, socket, start, world } from "../PlatformWorld.ts"

const day = "2026-08-03"
const at = (time: string) => Date.parse(`${day}T${time}:00+05:30`)
const minuteMs = 60_000
const [awayMs, backMs] = [at("10:00"), at("11:00")]
const products = DaysMarket.products.filter(({ name }) => name === "NIFTY").map((one) => ({ ...one, strikesEachSide: 1 }))

/** Holds the market at an instant until the test lets it go on. */
const hold = (instants: ReadonlyArray<number>) => {
  const gates = new Map(
    instants.map((ms) => [ms, { reached: Effect.runSync(Deferred.make<void>()), released: Effect.runSync(Deferred.make<void>()) }])
  )
  return {
    before: (ms: number) => {
      const gate = gates.get(ms)
      return gate === undefined ? Effect.void : Effect.zipRight(Deferred.succeed(gate.reached, undefined), Deferred.await(gate.released))
    },
    reached: (ms: number) => Deferred.await(gates.get(ms)?.reached as Deferred.Deferred<void>),
    goOn: (ms: number) => Deferred.succeed(gates.get(ms)?.released as Deferred.Deferred<void>, undefined)
  }
}

/** The starts of our minutes in Postgres, by a connection that does not use the door. */
const savedMinutes = (url: string) =>
  Effect.flatMap(
    PgClient.PgClient,
    (sql) =>
      sql<{ readonly at: Date }>`SELECT at FROM bars WHERE source = 'live' AND minutes = 1 AND tradingsymbol = 'NIFTY 50' ORDER BY at`
  ).pipe(
    Effect.provide(Databases.client(url)),
    Effect.map((rows) => rows.map(({ at }) => at.getTime())),
    Effect.retry({ schedule: Schedule.spaced("200 millis"), times: 100 }),
    Effect.orDie
  )

describe("Postgres fails", () => {
  it.live(
    "TC-ERR-011 down at the start: it fails with what is wrong and what to do, leaves nothing behind, and the next start succeeds",
    () =>
      Effect.gen(function* () {
        const { config, databaseUrl, nats, simulator } = yield* world()
        const door = yield* proxy(databaseUrl)
        const withDoor = { ...config, DATABASE_URL: door.url, SEED_USER: "demo" }
        const nc = yield* natsClient(nats, "engine")
        yield* Effect.promise(door.stop)
        const handles = process.getActiveResourcesInfo().length
        const { exit } = yield* begin(withDoor)
        assert.isTrue(Exit.isFailure(exit))
        if (Exit.isFailure(exit)) {
          assert.match(
            StartFailure.sentence(exit.cause) ?? "",
            /^Failed to connect to database: .*ECONNREFUSED.*; start Postgres or correct DATABASE_URL$/
          )
          assert.isFalse(Cause.isDie(exit.cause))
        }
        assert.strictEqual(simulator.stats().connections, 0)
        const jsm = yield* Effect.promise(() => nc.jetstreamManager())
        const streams = yield* Effect.promise(async () => {
          const found: Array<string> = []
          for await (const { config } of jsm.streams.list()) found.push(config.name)
          return found
        })
        assert.deepStrictEqual(streams, [], "no stream was made")
        yield* eventually(
          "no socket, timer or other handle is left",
          Effect.sync(() => process.getActiveResourcesInfo().length),
          (count) => count <= handles
        )
        yield* Effect.promise(() => door.start())
        const running = yield* start(withDoor)
        yield* eventually("it streams", ask(running, "/health"), ({ body }) => body.status === "ok" && body.ticker.accounts.sim1?.ticks > 0)
      }).pipe(Effect.scoped),
    900_000
  )

  it.live(
    "TC-ERR-012 lost for an hour of the market: ticks stream, REST answers 503, bars wait in JetStream, and all of it is saved within 30 s of its return",
    () =>
      Effect.gen(function* () {
        const gates = hold([awayMs, backMs])
        const { config, databaseUrl, nats, simulator } = yield* world({
          mode: "days",
          days: [day],
          products,
          stepSeconds: 60,
          before: gates.before
        })
        const door = yield* proxy(databaseUrl)
        const running = yield* start({
          ...config,
          DATABASE_URL: door.url,
          DATABASE_CONNECT_TIMEOUT: "2 seconds",
          DATABASE_QUERY_TIMEOUT: "5 seconds"
        })
        const token = simulator.market.instruments.find(({ tradingsymbol }) => tradingsymbol === "NIFTY 50")?.token
        const body = { instrument_token: token, requested_mode: "FULL", account_id: "sim1" }
        assert.strictEqual((yield* ask(running, "/subscriptions", { method: "POST", body })).status, 200)
        const client = yield* socket(running, "/ws/ticks")
        client.send({ action: "subscribe", tokens: [token] })
        const ticks = Effect.sync(() => client.received.filter(({ type }) => type === "tick").length)
        const nc = yield* natsClient(nats, "engine")
        const waiting = Effect.promise(async () => {
          const { num_pending, num_ack_pending } = await (await nc.jetstreamManager()).consumers.info("MD_BARS", "bar-writer")
          return num_pending + num_ack_pending
        })
        const published = Effect.map(readAll<Bars>(nc, "MD_BARS", "md.bar.1m.>"), (all) => [
          ...new Set(
            all.flatMap(({ tradingsymbol, bars }) =>
              tradingsymbol === "NIFTY 50" ? bars.filter(({ closed }) => closed).map(({ timestamp }) => Date.parse(timestamp)) : []
            )
          )
        ])

        yield* gates.reached(awayMs)
        yield* eventually("the minutes so far are saved", savedMinutes(databaseUrl), (all) => all.includes(awayMs - 2 * minuteMs))
        yield* Effect.promise(door.stop)
        const down = yield* eventually("/health says it", ask(running, "/health"), ({ body }) => body.reason?.includes("database is down"))
        assert.deepStrictEqual([down.status, down.body.status], [503, "down"])
        const before = yield* ticks
        yield* gates.goOn(awayMs)
        yield* gates.reached(backMs)
        yield* eventually("ticks of the hour", ticks, (now) => now >= before + 60)
        for (const path of ["/strategies", "/subscriptions", "/orders/tasks"]) {
          const { status, body } = yield* ask(running, path)
          assert.deepStrictEqual([status, body.detail], [503, "Database unavailable"], path)
        }
        yield* eventually("bars wait", waiting, (count) => count > 0)
        yield* eventually("bars of the hour are published", published, (all) => all.includes(backMs - 2 * minuteMs))
        assert.isFalse((yield* savedMinutes(databaseUrl)).includes(backMs - 2 * minuteMs))

        const hour = (yield* published).filter((ms) => ms < backMs - minuteMs).sort((a, b) => a - b)
        const nowMs = yield* ProcessTime.clock
        yield* Effect.promise(() => door.start())
        const returnedMs = nowMs()
        const saved = yield* eventually(
          "all of it is saved",
          Effect.map(savedMinutes(databaseUrl), (all) => all.filter((ms) => ms < backMs - minuteMs)),
          (all) => all.length >= hour.length
        )
        yield* eventually("REST answers", ask(running, "/strategies").pipe(Effect.map(({ status }) => status)), (status) => status === 200)
        yield* eventually("/health is well", ask(running, "/health"), ({ body }) => body.dependencies.database === "ok")
        assert.isBelow(nowMs() - returnedMs, 30_000)
        assert.deepStrictEqual(saved, hour)
        assert.strictEqual(saved.filter((ms) => ms >= awayMs && ms < backMs - minuteMs).length, 59)
        // An acknowledgement that was lost comes after the half minute in which NATS waits for it.
        yield* eventually("nothing waits", waiting, (count) => count === 0)
        yield* gates.goOn(backMs)
      }).pipe(Effect.scoped),
    900_000
  )
})
