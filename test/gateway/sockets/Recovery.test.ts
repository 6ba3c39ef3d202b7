import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { headers } from "nats"
import * as Frame from "../../../src/domain/market/Frame.ts"
import * as FrameHeader from "../../../src/domain/record/FrameHeader.ts"
import { lookBackMax, missedMax } from "../../../src/gateway/ticks/ReplayPlace.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import * as Packets from "../../domain/market/Packets.ts"
import { waitMsMax } from "../../Patience.ts"
import { proxy } from "../../Proxy.ts"
import {
  ask,
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
import { connect, type Received } from "./SocketClient.ts"

interface Place {
  readonly epoch: number
  readonly seq: number
  readonly row?: number
}
const open = (path: string) =>
  Effect.gen(function* () {
    const client = yield* connect(`${path}?token=${yield* token()}`)
    yield* client.next
    return client
  })
const subscribe = (wanted: ReadonlyArray<number>, since?: Place) => ({ action: "subscribe", tokens: wanted, ...(since && { since }) })
const ticksOf = (received: ReadonlyArray<Received>) => received.filter(({ type }) => type === "tick")
const places = (received: ReadonlyArray<Received>) => ticksOf(received).map(({ seq, row }) => `${seq}/${row}`)
const has = (client: { readonly received: ReadonlyArray<Received> }, seq: number) =>
  eventually(
    `the tick of ${seq}`,
    Effect.sync(() => client.received.some((message) => message.type === "tick" && message.seq === seq))
  )

let price = 1_000
/** A frame of three ticks: two of NIFTY with one of INFY in between. */
const frame = Effect.suspend(() => publishFrame([tokens.nifty, tokens.infy, tokens.nifty].map((of) => fullPacket(of, ++price))))

/** Many frames, without waiting for each acknowledgement. */
const flood = (count: number) =>
  Effect.gen(function* () {
    const { engine } = yield* World
    const subject = Subjects.Frame.at({ exchange: "NSE", underlying: "NIFTY" })
    const data = Frame.frameOf([Packets.encodeLtp({ token: tokens.infy, lastPrice: 1 })])
    for (let number = 0; number < count; number++) {
      const named = headers()
      const header = { account: "flood", epoch: 1, incarnation: 1, number, baseReceivedMs: 1, source: "simulator", runs: [1, 0] } as const
      named.set(FrameHeader.name, FrameHeader.format(header))
      engine.nc.publish(subject, data, { headers: named })
    }
    yield* Effect.promise(() => engine.nc.flush())
  })

layer(world(), { excludeTestServices: true })("Recovery of ticks", (it) => {
  it.scoped("ticks missed while a client was away are delivered once, in order, and live ticks follow without a gap", () =>
    Effect.gen(function* () {
      yield* ready
      const witness = yield* open("/ws/ticks")
      yield* witness.ask(subscribe([tokens.nifty, tokens.infy]))
      const first = yield* frame
      yield* has(witness, first.seq)
      yield* Effect.repeatN(frame, 200)
      // Frames continue while the replay runs.
      const publishing = yield* Effect.fork(Effect.repeatN(frame, 400))
      const client = yield* open("/ws/ticks")
      const { epoch } = ticksOf(witness.received)[0]
      yield* client.ask(subscribe([tokens.nifty, tokens.infy], { epoch, seq: first.seq }))
      yield* publishing.await
      const last = yield* frame
      yield* has(client, last.seq)
      yield* has(witness, last.seq)
      const missed = places(witness.received).filter((place) => Number(place.split("/")[0]) > first.seq)
      assert.strictEqual(missed.length, 3 * 603)
      assert.deepStrictEqual(places(client.received), missed)
      assert.deepStrictEqual(
        ticksOf(client.received).map(({ data }) => data),
        ticksOf(witness.received)
          .slice(3)
          .map(({ data }) => data)
      )
    })
  )

  it.scoped("a client that was cut within a frame gets the rest of it; one with the newest tick gets only live ticks", () =>
    Effect.gen(function* () {
      const { engine } = yield* World
      yield* ready
      const first = yield* frame
      const second = yield* frame
      const { createdMs: epoch } = yield* engine.info("MD_FRAMES")
      const cut = yield* open("/ws/ticks")
      cut.send(subscribe([tokens.nifty], { epoch, seq: first.seq, row: 0 }))
      yield* has(cut, second.seq)
      const whole = yield* open("/ws/ticks")
      assert.deepInclude(yield* whole.ask(subscribe([tokens.nifty], { epoch, seq: second.seq })), { type: "subscribed", total: 1 })
      const third = yield* frame
      yield* has(whole, third.seq)
      yield* has(cut, third.seq)
      assert.deepStrictEqual(places(cut.received), [
        `${first.seq}/2`,
        `${second.seq}/0`,
        `${second.seq}/2`,
        `${third.seq}/0`,
        `${third.seq}/2`
      ])
      assert.deepStrictEqual(places(whole.received), [`${third.seq}/0`, `${third.seq}/2`])
      assert.isUndefined([...cut.received, ...whole.received].find(({ type }) => type === "gap"))
    })
  )

  it.scoped("a pong gives the stream's position to a client that gets no tick, but only if it has tokens", () =>
    Effect.gen(function* () {
      const { engine } = yield* World
      yield* ready
      const witness = yield* open("/ws/ticks")
      yield* witness.ask(subscribe([tokens.nifty]))
      const client = yield* open("/ws/ticks")
      assert.deepStrictEqual(yield* client.ask({ action: "ping" }), { type: "pong" })
      yield* client.ask(subscribe([tokens.call]))
      const { seq } = yield* frame
      yield* has(witness, seq)
      const { createdMs: epoch } = yield* engine.info("MD_FRAMES")
      assert.deepStrictEqual(yield* client.ask({ action: "ping" }), { type: "pong", epoch, seq })
    })
  )

  it.scoped("a frame that its publisher sent twice is replayed once, even if the first copy came before", () =>
    Effect.gen(function* () {
      const { engine } = yield* World
      const send = (number: number) => publishFrame([fullPacket(tokens.infy, 5)], { number, underlying: "INFY" })
      const first = yield* send(0)
      const second = yield* send(1)
      yield* send(0)
      yield* send(1)
      const last = yield* send(2)
      const { createdMs: epoch } = yield* engine.info("MD_FRAMES")
      const client = yield* open("/ws/ticks")
      client.send(subscribe([tokens.infy], { epoch, seq: first.seq }))
      yield* has(client, last.seq)
      yield* client.settled
      assert.deepStrictEqual(places(client.received), [`${second.seq}/0`, `${last.seq}/0`])
    })
  )

  it.scoped("another epoch, an impossible position, and sequences that the stream lost are gaps, and live ticks follow", () =>
    Effect.gen(function* () {
      const { engine } = yield* World
      const first = yield* frame
      const { createdMs: epoch } = yield* engine.info("MD_FRAMES")
      const before = yield* metric("ws_gaps_total")
      const told = (since: Place) =>
        Effect.gen(function* () {
          const client = yield* open("/ws/ticks")
          client.send(subscribe([tokens.nifty], since))
          const gap = yield* client.nextOf("gap")
          const next = yield* frame
          yield* has(client, next.seq)
          return { gap, got: places(client.received), next: next.seq }
        })
      const other = yield* told({ epoch: epoch - 1, seq: 5 })
      assert.deepStrictEqual(other.gap, { type: "gap", epoch, from: 1, to: other.next - 1 })
      assert.deepStrictEqual(other.got, [`${other.next}/0`, `${other.next}/2`])
      const waiting = yield* open("/ws/ticks")
      waiting.send(subscribe([tokens.nifty], { epoch, seq: 1_000_000 }))
      assert.deepStrictEqual(yield* waiting.ask({ action: "ping" }), { type: "pong" }, "the place is still waited for")
      const never = yield* told({ epoch, seq: 1_000_000 })
      assert.deepStrictEqual(never.gap, { type: "gap", epoch, from: 1, to: never.next - 1 })
      assert.deepStrictEqual(never.got, [`${never.next}/0`, `${never.next}/2`])
      const [held, kept] = [yield* frame, yield* frame]
      yield* Effect.promise(() => engine.jsm.streams.purge("MD_FRAMES", { seq: kept.seq }))
      const gone = yield* told({ epoch, seq: first.seq })
      assert.deepStrictEqual(gone.gap, { type: "gap", epoch, from: first.seq + 1, to: held.seq })
      assert.deepStrictEqual(gone.got, [`${kept.seq}/0`, `${kept.seq}/2`, `${gone.next}/0`, `${gone.next}/2`])
      assert.strictEqual(yield* metric("ws_gaps_total"), before + 4)
    })
  )

  it.scoped("more than the replay limit is a gap up to the live ticks", () =>
    Effect.gen(function* () {
      const { engine } = yield* World
      const first = yield* frame
      const { createdMs: epoch } = yield* engine.info("MD_FRAMES")
      yield* flood(missedMax + lookBackMax)
      const last = yield* frame
      const witness = yield* open("/ws/ticks")
      yield* eventually(
        "the gateway has read it all",
        Effect.map(witness.ask(subscribe([])), ({ seq }) => seq === last.seq)
      )
      const client = yield* open("/ws/ticks")
      client.send(subscribe([tokens.nifty], { epoch, seq: first.seq }))
      assert.deepStrictEqual(yield* client.nextOf("gap"), { type: "gap", epoch, from: first.seq + 1, to: last.seq })
      const next = yield* frame
      yield* has(client, next.seq)
      assert.deepStrictEqual(places(client.received), [`${next.seq}/0`, `${next.seq}/2`])
    })
  )
})

describe("Frames that are lost before the gateway has read them", () => {
  it.scopedLive("are reported as one gap to every client with ticks, and live ticks follow", () =>
    Effect.gen(function* () {
      let door: Effect.Effect.Success<ReturnType<typeof proxy>> | undefined
      const through = (url: string) =>
        Effect.map(proxy(url), (opened) => {
          door = opened
          return opened.url
        })
      const program = Effect.gen(function* () {
        yield* ready
        const { engine } = yield* World
        const [client, idle] = [yield* open("/ws/ticks"), yield* open("/ws/ticks")]
        yield* client.ask(subscribe([tokens.nifty, tokens.infy]))
        const gapsBefore = yield* metric("ws_gaps_total")
        const before = yield* frame
        yield* has(client, before.seq)
        yield* Effect.promise(async () => door?.stop())
        const [first, last, kept] = [yield* frame, yield* frame, yield* frame]
        yield* Effect.promise(() => engine.jsm.streams.purge("MD_FRAMES", { seq: kept.seq }))
        yield* Effect.promise(async () => door?.start())
        yield* has(client, kept.seq)
        const next = yield* frame
        yield* has(client, next.seq)
        const { createdMs: epoch } = yield* engine.info("MD_FRAMES")
        const gaps = client.received.filter(({ type }) => type === "gap")
        assert.deepStrictEqual(gaps, [{ type: "gap", epoch, from: first.seq, to: last.seq }])
        assert.deepStrictEqual([...new Set(ticksOf(client.received).map(({ seq }) => seq))], [before.seq, kept.seq, next.seq])
        assert.isBelow(
          client.received.indexOf(gaps[0] as Received),
          client.received.findIndex(({ seq }) => seq === kept.seq)
        )
        assert.isUndefined(
          idle.received.find(({ type }) => type === "gap"),
          "who has no ticks has missed none"
        )
        assert.strictEqual(yield* metric("ws_gaps_total"), gapsBefore + 1)
      })
      yield* Effect.flatMap(Layer.build(world({ door: through })), (context) => Effect.provide(program, context))
    })
  )
})

/** Small buffers, and replays of many ticks, which take long on a busy machine. */
const longReplays = { WS_SOFT_BYTES: "50000", WS_REPLAY_MAX: `${waitMsMax} millis` }

describe("Replays of several clients", () => {
  it.scopedLive(
    "a client that does not read its replay loses only its own; the others get every tick, replayed and live",
    () =>
      Effect.flatMap(Layer.build(world({ config: longReplays })), (context) =>
        Effect.gen(function* () {
          yield* ready
          const { engine } = yield* World
          const { createdMs: epoch } = yield* engine.info("MD_FRAMES")
          const first = yield* frame
          const many = Array.from({ length: 500 }, () => fullPacket(tokens.nifty, ++price))
          // More than the kernel's buffers hold.
          yield* Effect.repeatN(publishFrame(many), 99)
          const stuck = yield* open("/ws/ticks")
          stuck.socket.pause()
          stuck.send(subscribe([tokens.nifty], { epoch, seq: first.seq }))
          yield* eventually(
            "its replay runs",
            Effect.map(metric("ws_replays_running"), (running) => running === 1)
          )
          const good = yield* open("/ws/ticks")
          good.send(subscribe([tokens.nifty], { epoch, seq: first.seq }))
          const last = yield* frame
          yield* has(good, last.seq)
          assert.strictEqual(ticksOf(good.received).length, 100 * 500 + 2)
          assert.isUndefined(good.received.find(({ type, conflated }) => type === "gap" || conflated !== undefined))
          yield* eventually(
            "no replay is left",
            Effect.map(metric("ws_replays_running"), (running) => running === 0)
          )
          stuck.socket.resume()
          const next = yield* frame
          yield* has(stuck, next.seq)
          const gap = stuck.received.find(({ type }) => type === "gap")
          assert.strictEqual(gap.to, last.seq - 1)
          assert.isUndefined(stuck.received.find(({ conflated }) => conflated !== undefined))
          assert.strictEqual(ticksOf(stuck.received).filter(({ seq }) => seq < gap.from).length, (gap.from - 1 - first.seq) * 500)
        }).pipe(Effect.provide(context))
      ),
    900_000
  )

  it.scopedLive(
    "live ticks that exceed the waiting limit during a replay are read from the record too",
    () =>
      Effect.flatMap(Layer.build(world({ config: longReplays })), (context) =>
        Effect.gen(function* () {
          yield* ready
          const { engine } = yield* World
          const { createdMs: epoch } = yield* engine.info("MD_FRAMES")
          const first = yield* frame
          const many = Effect.suspend(() => publishFrame(Array.from({ length: 50 }, () => fullPacket(tokens.nifty, ++price))))
          yield* Effect.repeatN(many, 99)
          const publishing = yield* Effect.fork(Effect.repeatN(many, 199))
          const client = yield* open("/ws/ticks")
          client.send(subscribe([tokens.nifty], { epoch, seq: first.seq }))
          yield* publishing.await
          const last = yield* frame
          yield* has(client, last.seq)
          const expected = Array.from({ length: last.seq - first.seq - 1 }, (_, at) => first.seq + 1 + at).flatMap((seq) =>
            Array.from({ length: 50 }, (_, row) => `${seq}/${row}`)
          )
          assert.deepStrictEqual(places(client.received), [...expected, `${last.seq}/0`, `${last.seq}/2`])
        }).pipe(Effect.provide(context))
      ),
    900_000
  )
})

const rows = [
  { strike: 24_400, side: "CE", token: tokens.farCall, price: 200 },
  { strike: 24_500, side: "CE", token: tokens.call, price: 120 }
] as const
const changed = (at: number) => chainMessage("delta", [{ strike: 24_500, side: "CE", token: tokens.call, price: at }])

layer(world(), { excludeTestServices: true })("Recovery of chains", (it) => {
  // Only REST names the moneyness: a move of the money would change every row of the stream.
  const streamed = (row: object) =>
    Object.fromEntries(
      Object.entries(row).map(([name, value]) => {
        if (typeof value !== "object" || value === null) return [name, value]
        const { moneyness: _, ...option } = value
        return [name, option]
      })
    )
  const strikes = Effect.map(ask(`/fo/strikes?symbol=NIFTY&expiry=${near}`), ({ body }) => body.strikes.map(streamed))
  const chainOf = (since?: Place) => ({ action: "subscribe", symbol: "NIFTY", expiry: near, ...(since && { since }) })

  it.scoped(
    "a client that missed deltas gets the present chain, one that missed none only new ones; another epoch is a gap and the chain",
    () =>
      Effect.gen(function* () {
        yield* ready
        const { engine } = yield* World
        const first = yield* publishChain(chainMessage("delta", rows))
        yield* publishChain(chainMessage("chain", rows, { delta_seq: first }))
        const second = yield* publishChain(changed(125))
        yield* eventually(
          "the newest is there",
          Effect.map(strikes, (now) => now[1]?.call.last_price === 125)
        )
        const { createdMs: epoch } = yield* engine.info("OPT")

        const behind = yield* open("/fo/stream")
        assert.strictEqual((yield* behind.ask(chainOf({ epoch, seq: first }))).type, "subscribed")
        const caught = yield* behind.next
        assert.deepInclude(caught, { type: "update", kind: "chain", epoch, seq: second })
        assert.deepStrictEqual(caught.strikes, yield* strikes)

        const current = yield* open("/fo/stream")
        yield* current.ask(chainOf({ epoch, seq: second }))
        const third = yield* publishChain(changed(126))
        assert.deepInclude(yield* current.next, { type: "update", kind: "delta", seq: third })

        const stranger = yield* open("/fo/stream")
        yield* stranger.ask(chainOf({ epoch: epoch + 1, seq: 9 }))
        assert.deepStrictEqual(yield* stranger.next, { type: "gap", epoch, from: 1, to: third, symbol: "NIFTY", expiry: near })
        const whole = yield* stranger.next
        assert.deepInclude(whole, { kind: "chain", seq: third })
        assert.deepStrictEqual(whole.strikes, yield* strikes)

        const fourth = yield* publishChain(changed(127))
        yield* Effect.promise(() => engine.jsm.streams.purge("OPT", { seq: fourth }))
        yield* current.nextOf("update")
        const late = yield* open("/fo/stream")
        yield* late.ask(chainOf({ epoch, seq: first }))
        assert.deepStrictEqual(yield* late.next, { type: "gap", epoch, from: second, to: third, symbol: "NIFTY", expiry: near })
        assert.deepStrictEqual((yield* late.next).strikes, yield* strikes)
      })
  )
})
