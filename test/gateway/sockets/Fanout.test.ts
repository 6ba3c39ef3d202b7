import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { eventually, fullPacket, metric, publishFrame, ready, token, tokens, world } from "../GatewayWorld.ts"
import { type Client, connect } from "./SocketClient.ts"

const clients = 10
const ticksPerSecond = 100
const seconds = 3
const framesPerSecond = 10
const perFrame = ticksPerSecond / framesPerSecond
/** Two underlyings, so that two subjects alternate in the stream. */
const lanes = [
  { underlying: "NIFTY", of: [tokens.nifty, tokens.call, tokens.put, tokens.farCall] },
  { underlying: "INFOSYS", of: [tokens.infy] }
] as const
const wanted = lanes.flatMap(({ of }) => of)
const startMs = 1_790_000_000_000

/** Every tick of the run in order; a unique price identifies each. */
const frames = Array.from({ length: seconds * framesPerSecond }, (_, frame) => {
  const { underlying, of } = lanes[frame % lanes.length] ?? lanes[0]
  const ticks = Array.from({ length: perFrame }, (_, at) => ({
    token: of[at % of.length] ?? 0,
    price: 100_000 + 5 * (frame * perFrame + at)
  }))
  return { underlying, ticks, receivedMs: startMs + (frame * 1_000) / framesPerSecond, number: Math.floor(frame / lanes.length) }
})

const subscribed = Effect.gen(function* () {
  const client = yield* connect(`/ws/ticks?token=${yield* token()}`)
  yield* client.next
  assert.strictEqual((yield* client.ask({ action: "subscribe", tokens: wanted, mode: "full" })).total, wanted.length)
  return client
})
const seenBy = (client: Client) =>
  client.received.flatMap(({ type, data }) =>
    type === "tick" ? [{ token: data.instrument_token, price: Math.round(data.last_price * 100) }] : []
  )

layer(world(), { excludeTestServices: true })("Fan-out", (it) => {
  it.scoped("TC-WSS-032 ten clients get every tick of a hundred a second, each once and in order, even if frames are sent twice", () =>
    Effect.gen(function* () {
      yield* ready
      const all = yield* Effect.all(Array.from({ length: clients }, () => subscribed))
      const before = yield* metric("ticks_broadcast")
      for (const { underlying, ticks, receivedMs, number } of frames) {
        const publish = publishFrame(
          ticks.map(({ token, price }) => fullPacket(token, price)),
          { underlying, receivedMs, number }
        )
        yield* publish
        // Like a ticker when an acknowledgement is late.
        if (number % 5 === 4) yield* publish
      }
      const expected = frames.flatMap(({ ticks }) => ticks)
      assert.strictEqual(expected.length, seconds * ticksPerSecond)
      yield* eventually(
        "the last tick is everywhere",
        Effect.sync(() => all.every((client) => seenBy(client).at(-1)?.price === expected.at(-1)?.price))
      )
      for (const client of all) {
        yield* client.settled
        assert.deepStrictEqual(seenBy(client), expected)
        assert.isFalse(client.received.some((message) => "conflated" in message))
      }
      assert.strictEqual(yield* metric("ticks_broadcast"), before + expected.length)
    })
  )
})
