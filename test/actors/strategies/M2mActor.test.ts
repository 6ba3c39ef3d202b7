import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Logger, Option } from "effect"
import { RecordActor } from "../../../src/actors/runtime/RecordActor.ts"
import * as M2mActor from "../../../src/actors/strategies/M2mActor.ts"
import * as ClockFrame from "../../../src/domain/record/ClockFrame.ts"
import type { Contract } from "../../../src/domain/record/Reference.ts"
import type * as StrategyDefinition from "../../../src/domain/record/StrategyDefinition.ts"
import { RuleBook } from "../../../src/settings/RuleBook.ts"
import { FrameFeed } from "../../../src/streams/FrameFeed.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import { Snapshots } from "../../../src/streams/Snapshots.ts"
import * as Streams from "../../../src/streams/Streams.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { supervise } from "../../../src/streams/Supervisor.ts"
import { leg, spot, startMs } from "../../domain/record/Recorder.ts"
import { backend, bytes, Server, settings, until } from "../../streams/Nats.ts"
import { heldLeases } from "../HeldLease.ts"

const live = Layer.unwrapEffect(
  Effect.map(Server, (server) =>
    Layer.merge(RecordActor.Default, RuleBook.Default).pipe(
      Layer.provide([FrameFeed.Default, Snapshots.Default, heldLeases]),
      Layer.provide(Streams.layer),
      Layer.provide(Logger.remove(Logger.defaultLogger)),
      Layer.provideMerge(Layer.setConfigProvider(settings(server)))
    )
  )
).pipe(Layer.provideMerge(backend))

const ids = [1, 2, 3, 93]
const definition = (owner: string, strategyId: number, of: Contract, underlying = "NIFTY"): StrategyDefinition.Definition => ({
  v: 1,
  strategy_id: strategyId,
  owner,
  legs: [leg(1, "BUY", of, 50, "100", underlying)]
})

/** The strategies whose newest values the stream holds. */
const valued = Effect.gen(function* () {
  const { last } = yield* JetStream
  const found = yield* Effect.forEach(ids, (id) => last("STRAT", Subjects.Mark.at({ owner: "u1", strategy: String(id) })))
  return ids.filter((_, at) => Option.isSome(found[at] ?? Option.none()))
})

layer(live, { excludeTestServices: true })("M2mActor", (it) => {
  it.scoped(
    "BE-SVC-10 BE-ISO-01 definitions that cannot be read or computed are dead letters, and the actor values the other strategies without a restart",
    () =>
      Effect.gen(function* () {
        const { publish, last } = yield* JetStream
        const define = (subject: string, body: Uint8Array) => publish(subject, body)
        const of = (owner: string, id: number) => Subjects.StrategyDefinition.at({ owner, strategy: String(id) })
        let starts = 0
        let ends = 0
        const actor = yield* M2mActor.make
        const counted = Effect.suspend(() => {
          starts++
          return Effect.ensuring(
            actor(["NSE", "NIFTY"]),
            Effect.sync(() => ends++)
          )
        })
        // One valid definition and every kind of bad definition are in the record before the actor starts.
        yield* publish(
          Subjects.MarketReference.at({ exchange: "NSE", underlying: "NIFTY" }),
          Subjects.MarketReference.encode({ v: 1, exchange: "NSE", underlying: "NIFTY", instruments: [spot] })
        )
        yield* define(of("u1", 1), Subjects.StrategyDefinition.encode(definition("u1", 1, spot)))
        yield* define(of("u1", 90), bytes("{"))
        yield* Effect.forkScoped(supervise("strategies", "NSE.NIFTY", counted))
        yield* define(of("u1", 91), Subjects.StrategyDefinition.encode(definition("u1", 99, spot)))
        yield* define(of("u1", 92), Subjects.StrategyDefinition.encode(definition("somebody", 92, spot)))
        yield* define(of("u1", 93), Subjects.StrategyDefinition.encode(definition("u1", 93, { ...spot, instrument_token: 255 })))
        yield* define(of("u1", 2), Subjects.StrategyDefinition.encode(definition("u1", 2, spot)))
        // Another actor values it.
        yield* define(of("u1", 3), Subjects.StrategyDefinition.encode(definition("u1", 3, spot, "BANKNIFTY")))
        const letters = Effect.flatMap(JetStream, ({ info }) => Effect.map(info("DLQ"), ({ lastSeq }) => lastSeq))
        let atMs = startMs
        yield* until("both strategies have values, and the bad ones are dead letters", () =>
          Effect.gen(function* () {
            atMs += 250
            yield* publish(Subjects.Clock.at({ account: "a1" }), ClockFrame.encode(atMs))
            return (yield* valued).join() === "1,2" && (yield* letters) === 4
          })
        )
        const letter = Option.getOrThrow(yield* last("DLQ", Subjects.deadLetter("strategies u1 93")))
        assert.include(new TextDecoder().decode(letter.data), '"strategy_id":93,"reason":"UnknownRule')
        assert.deepStrictEqual([starts, ends], [1, 0])
      }),
    300_000
  )
})
