import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { NatsConnection } from "nats"
import * as Frame from "../../../src/domain/market/Frame.ts"
import type { TickerStatus } from "../../../src/domain/market/TickerStatus.ts"
import { type Client, subscriber } from "../../simulator/SimulatorWorld.ts"
import {
  ask,
  eventually,
  mayFallSilent,
  natsClient,
  type Running,
  readAll,
  spareAccount,
  start,
  type World,
  world
} from "../PlatformWorld.ts"
import { framesAfter } from "../record/Record.ts"

const ids = ["sim1", "sim2", "sim3"] as const
const each = 10

/** Three accounts with ten instruments each, and a client of the broker that gets every packet of them. */
const threeAccounts = (more: Record<string, string> = {}) =>
  Effect.gen(function* () {
    const settings = { KITE_RECONNECT_MAX: "1 second", ...more }
    const backends = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 12 }, settings, {}, ids)
    const running = yield* start(backends.config)
    const nc = yield* natsClient(backends.nats)
    const tokens = backends.simulator.market.instruments
      .filter(({ segment }) => segment === "NFO-OPT")
      .map(({ token }) => token)
      .slice(0, ids.length * each)
    for (const [at, account_id] of ids.entries()) {
      const subscriptions = tokens
        .slice(at * each, (at + 1) * each)
        .map((instrument_token) => ({ instrument_token, requested_mode: "FULL", account_id }))
      const answer = yield* ask(running, "/subscriptions/batch", { method: "POST", body: { subscriptions } })
      assert.deepInclude(answer.body, { created: each, refused: [] })
    }
    yield* carrying(running, [each, each, each])
    const witness = yield* subscriber(backends.simulator, spareAccount, "raw")
    witness.send({ a: "subscribe", v: tokens })
    witness.send({ a: "mode", v: ["full", tokens] })
    yield* eventually(
      "the witness gets packets of all",
      Effect.sync(() => tokensIn(witness.raw)),
      (found) => tokens.every((one) => found.has(one))
    )
    return { backends, running, nc, tokens, witness }
  })

const forEach = (frames: ReadonlyArray<Uint8Array>, see: (token: number, packet: string) => void): void => {
  for (const frame of frames) {
    const bytes = new Uint8Array(frame.buffer, frame.byteOffset, frame.length)
    Frame.forEachPacket(bytes, (offset, length) =>
      see(Frame.tokenAt(bytes, offset), Buffer.from(bytes.subarray(offset, offset + length)).toString("base64"))
    )
  }
}
const tokensIn = (frames: ReadonlyArray<Uint8Array>): ReadonlySet<number> => {
  const found = new Set<number>()
  forEach(frames, (token) => found.add(token))
  return found
}
const packetsIn = (frames: ReadonlyArray<Uint8Array>): ReadonlySet<string> => {
  const found = new Set<string>()
  forEach(frames, (_, packet) => found.add(packet))
  return found
}

const accountsOf = (running: Running) =>
  Effect.map(ask(running, "/health"), ({ body }) => body.ticker.accounts as Readonly<Record<string, TickerStatus>>)
/** How many instruments the connections of each account carry. */
const carried = (running: Running) => Effect.map(accountsOf(running), (accounts) => ids.map((id) => accounts[id]?.subscribed ?? 0))
const carrying = (running: Running, wanted: ReadonlyArray<number>) =>
  eventually(`the accounts carry ${wanted.join(", ")}`, carried(running), (found) => found.join() === wanted.join())

const frames = (nc: NatsConnection) =>
  Effect.map(
    Effect.promise(() => framesAfter(nc)),
    (all) => all.map(({ data }) => data)
  )

/** Every packet that the broker sent to the witness since `from` is in the record. */
const assertNoGap = (nc: NatsConnection, witness: Client, from: number) =>
  Effect.gen(function* () {
    const sent = witness.raw.slice(from, -1)
    const missing = yield* eventually(
      "every packet of the broker is in the record",
      Effect.map(frames(nc), (all) => {
        const recorded = packetsIn(all)
        return [...packetsIn(sent)].filter((packet) => !recorded.has(packet)).length
      }),
      (count) => count === 0
    )
    assert.strictEqual(missing, 0)
    assert.isAbove(packetsIn(sent).size, 100)
    assert.deepStrictEqual(yield* readAll(nc, "MD_FRAMES", "md.break.>"), [])
  })

/** Waits until the witness got this many frames more. */
const framesMore = (witness: Client, more: number) => {
  const from = witness.raw.length
  return eventually(
    `${more} more frames`,
    Effect.sync(() => witness.raw.length),
    (count) => count >= from + more
  )
}

const admin = ({ simulator }: World, method: string, path: string, body: unknown) =>
  Effect.promise(async () => {
    const response = await fetch(`${simulator.adminUrl}${path}`, { method, body: JSON.stringify(body) })
    assert.strictEqual(response.status, 200)
  })

