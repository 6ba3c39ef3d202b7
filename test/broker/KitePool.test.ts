import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Either, Fiber, Option, Redacted, TestClock, TestServices } from "effect"
import * as KitePool from "../../src/broker/KitePool.ts"
import type { SocketAddress } from "../../src/broker/KiteSession.ts"
import * as KiteSocket from "../../src/broker/KiteSocket.ts"
import * as ConnectionPool from "../../src/domain/accounts/ConnectionPool.ts"
import type { Mode } from "../../src/domain/accounts/Subscription.ts"
import * as Frame from "../../src/domain/market/Frame.ts"
import * as Simulator from "../../src/simulator/Simulator.ts"
import { valueOf } from "../metrics/Counted.ts"
import * as ProcessTime from "../ProcessTime.ts"
import { stepped } from "../SteppedClock.ts"
import { addressOf, captureLogs, eventually, silentServer, socketServer, subscribedOf } from "./KiteServer.ts"

/** Short real times. No test waits for one of them to pass or asserts how long something took. */
const quick = { backoffBaseMs: 5, backoffMaxMs: 20, livenessMs: 600_000 }
const range = (from: number, count: number, mode: Mode = "full") =>
  new Map(Array.from({ length: count }, (_, at) => [from + at, mode] as const))
const keys = (from: number, count: number) => [...range(from, count).keys()]

interface Told {
  readonly account: string
  readonly url?: string
  readonly address?: KitePool.Options["address"]
  readonly limits?: Partial<KitePool.Limits>
  readonly settings?: KitePool.Options["settings"]
  readonly onFrame?: KitePool.PoolEvents["onFrame"]
  readonly onState?: KitePool.PoolEvents["onState"]
}

const open = ({ account, url = "", address = addressOf(url), limits = {}, settings = quick, onFrame, onState }: Told) =>
  Effect.map(
    KitePool.make({
      account,
      address,
      limits: { tokensMax: 1_000, ...limits },
      settings,
      dueSinceMs: () => 0,
      steady: () => [],
      events: { onFrame: onFrame ?? (() => {}), onText: () => {}, onState: onState ?? (() => {}) }
    }),
    (pool) => ({
      ...pool,
      subscribe: (subscribe: ReadonlyMap<number, Mode>) => pool.change({ subscribe, unsubscribe: [] }),
      unsubscribe: (unsubscribe: ReadonlyArray<number>) => pool.change({ subscribe: new Map(), unsubscribe }),
      spread: () => pool.connections().map(({ recorded }) => recorded)
    })
  )

/** The metrics of an account as the state should be. */
const metricsOf = (account: string) => ({
  connections: valueOf("kite_connections", { account }),
  open: valueOf("kite_socket_open", { account }),
  subscribed: valueOf("kite_socket_subscribed", { account }),
  spread: [1, 2, 3].map((connection) => valueOf("kite_connection_subscribed", { connection: `${account}/${connection}` })),
  totals: ["kite_subscriptions_total", "kite_unsubscriptions_total", "subscription_errors"].map((name) => valueOf(name, { account }))
})

const simulator = Simulator.make({
  accounts: [{ accountId: "S1", apiKey: "key", apiSecret: "secret", userId: "U1" }],
  market: { mode: "synthetic", rate: 50, seed: 7 }
})

/** Signs in at a simulator as a person's browser would, without the product's session. */
const signedIn = ({ url, wsUrl }: Simulator.Service): Effect.Effect<SocketAddress> =>
  Effect.promise(async () => {
    const page = await fetch(`${url}/connect/login?v=3&api_key=key`, { redirect: "manual" })
    const requestToken = new URL(page.headers.get("location") ?? "").searchParams.get("request_token") ?? ""
    const { createHash } = await import("node:crypto")
    const checksum = createHash("sha256").update(`key${requestToken}secret`).digest("hex")
    const body = new URLSearchParams({ api_key: "key", request_token: requestToken, checksum })
    const answer = await fetch(`${url}/session/token`, { method: "POST", body, headers: { "X-Kite-Version": "3" } })
    const { data } = (await answer.json()) as { readonly data: { readonly access_token: string } }
    return {
      url: Redacted.make(`${wsUrl}?api_key=key&access_token=${data.access_token}`),
      limited: Effect.void,
      refused: Effect.void,
      ended: Effect.never
    }
  })

