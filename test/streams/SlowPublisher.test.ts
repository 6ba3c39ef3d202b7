import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as BarDecider from "../../src/domain/market/BarDecider.ts"
import * as Frame from "../../src/domain/market/Frame.ts"
import * as LiveClocks from "../../src/domain/record/LiveClocks.ts"
import * as RecordInput from "../../src/domain/record/RecordInput.ts"
import * as FramePublisher from "../../src/streams/FramePublisher.ts"
import { JetStream } from "../../src/streams/JetStream.ts"
import * as OrderedRead from "../../src/streams/OrderedRead.ts"
import * as Record from "../../src/streams/Record.ts"
import * as Streams from "../../src/streams/Streams.ts"
import * as Subjects from "../../src/streams/Subjects.ts"
import * as Deciding from "../domain/Deciding.ts"
import { spot, spotToken, startMs } from "../domain/record/Recorder.ts"
import { proxy } from "../Proxy.ts"
import { another, backend, collect, messages, Server, settings, until } from "./Nats.ts"

const minuteMs = 60_000
const names = { exchange: "NSE", underlying: "NIFTY" }
const subject = Subjects.Frame.at(names)

/** A publisher as in a separate process, with its own connection and no peers. */
const publisher = (account: string) =>
  Effect.gen(function* () {
    const server = yield* Server
    const way = yield* proxy(server.url)
    const connection = JetStream.layer("engine").pipe(Layer.provide(Layer.setConfigProvider(settings(server, { NATS_URL: way.url }))))
    const jetStream = Context.get(yield* Layer.build(Layer.fresh(connection)), JetStream)
    const sender = { account, source: "simulator", epoch: 1, incarnation: 1 } as const
    const frames = yield* FramePublisher.make(sender, FramePublisher.peers(LiveClocks.waitMsMax)).pipe(
      Effect.provideService(JetStream, jetStream)
    )
    const bytes = new Uint8Array(Frame.Kind.ltp)
    const view = new DataView(bytes.buffer)
    const append = (rupees: number, receivedMs: number) => {
      view.setUint32(0, spotToken)
      view.setUint32(4, rupees * 100)
      frames.append(subject, bytes, 0, bytes.length, receivedMs)
    }
    return { ...frames, append, way } as const
  })

layer(Layer.provideMerge(Streams.layer, backend), { excludeTestServices: true })("Two processes that publish", (it) => {
  it.scoped("BE-REC-03 the clock of one closes no bar before packets of the other that the store answers slowly", () =>
    Effect.gen(function* () {
      const own = yield* another()
      const read = yield* OrderedRead.make({ stream: Record.stream, filters: [], start: { _tag: "After", seq: 0 } }).pipe(
        Effect.provideService(JetStream, own)
      )
      const items = yield* collect(read.takeAll)
      const inputs = () =>
        messages(items).flatMap((message) => {
          const input = Record.decode(message)
          return input._tag === "Refused" ? assert.fail(input.reason) : [input]
        })
      const hasClock = (account: string, atMs: number) => () =>
        inputs().some((input) => input._tag === "Clock" && input.account === account && input.atMs === atMs)

      const fast = yield* publisher("FAST")
      const slow = yield* publisher("SLOW")
      for (const one of [fast, slow]) one.clock(startMs)
      yield* until("both are known", () => ["FAST", "SLOW"].every((account) => hasClock(account, startMs)()))
      fast.append(24_500, startMs + 1_000)
      slow.append(24_510, startMs + 1_500)
      for (const one of [fast, slow]) one.clock(startMs + 2_000)
      yield* until("both are live", () => ["FAST", "SLOW"].every((account) => hasClock(account, startMs + 2_000)()))

      for (let atMs = startMs + 4_000; atMs < startMs + minuteMs; atMs += 2_000) for (const one of [fast, slow]) one.clock(atMs)
      yield* until("the minute is nearly over", () => ["FAST", "SLOW"].every((account) => hasClock(account, startMs + minuteMs - 2_000)()))
      slow.way.freeze()
      slow.append(24_600, startMs + minuteMs - 500) // the minute's highest price
      slow.clock(startMs + minuteMs - 400)
      fast.append(24_490, startMs + minuteMs - 300)
      fast.clock(startMs + minuteMs)
      yield* until("the fast one's clock is stored", hasClock("FAST", startMs + minuteMs))
      slow.way.thaw()
      slow.clock(startMs + minuteMs)
      yield* until("the slow one's clock is stored", hasClock("SLOW", startMs + minuteMs))

      const all = inputs()
      const placeOf = (holds: (input: RecordInput.RecordInput) => boolean) => all.findIndex(holds)
      const fastClock = placeOf((one) => one._tag === "Clock" && one.account === "FAST" && one.atMs === startMs + minuteMs)
      const highest = all.findLastIndex((one) => one._tag === "Frame" && one.header.account === "SLOW")
      assert.isAbove(highest, fastClock, "the clock has overtaken the packet")

      const decider = BarDecider.make(names)
      const reference = RecordInput.reference(0, { v: 1, ...names, as_of: new Date(startMs), instruments: [spot] } as never)
      const [state, outputs] = Deciding.fold(decider, decider.initial, [reference, ...all])
      const closed = outputs.flatMap(({ message, seq }) =>
        message.interval === "1m" ? message.bars.flatMap((bar) => (bar.closed ? [{ ...bar, seq }] : [])) : []
      )
      assert.deepStrictEqual(
        closed.map(({ open, high, low, close }) => [open, high, low, close]),
        [[24_500, 24_600, 24_490, 24_490]]
      )
      assert.strictEqual(state.late, 0)
    })
  )
})