/** Asks for old candles, other ones each time. The accounts answer in turn, so a limited account meets its limit again after its time. */
const askOldCandles = (running: Running, tokens: ReadonlyArray<number>) => {
  let asked = 0
  return Effect.suspend(() => {
    const day = new Date(Date.UTC(2026, 6, 1 + (asked++ % 28))).toISOString().slice(0, 10)
    return ask(running, `/history?instrument_token=${tokens[asked % tokens.length]}&interval=minute&from=${day}&to=${day}`)
  })
}

describe("accounts that stand in for one another", () => {
  it.live(
    "TC-MATL-040 TC-ERR-020 an account that the broker answers with 429 is marked, its work moves to the others without a gap, and it is tried again after its time",
    () =>
      Effect.gen(function* () {
        const { backends, nc, running, tokens, witness } = yield* threeAccounts()
        const from = witness.raw.length
        yield* admin(backends, "PUT", "/limit", { account_id: "sim2", retry_after_s: 20 })
        const asking = askOldCandles(running, tokens)
        const marked = yield* eventually(
          "sim2 is limited",
          Effect.zipRight(asking, accountsOf(running)),
          (accounts) => (accounts["sim2"]?.login?.limited_for_ms ?? 0) > 0
        )
        assert.strictEqual(marked["sim1"]?.login?.limited_for_ms, undefined)
        yield* eventually(
          "the others carry its instruments",
          Effect.zipRight(asking, carried(running)),
          (found) => found.join() === "15,0,15"
        )
        yield* admin(backends, "PUT", "/limit", { account_id: "sim2", retry_after_s: null })
        yield* carrying(running, [each, each, each])
        yield* framesMore(witness, 20)
        yield* assertNoGap(nc, witness, from)
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "TC-SUB-005 a subscription that gets another account moves there without a gap",
    () =>
      Effect.gen(function* () {
        const { nc, running, tokens, witness } = yield* threeAccounts()
        const from = witness.raw.length
        for (const token of tokens.slice(0, each)) {
          const { status } = yield* ask(running, `/subscriptions/${token}`, { method: "PATCH", body: { account_id: "sim3" } })
          assert.strictEqual(status, 200)
        }
        yield* carrying(running, [0, each, 2 * each])
        yield* framesMore(witness, 20)
        yield* assertNoGap(nc, witness, from)
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "an account that cannot connect hands its instruments on, the record states until when it was interrupted, and it gets them back",
    () =>
      Effect.gen(function* () {
        const { backends, nc, running, witness } = yield* threeAccounts()
        yield* admin(backends, "POST", "/sessions/expire", { account_id: "sim2" })
        yield* admin(backends, "PUT", "/refusals", { logins: 1_000_000, upgrades: 0 })
        yield* admin(backends, "POST", "/sockets/cut", { account_id: "sim2" })
        yield* carrying(running, [15, 0, 15])
        const breaks = yield* eventually(
          "the break is over",
          readAll<{ readonly account: string; readonly to: string | null }>(nc, "MD_FRAMES", "md.break.>"),
          (all) => all.some(({ to }) => to !== null)
        )
        assert.deepStrictEqual([...new Set(breaks.map(({ account }) => account))], ["sim2"])
        assert.isAtLeast(witness.raw.length, 1)
        yield* admin(backends, "PUT", "/refusals", { logins: 0, upgrades: 0 })
        yield* carrying(running, [each, each, each])
      }).pipe(Effect.scoped),
    300_000
  )

  it.live(
    "TC-MATL-031 1,500 instruments over three accounts are spread evenly, within the limit of each connection, and all of them stream",
    () =>
      Effect.gen(function* () {
        const perConnection = 300
        const backends = yield* world(
          { mode: "synthetic", rate: 0.5, strikesEachSide: 40 },
          { ...mayFallSilent, KITE_CONNECTION_INSTRUMENTS: String(perConnection) },
          {},
          ids
        )
        const running = yield* start(backends.config)
        const nc = yield* natsClient(backends.nats)
        const tokens = backends.simulator.market.instruments.map(({ token }) => token).slice(0, 1_500)
        assert.strictEqual(tokens.length, 1_500)
        for (const at of [0, 500, 1_000]) {
          const subscriptions = tokens.slice(at, at + 500).map((instrument_token) => ({ instrument_token, requested_mode: "LTP" }))
          const answer = yield* ask(running, "/subscriptions/batch", { method: "POST", body: { subscriptions } })
          assert.deepInclude(answer.body, { created: 500, refused: [] })
        }
        yield* carrying(running, [500, 500, 500])
        const { spread } = backends.simulator.stats()
        assert.deepStrictEqual(
          spread.toSorted((a, b) => a - b),
          [200, 200, 200, 300, 300, 300]
        )
        yield* eventually("packets of all instruments", Effect.map(frames(nc), tokensIn), (found) => tokens.every((one) => found.has(one)))
        // The market falls silent on all connections, so that everything that was sent arrives.
        for (const at of spread.keys()) backends.simulator.mute(at)
        const { packets } = backends.simulator.stats()
        yield* eventually(
          "the record has as many packets as the broker sent to the three accounts together",
          Effect.map(frames(nc), (all) => {
            let count = 0
            forEach(all, () => count++)
            return count
          }),
          (count) => count === packets
        )
      }).pipe(Effect.scoped),
    300_000
  )
})
