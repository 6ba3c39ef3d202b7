import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import type { NatsConnection } from "nats"
import * as Frame from "../../../src/domain/market/Frame.ts"
import * as Databases from "../../Databases.ts"
import { waitMsMax } from "../../Patience.ts"
import * as ProcessTime from "../../ProcessTime.ts"
import { ask, eventually, lastSeq, mayFallSilent, natsClient, type Running, readAll, start, type World, world } from "../PlatformWorld.ts"
import { framesAfter } from "../record/Record.ts"

const floorMs = 60_000

/** The instruments of the market that the test subscribes to, and the platform with none of them. */
const empty = Effect.gen(function* () {
  // A test holds a lock that the director waits for, and the platform must not give up meanwhile.
  const more = { ...mayFallSilent, DATABASE_QUERY_TIMEOUT: `${waitMsMax} millis` }
  const backends = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 12 }, more)
  const running = yield* start(backends.config)
  const nc = yield* natsClient(backends.nats)
  const tokens = backends.simulator.market.instruments.filter(({ segment }) => segment === "NFO-OPT").map(({ token }) => token)
  return { backends, running, nc, tokens }
})

const subscribe = (running: Running, tokens: ReadonlyArray<number>, account: string) =>
  Effect.gen(function* () {
    const subscriptions = tokens.map((instrument_token) => ({ instrument_token, requested_mode: "FULL", account_id: account }))
    const answer = yield* ask(running, "/subscriptions/batch", { method: "POST", body: { subscriptions } })
    assert.deepInclude(answer.body, { created: tokens.length, refused: [] })
  })
/** Reloads as several clients do at once. */
const reload = (running: Running, clients: number) =>
  Effect.forEach(
    Array.from({ length: clients }),
    () => Effect.map(ask(running, "/subscriptions/reload", { method: "POST" }), ({ status }) => assert.strictEqual(status, 200)),
    { concurrency: "unbounded" }
  )
/** Waits until the broker streams so many instruments over so many connections. */
const atBroker = ({ simulator }: World, wanted: { readonly subscriptions: number; readonly connections: number }) =>
  eventually(
    `${wanted.subscriptions} subscriptions over ${wanted.connections} connections`,
    Effect.sync(() => simulator.stats()),
    ({ connections, subscriptions }) => subscriptions === wanted.subscriptions && connections === wanted.connections
  )
/** The tokens whose packets came into the record behind a place, once those that are awaited are among them. */
const streamedAfter = (nc: NatsConnection, seq: number, awaited: ReadonlyArray<number>) =>
  eventually(
    "packets of all instruments",
    Effect.map(
      Effect.promise(() => framesAfter(nc, seq)),
      (frames) => {
        const found = new Set<number>()
        for (const { data } of frames) Frame.forEachPacket(data, (offset) => found.add(Frame.tokenAt(data, offset)))
        return found
      }
    ),
    (found) => awaited.every((token) => found.has(token))
  )
/** All packets in the record. */
const packetsOf = (nc: NatsConnection) =>
  Effect.map(
    Effect.promise(() => framesAfter(nc)),
    (frames) => frames.reduce((sum, { data }) => sum + Frame.packetCount(data), 0)
  )
const reconnects = (running: Running) =>
  Effect.promise(async () => {
    const text = await (await fetch(`${running.url}/metrics`)).text()
    return text
      .split("\n")
      .filter((line) => line.startsWith("kite_socket_reconnects_total") || line.startsWith("kite_socket_replaced_total"))
  })

/** Runs a statement in the platform's database. */
const inDatabase = <A>(url: string, self: (sql: PgClient.PgClient) => Effect.Effect<A, unknown>) =>
  Effect.flatMap(PgClient.PgClient, self).pipe(Effect.provide(Databases.client(url)), Effect.scoped, Effect.orDie)