describe("KitePool against the simulator", () => {
  it.scopedLive(
    "TC-WSP-001 TC-WSP-002 TC-WSP-003 TC-WSP-004 connections open, fill their gaps and close, at the broker and in the metrics",
    () =>
      Effect.gen(function* () {
        const market = yield* simulator
        const address = Effect.succeed(yield* signedIn(market))
        const pool = yield* open({ account: "SPREAD", address })
        const atBroker = (...spread: ReadonlyArray<number>) =>
          Effect.gen(function* () {
            yield* eventually(`the broker has ${spread.join(", ")}`, () => market.stats().spread.join() === spread.join())
            const metrics = metricsOf("SPREAD")
            assert.deepStrictEqual(pool.spread(), spread)
            assert.deepStrictEqual([metrics.connections, metrics.open], [spread.length, spread.length])
            assert.strictEqual(metrics.subscribed, market.stats().subscriptions)
          })
        yield* pool.subscribe(range(1, 500))
        yield* atBroker(500)
        yield* pool.subscribe(range(501, 1_000))
        yield* atBroker(1_000, 500)
        yield* pool.unsubscribe(keys(1, 600))
        yield* atBroker(400, 500)
        yield* pool.subscribe(range(9_001, 400))
        yield* atBroker(800, 500)
        yield* pool.unsubscribe(keys(1_001, 500))
        yield* atBroker(800)
        const { connections, spread } = metricsOf("SPREAD")
        assert.deepStrictEqual([connections, spread[0], Number.isNaN(spread[1])], [1, 800, true])
      })
  )

  it.scopedLive("TC-WSP-030 one mute connection of three is replaced, the others stay, and data comes again in every mode", () =>
    Effect.gen(function* () {
      const market = yield* simulator
      const address = Effect.succeed(yield* signedIn(market))
      const tokens = market.market.instruments.slice(0, 6).map(({ token }) => token)
      const heard = new Map<number, Set<number>>()
      const states: Array<string> = []
      let passedMs = 0
      let wallAheadMs = 0
      const pool = yield* open({
        account: "MUTE",
        address,
        limits: { tokensMax: 2, checkEveryMs: 5 },
        onFrame: (bytes, connection) =>
          Frame.forEachPacket(bytes, (offset) => {
            const of = heard.get(connection) ?? new Set()
            heard.set(connection, of.add(Frame.tokenAt(bytes, offset)))
          }),
        onState: (state, detail, connection) => void states.push(`${connection} ${state} ${detail ?? ""}`)
      }).pipe(
        // The health check sees a clock that the test moves; the sockets keep their real time.
        Effect.withClock(
          stepped(
            yield* Effect.clock,
            () => wallAheadMs,
            () => passedMs
          )
        )
      )
      yield* pool.subscribe(new Map(tokens.map((token, at) => [token, (["full", "quote", "ltp"] as const)[at % 3] ?? "full"])))
      const isWhole = () => [1, 2, 3].every((connection) => heard.get(connection)?.size === 2)
      yield* eventually("all three stream", isWhole)
      market.mute(1)
      states.length = 0
      // The machine's clock is set back by an hour, which hides no silence.
      wallAheadMs = -3_600_000
      // A minute and more passes in which two of three get data.
      while (passedMs < ConnectionPool.muteAfterMs + 5_000) {
        heard.clear()
        passedMs += 5_000
        yield* eventually("two of three stream", () => heard.get(1)?.size === 2 && heard.get(3)?.size === 2)
      }
      yield* eventually("replaced, and all three stream", () => states.some((state) => state.startsWith("2 open")) && isWhole())
      assert.deepStrictEqual(
        states.filter((state) => !state.startsWith("2 ")),
        [],
        "healthy connections are untouched"
      )
      assert.match(states[0] ?? "", /^2 closed mute: no market data for \d+ s$/)
      assert.strictEqual(valueOf("kite_socket_replaced_total", { account: "MUTE" }), 1)
      assert.deepStrictEqual(market.stats().spread, [2, 2, 2])
    })
  )

  it.scopedLive(
    "TC-WSP-031 TC-WSP-020 a connection that is cut is noticed, reconnected and restored; an event's handler may subscribe",
    () =>
      Effect.gen(function* () {
        const market = yield* simulator
        const address = Effect.succeed(yield* signedIn(market))
        const lost = yield* Deferred.make<number>()
        let subscribeMore: Effect.Effect<void, KitePool.SubscribeRefused> = Effect.void
        const runtime = yield* Effect.runtime()
        const more = yield* Deferred.make<void, KitePool.SubscribeRefused>()
        const pool = yield* open({
          account: "CUT",
          address,
          onState: (state, _, connection) => {
            if (state !== "closed") return
            Deferred.unsafeDone(lost, Effect.succeed(connection))
            // From inside the pool's own callback: nothing may wait for itself.
            Effect.runFork(Effect.provide(Effect.intoDeferred(subscribeMore, more), runtime))
          }
        })
        subscribeMore = pool.subscribe(range(900, 5))
        yield* pool.subscribe(range(1, 100, "quote"))
        const noticed = Effect.zipRight(
          Effect.sync(() => market.cut()),
          Deferred.await(lost)
        )
        const [connection, ms] = yield* ProcessTime.timed(noticed)
        assert.strictEqual(connection, 1)
        assert.isBelow(ms, 5_000)
        yield* Deferred.await(more)
        yield* eventually("restored at the broker", () => market.stats().spread.join() === "105")
        assert.deepStrictEqual(pool.spread(), [105])
        assert.strictEqual(valueOf("kite_socket_reconnects_total", { account: "CUT" }), 1)
      })
  )
})

