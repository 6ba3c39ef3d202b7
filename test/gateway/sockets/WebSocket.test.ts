import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Frame from "../../../src/domain/market/Frame.ts"
import * as Packets from "../../domain/market/Packets.ts"
import {
  chainMessage,
  eventually,
  fullPacket,
  metric,
  near,
  publishChain,
  publishFrame,
  ready,
  token,
  tokens,
  World,
  world
} from "../GatewayWorld.ts"
import { connect, dial } from "./SocketClient.ts"

const ticks = (more = "") => Effect.flatMap(token(), (jwt) => connect(`/ws/ticks?token=${jwt}${more}`))
const subscribe = (...wanted: ReadonlyArray<number>) => ({ action: "subscribe", tokens: wanted, mode: "full" })

layer(world(), { excludeTestServices: true })("WebSocket", (it) => {
  it.scoped("TC-WSS-001 a valid token is accepted, greeted and counted", () =>
    Effect.gen(function* () {
      const client = yield* ticks()
      const first = yield* client.next
      assert.deepStrictEqual(Object.keys(first).sort(), ["connection_id", "type", "user"])
      assert.strictEqual(first.type, "connected")
      assert.strictEqual(yield* metric("active_ws_connections"), 1)
      const other = yield* ticks()
      assert.notStrictEqual((yield* other.next).connection_id, first.connection_id)
      assert.strictEqual(yield* metric("active_ws_connections"), 2)
    })
  )

  it.scoped("TC-WSS-002 an invalid or expired token is refused at the handshake with 403 and counted", () =>
    Effect.gen(function* () {
      const before = yield* metric("ws_auth_failures")
      const expired = yield* dial(`/ws/ticks?token=${yield* token({ exp: 1 })}`)
      assert.deepInclude(expired.body, { detail: "Invalid or expired token", code: "forbidden" })
      assert.deepStrictEqual([expired.status, expired.body.errors], [403, [{ field: "token", message: "Token expired" }]])
      assert.strictEqual(expired.body.request_id, expired.headers["x-request-id"])
      const junk = yield* dial("/fo/stream?token=junk")
      assert.deepStrictEqual(
        [junk.status, junk.body.detail, junk.body.errors[0].message],
        [403, "Invalid or expired token", "Malformed token"]
      )
      assert.strictEqual(yield* metric("ws_auth_failures"), before + 2)
    })
  )

  it.scoped("TC-WSS-003 no token is 401", () =>
    Effect.gen(function* () {
      for (const path of ["/ws/ticks", "/fo/stream", "/strategies/stream", "/ws/ticks?token="]) {
        const { status, body } = yield* dial(path)
        assert.deepStrictEqual([status, body.detail, body.code, body.errors], [401, "Token required", "unauthorized", []], path)
      }
      assert.strictEqual((yield* dial(`/ws/nowhere?token=${yield* token()}`)).body.code, "not_found")
    })
  )

  it.scoped("TC-WSS-004 a client's close is acknowledged and leaves nothing behind", () =>
    Effect.gen(function* () {
      yield* ready
      const before = yield* metric("active_ws_connections")
      const client = yield* ticks()
      yield* client.next
      yield* client.ask(subscribe(tokens.nifty))
      client.socket.close(1000, "bye")
      assert.strictEqual(yield* client.closeCode, 1000)
      yield* eventually(
        "the gauge is down",
        Effect.map(metric("active_ws_connections"), (now) => now === before)
      )
      // Without a subscriber, a tick of that token is not even built.
      const sent = yield* metric("ticks_broadcast")
      yield* publishFrame([fullPacket(tokens.nifty, 2_450_000)])
      const witness = yield* ticks()
      yield* witness.next
      yield* witness.ask(subscribe(tokens.infy))
      yield* publishFrame([fullPacket(tokens.infy, 150_000)])
      yield* witness.nextOf("tick")
      assert.strictEqual(yield* metric("ticks_broadcast"), sent + 1)
    })
  )

  it.scoped("TC-WSS-010 the token's user id, email and name reach the session", () =>
    Effect.gen(function* () {
      const jwt = yield* token({ sub: "someone", email: "some@one.example", name: "Some One" })
      for (const options of [{ headers: { authorization: `Bearer ${jwt}` } }, { protocols: ["tarang.v1", `bearer.${jwt}`] }]) {
        const client = yield* connect("/ws/ticks", options)
        assert.deepStrictEqual((yield* client.next).user, { user_id: "someone", email: "some@one.example", name: "Some One" })
        assert.strictEqual(client.socket.protocol, "protocols" in options ? "tarang.v1" : "")
      }
    })
  )

  it.scoped("TC-WSS-020 subscribe answers the tokens and the total number", () =>
    Effect.gen(function* () {
      const client = yield* ticks()
      yield* client.next
      assert.deepInclude(yield* client.ask(subscribe(1, 2, 2)), { type: "subscribed", tokens: [1, 2], total: 2 })
      assert.deepInclude(yield* client.ask(subscribe(2, 3)), { type: "subscribed", tokens: [2, 3], total: 3 })
      assert.deepInclude(yield* client.ask({ action: "subscribe", tokens: [] }), { type: "subscribed", tokens: [], total: 3 })
    })
  )

  it.scoped("TC-WSS-021 unsubscribe answers the removed tokens and the rest, and no tick of them is sent after it", () =>
    Effect.gen(function* () {
      yield* ready
      const client = yield* ticks()
      yield* client.next
      yield* client.ask(subscribe(tokens.nifty, tokens.infy))
      yield* publishFrame([fullPacket(tokens.nifty, 2_450_000)])
      yield* client.nextOf("tick")
      assert.deepStrictEqual(yield* client.ask({ action: "unsubscribe", tokens: [tokens.nifty, 99] }), {
        type: "unsubscribed",
        tokens: [tokens.nifty],
        total: 1
      })
      yield* publishFrame([fullPacket(tokens.nifty, 2_460_000), fullPacket(tokens.infy, 150_000)])
      assert.strictEqual((yield* client.nextOf("tick")).data.instrument_token, tokens.infy)
      const all = yield* client.settled
      const seen = all.filter(({ type }) => type === "tick").map(({ data }) => data.instrument_token)
      assert.deepStrictEqual(seen, [tokens.nifty, tokens.infy])
    })
  )

  it.scoped("TC-WSS-022 ping is answered with pong", () =>
    Effect.gen(function* () {
      for (const path of ["/ws/ticks", "/fo/stream", "/strategies/stream"]) {
        const client = yield* connect(`${path}?token=${yield* token()}`)
        yield* client.next
        assert.deepStrictEqual(yield* client.ask({ action: "ping" }), { type: "pong" })
      }
    })
  )

  it.scoped("TC-WSS-023 broken JSON is an error, and the connection stays open", () =>
    Effect.gen(function* () {
      const client = yield* ticks()
      yield* client.next
      for (const broken of ["{nope", "", '{"action":']) {
        assert.deepStrictEqual(yield* client.ask(broken), { type: "error", code: "validation_error", message: "Invalid JSON" })
      }
      assert.deepStrictEqual(yield* client.ask({ action: "ping" }), { type: "pong" })
    })
  )

  it.scoped("TC-WSS-024 an unknown action or a wrong message is an error without effect", () =>
    Effect.gen(function* () {
      const client = yield* ticks()
      yield* client.next
      for (const odd of [{ action: "explode", tokens: [1] }, {}, { action: 5 }, { action: "constructor" }, { action: "__proto__" }]) {
        assert.deepStrictEqual(yield* client.ask(odd), { type: "error", code: "validation_error", message: "Unknown action" })
      }
      const wrong = [
        subscribe(0),
        subscribe(-1),
        subscribe(1.5),
        subscribe(2 ** 32),
        { action: "subscribe" },
        { action: "subscribe", tokens: "1" },
        { action: "subscribe", tokens: [1], mode: "all" },
        { action: "subscribe", tokens: Array.from({ length: 3001 }, (_, at) => at + 1) },
        "[]",
        "null"
      ]
      for (const message of wrong) {
        const answer = yield* client.ask(message)
        assert.deepStrictEqual(
          [answer.type, answer.code, answer.message.slice(0, 18)],
          ["error", "validation_error", "Validation error: "],
          JSON.stringify(message).slice(0, 80)
        )
      }
      assert.deepInclude(yield* client.ask({ action: "subscribe", tokens: [] }), { type: "subscribed", tokens: [], total: 0 })
      yield* client.ask(subscribe(...Array.from({ length: 2999 }, (_, at) => at + 1)))
      assert.deepStrictEqual(yield* client.ask(subscribe(2999, 5000, 5001)), {
        type: "error",
        code: "validation_error",
        message: "Validation error: at most 3000 tokens a connection",
        tokens: [5000, 5001]
      })
      assert.strictEqual((yield* client.ask(subscribe(5000))).total, 3000)
    })
  )

  it.scoped("TC-WSS-030 a tick reaches every subscriber of its token and no other client, and is counted", () =>
    Effect.gen(function* () {
      yield* ready
      const [one, two, other] = [yield* ticks(), yield* ticks(), yield* ticks()]
      for (const client of [one, two, other]) yield* client.next
      yield* one.ask(subscribe(tokens.nifty, tokens.infy))
      yield* two.ask(subscribe(tokens.nifty))
      yield* other.ask(subscribe(tokens.future))
      const before = yield* metric("ticks_broadcast")
      const prices = Array.from({ length: 300 }, (_, at) => 2_450_000 + at * 5)
      for (let at = 0; at < prices.length; at += 30) {
        yield* publishFrame(prices.slice(at, at + 30).map((price) => fullPacket(tokens.nifty, price)))
      }
      yield* publishFrame([fullPacket(tokens.infy, 1), fullPacket(tokens.future, 1)])
      yield* eventually(
        "the last tick is there",
        Effect.sync(() => one.received.some(({ data }) => data?.instrument_token === tokens.infy))
      )
      yield* eventually(
        "the other's is there",
        Effect.sync(() => other.received.some(({ type }) => type === "tick"))
      )
      const seenBy = (received: ReadonlyArray<{ type: string; data: { instrument_token: number; last_price: number } }>) =>
        received.filter(({ type }) => type === "tick").map(({ data }) => [data.instrument_token, data.last_price])
      const all = prices.map((price) => [tokens.nifty, price / 100])
      assert.deepStrictEqual(seenBy(yield* one.settled), [...all, [tokens.infy, 0.01]])
      assert.deepStrictEqual(seenBy(yield* two.settled), all)
      assert.deepStrictEqual(seenBy(yield* other.settled), [[tokens.future, 0.01]])
      assert.strictEqual(yield* metric("ticks_broadcast"), before + 302)
    })
  )

  it.scoped("TC-WSS-031 sending to clients that just left does no harm", () =>
    Effect.gen(function* () {
      yield* ready
      const stays = yield* ticks()
      yield* stays.next
      yield* stays.ask(subscribe(tokens.nifty))
      const leavers = yield* Effect.all(Array.from({ length: 10 }, () => ticks()))
      for (const client of leavers) {
        yield* client.next
        yield* client.ask(subscribe(tokens.nifty))
      }
      for (let at = 0; at < 50; at++) {
        if (at % 5 === 0) leavers[at / 5]?.socket.terminate()
        yield* publishFrame([fullPacket(tokens.nifty, 2_450_000 + at)])
      }
      yield* eventually(
        "all ticks are there",
        Effect.sync(() => stays.received.filter(({ type }) => type === "tick").length === 50)
      )
      stays.send({ action: "ping" })
      yield* stays.nextOf("pong")
    })
  )

  it.scoped("TC-REG-031 a tick has the contract's fields, joined with the newest Greeks", () =>
    Effect.gen(function* () {
      yield* ready
      const client = yield* ticks()
      yield* client.next
      yield* client.ask(subscribe(tokens.call, tokens.nifty))
      const row = { strike: 24_500, side: "CE", token: tokens.call, price: 120 } as const
      yield* publishChain(chainMessage("delta", [row], { expiry: near }))
      // The chain comes through another stream, so ticks are sent until it has been folded.
      const tick = yield* eventually(
        "the Greeks have come",
        Effect.gen(function* () {
          yield* publishFrame([fullPacket(tokens.call, 12_010)])
          const message = yield* client.nextOf("tick")
          return message.data.delta === null ? undefined : message
        })
      )
      const { engine } = yield* World
      assert.deepStrictEqual(Object.keys(tick).sort(), ["data", "epoch", "row", "seq", "type"])
      assert.strictEqual(tick.epoch, (yield* engine.info("MD_FRAMES")).createdMs)
      assert.isTrue(Number.isInteger(tick.seq))
      assert.deepStrictEqual(tick.data, {
        instrument_token: tokens.call,
        tradingsymbol: "NIFTY98JAN24500CE",
        last_price: 120.1,
        volume: 7500,
        oi: 3_000_000_000,
        bid: 120.05,
        ask: 120.15,
        close: 120.1,
        iv: 0.142,
        delta: 0.52,
        gamma: 0.0008,
        theta: -9.5,
        vega: 12.25,
        timestamp: "2026-09-21T14:13:21.000Z",
        mode: "full",
        is_mock: true
      })
    })
  )

  it.scoped("TC-REG-011 fields that a packet lacks are null, time falls back to its receipt, kite is no mock", () =>
    Effect.gen(function* () {
      yield* ready
      const client = yield* ticks()
      yield* client.next
      yield* client.ask(subscribe(tokens.nifty, tokens.infy, 777))
      const index = Packets.encodeIndexFull({
        token: tokens.nifty,
        lastPrice: 2_451_035,
        open: 1,
        high: 2,
        low: 1,
        close: 1,
        exchangeTime: 1_790_000_000
      })
      const more = { source: "kite", receivedMs: 1_790_000_005_250 } as const
      yield* publishFrame(
        [index, Packets.encodeLtp({ token: tokens.infy, lastPrice: 151_005 }), Packets.encodeLtp({ token: 777, lastPrice: 5 })],
        more
      )
      const [first, second, third] = [yield* client.nextOf("tick"), yield* client.nextOf("tick"), yield* client.nextOf("tick")]
      const absent = {
        volume: null,
        oi: null,
        bid: null,
        ask: null,
        close: null,
        iv: null,
        delta: null,
        gamma: null,
        theta: null,
        vega: null
      }
      assert.deepStrictEqual(first.data, {
        ...absent,
        close: 0.01,
        instrument_token: tokens.nifty,
        tradingsymbol: "NIFTY 50",
        last_price: 24_510.35,
        timestamp: "2026-09-21T14:13:20.000Z",
        mode: "full",
        is_mock: false
      })
      assert.deepStrictEqual(second.data, {
        ...absent,
        instrument_token: tokens.infy,
        tradingsymbol: "INFY",
        last_price: 1510.05,
        timestamp: "2026-09-21T14:13:25.250Z",
        mode: "ltp",
        is_mock: false
      })
      assert.deepInclude(third.data, { instrument_token: 777, tradingsymbol: null, last_price: 0.05 })
    })
  )

  it.scoped("TC-REG-030 message types keep their fields", () =>
    Effect.gen(function* () {
      yield* ready
      const client = yield* ticks()
      const shape = (message: object) => Object.keys(message).sort().join(" ")
      assert.strictEqual(shape(yield* client.next), "connection_id type user")
      assert.strictEqual(shape(yield* client.ask(subscribe(tokens.nifty))), "epoch seq tokens total type")
      yield* publishFrame([fullPacket(tokens.nifty, 1)])
      assert.strictEqual(shape(yield* client.nextOf("tick")), "data epoch row seq type")
      assert.strictEqual(shape(yield* client.ask("nope")), "code message type")
      assert.strictEqual(shape(yield* client.ask({ action: "ping" })), "epoch seq type")
      assert.strictEqual(shape(yield* client.ask({ action: "unsubscribe", tokens: [tokens.nifty] })), "tokens total type")
    })
  )

  it.scoped("TC-WSS-041 messages of any NATS client on a subject reach the WebSocket clients", () =>
    Effect.gen(function* () {
      yield* ready
      const { nats } = yield* World
      const client = yield* ticks()
      yield* client.next
      yield* client.ask(subscribe(tokens.infy))
      const { connect: connectNats, headers } = yield* Effect.promise(() => import("nats"))
      yield* Effect.promise(async () => {
        const stranger = await connectNats(nats.as("engine"))
        const named = headers()
        named.set("Tarang-Frame", "stranger 3 9 0 1790000000000 kite 1,0")
        stranger.publish("md.frame.NSE.INFY", Frame.frameOf([Packets.encodeLtp({ token: tokens.infy, lastPrice: 160_000 })]), {
          headers: named
        })
        await stranger.drain()
      })
      assert.strictEqual((yield* client.nextOf("tick")).data.last_price, 1600)
    })
  )

  it.scoped("a repeated frame is forwarded once, and a late one is not lost", () =>
    Effect.gen(function* () {
      yield* ready
      const client = yield* ticks()
      yield* client.next
      yield* client.ask(subscribe(tokens.future))
      const of = (price: number) => [fullPacket(tokens.future, price)]
      for (const [price, number] of [
        [100, 0],
        [300, 2],
        [100, 0],
        [200, 1],
        [300, 2],
        [400, 3]
      ] as const) {
        yield* publishFrame(of(price), { underlying: "GOLDM", number })
      }
      yield* eventually(
        "the last is there",
        Effect.sync(() => client.received.some(({ data }) => data?.last_price === 4))
      )
      const prices = (yield* client.settled).flatMap(({ data }) => (data === undefined ? [] : [data.last_price]))
      assert.deepStrictEqual(prices, [1, 3, 2, 4])
    })
  )

  it.scoped("?batch=1 joins the messages of one flush, and none is lost", () =>
    Effect.gen(function* () {
      yield* ready
      const client = yield* ticks("&batch=1")
      yield* client.next
      yield* client.ask(subscribe(tokens.nifty))
      for (let frame = 0; frame < 4; frame++) {
        yield* publishFrame(Array.from({ length: 25 }, (_, at) => fullPacket(tokens.nifty, 1000 + frame * 25 + at)))
      }
      const items = () => client.received.flatMap((message) => (message.type === "batch" ? message.items : []))
      yield* eventually(
        "all are there",
        Effect.sync(() => items().length === 100)
      )
      assert.deepStrictEqual(
        items().map(({ data }) => data.last_price),
        Array.from({ length: 100 }, (_, at) => (1000 + at) / 100)
      )
      assert.isAtMost(client.received.filter(({ type }) => type === "batch").length, 4)
    })
  )

  it.scoped("?format=msgpack sends the same messages as MessagePack, alone and in batches", () =>
    Effect.gen(function* () {
      yield* ready
      const text = yield* ticks()
      const packed = yield* ticks("&format=msgpack")
      const batched = yield* ticks("&format=msgpack&batch=1")
      const forms: Array<boolean> = []
      for (const { socket } of [packed, batched]) socket.on("message", (_data, isBinary) => forms.push(isBinary))
      for (const client of [text, packed, batched]) {
        assert.strictEqual((yield* client.next).type, "connected")
        assert.strictEqual((yield* client.ask(subscribe(tokens.nifty))).type, "subscribed")
      }
      yield* publishFrame([fullPacket(tokens.nifty, 2_450_005)])
      const tick = yield* text.nextOf("tick")
      assert.strictEqual(tick.data.last_price, 24_500.05)
      assert.deepStrictEqual(yield* packed.nextOf("tick"), tick)
      assert.deepStrictEqual(yield* batched.nextOf("batch"), { type: "batch", items: [tick] })
      assert.deepStrictEqual(yield* packed.ask({ action: "nonsense" }), yield* text.ask({ action: "nonsense" }))
      assert.isNotEmpty(forms)
      assert.notInclude(forms, false)
    })
  )

  it.scoped("a long message closes with 1009, an expired token with 4401", () =>
    Effect.gen(function* () {
      const long = yield* ticks()
      yield* long.next
      long.send(`"${"x".repeat(70_000)}"`)
      assert.strictEqual(yield* long.closeCode, 1009)
      // A token's end is a whole second. One that ends in the next second may have ended before the handshake is checked.
      const brief = yield* eventually(
        "a token is accepted before it expires",
        Effect.gen(function* () {
          const short = yield* token({ exp: Math.floor(Date.now() / 1000) + 2 })
          return (yield* dial(`/ws/ticks?token=${short}`)).client
        })
      )
      assert.strictEqual(yield* brief.closeCode, 4401)
    })
  )
})
