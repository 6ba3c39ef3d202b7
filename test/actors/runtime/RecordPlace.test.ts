import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import * as RecordPlace from "../../../src/actors/runtime/RecordPlace.ts"
import * as ClockFrame from "../../../src/domain/record/ClockFrame.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as Record from "../../../src/streams/Record.ts"
import * as Streams from "../../../src/streams/Streams.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { spot, startMs } from "../../domain/record/Recorder.ts"
import { backend, Server, settings } from "../../streams/Nats.ts"

const live = Layer.unwrapEffect(
  Effect.map(Server, (server) => Layer.provideMerge(Streams.layer, Layer.setConfigProvider(settings(server))))
).pipe(Layer.provideMerge(backend))
const nifty = { exchange: "NSE", underlying: "NIFTY" }
const reference = Subjects.MarketReference.at(nifty)

layer(live, { excludeTestServices: true })("RecordPlace", (it) => {
  it.effect("a definition that comes while an actor starts is among the messages to fold, even if the first clock comes after it", () =>
    Effect.gen(function* () {
      const { info, publish } = yield* JetStream
      yield* publish(reference, Subjects.MarketReference.encode({ v: 1, ...nifty, instruments: [spot] }))
      // The start reads the record's range of sequences, then the definitions.
      const record = yield* info(Record.stream)
      const { seq } = yield* publish(
        Subjects.StrategyDefinition.at({ owner: "u1", strategy: "2" }),
        Subjects.StrategyDefinition.encode({ v: 1, strategy_id: 2, owner: "u1", legs: [] })
      )
      yield* publish(Subjects.Clock.at({ account: "a1" }), ClockFrame.encode(startMs))
      for (const frames of [[], [Subjects.Frame.at(nifty)]]) {
        const setup = { frames, references: [reference] }
        const underlyings = frames.length === 0 ? [] : [nifty]
        const place = yield* RecordPlace.find({ setup, underlyings, keyframes: [], record, leftAt: Option.none() })
        assert.isBelow(place.afterSeq, seq)
      }
    })
  )
})
