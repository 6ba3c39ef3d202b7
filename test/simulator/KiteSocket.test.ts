import { describe, expect, it } from "@effect/vitest"
import { Effect, Logger, LogLevel } from "effect"
import type * as Frame from "../../src/domain/market/Frame.ts"
import * as Connection from "../../src/simulator/Connection.ts"
import * as Simulator from "../../src/simulator/Simulator.ts"
import { type Client, connect, first, login, second, subscriber, until } from "./SimulatorWorld.ts"

const start = (options: { readonly rate: number; readonly strikesEachSide?: number }) =>
  Simulator.make({ accounts: [first, second], market: { mode: "synthetic", strikesEachSide: 3, ...options } }).pipe(
    Logger.withMinimumLogLevel(LogLevel.Warning)
  )

const nifty = 256265
const reliance = 738561
/** The kinds of a client's packets of one token, in order. */
const kindsOf = (client: Client, token: number) => client.packets.filter((packet) => packet.token === token).map((packet) => packet.kind)
const packets = (client: Client, count: number) => until(`${count} packets`, () => client.packets.length >= count)

describe("KiteSocket, upgrade", () => {
  it.scopedLive("refuses a wrong or expired access token with 403 and Kite's envelope", () =>
    Effect.gen(function* () {
      const simulator = yield* start({ rate: 0 })
      const { kite, accessToken } = yield* login(simulator.url)
      const wrong = yield* Effect.flip(connect(simulator.wsUrl, `/?api_key=${first.apiKey}&access_token=guess`))
      expect([wrong.status, JSON.parse(wrong.body).error_type]).toEqual([403, "TokenException"])
      expect((yield* Effect.flip(connect(simulator.wsUrl, "/"))).status).toBe(403)
      expect((yield* Effect.flip(connect(simulator.wsUrl, `/other?api_key=${first.apiKey}&access_token=${accessToken}`))).status).toBe(400)
      yield* Effect.promise(() => kite.invalidateAccessToken(accessToken))
      expect((yield* Effect.flip(connect(simulator.wsUrl, `/?api_key=${first.apiKey}&access_token=${accessToken}`))).status).toBe(403)
      expect(simulator.stats()).toMatchObject({ refused: 4, connections: 0 })
    })
  )

  it.scopedLive("accepts three connections per api_key, on / and /ws, and refuses a fourth until one has closed", () =>
    Effect.gen(function* () {
      const simulator = yield* start({ rate: 0 })
      const { accessToken } = yield* login(simulator.url)
      const query = `?api_key=${first.apiKey}&access_token=${accessToken}`
      const [one] = yield* Effect.all([
        connect(simulator.wsUrl, `/${query}`),
        connect(simulator.wsUrl, `/ws${query}&uid=1`),
        connect(simulator.wsUrl, query)
      ])
      expect((yield* Effect.flip(connect(simulator.wsUrl, `/${query}`))).status).toBe(429)
      yield* subscriber(simulator, second)
      one.socket.close()
      yield* until("the close", () => simulator.stats().connections === 3)
      yield* connect(simulator.wsUrl, `/${query}`)
      expect(simulator.stats().connections).toBe(4)
    })
  )
})

describe("KiteSocket, subscriptions", () => {
  it.scopedLive("sends the last packet at once: quote by default, then the kind of the mode; an index has its own kinds", () =>
    Effect.gen(function* () {
      const simulator = yield* start({ rate: 0 })
      const client = yield* subscriber(simulator)
      client.send({ a: "subscribe", v: [nifty, reliance] })
      yield* packets(client, 2)
      client.send({ a: "mode", v: ["full", [nifty, reliance]] })
      yield* packets(client, 4)
      client.send({ a: "mode", v: ["ltp", [nifty, reliance]] })
      yield* packets(client, 6)
      expect([kindsOf(client, nifty), kindsOf(client, reliance)]).toEqual([
        [28, 32, 8],
        [44, 184, 8]
      ])
      expect(client.packets[2]).toMatchObject({ token: nifty, lastPrice: 2_450_000, open: 2_450_000, close: 2_450_000 })
      expect(client.packets[3]!.bids[0]!.price).toBeLessThan(client.packets[3]!.asks[0]!.price)
    })
  )

  it.scopedLive("ticks only subscribed instruments; unsubscribing stops them; a mode for other instruments has no effect", () =>
    Effect.gen(function* () {
      const simulator = yield* start({ rate: 50 })
      const client = yield* subscriber(simulator)
      client.send({ a: "mode", v: ["full", [nifty]] })
      client.send({ a: "subscribe", v: [reliance, 999_999_999] })
      yield* packets(client, 10)
      expect(new Set(client.packets.map((packet) => [packet.token, packet.kind].join()))).toEqual(new Set([`${reliance},44`]))
      client.send({ a: "unsubscribe", v: [reliance] })
      client.send({ a: "subscribe", v: [nifty] })
      yield* until("the index", () => kindsOf(client, nifty).length > 0)
      const before = kindsOf(client, reliance).length
      yield* until("more of the index", () => kindsOf(client, nifty).length > 10)
      expect([kindsOf(client, reliance).length, simulator.stats().subscriptions]).toEqual([before, 2])
    })
  )

  it.scopedLive("accepts 3000 instruments, names those beyond the limit in an error, and keeps the connection", () =>
    Effect.gen(function* () {
      const simulator = yield* start({ rate: 0 })
      const client = yield* subscriber(simulator)
      client.send({ a: "subscribe", v: Array.from({ length: Connection.tokensMax - 1 }, (_, index) => 1_000_000 + index) })
      client.send({ a: "subscribe", v: [1_000_000, nifty, reliance, 5] })
      yield* until("the error", () => client.texts.length === 1)
      expect(client.texts[0]).toEqual({ type: "error", data: "Subscription limit of 3000 instruments reached, not subscribed: 738561, 5" })
      yield* packets(client, 1)
      expect([kindsOf(client, nifty), simulator.stats().subscriptions]).toEqual([[28], 3000])
      client.send({ a: "unsubscribe", v: [1_000_000] })
      client.send({ a: "subscribe", v: [reliance] })
      yield* packets(client, 2)
      expect(kindsOf(client, reliance)).toEqual([44])
    })
  )

  it.scopedLive("answers an unreadable message with an error, and keeps the connection", () =>
    Effect.gen(function* () {
      const simulator = yield* start({ rate: 0 })
      const client = yield* subscriber(simulator)
      const bad = [
        "not json",
        "[]",
        '{"a":"order","v":[]}',
        '{"a":"subscribe","v":["256265"]}',
        '{"a":"subscribe","v":[1.5]}',
        '{"a":"mode","v":["deep",[1]]}',
        '{"a":"subscribe"}'
      ]
      for (const text of bad) client.socket.send(text)
      client.socket.send(Buffer.from([1, 2, 3]), { binary: true })
      yield* until("the errors", () => client.texts.length === bad.length + 1)
      expect(new Set(client.texts.map((text) => text.type))).toEqual(new Set(["error"]))
      client.send({ a: "subscribe", v: [nifty] })
      yield* packets(client, 1)
    })
  )
})

