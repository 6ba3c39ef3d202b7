import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Logger, Option } from "effect"
import { Leases } from "../../../src/actors/runtime/Leases.ts"
import { RecordActor } from "../../../src/actors/runtime/RecordActor.ts"
import * as M2mActor from "../../../src/actors/strategies/M2mActor.ts"
import type * as StrategyDefinition from "../../../src/domain/record/StrategyDefinition.ts"
import { FrameFeed } from "../../../src/streams/FrameFeed.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import { RuleBook } from "../../../src/streams/RuleBook.ts"
import { Snapshots } from "../../../src/streams/Snapshots.ts"
import * as Streams from "../../../src/streams/Streams.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import { supervise } from "../../../src/streams/Supervisor.ts"
import { backend, bytes, Server, settings, until } from "../../streams/Nats.ts"

const leases = Layer.succeed(Leases, { of: () => Effect.succeed({ epoch: 1, isHeld: () => true }) })
const live = Layer.unwrapEffect(
  Effect.map(Server, (server) =>
    Layer.merge(RecordActor.Default, RuleBook.Default).pipe(
      Layer.provide([FrameFeed.Default, Snapshots.Default, leases]),
      Layer.provide(Streams.layer),
      Layer.provide(Logger.remove(Logger.defaultLogger)),
      Layer.provideMerge(Layer.setConfigProvider(settings(server)))
    )
  )
).pipe(Layer.provideMerge(backend))

const definition = (owner: string, strategyId: number): StrategyDefinition.Definition => ({
  v: 1,
  strategy_id: strategyId,
  owner,
  legs: []
})

layer(live, { excludeTestServices: true })("M2mActor", (it) => {
  const bad: Readonly<Record<string, Uint8Array>> = {
    "cannot be read": bytes("{"),
    "belongs to another strategy": Subjects.StrategyDefinition.encode(definition("u1", 99)),
    "belongs to another user": Subjects.StrategyDefinition.encode(definition("somebody", 1))
  }
  let number = 0
  for (const [what, body] of Object.entries(bad))
    it.scoped(
      `BE-SVC-10 a definition that ${what} is a dead letter, and the actor waits for a better one without a restart`,
      () =>
        Effect.gen(function* () {
          const { publish, last, jsm } = yield* JetStream
          const strategy = String(++number)
          const subject = Subjects.StrategyDefinition.at({ owner: "u1", strategy })
          yield* publish(
            subject,
            what === "belongs to another user" ? Subjects.StrategyDefinition.encode(definition("somebody", number)) : body
          )
          let starts = 0
          let ends = 0
          const actor = yield* M2mActor.make
          const counted = Effect.suspend(() => {
            starts++
            return Effect.ensuring(
              actor("u1", strategy),
              Effect.sync(() => ends++)
            )
          })
          yield* Effect.forkScoped(supervise("m2m", `u1.${strategy}`, counted))
          const letter = Effect.map(last("DLQ", Subjects.deadLetter("m2m")), (found) =>
            Option.exists(found, ({ header }) => header("Tarang-Subject") === subject && header("Tarang-Reason") !== "")
          )
          yield* until("the dead letter is there", () => letter)
          yield* publish(subject, Subjects.StrategyDefinition.encode(definition("u1", number)))
          // It reads its frames and the clocks once it has a definition.
          const isReading = Effect.promise(async () => {
            const consumers = await jsm.consumers.list("MD_FRAMES").next()
            return consumers.some(({ config }) => config.filter_subjects?.includes("md.clock.*") === true)
          })
          yield* until("the actor reads the record", () => isReading)
          assert.deepStrictEqual([starts, ends], [1, 0])
        }),
      300_000
    )
})
