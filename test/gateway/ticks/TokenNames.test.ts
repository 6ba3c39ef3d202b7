import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import * as ClockFrame from "../../../src/domain/record/ClockFrame.ts"
import { InstrumentRegistry } from "../../../src/store/instruments/InstrumentRegistry.ts"
import { InstrumentRepo } from "../../../src/store/instruments/InstrumentRepo.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { anInstrument } from "../../domain/market/AnInstrument.ts"
import { proxy } from "../../Proxy.ts"
import { migratedDatabase } from "../../TestBackends.ts"
import { eventually, fullPacket, master, publishFrame, ready, token, tokens, World, world } from "../GatewayWorld.ts"
import { connect, type Received } from "../sockets/SocketClient.ts"

const today = IndiaTime.istDate(Date.now())
const yesterday = IndiaTime.istDate(Date.parse(`${today}T12:00:00+05:30`) - IndiaTime.dayMs)
const heir = anInstrument(tokens.call, { tradingsymbol: "BANKNIFTY98JAN55000CE", name: "BANKNIFTY", instrumentType: "CE" })
const afterwards = [...master.byToken.values()].map((one) => (one.token === tokens.call ? heir : one))

const open = Effect.gen(function* () {
  const client = yield* connect(`/ws/ticks?token=${yield* token()}`)
  yield* client.next
  return client
})
const clock = (ist: string) =>
  Effect.flatMap(World, ({ engine }) =>
    engine.publish(Subjects.Clock.at({ account: "acc1" }), ClockFrame.encode(Date.parse(`${ist}+05:30`)))
  )
/** One frame with a tick of the token that is reused, and one of NIFTY. */
const frame = (price: number) => publishFrame([fullPacket(tokens.call, price), fullPacket(tokens.nifty, price)])
const ticksOf = (received: ReadonlyArray<Received>) =>
  received.filter(({ type }) => type === "tick").map(({ data }) => `${data.tradingsymbol} ${data.last_price}`)
const has = (client: { readonly received: ReadonlyArray<Received> }, tick: string) =>
  eventually(
    tick,
    Effect.sync(() => ticksOf(client.received).includes(tick))
  )
const refusal = {
  type: "error",
  code: "not_found",
  message: "Instrument not found: the exchange gave its token to another contract",
  tokens: [tokens.call]
}
/** Stores yesterday's instruments and today's, and puts today's in force. */
const nextDay = Effect.gen(function* () {
  const repo = yield* InstrumentRepo
  const registry = yield* InstrumentRegistry
  yield* repo.replace(yesterday, [...master.byToken.values()])
  yield* repo.replace(today, afterwards)
  registry.set(Instrument.makeMaster(today, afterwards))
})
/** Frames of yesterday and today. Returns the position of yesterday's first one. */
const twoDays = Effect.gen(function* () {
  const { engine } = yield* World
  const first = yield* frame(100)
  yield* clock(`${yesterday}T10:00:00`)
  yield* frame(200)
  yield* clock(`${today}T10:00:00`)
  yield* frame(300)
  const { createdMs: epoch } = yield* engine.info("MD_FRAMES")
  return { epoch, seq: first.seq }
})
const both = [tokens.call, tokens.nifty]

describe("a token that the exchange reuses", () => {
  it.scopedLive(
    "BE-DAY-04 a client that continues from yesterday gets the ticks of tokens that still name the same contract, and the reused token is refused",
    () =>
      Effect.flatMap(Layer.build(world()), (context) =>
        Effect.gen(function* () {
          yield* ready
          const since = yield* twoDays
          yield* nextDay
          const client = yield* open
          assert.deepStrictEqual(yield* client.ask({ action: "subscribe", tokens: both, since }), refusal)
          yield* has(client, "NIFTY 50 3")
          assert.deepStrictEqual(ticksOf(client.received), ["NIFTY 50 2", "NIFTY 50 3"])
          assert.deepInclude(
            client.received.find(({ type }) => type === "subscribed"),
            { tokens: [tokens.nifty], total: 1 }
          )
          // A client without a position means the contract that the token names today.
          const other = yield* open
          yield* other.ask({ action: "subscribe", tokens: both })
          yield* frame(400)
          yield* has(client, "NIFTY 50 4")
          yield* has(other, `${heir.tradingsymbol} 4`)
          assert.deepStrictEqual(ticksOf(client.received), ["NIFTY 50 2", "NIFTY 50 3", "NIFTY 50 4"])
        }).pipe(Effect.provide(context))
      )
  )

  it.scopedLive("BE-DAY-04 a client of today continues under the reused token", () =>
    Effect.flatMap(Layer.build(world()), (context) =>
      Effect.gen(function* () {
        const { engine } = yield* World
        yield* ready
        yield* twoDays
        yield* nextDay
        const { createdMs: epoch } = yield* engine.info("MD_FRAMES")
        const { seq } = yield* frame(400)
        // The time of a position is that of the next clock frame; without one it would be this machine's time of day.
        yield* clock(`${today}T10:01:00`)
        yield* frame(500)
        const client = yield* open
        yield* client.ask({ action: "subscribe", tokens: both, since: { epoch, seq } })
        yield* has(client, "NIFTY 50 5")
        assert.deepStrictEqual(ticksOf(client.received), [`${heir.tradingsymbol} 5`, "NIFTY 50 5"])
      }).pipe(Effect.provide(context))
    )
  )

  it.scopedLive("BE-DAY-04 a live subscription ends when the new day's instruments give its token to another contract", () =>
    Effect.flatMap(Layer.build(world()), (context) =>
      Effect.gen(function* () {
        yield* ready
        const client = yield* open
        yield* client.ask({ action: "subscribe", tokens: both })
        yield* frame(100)
        yield* has(client, "NIFTY 50 1")
        yield* nextDay
        const ended = () => client.received.find(({ type }) => type === "error")
        yield* eventually("the refusal", Effect.sync(ended))
        assert.deepStrictEqual(ended(), refusal)
        yield* frame(200)
        yield* has(client, "NIFTY 50 2")
        assert.deepStrictEqual(ticksOf(client.received), ["NIFTY98JAN24500CE 1", "NIFTY 50 1", "NIFTY 50 2"])
        client.send({ action: "unsubscribe", tokens: both })
        assert.deepInclude(yield* client.nextOf("unsubscribed"), { tokens: [tokens.nifty], total: 0 })
      }).pipe(Effect.provide(context))
    )
  )

  it.scopedLive("BE-DAY-04 without Postgres nobody knows what yesterday's token was: unavailable, and nothing is subscribed", () =>
    Effect.gen(function* () {
      const database = yield* proxy(yield* migratedDatabase)
      const context = yield* Layer.build(world({ database: Effect.succeed(database.url) }))
      yield* Effect.gen(function* () {
        yield* ready
        const since = yield* twoDays
        yield* nextDay
        yield* Effect.promise(() => database.stop())
        const client = yield* open
        const message = "Instruments unavailable: those of the position's day cannot be read"
        const refused = { type: "error", code: "unavailable", message, tokens: both }
        assert.deepStrictEqual(yield* client.ask({ action: "subscribe", tokens: both, since }), refused)
        assert.deepInclude(yield* client.ask({ action: "subscribe", tokens: [tokens.infy] }), { type: "subscribed", total: 1 })
      }).pipe(Effect.provide(context))
    })
  )
})
