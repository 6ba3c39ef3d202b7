import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Cause, ConfigProvider, Context, Effect, Either, Exit, Fiber, Layer, Redacted } from "effect"
import { inject } from "vitest"
import { Accounts } from "../../src/broker/Accounts.ts"
import { AutomaticLogins } from "../../src/broker/AutomaticLogins.ts"
import { Broker, Tokens } from "../../src/broker/Broker.ts"
import { Budgets } from "../../src/broker/Budgets.ts"
import type { KitePool, PoolEvents } from "../../src/broker/KitePool.ts"
import type { Mode } from "../../src/domain/accounts/Subscription.ts"
import * as Frame from "../../src/domain/market/Frame.ts"
import * as Simulator from "../../src/simulator/Simulator.ts"
import { freePort } from "../FreePort.ts"
import { valueOf } from "../metrics/Counted.ts"
import { canary, captureLogs, eventually, leaks } from "./KiteServer.ts"
import { noneLinked } from "./NoneLinked.ts"

const people = [
  { accountId: "S1", apiKey: `${canary.apiKey}1`, apiSecret: `${canary.apiSecret}1`, userId: "U1" },
  { accountId: "S2", apiKey: `${canary.apiKey}2`, apiSecret: `${canary.apiSecret}2`, userId: "U2" }
]
const simulator = (port?: number) =>
  Simulator.make({
    accounts: people,
    market: { mode: "synthetic", rate: 20, seed: 7 },
    rateLimits: true,
    ...(port === undefined ? {} : { port })
  })

/** Budgets without limits. */
const budgets = Layer.succeed(Budgets, { of: () => () => (self) => self, limited: () => Effect.void, limitedForMs: () => 0 })
const logins = Layer.succeed(AutomaticLogins, { of: () => (_, login) => login })
/** Tokens that live for the length of the test. */
const tokens = Layer.succeed(Tokens, { nowMs: () => 0, diesAtMs: () => null })

/** An accounts file as `npm start` writes it. */
const accountsFile = (path: string, url: string, secretOf = (secret: string) => secret) =>
  Effect.promise(() => {
    const rows = people.map((one) => ({
      account_id: one.accountId,
      user_id: one.userId,
      api_key: one.apiKey,
      api_secret: one.accountId === "S2" ? secretOf(one.apiSecret) : one.apiSecret,
      root: url,
      ws_root: url.replace("http", "ws"),
      login: "auto"
    }))
    return writeFile(path, JSON.stringify(rows))
  })

/** The product's own services, with an accounts file as `npm start` writes it. */
const broker = (name: string, url: string, secretOf?: (secret: string) => string) =>
  Layer.unwrapScoped(
    Effect.suspend(() => {
      const path = join(inject("backends").folder, `broker-${name}.json`)
      return Effect.as(accountsFile(path, url, secretOf), ofFile(path))
    })
  )

const ofFile = (path: string, more: Readonly<Record<string, string>> = {}) => {
  const config = ConfigProvider.fromMap(
    new Map([...Object.entries(more), ["ACCOUNTS_FILE", path], ["KITE_RECONNECT_MAX", "100 millis"], ["KITE_REQUEST_TIMEOUT", "5 seconds"]])
  )
  return Broker.Default.pipe(
    Layer.provideMerge(Accounts.Default),
    Layer.provide([tokens, noneLinked, budgets, logins]),
    Layer.provide(Layer.setConfigProvider(config))
  )
}

const collector = () => {
  const kinds = new Map<number, Set<number>>()
  const columns = Frame.makeColumns()
  const seen = { bad: 0, closed: [] as Array<string> }
  const events: PoolEvents = {
    onFrame: (bytes) => {
      seen.bad += Frame.decode(bytes, columns).bad
      for (let row = 0; row < columns.count; row++) {
        const token = columns.token[row] ?? 0
        const of = kinds.get(token) ?? new Set()
        kinds.set(token, of.add(columns.kind[row] ?? 0))
      }
    },
    onText: () => {},
    onState: (state, detail) => {
      if (state === "closed") seen.closed.push(detail ?? "")
    }
  }
  return { kinds, seen, events, dueSinceMs: () => undefined, steady: () => [] }
}
const subscribe = (pool: KitePool, pairs: ReadonlyArray<readonly [number, Mode]>) =>
  pool.change({ subscribe: new Map(pairs), unsubscribe: [] })
const isOpen = (pool: KitePool) => pool.connections().every(({ state }) => state === "open")

