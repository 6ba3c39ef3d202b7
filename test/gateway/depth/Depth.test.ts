import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Frame from "../../../src/domain/market/Frame.ts"
import * as FrameHeader from "../../../src/domain/record/FrameHeader.ts"
import * as Keyframe from "../../../src/domain/record/Keyframe.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import * as Packets from "../../domain/market/Packets.ts"
import { natsServer } from "../../TestBackends.ts"
import { ask, eventually, fullPacket, publishFrame, ready, tokens, World, world } from "../GatewayWorld.ts"

/** After the test master's trade date. */
const receivedMs = Date.parse("2026-11-24T04:00:00.500Z")
const exchangeTime = Date.parse("2026-11-24T04:00:00Z") / 1_000
const book = {
  bids: [
    { price: 10_000, quantity: 300, orders: 3 },
    { price: 9_995, quantity: 500, orders: 2 }
  ],
  asks: [
    { price: 10_005, quantity: 100, orders: 1 },
    { price: 10_010, quantity: 400, orders: 4 }
  ],
  exchangeTime
}
const empty = { filled: 0, unfilled: 75, average_price: null, slippage: null, slippage_to_mid: null }

const booked = (token: number, lastPrice: number) =>
  eventually(
    `the book of ${token} at ${lastPrice}`,
    Effect.map(ask(`/depth/${token}`), ({ body }) => body.last_price === lastPrice && body)
  )

layer(world(), { excludeTestServices: true })("Market depth", (it) => {
  it.effect("an instrument without a packet in full mode has an empty, well-formed book; unknown tokens are 404, sizes are checked", () =>
    Effect.gen(function* () {
      yield* ready
      assert.deepStrictEqual((yield* ask(`/depth/${tokens.put}`)).body, {
        instrument_token: tokens.put,
        tradingsymbol: "NIFTY98JAN24500PE",
        exchange: "NFO",
        last_price: null,
        shape: null,
        spread: null,
        spread_bps: null,
        mid: null,
        weighted_mid: null,
        imbalance: null,
        bid_units: 0,
        ask_units: 0,
        bids: [],
        asks: [],
        size: 75,
        buy: empty,
        sell: empty,
        liquidity: { score: null, reference_size: 750, formula: "depth.liquidity.v1" },
        as_of: null
      })
      assert.deepStrictEqual((yield* ask("/depth/99")).body.detail, "Instrument not found")
      assert.strictEqual((yield* ask("/depth/nonsense")).status, 422)
      for (const size of ["0", "-1", "1.5", "nonsense"])
        assert.strictEqual((yield* ask(`/depth/${tokens.put}?size=${size}`)).body.errors[0].field, "size")
      assert.strictEqual((yield* ask(`/depth/${tokens.put}`, { as: null })).status, 401)
    })
  )

  it.effect("BE-SVC-02 spread, mid, weighted mid, imbalance, slippage of a size and liquidity of the newest book, in rupees", () =>
    Effect.gen(function* () {
      yield* publishFrame([fullPacket(tokens.call, 10_003, book)], { receivedMs })
      yield* booked(tokens.call, 100.03)
      const { body } = yield* ask(`/depth/${tokens.call}?size=300&reference_size=1000`)
      assert.deepStrictEqual(body, {
        instrument_token: tokens.call,
        tradingsymbol: "NIFTY98JAN24500CE",
        exchange: "NFO",
        last_price: 100.03,
        shape: "two_sided",
        spread: 0.05,
        spread_bps: 4.9988,
        mid: 100.025,
        weighted_mid: 100.0375,
        imbalance: 0.2308,
        bid_units: 800,
        ask_units: 500,
        bids: [
          { price: 100, quantity: 300, orders: 3, total: 300 },
          { price: 99.95, quantity: 500, orders: 2, total: 800 }
        ],
        asks: [
          { price: 100.05, quantity: 100, orders: 1, total: 100 },
          { price: 100.1, quantity: 400, orders: 4, total: 500 }
        ],
        size: 300,
        buy: { filled: 300, unfilled: 0, average_price: 100.0833, slippage: 0.0333, slippage_to_mid: 0.0583 },
        sell: { filled: 300, unfilled: 0, average_price: 100, slippage: 0, slippage_to_mid: 0.025 },
        liquidity: {
          score: Math.round(1e4 * 100 * Math.sqrt((1 / (1 + 4.998_750_3 / 20)) * 0.5)) / 1e4,
          reference_size: 1_000,
          formula: "depth.liquidity.v1"
        },
        as_of: "2026-11-24T04:00:00.000Z"
      })
    })
  )

  it.effect("an older packet that comes later does not replace a newer book, and a packet without depth leaves it", () =>
    Effect.gen(function* () {
      yield* publishFrame([fullPacket(tokens.infy, 150_000, book)], { receivedMs, underlying: "INFY" })
      yield* booked(tokens.infy, 1_500)
      yield* publishFrame([fullPacket(tokens.infy, 149_000, book)], { receivedMs: receivedMs - 1, underlying: "INFY" })
      yield* publishFrame([Packets.encodeLtp({ token: tokens.infy, lastPrice: 151_000 })], {
        receivedMs: receivedMs + 1,
        underlying: "INFY"
      })
      yield* publishFrame([fullPacket(tokens.put, 9_000, book)], { receivedMs: receivedMs + 2, underlying: "INFY" })
      yield* booked(tokens.put, 90)
      assert.strictEqual((yield* ask(`/depth/${tokens.infy}`)).body.last_price, 1_500)
    })
  )

  it.effect("a contract's book from before the day of the instruments is not shown, because its token may have been another's", () =>
    Effect.gen(function* () {
      const yesterdayMs = Date.parse("2026-11-23T09:00:00Z")
      yield* publishFrame([fullPacket(tokens.farCall, 5_000, book)], { receivedMs: yesterdayMs, underlying: "OTHER" })
      yield* publishFrame([fullPacket(tokens.nifty, 6_000, book)], { receivedMs: yesterdayMs, underlying: "OTHER" })
      yield* booked(tokens.nifty, 60)
      assert.strictEqual((yield* ask(`/depth/${tokens.farCall}`)).body.shape, null)
    })
  )
})

