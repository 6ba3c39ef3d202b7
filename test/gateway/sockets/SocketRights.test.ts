import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { StreamName } from "../../../src/contract/replay/ReplayApi.ts"
import { type ActionOf, actions, type Path } from "../../../src/contract/sockets/SocketActions.ts"
import * as Access from "../../../src/domain/access/Access.ts"
import { documentedSockets } from "../../DocumentedSockets.ts"
import { bearer, type Headers, keysOf } from "../Callers.ts"
import { ask, eventually, near, ready, tokens, world } from "../GatewayWorld.ts"
import { everySocket, owner } from "./EverySocket.ts"
import { type Client, connect, dial } from "./SocketClient.ts"

/**
 * What an action reaches. `market`: the same for everybody who passed the handshake. `own`: something of u1's, which others get as not found.
 * `account`: u1's account, which an administrator may use too. `callers`: the things of the caller, without naming them. `playback`: the
 * playback of the same connection, and this one has none.
 */
type Reach = "market" | "own" | "account" | "callers" | "playback"
interface Case {
  readonly message: object
  readonly reach: Reach
  /** Type of the answer to a caller who may. */
  readonly answer: string
  /** The scope that a key needs besides the socket's. */
  readonly scope?: string
}

const at = (reach: Reach, message: object = {}) =>
  ({
    subscribe: [{ message, reach, answer: "subscribed" }],
    // To unsubscribe reveals and changes nothing of others.
    unsubscribe: [{ message, reach: "market", answer: "unsubscribed" }]
  }) as const
const indicators = at("market", { symbol: "NIFTY", timeframe: "5m", indicators: ["rsi(period=14)"] })

/** Each stream of the catalogue of replays. A new one does not compile without its line. */
const replays = (
  strategy: string
): Readonly<Record<StreamName, { readonly key: string; readonly reach: Reach; readonly scope: string }>> => {
  const market = (key: string, scope: string) => ({ key, reach: "market", scope }) as const
  const strategies = { key: strategy, reach: "own", scope: "strategies:read" } as const
  const chain = market(`NSE:NIFTY:${near}`, "fo:read")
  return {
    "md.frame": market("NSE:NIFTY", "ticks:read"),
    "md.life": market("NSE:NIFTY", "ticks:read"),
    "md.break": market("NSE:NIFTY", "ticks:read"),
    "md.tick": market("NSE:NIFTY", "ticks:read"),
    "md.bar": market("1m:NSE:NIFTY:256265", "history:read"),
    "opt.delta": chain,
    "opt.chain": chain,
    "opt.minute": chain,
    "und.state": market("NSE:NIFTY", "fo:read"),
    ind: market("NSE:NIFTY 50:5m:rsi(period=14)", "indicators:read"),
    "strat.m2m": strategies,
    "strat.candle": strategies,
    "strat.evt": strategies,
    "ord.evt": { key: "acc1:1", reach: "account", scope: "orders:read" },
    "acct.evt": { key: "acc1", reach: "account", scope: "accounts:read" },
    "label.evt": { key: "INFY", reach: "callers", scope: "labels:read" }
  }
}
const from = "2020-01-01"

/** Every action of every WebSocket. A new path or action does not compile without its line. */
const table = (strategy: number): { readonly [P in Path]: Readonly<Record<ActionOf<P>, ReadonlyArray<Case>>> } => {
  const playback = (message: object = {}): ReadonlyArray<Case> => [{ message, reach: "playback", answer: "playing" }]
  return {
    "/ws/ticks": at("market", { tokens: [tokens.nifty] }),
    "/fo/stream": at("market", { symbol: "NIFTY", expiry: near }),
    "/nifty-monitor/stream": at("market", { symbol: "NIFTY", expiry: near }),
    "/indicators/stream": indicators,
    "/indicators/stream/session": indicators,
    "/strategies/stream": at("own", { strategy_ids: [strategy] }),
    "/labels/stream": at("callers", { symbol: "INFY" }),
    "/alerts/stream": at("callers"),
    "/orders/stream": at("account", { account_ids: ["acc1"] }),
    "/replay": {
      pause: playback(),
      resume: playback(),
      speed: playback({ speed: 2 }),
      seek: playback({ to: from }),
      stop: playback(),
      play: Object.entries(replays(String(strategy))).map(([stream, { key, reach, scope }]) => ({
        // Paused, so that no message comes between the answers.
        message: { stream, key, from, paused: true },
        reach,
        scope,
        answer: "playing"
      }))
    }
  }
}

interface Caller {
  readonly name: string
  readonly headers: Headers
  readonly role: Access.Role
  readonly isOwner: boolean
  readonly isKey: boolean
}

/** The answer that the table promises a caller: its type, and the code of an error. */
const promised = ({ answer, reach, scope }: Case, caller: Caller): string => {
  if (caller.isKey && scope !== undefined) return "error forbidden"
  if (reach === "playback") return "error validation_error"
  const isTheirs = reach === "market" || reach === "callers" || caller.isOwner || (reach === "account" && caller.role === "admin")
  return isTheirs ? answer : "error not_found"
}