describe("KitePool", () => {
  it.scopedLive(
    "TC-WSP-010 TC-WSP-012 TC-WSP-013 one message subscribes, unsubscribing leaves the rest, and a repeated subscribe sends nothing",
    () => {
      const logs = captureLogs()
      return Effect.gen(function* () {
        const server = yield* socketServer()
        const pool = yield* open({ account: "ONE", url: server.url })
        yield* pool.subscribe(new Map([...range(1, 99), [256265, "full"]]))
        const peer = server.peers[0]!
        yield* eventually("heard", () => peer.said.length === 2)
        assert.deepStrictEqual(
          peer.said.map(({ a }) => a),
          ["subscribe", "mode"]
        )
        assert.strictEqual(subscribedOf(peer).size, 100)
        assert.deepStrictEqual(metricsOf("ONE").totals, [100, 0, 0])

        const before = metricsOf("ONE")
        yield* pool.subscribe(new Map([[256265, "full"]]))
        assert.deepStrictEqual(metricsOf("ONE"), before)
        assert.strictEqual(logs.lines.filter((line) => line.includes("Token 256265 already subscribed")).length, 1)

        yield* pool.unsubscribe(keys(1, 20))
        yield* eventually("heard again", () => subscribedOf(peer).size === 80)
        assert.deepStrictEqual(peer.said.slice(2), [{ a: "unsubscribe", v: keys(1, 20) }])
        assert.deepStrictEqual(metricsOf("ONE").totals, [100, 20, 0])
        assert.deepStrictEqual(pool.spread(), [80])
      }).pipe(Effect.provide(logs.layer))
    }
  )

  it.scoped("TC-WSP-011 a connection that does not open within ten seconds rolls back, counts, and a retry succeeds", () =>
    Effect.gen(function* () {
      const mute = yield* silentServer
      const server = yield* socketServer()
      let url = mute
      const pool = yield* open({ account: "LATE", address: Effect.suspend(() => addressOf(url)), settings: { handshakeTimeoutMs: 7_000 } })
      const first = yield* Effect.fork(Effect.flip(pool.subscribe(range(1, 3))))
      yield* TestClock.adjust("9900 millis")
      assert.deepStrictEqual([...pool.wanted().keys()], [1, 2, 3])
      yield* TestClock.adjust("100 millis")
      const refused = yield* first
      assert.deepStrictEqual([refused.late, refused.noRoom], [[1, 2, 3], []])
      assert.match(refused.message, /account LATE, subscribing instruments: 3 could not be sent in time and were taken back/)
      assert.strictEqual(pool.wanted().size, 0)
      assert.deepStrictEqual(metricsOf("LATE").totals, [0, 0, 3])
      assert.strictEqual(metricsOf("LATE").connections, 0)
      url = server.url
      const second = yield* Effect.fork(pool.subscribe(range(1, 3)))
      for (let round = 0; round < 400 && server.peers.length === 0; round++) {
        yield* TestClock.adjust("5 millis")
        yield* TestServices.provideLive(Effect.sleep("5 millis"))
      }
      yield* second
      assert.deepStrictEqual(pool.spread(), [3])
      assert.deepStrictEqual(metricsOf("LATE").totals, [3, 0, 3])
    })
  )

  it.scoped("TC-WSP-011 messages that have not left within ten seconds roll back too, count, and a retry succeeds", () =>
    Effect.gen(function* () {
      const size = 3_000
      const server = yield* socketServer()
      const settings = { ...quick, closeTimeoutMs: 20 }
      const pool = yield* open({ account: "STUCK", url: server.url, limits: { tokensMax: size }, settings })
      const batch = (round: number) => range(10_000_000 + round * size, size)
      yield* pool.subscribe(batch(0))
      // The broker stops reading. Each round sends more, until the buffers between the two are full, whose size nobody knows.
      server.peers[0]?.socket.pause()
      let round = 0
      let refused: KitePool.SubscribeRefused | undefined
      while (refused === undefined && round < 1_000) {
        round++
        const change = yield* Effect.fork(
          Effect.either(pool.change({ subscribe: batch(round), unsubscribe: [...batch(round - 1).keys()] }))
        )
        yield* TestServices.provideLive(Effect.raceFirst(Fiber.await(change), Effect.sleep("500 millis")))
        if (Option.isNone(yield* Fiber.poll(change))) yield* TestClock.adjust("10 seconds")
        const ended = yield* Fiber.join(change)
        if (Either.isLeft(ended)) refused = ended.left
      }
      assert.deepStrictEqual([refused?.late, refused?.noRoom], [[...batch(round).keys()], []])
      assert.strictEqual(pool.wanted().size, 0)
      assert.deepStrictEqual(metricsOf("STUCK").totals, [size * round, size * round, size])
      assert.deepInclude(metricsOf("STUCK"), { connections: 0, subscribed: 0 })
      const again = yield* Effect.fork(pool.subscribe(batch(0)))
      yield* TestServices.provideLive(
        eventually("the retry is heard", () => server.peers.length === 2 && subscribedOf(server.peers[1]!).size === size)
      )
      yield* again
      assert.deepStrictEqual(pool.spread(), [size])
      assert.deepStrictEqual(metricsOf("STUCK").totals, [size * (round + 1), size * round, size])
    })
  )

  it("TC-WSP-011 TC-WSP-030 TC-WSP-031 by default waits ten seconds for a send, checks every 30 s, calls a connection mute after a minute, and gives a silent socket up after five seconds", () => {
    assert.deepInclude(KitePool.defaults, { subscribeTimeoutMs: 10_000, checkEveryMs: 30_000 })
    assert.deepStrictEqual([ConnectionPool.muteAfterMs, KiteSocket.defaults.livenessMs], [60_000, 5_000])
  })

  it.scopedLive("TC-WSP-021 TC-REG-041 five concurrent batches of 100 tokens end with 500 subscribed, each once", () =>
    Effect.gen(function* () {
      const server = yield* socketServer()
      const pool = yield* open({ account: "FIVE", url: server.url })
      yield* Effect.all(
        [0, 1, 2, 3, 4].map((batch) => pool.subscribe(range(1 + batch * 100, 100))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(pool.spread(), [500])
      const peer = server.peers[0]!
      yield* eventually("all heard", () => [...subscribedOf(peer).values()].filter((mode) => mode === "full").length === 500)
      const sent = peer.said.filter(({ a }) => a === "subscribe").flatMap(({ v }) => v as ReadonlyArray<number>)
      assert.deepStrictEqual([sent.length, new Set(sent).size], [500, 500])
      assert.strictEqual(server.peers.length, 1)
    })
  )

  it.scopedLive(
    "TC-WSP-040 TC-WSP-041 through concurrent changes and 1,000 rapid ones the metrics equal the state, and the broker has the same",
    () =>
      Effect.gen(function* () {
        const server = yield* socketServer()
        const pool = yield* open({ account: "RAPID", url: server.url })
        yield* pool.subscribe(range(1, 500))
        yield* Effect.all([pool.subscribe(range(1_000, 100)), pool.unsubscribe(keys(1, 50)), pool.subscribe(range(2_000, 75))], {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual(pool.spread(), [625])
        let before = metricsOf("RAPID").totals
        for (let operation = 0; operation < 1_000; operation++) {
          const from = 3_000 + (operation % 17) * 10
          yield* Effect.forkScoped(operation % 3 === 2 ? pool.unsubscribe(keys(from, 15)) : pool.subscribe(range(from, 15)))
          yield* Effect.yieldNow()
          const { subscribed, connections, totals, spread } = metricsOf("RAPID")
          const state = pool.connections()
          assert.strictEqual(connections, state.length)
          assert.strictEqual(
            subscribed,
            state.reduce((sum, { recorded }) => sum + recorded, 0)
          )
          assert.strictEqual(spread[0], state[0]?.recorded)
          assert.strictEqual(totals[0]! - totals[1]!, subscribed)
          assert.isTrue(totals.every((total, at) => total >= before[at]!))
          before = totals
        }
        yield* eventually("everything sent", () => pool.connections().every(({ tokens, recorded }) => tokens.length === recorded))
        yield* eventually("the broker has the same", () => {
          const held = subscribedOf(server.peers[0]!)
          return held.size === pool.wanted().size && [...held.keys()].every((token) => pool.wanted().has(token))
        })
      })
  )

  it.scopedLive("closing the pool leaves nothing in its metrics and no connection", () =>
    Effect.gen(function* () {
      const server = yield* socketServer()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const pool = yield* open({ account: "END", url: server.url, limits: { tokensMax: 2 } })
          yield* pool.subscribe(range(1, 5))
          assert.strictEqual(metricsOf("END").open, 3)
        })
      )
      yield* eventually("closed", () => server.peers.every(({ socket }) => socket.readyState === 3))
      assert.deepInclude(metricsOf("END"), { connections: 0, open: 0, subscribed: 0 })
    })
  )
})
