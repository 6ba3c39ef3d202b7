import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as PaperMatching from "../../../src/actors/orders/PaperMatching.ts"
import * as FrameHeader from "../../../src/domain/record/FrameHeader.ts"
import * as Keyframe from "../../../src/domain/record/Keyframe.ts"
import type * as RecordInput from "../../../src/domain/record/RecordInput.ts"
import { FrameFeed } from "../../../src/streams/FrameFeed.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { futureToken, Recorder, startMs } from "../../domain/record/Recorder.ts"
import { backend, streams, until } from "../../streams/Nats.ts"
import * as BrokerStub from "../market/BrokerStub.ts"

const underlying = { exchange: "NSE", underlying: "NIFTY" }
const World = Layer.mergeAll(
  FrameFeed.Default,
  BrokerStub.layer({}, () => startMs)
).pipe(Layer.provideMerge(streams), Layer.provideMerge(backend))

type Priced = RecordInput.Frame | RecordInput.Keyframe

/** Puts a frame or keyframe into the record as its publisher would, with the source that a header claims. */
const put = (input: Priced, account: string, source: FrameHeader.Source) =>
  Effect.flatMap(JetStream, ({ publish }) => {
    const subject = input._tag === "Frame" ? Subjects.Frame.at(underlying) : Subjects.Keyframe.at({ ...underlying, account, part: "0" })
    const headers = { [FrameHeader.name]: FrameHeader.format({ ...input.header, account, source }, subject) }
    const timed = input._tag === "Frame" ? headers : { ...headers, [Keyframe.timeHeader]: String(input.atMs) }
    return publish(subject, input.bytes, { headers: timed })
  })
const isPriced = (input: RecordInput.RecordInput): input is Priced => input._tag === "Frame" || input._tag === "Keyframe"

layer(World, { excludeTestServices: true })("prices of paper orders", (it) => {
  it.effect("BE-ISO-02 only prices of the account's own broker fill its paper orders, from a keyframe and from frames", () =>
    Effect.gen(function* () {
      const recorded = new Recorder()
        .frame(startMs, [{ token: futureToken, price: 100, bid: 99, ask: 101 }])
        .keyframe(startMs + 1_000)
        .frame(startMs + 2_000, [{ token: futureToken, price: 200, bid: 199, ask: 201 }])
        .frame(startMs + 3_000, [{ token: futureToken, price: 300, bid: 299, ask: 301 }])
      const [first, keyframe, second, third] = recorded.inputs.filter(isPriced) as [Priced, Priced, Priced, Priced]
      const { books } = yield* PaperMatching.make("a1")
      const price = () => books.find({ exchange: "NSE", name: "NIFTY" }, futureToken, 0)?.packet.lastPrice
      yield* put(first, "sim", "simulator")
      yield* put(keyframe, "sim", "simulator")
      yield* put(keyframe, "other", "kite")
      yield* books.reached({ exchange: "NSE", name: "NIFTY" })
      assert.strictEqual(price(), 10_000, "the keyframe of the account's broker")
      yield* put(third, "other", "kite")
      yield* put(second, "sim", "kite")
      yield* put(second, "sim", "simulator")
      yield* until("the frame of the account's broker", () => price() === 20_000)
    }).pipe(Effect.scoped)
  )
})