describe("KiteSocket, messages", () => {
  it.scopedLive("sends a heartbeat of one byte while nothing else is sent", () =>
    Effect.gen(function* () {
      const simulator = yield* start({ rate: 0 })
      const client = yield* subscriber(simulator)
      yield* until("two heartbeats", () => client.frames.length >= 2)
      expect(client.frames).toEqual(client.frames.map(() => -1))
      const busy = yield* Effect.scoped(
        Effect.gen(function* () {
          const ticking = yield* start({ rate: 20 })
          const reader = yield* subscriber(ticking)
          reader.send({ a: "subscribe", v: [nifty] })
          yield* packets(reader, 50)
          return reader.frames
        })
      )
      expect(busy).not.toContain(-1)
    })
  )

  it.scopedLive("sends text messages to all connections or to those of one app, and cuts connections as a broken network does", () =>
    Effect.gen(function* () {
      const simulator = yield* start({ rate: 0 })
      const [one, two] = [yield* subscriber(simulator, first), yield* subscriber(simulator, second)]
      simulator.text("message", "to all")
      simulator.text("error", { code: 1 }, second.apiKey)
      yield* until("the texts", () => one.texts.length === 1 && two.texts.length === 2)
      expect([one.texts, two.texts[1]]).toEqual([[{ type: "message", data: "to all" }], { type: "error", data: { code: 1 } }])
      simulator.cut(first.apiKey)
      yield* until("the cut", () => one.isClosed())
      expect([two.isClosed(), simulator.stats().connections]).toEqual([false, 1])
    })
  )

  it.scopedLive("groups the ticks of a step into frames of limited size", () =>
    Effect.gen(function* () {
      const simulator = yield* start({ rate: 100, strikesEachSide: 10 })
      const client = yield* subscriber(simulator)
      const tokens = simulator.market.instruments.map((one) => one.token)
      client.send({ a: "subscribe", v: tokens })
      yield* packets(client, 5 * tokens.length)
      expect(Math.max(...client.frames)).toBeLessThanOrEqual(200)
      expect(client.frames.some((count) => count > 20)).toBe(true)
    })
  )

  it.scopedLive("a slow client gets the newest packets, the dropped ones are counted, and other clients are not affected", () =>
    Effect.gen(function* () {
      const simulator = yield* start({ rate: 400, strikesEachSide: 6 })
      const tokens = simulator.market.instruments.map((one) => one.token)
      const slow = yield* subscriber(simulator, first)
      const quick = yield* subscriber(simulator, second)
      slow.send({ a: "subscribe", v: tokens })
      slow.send({ a: "mode", v: ["full", tokens] })
      quick.send({ a: "subscribe", v: [nifty] })
      yield* packets(slow, tokens.length)
      slow.socket.pause()
      yield* until("conflation", () => simulator.stats().conflated > tokens.length)
      const before = quick.packets.length
      yield* until("the other's ticks", () => quick.packets.length > before + 100)
      const volumes = new Map(
        tokens.map((token) => [token, simulator.market.columns.volume[simulator.market.rowByToken.get(token) ?? 0] ?? 0])
      )
      slow.socket.resume()
      const caughtUp = () => tokens.every((token) => (slow.newest.get(token)?.volume ?? -1) >= (volumes.get(token) ?? 0))
      yield* until("the slow client to catch up", caughtUp)
      const last = new Map<number, Frame.FullFields>()
      const backwards = slow.packets.filter((packet) => {
        const held = last.get(packet.token)
        last.set(packet.token, packet)
        return held !== undefined && (packet.volume < held.volume || packet.exchangeTime < held.exchangeTime)
      })
      expect(backwards).toEqual([])
    })
  )
})