describe("Broker against the simulator", () => {
  it.scopedLive("signs in without a person and reads profile, instruments and quotes", () =>
    Effect.gen(function* () {
      const { url } = yield* simulator()
      yield* Effect.gen(function* () {
        const { rest } = yield* Broker
        const kite = yield* rest("S1")
        assert.strictEqual((yield* kite.profile).user_id, "U1")
        const { instruments, rejected } = yield* kite.instruments()
        assert.isAbove(instruments.length, 100)
        assert.deepStrictEqual(rejected, [])
        const option = instruments.find((one) => one.instrumentType === "CE")!
        const key = `${option.exchange}:${option.tradingsymbol}`
        const quote = (yield* kite.quote([key]))[key]
        assert.strictEqual(quote?.instrument_token, option.token)
        assert.strictEqual(quote?.depth.buy.length, 5)
        assert.isAtMost(Math.abs((quote?.timestamp?.getTime() ?? 0) - Date.now()), 86_400_000)
        assert.strictEqual((yield* kite.ltp([key]))[key]?.instrument_token, option.token)
        assert.isUndefined((yield* kite.ohlc(["NSE:NO_SUCH_THING"]))["NSE:NO_SUCH_THING"])
        assert.strictEqual(Either.getOrThrow(Either.flip(rest("S9")))._tag, "UnknownAccount")
      }).pipe(Effect.provide(broker("reads", url)))
    })
  )

  it.scopedLive(
    "TC-MATL-041 after the simulator cuts the connection, the socket reconnects, restores modes, gets frames, and logs no secret",
    () => {
      const logs = captureLogs()
      return Effect.gen(function* () {
        const market = yield* simulator()
        yield* Effect.gen(function* () {
          const { rest, pool: connect } = yield* Broker
          const { instruments } = yield* Effect.flatMap(rest("S1"), (kite) => kite.instruments("NFO"))
          const [full, quote, ltp] = instruments.filter((one) => one.instrumentType === "CE").map((one) => one.token)
          const client = collector()
          const { kinds, seen } = client
          const pool = yield* connect("S1", client)
          const modes: ReadonlyArray<readonly [number, Mode]> = [
            [full!, "full"],
            [quote!, "quote"],
            [ltp!, "ltp"]
          ]
          yield* subscribe(pool, modes)
          const flows = () => modes.every(([token, mode]) => kinds.get(token)?.has(Frame.Kind[mode]))
          yield* eventually("every mode streams", flows)
          for (let cut = 1; cut <= 3; cut++) {
            market.cut()
            yield* eventually(`noticed ${cut}`, () => !isOpen(pool))
            kinds.clear()
            yield* eventually(`every mode streams after cut ${cut}`, flows)
          }
          assert.strictEqual(market.stats().connections, 1)
          assert.strictEqual(market.stats().subscriptions, 3)
          assert.strictEqual(seen.bad, 0)
          assert.strictEqual(seen.closed.length, 3)
          assert.strictEqual(valueOf("kite_socket_reconnects_total", { account: "S1" }), 3)
          assert.strictEqual(logs.lines.filter((line) => line.includes("broker socket lost, reconnecting")).length, 3)
          assert.strictEqual(logs.lines.filter((line) => line.includes("restoring 3 subscriptions")).length, 3)
        }).pipe(Effect.scoped, Effect.provide(broker("cut", market.url)))
        yield* eventually("the scope's end closes the connection", () => market.stats().connections === 0)
        assert.deepStrictEqual(leaks(logs.lines.join("\n")), [])
      }).pipe(Effect.provide(logs.layer))
    }
  )

  it.scopedLive("TC-WSP-002 a limit above the broker's own, or below one, fails the start by its name; the broker's own is accepted", () =>
    Effect.gen(function* () {
      const path = join(inject("backends").folder, "broker-limit.json")
      yield* accountsFile(path, "http://127.0.0.1:1")
      const started = (limit: number) =>
        Effect.exit(Effect.scoped(Layer.build(ofFile(path, { KITE_CONNECTION_INSTRUMENTS: String(limit) }))))
      for (const limit of [0, 3_001]) {
        const exit = yield* started(limit)
        if (Exit.isSuccess(exit)) assert.fail(`${limit} was accepted`)
        else assert.match(Cause.pretty(exit.cause), /KITE_CONNECTION_INSTRUMENTS.*must be 1 to 3000/, String(limit))
      }
      assert.isTrue(Exit.isSuccess(yield* started(3_000)))
    })
  )

  it.scopedLive("after a restart the simulator knows no token: the socket signs in again and goes on", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const url = `http://127.0.0.1:${port}`
      yield* Effect.gen(function* () {
        const { pool: connect } = yield* Broker
        const client = collector()
        const { kinds, seen } = client
        const token = yield* Effect.scoped(
          Effect.gen(function* () {
            const market = yield* simulator(port)
            return market.market.instruments.find((one) => one.instrumentType === "FUT")!.token
          })
        )
        const pool = yield* connect("S1", client)
        // The simulator is away, so the message leaves once it is back.
        yield* Effect.forkScoped(subscribe(pool, [[token, "full"]]))
        yield* Effect.scoped(
          Effect.zipRight(
            simulator(port),
            eventually("streams", () => kinds.has(token))
          )
        )
        yield* eventually("noticed", () => !isOpen(pool))
        kinds.clear()
        yield* simulator(port)
        yield* eventually("streams again", () => kinds.has(token))
        assert.isTrue(seen.closed.some((detail) => detail.includes("Kite answered 403")))
      }).pipe(Effect.provide(broker("anew", url)))
    })
  )

  it.scopedLive("accounts are added, changed and removed with their file, and other accounts are not affected", () =>
    Effect.gen(function* () {
      const { url, stats } = yield* simulator()
      const path = join(inject("backends").folder, "broker-runtime.json")
      const [first, second] = people.map((one) => ({
        account_id: one.accountId,
        user_id: one.userId,
        api_key: one.apiKey,
        api_secret: one.apiSecret,
        root: url,
        login: "auto"
      }))
      const write = (rows: ReadonlyArray<unknown>) => Effect.promise(() => writeFile(path, JSON.stringify(rows)))
      yield* write([first])
      yield* Effect.gen(function* () {
        const { rest, untilChanged, any, pool: connect } = yield* Broker
        const isKnown = (id: string) => Either.isRight(rest(id))
        const profileOf = (id: string) => Effect.flatMap(rest(id), (kite) => kite.profile)
        const { instruments } = yield* Effect.flatMap(rest("S1"), (kite) => kite.instruments("NSE"))
        const client = collector()
        const pool = yield* connect("S1", client)
        yield* subscribe(pool, [[instruments[0]!.token, "full"]])

        yield* write([{ ...second, api_secret: "wrong" }, first])
        yield* eventually("S2 comes", () => isKnown("S2"))
        assert.strictEqual((yield* Effect.flip(profileOf("S2")))._tag, "InvalidCredentials")
        assert.strictEqual((yield* any((kite) => kite.profile)).user_id, "U1", "an account that needs a login is asked last")
        const changed = yield* Effect.fork(yield* untilChanged("S2"))
        yield* write([second, first])
        assert.match((yield* Effect.flip(Fiber.join(changed))).message, /account S2 was changed or removed/)
        yield* eventually("S2 is there again", () => isKnown("S2"))
        assert.strictEqual((yield* profileOf("S2")).user_id, "U2")
        yield* write([first])
        yield* eventually("S2 goes", () => !isKnown("S2"))
        assert.strictEqual((yield* Effect.flip(profileOf("S2")))._tag, "UnknownAccount")

        yield* eventually("S1 streams", () => client.kinds.size === 1)
        assert.deepStrictEqual([pool.connections()[0]?.opened, client.seen.closed, stats().connections], [1, [], 1])
      }).pipe(Effect.provide(ofFile(path)))
    })
  )

  it.scopedLive("a session that replaces another reaches every process, no process signs in, and connections of the old session end", () =>
    Effect.gen(function* () {
      const path = join(inject("backends").folder, "broker-replaced.json")
      // Nothing listens there: a process that signed in by itself would fail.
      const row = { account_id: "S1", user_id: "U1", api_key: "key", api_secret: "secret", root: "http://127.0.0.1:1" }
      const store = (access_token: string, signed_in_at: string) =>
        Effect.promise(() => writeFile(path, JSON.stringify([{ ...row, access_token, signed_in_at }])))
      yield* store("token1", "2026-08-03T03:20:00Z")
      const process = Effect.map(Layer.build(Layer.fresh(ofFile(path))), (context) => Context.get(context, Broker))
      const sessions = yield* Effect.forEach([process, process, process], (one) => Effect.flatMap(one, ({ session }) => session("S1")))
      const held = Effect.forEach(sessions, ({ token }) => Effect.map(token, Redacted.value))
      assert.deepStrictEqual(yield* held, ["token1", "token1", "token1"])
      const ends = yield* Effect.forEach(sessions, ({ socketAddress }) => Effect.flatMap(socketAddress, ({ ended }) => Effect.fork(ended)))
      yield* store("token2", "2026-08-03T03:25:00Z")
      const reasons = yield* Effect.forEach(ends, Fiber.join)
      assert.deepStrictEqual(
        reasons,
        Array.from({ length: 3 }, () => "another login takes its place")
      )
      assert.deepStrictEqual(yield* held, ["token2", "token2", "token2"])
    })
  )

  it.scopedLive("TC-ERR-022 an account with a wrong secret gets Invalid API credentials, and the other account streams", () =>
    Effect.gen(function* () {
      const { url, stats } = yield* simulator()
      yield* Effect.gen(function* () {
        const { rest, session, pool: connect } = yield* Broker
        const { instruments } = yield* Effect.flatMap(rest("S1"), (kite) => kite.instruments("NSE"))
        const token = instruments[0]!.token
        const good = collector()
        const first = yield* connect("S1", good)
        const second = yield* connect("S2", collector())
        yield* Effect.forkScoped(subscribe(second, [[token, "full"]]))
        yield* subscribe(first, [[token, "full"]])
        const standing = yield* session("S2")
        yield* eventually("S2 needs a login", () => standing.status().state === "login_required")
        const error = yield* Effect.flip(Effect.flatMap(rest("S2"), (kite) => kite.profile))
        assert.match(error.message, /^Invalid API credentials: account S2, /)
        yield* eventually("S1 streams", () => good.kinds.has(token))
        assert.strictEqual(stats().connections, 1)
      }).pipe(Effect.provide(broker("wrong", url, (secret) => `${secret}-wrong`)))
    })
  )
})
