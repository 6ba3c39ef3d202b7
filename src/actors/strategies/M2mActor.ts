import { Data, Effect, Option } from "effect"
import type * as StrategyDefinition from "../../domain/record/StrategyDefinition.ts"
import * as M2mDecider from "../../domain/strategy/M2mDecider.ts"
import { JetStream } from "../../streams/JetStream.ts"
import { pricingSettings } from "../../streams/PricingSettings.ts"
import * as Subject from "../../streams/Subject.ts"
import * as Subjects from "../../streams/Subjects.ts"
import type { Published } from "../runtime/Outputs.ts"
import { RecordActor } from "../runtime/RecordActor.ts"
import type { Setup } from "../runtime/Setup.ts"

export const kind = "m2m"
export const key = (owner: string, strategy: string) => Subject.kvKey(kind, owner, strategy)
/** Changes with the decider's state. */
const layout = "m2m-2"

/** The record holds no definition of a strategy that should run: the director writes it before it asks for the actor. */
export class NotDefined extends Data.TaggedError("NotDefined")<{ readonly subject: string }> {}

const underlyingsOf = (definition: StrategyDefinition.Definition) => {
  const positions = definition.traded?.positions.flatMap(({ priced }) => priced ?? []) ?? []
  const held: ReadonlyArray<{ readonly exchange: string; readonly underlying: string }> = [...definition.legs, ...positions]
  return [...new Map(held.map(({ exchange, underlying }) => [Subjects.Frame.at({ exchange, underlying }), { exchange, underlying }]))]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, holes]) => holes)
}

export const route =
  (owner: string, strategy: string) =>
  (output: M2mDecider.Output): Published => {
    const holes = { owner, strategy }
    switch (output.kind) {
      case "mark":
        return { stream: Subjects.Mark.stream, subject: Subjects.Mark.at(holes), encode: () => Subjects.Mark.encode(output.message) }
      case "candle":
        return { stream: Subjects.Candle.stream, subject: Subjects.Candle.at(holes), encode: () => Subjects.Candle.encode(output.message) }
    }
  }

/** One strategy's value, profit and net Greeks, from the record of its legs' underlyings. */
export const make = Effect.gen(function* () {
  const recordActor = yield* RecordActor
  const { last } = yield* JetStream
  const settings = yield* pricingSettings

  /** Follows the underlyings of the newest definition; a later one with others is a setup of its own. */
  const setup = (owner: string, strategy: string) =>
    Effect.gen(function* () {
      const definitionSubject = Subjects.StrategyDefinition.at({ owner, strategy })
      const found = yield* last(Subjects.StrategyDefinition.stream, definitionSubject)
      if (Option.isNone(found)) return yield* new NotDefined({ subject: definitionSubject })
      const definition = yield* Subjects.StrategyDefinition.decode(definitionSubject, found.value.data)
      const underlyings = underlyingsOf(definition)
      const frames = underlyings.map(Subjects.Frame.at)
      const follows = new Set(frames)
      const known: Setup<M2mDecider.State, M2mDecider.Output> = {
        name: kind,
        key: key(owner, strategy),
        // A snapshot knows the underlyings it followed; with others it would miss their past.
        layout: `${layout} ${frames.join(" ")}`,
        decider: M2mDecider.make({ owner, strategyId: definition.strategy_id, settings }),
        frames,
        references: underlyings.map(Subjects.MarketReference.at),
        definition: definitionSubject,
        outgrown: (input) =>
          input._tag === "Definition" &&
          found.value.seq < input.seq &&
          underlyingsOf(input.definition).some((holes) => !follows.has(Subjects.Frame.at(holes))),
        route: route(owner, strategy)
      }
      return known
    })
  return (owner: string, strategy: string) => recordActor.run(setup(owner, strategy))
})
