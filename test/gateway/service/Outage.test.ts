import { createServer } from "node:http"
import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, type Scope } from "effect"
import { inject } from "vitest"
import type { TickerStatus } from "../../../src/domain/market/TickerStatus.ts"
import { Health } from "../../../src/gateway/service/Health.ts"
import { InstrumentRegistry } from "../../../src/store/instruments/InstrumentRegistry.ts"
import { InstrumentRepo } from "../../../src/store/instruments/InstrumentRepo.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as Streams from "../../../src/streams/Streams.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { proxy } from "../../Proxy.ts"
import { migratedDatabase, natsServer } from "../../TestBackends.ts"
import { ask, eventually, fullPacket, metric, publishFrame, publishState, ready, token, tokens, World, world } from "../GatewayWorld.ts"
import { connect } from "../sockets/SocketClient.ts"

const redisUrl = inject("backends").redis
const health = ask("/health", { as: null })
const status = (state: TickerStatus["state"], detail: string | null = null, account = "acc1"): TickerStatus => ({
  v: 1,
  as_of: "2026-11-24T09:30:00.000Z",
  account_id: account,
  state,
  detail,
  source: "simulator",
  incarnation: 1,
  subscribed: 12,
  ticks: 345,
  last_tick_at: new Date().toISOString()
})
const publishStatus = (one: TickerStatus) =>
  Effect.flatMap(World, ({ engine }) => engine.publish(Subjects.Ticker.at({ account: one.account_id }), Subjects.Ticker.encode(one)))

/** A program with a separate gateway. */
const within = <E>(
  options: Parameters<typeof world>[0],
  program: Effect.Effect<void, E, World | Health | PgClient.PgClient | InstrumentRepo | InstrumentRegistry | Scope.Scope>
) => Effect.flatMap(Layer.build(world(options)), (context) => Effect.provide(program, context))