describe("Market depth after a start", () => {
  it.scopedLive("a gateway that starts takes the books from the newest keyframes and the frames behind them", () =>
    Effect.gen(function* () {
      const nats = Effect.succeed(yield* natsServer)
      const first = yield* Layer.build(world({ nats }))
      const bodies = [fullPacket(tokens.call, 7_000, book), fullPacket(tokens.infy, 7_100, book)]
      const header: FrameHeader.FrameHeader = {
        account: "acc1",
        epoch: 1,
        incarnation: 1,
        number: 0,
        baseReceivedMs: receivedMs,
        source: "simulator",
        runs: [bodies.length, 0]
      }
      yield* Effect.gen(function* () {
        const { engine } = yield* World
        const subject = Subjects.Keyframe.at({ exchange: "NSE", underlying: "NIFTY", account: "acc1", part: "0" })
        yield* engine.publish(subject, Frame.frameOf(bodies), {
          headers: { [FrameHeader.name]: FrameHeader.format(header), [Keyframe.timeHeader]: String(receivedMs) }
        })
        yield* publishFrame([fullPacket(tokens.call, 7_200, book)], { receivedMs: receivedMs + 10 })
      }).pipe(Effect.provide(first))
      const second = yield* Layer.build(world({ nats }))
      yield* Effect.gen(function* () {
        yield* ready
        assert.strictEqual((yield* ask(`/depth/${tokens.call}`)).body.last_price, 72)
        assert.strictEqual((yield* ask(`/depth/${tokens.infy}`)).body.last_price, 71)
      }).pipe(Effect.provide(second))
    })
  )
})