describe("reload of the subscriptions of a running platform", () => {
  it.live(
    "TC-MATL-012 of five reloads at once one runs, all others join it, and the final state is the requested one",
    () =>
      Effect.gen(function* () {
        const { backends, nc, running, tokens } = yield* empty
        const heard: Array<string> = []
        const subscription = nc.subscribe("ctl.changed.subscriptions", {
          callback: (_, message) => void heard.push(message.json<{ readonly request_id: string }>().request_id)
        })
        yield* Effect.promise(() => nc.flush())
        const requestIds = () =>
          running.logs.flatMap(({ annotations }) => (annotations["request_id"] === undefined ? [] : [String(annotations["request_id"])]))
        const reloadAs = (id: string) =>
          Effect.map(ask(running, "/subscriptions/reload", { method: "POST", headers: { "x-request-id": id } }), ({ status }) =>
            assert.strictEqual(status, 200)
          )

        // The director reads the strategies, which another transaction holds: its look waits.
        const release = yield* Deferred.make<void>()
        const holding = yield* Effect.fork(
          inDatabase(backends.databaseUrl, (sql) =>
            sql.withTransaction(Effect.zipRight(sql`LOCK TABLE strategies IN ACCESS EXCLUSIVE MODE`, Deferred.await(release)))
          )
        )
        yield* reloadAs("first-reload")
        yield* eventually(
          "the director's look waits",
          inDatabase(
            backends.databaseUrl,
            (sql) =>
              sql<{
                readonly count: string
              }>`SELECT count(*) AS count FROM pg_locks WHERE relation = 'strategies'::regclass AND NOT granted`
          ),
          ([row]) => Number(row?.count) > 0
        )
        const subscriptions = tokens
          .slice(0, 12)
          .map((instrument_token) => ({ instrument_token, requested_mode: "FULL", account_id: "sim1" }))
        const added = yield* ask(running, "/subscriptions/batch", {
          method: "POST",
          body: { subscriptions },
          headers: { "x-request-id": "added" }
        })
        assert.deepInclude(added.body, { created: 12, refused: [] })
        const five = Array.from({ length: 5 }, (_, at) => `reload-${at}`)
        yield* Effect.forEach(five, reloadAs, { concurrency: "unbounded", discard: true })
        yield* eventually(
          "all reloads are announced",
          Effect.sync(() => five.every((id) => heard.includes(id))),
          (all) => all
        )
        subscription.unsubscribe()
        yield* Deferred.succeed(release, undefined)
        yield* Fiber.join(holding)

        yield* atBroker(backends, { subscriptions: 12, connections: 1 })
        const isOfReloads = (ids: string) => five.some((id) => ids.split(",").includes(id))
        const runs = yield* eventually(
          "the reloads are done",
          Effect.sync(() => [...new Set(requestIds().filter((ids) => isOfReloads(ids) && ids.includes(",")))]),
          (all) => all.length > 0
        )
        assert.strictEqual(runs.length, 1)
        assert.sameMembers(runs[0]?.split(",").filter((id) => five.includes(id)) ?? [], five)
        yield* streamedAfter(nc, 0, tokens.slice(0, 12))
      }).pipe(Effect.scoped),
    900_000
  )

  it.live(
    "TC-MATL-010 adds new subscriptions within 60 s without disturbing the old ones",
    () =>
      Effect.gen(function* () {
        const { backends, nc, running, tokens } = yield* empty
        const [old, added] = [tokens.slice(0, 10), tokens.slice(10, 15)]
        yield* subscribe(running, old, "sim1")
        yield* atBroker(backends, { subscriptions: 10, connections: 1 })
        yield* streamedAfter(nc, 0, old)
        const before = yield* reconnects(running)

        const nowMs = yield* ProcessTime.clock
        const beganMs = nowMs()
        yield* subscribe(running, added, "sim1")
        yield* reload(running, 5)
        yield* atBroker(backends, { subscriptions: 15, connections: 1 })
        yield* streamedAfter(nc, yield* lastSeq(nc), [...old, ...added])
        assert.isBelow(nowMs() - beganMs, floorMs)
        // The old ones' connection is the same, and the record states no interruption.
        assert.deepStrictEqual(yield* reconnects(running), before)
        assert.deepStrictEqual(yield* readAll(nc, "MD_FRAMES", "md.break.>"), [])
      }).pipe(Effect.scoped),
    900_000
  )

  it.live(
    "TC-MATL-013 TC-MATL-050 TC-REG-040 a reload of 100 under 500 ticks a second takes less than 30 s and loses no tick",
    () =>
      Effect.gen(function* () {
        const { backends, nc, running, tokens } = yield* empty
        const [old, added] = [tokens.slice(0, 100), tokens.slice(100, 200)]
        assert.strictEqual(added.length, 100)
        yield* subscribe(running, old, "sim1")
        yield* atBroker(backends, { subscriptions: 100, connections: 1 })
        yield* streamedAfter(nc, 0, old)

        const nowMs = yield* ProcessTime.clock
        const beganMs = nowMs()
        yield* subscribe(running, added, "sim1")
        yield* reload(running, 5)
        yield* atBroker(backends, { subscriptions: 200, connections: 1 })
        assert.isBelow(nowMs() - beganMs, 30_000)
        yield* streamedAfter(nc, yield* lastSeq(nc), [...old, ...added])

        yield* eventually(
          "a thousand packets",
          Effect.sync(() => backends.simulator.stats().packets),
          (sent) => sent > 1_000
        )
        // The market falls silent on the open connection, so that everything that was sent arrives.
        backends.simulator.mute(0)
        const { packets } = backends.simulator.stats()
        yield* eventually("every packet that the broker sent is in the record", packetsOf(nc), (count) => count >= packets)
        assert.strictEqual(yield* packetsOf(nc), packets)
        assert.deepStrictEqual(yield* readAll(nc, "MD_FRAMES", "md.break.>"), [])
      }).pipe(Effect.scoped),
    900_000
  )

  it.live(
    "TC-MATL-011 removes deactivated ones: no more of their ticks, empty connections closed, and the rest untouched",
    () =>
      Effect.gen(function* () {
        const { backends, nc, running, tokens } = yield* empty
        const [kept, removed, alone] = [tokens.slice(0, 10), tokens.slice(10, 15), tokens.slice(15, 18)]
        yield* subscribe(running, [...kept, ...removed], "sim1")
        yield* subscribe(running, alone, "sim2")
        yield* atBroker(backends, { subscriptions: 18, connections: 2 })
        yield* streamedAfter(nc, 0, [...kept, ...removed, ...alone])
        const before = yield* reconnects(running)

        for (const token of [...removed, ...alone])
          assert.strictEqual((yield* ask(running, `/subscriptions/${token}`, { method: "DELETE" })).status, 200)
        yield* reload(running, 1)
        yield* atBroker(backends, { subscriptions: 10, connections: 1 })
        // What was on its way has arrived once the rest has ticked twice.
        yield* streamedAfter(nc, yield* lastSeq(nc), kept)
        const streamed = yield* streamedAfter(nc, yield* lastSeq(nc), kept)
        assert.deepStrictEqual(
          [...removed, ...alone].filter((token) => streamed.has(token)),
          []
        )
        assert.deepStrictEqual(yield* reconnects(running), before)
      }).pipe(Effect.scoped),
    900_000
  )
})
