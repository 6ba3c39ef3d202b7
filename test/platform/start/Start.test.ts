import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { inject } from "vitest"
import { freePort } from "../../FreePort.ts"
import * as ProcessTime from "../../ProcessTime.ts"
import { proxy } from "../../Proxy.ts"
import { accountIds, ask, begin, eventually, inTime, natsClient, receivedUntilStop, socket, start, world } from "../PlatformWorld.ts"
import { accountsByToken, readRecord } from "../record/Record.ts"

describe("Platform start and stop", () => {
  it.live(
    "TC-MATL-001 brings up one ticker per account and the underlyings' actors, and health says running",
    () =>
      Effect.gen(function* () {
        const { config, nats } = yield* world()
        const running = yield* start({ ...config, SEED_USER: "demo" })
        const health = yield* eventually(
          "both accounts streaming, and all is well",
          ask(running, "/health"),
          ({ body }) =>
            body.status === "ok" &&
            accountIds.every((id) => body.ticker.accounts[id]?.state === "streaming" && body.ticker.accounts[id].ticks > 0)
        )
        assert.strictEqual(health.status, 200)
        assert.isTrue(health.body.ticker.running)
        assert.isAbove(health.body.ticker.active_subscriptions, 50)
        // They follow the money and roll to the next expiry.
        const windows = yield* ask(running, "/subscriptions/windows")
        assert.deepStrictEqual(
          windows.body.windows.map((one: Record<string, unknown>) => [one["exchange"], one["underlying"], one["expiries"], one["strikes"]]),
          [
            ["NSE", "NIFTY", 2, 20],
            ["NSE", "BANKNIFTY", 2, 20]
          ]
        )
        const nc = yield* natsClient(nats)
        yield* eventually(
          "everybody's actor",
          Effect.promise(async () => {
            const kv = await nc.jetstream().views.kv("actors", { bindOnly: true })
            const found: Array<string> = []
            for await (const key of await kv.keys()) found.push(key)
            return found.sort()
          }),
          (found) =>
            ["greeks.NSE.BANKNIFTY", "greeks.NSE.NIFTY", "strategies.NSE.NIFTY", "ticker.sim1", "ticker.sim2"].every((key) =>
              found.includes(key)
            )
        )
        yield* eventually("a chain with Greeks", ask(running, "/fo/expiries?symbol=NIFTY"), ({ body }) => body.expiries.length > 0)
        const expiry = (yield* ask(running, "/fo/expiries?symbol=NIFTY")).body.expiries[0]
        yield* eventually("Greeks", ask(running, `/fo/strikes?symbol=NIFTY&expiry=${expiry}`), ({ body }) =>
          body.strikes?.some((row: { call: { delta: number | null } | null }) => (row.call?.delta ?? 0) > 0)
        )
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "TC-MATL-002 starts without a subscription, opens no broker connection, and streams a later subscription",
    () =>
      Effect.gen(function* () {
        const { config, simulator } = yield* world()
        const running = yield* start(config)
        const idle = yield* eventually("idle tickers", ask(running, "/health"), ({ body }) =>
          accountIds.every((id) => body.ticker.accounts[id]?.state === "idle")
        )
        assert.strictEqual(idle.body.ticker.active_subscriptions, 0)
        assert.strictEqual(simulator.stats().connections, 0)
        const created = yield* ask(running, "/subscriptions", {
          method: "POST",
          body: { instrument_token: 256265, requested_mode: "FULL" }
        })
        assert.strictEqual(created.status, 200)
        yield* eventually("one connection", Effect.sync(simulator.stats), ({ connections }) => connections === 1)
        yield* eventually(
          "ticks",
          ask(running, "/health"),
          ({ body }) => body.ticker.accounts.sim1.ticks + body.ticker.accounts.sim2.ticks > 3
        )
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "TC-MATL-003 a stop ends every actor, connection, timer and handle within 30 s",
    () =>
      Effect.gen(function* () {
        const { config, databaseUrl, simulator, nats } = yield* world()
        const redis = inject("backends").redis
        // Each backend stands behind a door that counts the connections.
        const doors = [yield* proxy(nats.url), yield* proxy(databaseUrl), ...(redis === null ? [] : [yield* proxy(redis)])]
        const [toNats, toPostgres, toRedis] = doors.map(({ url }) => url)
        const timersBefore = process.getActiveResourcesInfo().length
        const running = yield* start({
          ...config,
          SEED_USER: "demo",
          ...{ NATS_URL: toNats ?? "", DATABASE_URL: toPostgres ?? "" },
          ...(toRedis === undefined ? {} : { REDIS_URL: toRedis })
        })
        for (const door of doors) assert.isAbove(door.open(), 0, door.url)
        yield* eventually("streaming", ask(running, "/health"), ({ body }) => body.ticker.accounts.sim1?.ticks > 0)
        const client = yield* socket(running, "/ws/ticks")
        const [, stopMs] = yield* ProcessTime.timed(inTime("the stop", running.stop))
        assert.isAtMost(stopMs, 30_000)
        yield* eventually("the client is closed with 1012", Effect.sync(client.closed), (code) => code === 1012)
        yield* eventually("broker left", Effect.sync(simulator.stats), ({ connections }) => connections === 0)
        yield* eventually(
          "no connection to NATS, Postgres and Redis is open",
          Effect.sync(() => doors.map((door) => door.open())),
          (open) => open.every((count) => count === 0)
        )
        const nc = yield* natsClient(nats, "engine")
        // The server itself removes the consumers of reads that were renewed, a while after them.
        yield* eventually(
          "few consumers are left",
          Effect.promise(async () => {
            const jsm = await nc.jetstreamManager()
            return (await jsm.streams.info("MD_FRAMES")).state.consumer_count
          }),
          (left) => left <= 4
        )
        yield* eventually(
          "handles closed",
          Effect.sync(() => process.getActiveResourcesInfo().length),
          (count) => count <= timersBefore + 2
        )
        assert.deepStrictEqual(
          running.logs.filter(({ level }) => level === "ERROR").map(({ message }) => message),
          []
        )
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "TC-MATL-004 a stop while 100+ instruments stream loses no tick that was received",
    () =>
      Effect.gen(function* () {
        const { config, nats } = yield* world({ mode: "synthetic", rate: 50, strikesEachSide: 20 })
        const running = yield* start({ ...config, SEED_USER: "demo" })
        const nc = yield* natsClient(nats)
        const health = yield* eventually("1,000 ticks an account", ask(running, "/health"), ({ body }) =>
          accountIds.every((id) => body.ticker.accounts[id]?.ticks > 1_000)
        )
        assert.isAbove(health.body.ticker.active_subscriptions, 100)
        const received = yield* receivedUntilStop(nc, running)
        const record = yield* Effect.promise(() => readRecord(nc, 0))
        assert.strictEqual(record.packets, received)
        assert.isAbove(received, 2_000)
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "TC-MATL-005 an unreachable backend fails the start by name, leaves nothing behind, and a later start succeeds",
    () =>
      Effect.gen(function* () {
        const { config, simulator } = yield* world()
        const port = yield* freePort
        const cases = [
          [{ DATABASE_URL: `postgres://u:p@127.0.0.1:${port}/x` }, "Failed to connect to database"],
          [{ NATS_URL: `nats://127.0.0.1:${port}` }, "Failed to connect to NATS"],
          [{ REDIS_URL: `redis://127.0.0.1:${port}`, REDIS_REQUIRED: "true" }, "Failed to connect to Redis"]
        ] as const
        for (const [wrong, text] of cases) {
          const { exit } = yield* begin({ ...config, ...wrong })
          assert.isTrue(Exit.isFailure(exit))
          if (Exit.isFailure(exit)) assert.include(Cause.pretty(exit.cause), text)
          assert.strictEqual(simulator.stats().connections, 0)
        }
        // Each backend is away at one start, and is there at the next one.
        const redis = inject("backends").redis
        const behind = [
          { url: config.DATABASE_URL, text: "Failed to connect to database", by: (url: string) => ({ DATABASE_URL: url }) },
          { url: config.NATS_URL, text: "Failed to connect to NATS", by: (url: string) => ({ NATS_URL: url }) },
          ...(redis === null
            ? []
            : [{ url: redis, text: "Failed to connect to Redis", by: (url: string) => ({ REDIS_URL: url, REDIS_REQUIRED: "true" }) }])
        ]
        for (const { by, text, url } of behind) {
          const door = yield* proxy(url)
          yield* Effect.promise(door.stop)
          const away = yield* begin({ ...config, ...by(door.url) })
          assert.isTrue(Exit.isFailure(away.exit), text)
          if (Exit.isFailure(away.exit)) assert.include(Cause.pretty(away.exit.cause), text)
          yield* Effect.promise(() => door.start())
          const back = yield* start({ ...config, ...by(door.url), REDIS_START_WAIT: "60 seconds" })
          yield* eventually(`it is ready after: ${text}`, ask(back, "/health/ready"), ({ status }) => status === 200)
          yield* back.stop
        }
        const degraded = yield* start({ ...config, REDIS_URL: `redis://127.0.0.1:${port}` })
        const { status, body } = yield* eventually("Redis is all that is missed", ask(degraded, "/health"), ({ body }) =>
          /^Redis is down/.test(body.reason ?? "")
        )
        assert.deepStrictEqual([status, body.status], [200, "degraded"])
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "TC-SUB-010 TC-SUB-011 after a restart every active subscription streams again, on the same account",
    () =>
      Effect.gen(function* () {
        // On a busy machine a login is slow. Without this setting another account would take over its instruments.
        const { config, nats, simulator } = yield* world(undefined, { ACCOUNT_STAND_INS: "false" })
        const first = yield* start({ ...config, SEED_USER: "demo" })
        const before = yield* ask(first, "/subscriptions?limit=1000")
        yield* eventually("streaming", ask(first, "/health"), ({ body }) => accountIds.every((id) => body.ticker.accounts[id]?.ticks > 0))
        yield* first.stop
        yield* eventually("broker left", Effect.sync(simulator.stats), ({ connections }) => connections === 0)
        const nc = yield* natsClient(nats)
        const { last_seq } = (yield* Effect.promise(async () => await (await nc.jetstreamManager()).streams.info("MD_FRAMES"))).state
        const second = yield* start({ ...config, SEED_USER: "demo" })
        const after = yield* ask(second, "/subscriptions?limit=1000")
        const assignment = (answer: typeof before) =>
          answer.body.subscriptions.map((one: { instrument_token: number; account_id: string }) => [one.instrument_token, one.account_id])
        assert.deepStrictEqual(assignment(after), assignment(before))
        const assigned = new Map<number, string>(assignment(before))
        assert.isAbove(assigned.size, 50)
        yield* eventually("all again", ask(second, "/health"), ({ body }) => {
          const held = accountIds.map((id) => body.ticker.accounts[id]?.subscribed ?? 0)
          return held.reduce((sum, one) => sum + one, 0) === before.body.total
        })
        const streamed = yield* eventually(
          "packets of each instrument",
          Effect.promise(() => accountsByToken(nc, last_seq)),
          (found) => [...assigned.keys()].every((token) => found.has(token))
        )
        assert.deepStrictEqual(
          [...streamed].filter(([token, accounts]) => [...accounts].join() !== assigned.get(token)),
          [],
          "each comes from the account that had it before, and from no other"
        )
      }).pipe(Effect.scoped),
    300_000
  )
})