describe("Health and outages", () => {
  it.scopedLive("TC-REG-004 BE-ISO-03 GET /health has the contract's fields and correct values", () =>
    within(
      { config: { ENVIRONMENT: "test", MARKET_MODE: "live" } },
      Effect.gen(function* () {
        yield* ready
        yield* ask("/subscriptions", { method: "POST", body: { instrument_token: tokens.nifty, requested_mode: "FULL" } })
        // A running ticker reports all the time.
        const healthWhile = (...said: Parameters<typeof status>) => Effect.zipRight(publishStatus(status(...said)), health)
        const { body } = yield* eventually(
          "the ticker and the subscription are seen, and every probe has been answered in time",
          Effect.map(healthWhile("streaming"), (answer) => {
            const { status, ticker } = answer.body
            return status === "ok" && ticker.running && ticker.active_subscriptions === 1 ? answer : undefined
          })
        )
        assert.deepStrictEqual(
          {
            ...body,
            market: { ...body.market, time: "", phase: typeof body.market.phase },
            ticker: { ...body.ticker, accounts: Object.keys(body.ticker.accounts) }
          },
          {
            status: "ok",
            reason: null,
            environment: "test",
            ticker: { running: true, active_subscriptions: 1, accounts: ["acc1"] },
            writers: {},
            executors: {},
            processes: {},
            restarts: [],
            interruptions: [],
            dependencies: {
              redis: "not configured",
              database: "ok",
              nats: "ok",
              instrument_registry: { status: "ok", instruments: 7, trade_date: "2026-11-24" }
            },
            market: { mode: "live", state: "running", phase: "string", time: "", speed: null }
          }
        )
        assert.strictEqual(new Date(body.market.time).toISOString(), body.market.time)
        assert.deepInclude(body.ticker.accounts.acc1, { state: "streaming", subscribed: 12, ticks: 345, source: "simulator" })

        const degraded = yield* eventually(
          "the failure is seen",
          Effect.map(healthWhile("failed", "token rejected"), (answer) =>
            answer.body.reason === "ticker acc1 failed: token rejected" ? answer : undefined
          )
        )
        assert.deepStrictEqual([degraded.status, degraded.body.status], [200, "degraded"])
        assert.isFalse(degraded.body.ticker.running)

        const behind = yield* eventually(
          "the record that is behind is seen",
          Effect.map(
            Effect.zipRight(
              publishStatus({
                ...status("streaming"),
                backpressure: { level: "OVERLOAD", buffered_bytes: 67_108_000, lag_ms: 6_400, dropped: 12 }
              }),
              health
            ),
            (answer) =>
              answer.body.reason ===
              "the record is behind ticker acc1: OVERLOAD, 67108000 bytes wait, the lag is 6400 ms, 12 packets were dropped"
                ? answer
                : undefined
          )
        )
        assert.deepStrictEqual(behind.body.ticker.accounts.acc1.backpressure, {
          level: "OVERLOAD",
          buffered_bytes: 67_108_000,
          lag_ms: 6_400,
          dropped: 12
        })

        const { engine } = yield* World
        const process = {
          v: 1,
          as_of: new Date().toISOString(),
          process: "market",
          actors: ["market"],
          level: "WARNING",
          accounts: { acc1: { level: "WARNING", buffered_bytes: 5_000, dropped: 0 } }
        } as const
        const named = yield* eventually(
          "the process of actors is named with its level",
          Effect.map(
            Effect.zipRight(
              engine.publish(Subjects.ProcessHealth.at({ process: "market" }), Subjects.ProcessHealth.encode(process)),
              health
            ),
            (answer) => (answer.body.processes.market === undefined ? undefined : answer)
          )
        )
        const { actors, level, accounts } = process
        assert.deepStrictEqual(named.body.processes, { market: { actors, level, accounts, as_of: named.body.processes.market.as_of } })

        const stalled = {
          v: 1,
          as_of: new Date().toISOString(),
          name: "bar-writer",
          state: "stalled",
          detail: "nothing saved for 5 s",
          waiting: 7
        } as const
        yield* engine.publish(Subjects.Writer.at({ writer: "bar-writer" }), Subjects.Writer.encode(stalled))
        const still = yield* eventually(
          "the writer that stands still is seen",
          Effect.map(healthWhile("streaming"), (answer) =>
            answer.body.reason === "bar-writer stalled: nothing saved for 5 s" ? answer : undefined
          )
        )
        assert.strictEqual(still.body.status, "degraded")
        assert.deepInclude(still.body.writers["bar-writer"], { state: "stalled", waiting: 7 })
      })
    )
  )

  it.scopedLive("says from an hour before that a person's token dies, and nothing before that or of a login that follows by itself", () =>
    within(
      {},
      Effect.gen(function* () {
        yield* ready
        const minuteMs = 60_000
        const healthWith = (minutes: number, is_automatic = false) => {
          const token_dies_at = new Date(Date.now() + minutes * minuteMs).toISOString()
          const login = { state: "signed_in", is_automatic, token_dies_at, required_since: null, detail: null } as const
          return Effect.map(Effect.zipRight(publishStatus({ ...status("streaming"), login }), health), ({ body }) => ({
            body,
            token_dies_at
          }))
        }
        const shows = (minutes: number, is_automatic: boolean, wanted: (diesAt: string) => string | null) =>
          eventually(
            `${minutes} minutes before`,
            Effect.map(healthWith(minutes, is_automatic), ({ body, token_dies_at }) =>
              body.ticker.accounts.acc1?.login?.token_dies_at === token_dies_at && body.reason === wanted(token_dies_at) ? body : undefined
            )
          )
        yield* shows(70, false, () => null)
        const soon = yield* shows(50, false, (at) => `the token of account acc1 dies at ${at}: sign in again after that`)
        assert.strictEqual(soon.status, "degraded")
        yield* shows(50, true, () => null)
      })
    )
  )

  it.scopedLive("BE-OPS-03 GET /health waits for no backend: its report is complete without any I/O", () =>
    within(
      {},
      Effect.gen(function* () {
        yield* ready
        const { report } = yield* Health
        // An effect that waits for anything cannot run synchronously.
        const exit = Effect.runSyncExit(report)
        assert.isTrue(Exit.isSuccess(exit), String(exit))
      })
    )
  )

  it.scopedLive("BE-OPS-03 a database outage: 503 that names it, /health down, live and ready unchanged, streaming continues", () =>
    Effect.gen(function* () {
      const database = yield* proxy(yield* migratedDatabase)
      const gaugeIs = (level: number) =>
        eventually(
          `the gauge of the database is ${level}`,
          Effect.map(metric('dependency_up{dependency="database"}'), (value) => value === level)
        )
      yield* within(
        { database: Effect.succeed(database.url) },
        Effect.gen(function* () {
          yield* ready
          yield* gaugeIs(1)
          const client = yield* connect(`/ws/ticks?token=${yield* token()}`)
          yield* client.next
          yield* client.ask({ action: "subscribe", tokens: [tokens.nifty] })
          const marks = yield* connect(`/strategies/stream?token=${yield* token()}`)
          yield* marks.next
          yield* Effect.promise(() => database.stop())
          const down = yield* eventually(
            "health sees it",
            Effect.map(health, (answer) => (answer.body.reason === "database is down" ? answer : undefined))
          )
          assert.deepStrictEqual([down.status, down.body.status], [503, "down"])
          yield* gaugeIs(0)
          assert.strictEqual(down.body.dependencies.database, "down")
          const requests = [
            ask("/subscriptions"),
            ask("/strategies"),
            ask("/strategies", { method: "POST", body: { name: "s" } }),
            ask("/subscriptions/reload", { method: "POST" })
          ]
          for (const request of requests) {
            const answer = yield* request
            assert.deepStrictEqual([answer.status, answer.body.detail, answer.body.code], [503, "Database unavailable", "unavailable"])
          }
          for (const path of ["/health/live", "/health/ready", "/fo/expiries?symbol=NIFTY"])
            yield* eventually(
              `${path} answers`,
              Effect.map(ask(path), (answer) => answer.status === 200)
            )
          assert.deepStrictEqual(yield* marks.ask({ action: "subscribe", strategy_ids: [1] }), {
            type: "error",
            code: "unavailable",
            message: "Database unavailable",
            strategy_ids: [1]
          })
          yield* publishFrame([fullPacket(tokens.nifty, 2_450_000)])
          assert.strictEqual((yield* client.nextOf("tick")).data.last_price, 24_500)
          yield* Effect.promise(() => database.start())
          yield* eventually(
            "it is well again",
            Effect.map(health, ({ body }) => body.status === "ok")
          )
          yield* gaugeIs(1)
          assert.strictEqual((yield* ask("/strategies")).status, 200)
        })
      )
    })
  )

  it.scopedLive("BE-OPS-03 a NATS outage: /health down and not ready, REST with Postgres continues; afterwards it streams again", () =>
    Effect.gen(function* () {
      const nats = yield* natsServer
      yield* within(
        { nats: Effect.succeed(nats) },
        Effect.gen(function* () {
          yield* ready
          const client = yield* connect(`/ws/ticks?token=${yield* token()}`)
          yield* client.next
          yield* client.ask({ action: "subscribe", tokens: [tokens.nifty] })
          yield* Effect.promise(() => nats.stop())
          const down = yield* eventually(
            "health sees it",
            Effect.map(health, (answer) => (answer.body.reason === "NATS is down" ? answer : undefined))
          )
          assert.deepStrictEqual([down.status, down.body.status], [503, "down"])
          const unready = yield* ask("/health/ready")
          assert.deepStrictEqual([unready.status, unready.body.detail], [503, "Not ready: NATS is down"])
          assert.strictEqual((yield* ask("/health/live")).status, 200)
          assert.strictEqual((yield* ask("/strategies", { method: "POST", body: { name: "s" } })).status, 201)
          const reload = yield* ask("/subscriptions/reload", { method: "POST" })
          assert.deepStrictEqual([reload.status, reload.body.detail], [503, "NATS unavailable"])
          yield* Effect.promise(() => nats.start())
          yield* ready
          yield* eventually(
            "it is well again",
            Effect.map(health, ({ body }) => body.status === "ok")
          )
          yield* eventually(
            "the engine is connected again",
            Effect.map(World, ({ engine }) => engine.isConnected())
          )
          yield* publishFrame([fullPacket(tokens.nifty, 2_460_000)])
          assert.strictEqual((yield* client.nextOf("tick")).data.last_price, 24_600)
        })
      )
    })
  )

  it.scopedLive("BE-OPS-03 an outage of an optional Redis only degrades", () =>
    Effect.gen(function* () {
      const nobody = yield* proxy("redis://127.0.0.1:1")
      yield* Effect.promise(() => nobody.stop())
      yield* within(
        { config: { REDIS_URL: nobody.url } },
        Effect.gen(function* () {
          yield* ready
          const { status, body } = yield* eventually(
            "Redis is all that is missed",
            Effect.map(health, (answer) => (answer.body.reason === "Redis is down" ? answer : undefined))
          )
          assert.deepStrictEqual([status, body.status, body.dependencies.redis], [200, "degraded", "down"])
        })
      )
    })
  )

  it.scopedLive.skipIf(redisUrl === null)(
    "BE-OPS-03 an outage of a required Redis is 503 and down, live goes on, and it is well again with Redis (skipped when TARANG_REDIS=none asks for it)",
    () =>
      Effect.gen(function* () {
        const door = yield* proxy(redisUrl ?? "")
        yield* within(
          { config: { REDIS_URL: door.url, REDIS_REQUIRED: "true", REDIS_START_WAIT: "60 seconds" } },
          Effect.gen(function* () {
            yield* ready
            const redis = (wanted: string) =>
              eventually(
                `Redis is ${wanted}`,
                Effect.map(health, (answer) => (answer.body.dependencies.redis === wanted ? answer : undefined))
              )
            assert.notInclude((yield* redis("ok")).body.reason ?? "", "Redis")
            yield* Effect.promise(() => door.stop())
            const { status, body } = yield* redis("down")
            assert.deepStrictEqual([status, body.status], [503, "down"])
            assert.include(body.reason, "Redis is down")
            assert.strictEqual((yield* ask("/health/live")).status, 200)
            yield* Effect.promise(() => door.start())
            assert.notInclude((yield* redis("ok")).body.reason ?? "", "Redis")
            // No request of this test uses Redis, and a mute server keeps its connections open.
            door.freeze()
            yield* redis("down")
            door.thaw()
            yield* redis("ok")
          })
        )
      })
  )

  it.scopedLive("TC-WSS-040 is not ready, and gives the reason, until the subject bridge has caught up", () =>
    within(
      { hasStreams: false },
      Effect.gen(function* () {
        const before = yield* ask("/health/ready")
        assert.strictEqual(before.status, 503)
        assert.match(before.body.detail, /^Not ready: subject bridge is catching up: .*frames/)
        assert.strictEqual((yield* ask("/health/live")).status, 200)
        yield* eventually(
          "it is degraded by that alone",
          Effect.map(health, ({ body }) => body.status === "degraded")
        )
        const { engine } = yield* World
        yield* Streams.ensure.pipe(Effect.provideService(JetStream, engine))
        yield* ready
        const client = yield* connect(`/ws/ticks?token=${yield* token()}`)
        yield* client.next
        yield* client.ask({ action: "subscribe", tokens: [tokens.nifty] })
        yield* publishFrame([fullPacket(tokens.nifty, 100)])
        assert.strictEqual((yield* client.nextOf("tick")).data.last_price, 1)
      })
    )
  )

  it.scopedLive("reports a simulated market's end, and names a missing registry in refusals", () =>
    Effect.gen(function* () {
      let state = "waiting"
      const time = "2026-08-19T07:38:00.000Z"
      const simulator = yield* Effect.acquireRelease(
        Effect.promise(
          () =>
            new Promise<ReturnType<typeof createServer>>((resolve) => {
              const made = createServer((_, response) =>
                response.end(JSON.stringify({ time, mode: "recorded", speed: 60, state, underlying: "NIFTY" }))
              )
              made.listen(0, "127.0.0.1", () => resolve(made))
            })
        ),
        (made) =>
          Effect.sync(() => made.closeAllConnections()).pipe(Effect.zipRight(Effect.promise(() => new Promise((done) => made.close(done)))))
      )
      const address = simulator.address()
      const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`
      yield* within(
        { hasInstruments: false, config: { MARKET_MODE: "recorded", SIMULATOR_URL: url } },
        Effect.gen(function* () {
          const market = Effect.map(health, ({ body }) => body.market)
          yield* eventually(
            "the market runs",
            Effect.map(market, (now) => now.mode === "recorded" && now.state === "running")
          )
          const out = (as_of: string) => publishState({ as_of })
          yield* out("2026-08-19T07:37:00.000Z")
          state = "ended"
          // Longer than the quiet time: the slow actor may only be paused.
          yield* Effect.sleep("2500 millis")
          assert.strictEqual((yield* market).state, "running")
          yield* out(time)
          yield* eventually(
            "the end is passed on",
            Effect.map(market, (now) => now.state === "ended")
          )
          assert.deepStrictEqual((yield* health).body.dependencies.instrument_registry, {
            status: "empty",
            instruments: 0,
            trade_date: null
          })
          const refused = yield* ask("/subscriptions", { method: "POST", body: { instrument_token: 1, requested_mode: "FULL" } })
          const detail = "Instruments unavailable: none are loaded yet"
          assert.deepStrictEqual([refused.status, refused.body.detail], [503, detail])
          const chains = yield* connect(`/fo/stream?token=${yield* token()}`)
          yield* chains.next
          const chain = { symbol: "NIFTY", expiry: "2026-11-24" }
          const answer = yield* chains.ask({ action: "subscribe", ...chain })
          assert.deepStrictEqual(answer, { type: "error", code: "unavailable", message: detail, ...chain })
        })
      )
    })
  )

  it.scopedLive("BE-DAY-05 states which instruments are refused, why, and which stay in force", () =>
    within(
      {},
      Effect.gen(function* () {
        const repo = yield* InstrumentRepo
        const registry = yield* InstrumentRegistry
        yield* repo.refuse("2026-11-25", "exchange BFO is missing; it had 31 instruments")
        yield* registry.follow("2026-11-25")
        const reason =
          "instruments of 2026-11-25 are refused, those of 2026-11-24 stay in force: exchange BFO is missing; it had 31 instruments"
        yield* eventually(
          "it is degraded, and says why",
          Effect.map(health, ({ body }) => body.status === "degraded" && String(body.reason).includes(reason))
        )
      })
    )
  )

  it.scopedLive("an unforeseen error is 500 in the contract's form, without internal details", () =>
    within(
      {},
      Effect.gen(function* () {
        const { logs } = yield* World
        const sql = yield* PgClient.PgClient
        yield* sql`DROP TABLE strategies CASCADE`
        const { status, body } = yield* ask("/strategies")
        assert.deepStrictEqual(
          [status, { ...body, request_id: "" }],
          [500, { detail: "Internal server error", code: "internal_error", request_id: "", errors: [] }]
        )
        const line = logs.find(({ message, annotations }) => message === "request failed" && annotations["request_id"] === body.request_id)
        assert.include(line?.text ?? "", "strategies")
        // A socket whose message causes it is closed; the gateway continues.
        const client = yield* connect(`/strategies/stream?token=${yield* token()}`)
        yield* client.next
        client.send({ action: "subscribe", strategy_ids: [1] })
        assert.strictEqual(yield* client.closeCode, 1011)
        assert.strictEqual((yield* ask("/health/live")).status, 200)
      })
    )
  )
})