const answered = (client: Client, action: string, { answer, message }: Case) =>
  Effect.gen(function* () {
    client.send({ action, ...message })
    const isAnswer = ({ type }: { readonly type: string }) => type === answer || type === "error"
    const { code, type } = yield* Effect.repeat(client.next, { until: isAnswer })
    return type === "error" ? `error ${code}` : String(type)
  })

const paths = Object.keys(actions) as ReadonlyArray<Path>
const scopeOf = (path: Path): string => Access.keyScopes(Access.needOf("GET", path))?.[0] ?? ""

layer(world({ hasStoredKeys: true, owners: [owner] }), { excludeTestServices: true })("rights inside WebSockets", (it) => {
  it.scoped(
    "BE-SEC-02 BE-SEC-03 every action of every WebSocket answers each kind of caller as the table says",
    () =>
      Effect.gen(function* () {
        yield* ready
        yield* everySocket
        assert.deepStrictEqual([...paths].toSorted(), [...documentedSockets()].toSorted())
        const { body } = yield* ask("/strategies", { method: "POST", as: owner, body: { name: "mine" } })
        const cases = table(body.strategy_id)
        const { keyOf } = keysOf(owner, "trader")
        const jwt = (name: string, sub: string, role: Access.Role) =>
          Effect.map(bearer(sub, role), (headers): Caller => ({ name, headers, role, isOwner: sub === owner, isKey: false }))
        const users = [
          yield* jwt("the owner", owner, "trader"),
          yield* jwt("another user", "t1", "trader"),
          yield* jwt("a viewer", "v1", "viewer"),
          yield* jwt("an administrator", "root", "admin")
        ]
        const wrong: Array<string> = []
        let tried = 0
        for (const path of paths) {
          const { headers } = yield* keyOf(`only ${path}`, [scopeOf(path)])
          const ownKey: Caller = { name: "the owner's key", headers, role: "trader", isOwner: true, isKey: true }
          const { role: least } = Access.needOf("GET", path)
          for (const caller of [...users, ownKey].filter(({ role }) => Access.isAtMost(least, role))) {
            const client = yield* connect(path, { headers: caller.headers })
            const ofPath: Readonly<Record<string, ReadonlyArray<Case>>> = cases[path]
            assert.sameMembers(Object.keys(ofPath), [...actions[path]], path)
            for (const [action, all] of Object.entries(ofPath)) {
              assert.isNotEmpty(all, `${path} ${action}`)
              for (const one of all) {
                const got = yield* answered(client, action, one)
                const wanted = promised(one, caller)
                tried++
                if (got !== wanted) wrong.push(`${caller.name}: ${path} ${action} ${JSON.stringify(one.message)}: ${got}, not ${wanted}`)
              }
            }
            client.socket.terminate()
          }
        }
        assert.deepStrictEqual(wrong, [])
        assert.isAbove(tried, 150)
      }),
    240_000
  )

  it.scoped("BE-SEC-02 what is published for an owner reaches no other user, whatever that user subscribed to", () =>
    Effect.gen(function* () {
      yield* ready
      const isOfOwner = (path: string) => /^\/(?:strategies|labels|alerts|orders)\//.test(path)
      const sockets = (yield* everySocket).filter(({ path }) => isOfOwner(path))
      assert.strictEqual(sockets.length, 4)
      for (const socket of sockets) {
        const subscribed = (sub: string, role: Access.Role) =>
          Effect.gen(function* () {
            const client = yield* connect(socket.path, { headers: yield* bearer(sub, role) })
            client.send(socket.subscribe)
            yield* client.settled
            return client
          })
        const witness = yield* subscribed(owner, "trader")
        const others = [yield* subscribed("t1", "trader"), yield* subscribed("v1", "viewer"), yield* subscribed("root", "admin")]
        yield* socket.publish(7)
        // Each client of the owner also gets every change of the owner's strategies.
        yield* ask("/strategies", { method: "POST", as: owner, body: { name: "secret" } })
        const isOwners = ({ type }: { readonly type: string }) => type === socket.data || type === "strategy"
        const has = ({ received }: Client) => received.some((message) => message.type === socket.data && socket.numberOf(message) === 7)
        yield* eventually(
          `the owner hears of it on ${socket.path}`,
          Effect.sync(() => has(witness) && (socket.data !== "m2m" || witness.received.some(({ type }) => type === "strategy")))
        )
        for (const [nth, client] of others.entries()) {
          const heard = (yield* client.settled).filter(isOwners)
          // An administrator may use every account.
          if (nth === 2 && socket.path === "/orders/stream") assert.isNotEmpty(heard)
          else assert.deepStrictEqual(heard, [], `${nth} ${socket.path}`)
        }
      }
    })
  )

  it.scoped("BE-SEC-03 a revoked key loses every WebSocket and opens none", () =>
    Effect.gen(function* () {
      yield* ready
      const { keyOf, revoke } = keysOf(owner, "trader")
      const key = yield* keyOf("for all", [...new Set(paths.map(scopeOf))])
      const clients = yield* Effect.forEach(paths, (path) => connect(path, { headers: key.headers }))
      yield* revoke(key)
      for (const [nth, client] of clients.entries()) assert.strictEqual(yield* client.closeCode, 4401, paths[nth])
      for (const path of paths) assert.strictEqual((yield* dial(path, { headers: key.headers })).status, 403, path)
    })
  )
})
