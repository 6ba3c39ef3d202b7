import { Effect, Option } from "effect"
import type * as StrategyDefinition from "../../domain/record/StrategyDefinition.ts"
import * as M2mDecider from "../../domain/strategy/M2mDecider.ts"
import { JetStream, type Message } from "../../streams/JetStream.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import { pricingSettings } from "../../streams/PricingSettings.ts"
import * as Record from "../../streams/Record.ts"
import { RuleBook } from "../../streams/RuleBook.ts"
import { sessionRules } from "../../streams/SessionRules.ts"
import * as Subject from "../../streams/Subject.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as DeadLetters from "../runtime/DeadLetters.ts"
import type { Published } from "../runtime/Outputs.ts"
import { RecordActor } from "../runtime/RecordActor.ts"
import * as RuledDecider from "../runtime/RuledDecider.ts"
import type { Setup } from "../runtime/Setup.ts"

export const kind = "m2m"
export const key = (owner: string, strategy: string) => Subject.kvKey(kind, owner, strategy)
/** Change it whenever the decider's state changes its layout. */
export const layout = "m2m-7"

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

/** Computes one strategy's value, profit and net Greeks, from the frames of its legs' underlyings. */
export const make = Effect.gen(function* () {
  const recordActor = yield* RecordActor
  const jetStream = yield* JetStream
  const settings = yield* pricingSettings
  const book = yield* RuleBook
  const ruled = yield* sessionRules
  const bury = DeadLetters.send(jetStream)

  /** The message's definition. A message that cannot be decoded becomes a dead letter. */
  const definitionOf = (message: Message) => {
    const input = Record.decode(message)
    if (input._tag === "Definition") return Effect.succeedSome({ definition: input.definition, seq: message.seq })
    const reason = input._tag === "Refused" ? input.reason : "no definition"
    return Effect.as(
      bury(kind, message, reason),
      Option.none<{ readonly definition: StrategyDefinition.Definition; readonly seq: number }>()
    )
  }
  /** The newest readable definition in the record. Waits for one; unreadable ones become dead letters. */
  const newestDefinition = (subject: string) =>
    Effect.gen(function* () {
      const read = yield* OrderedRead.make({ stream: Record.stream, filters: [subject], start: { _tag: "LastPerSubject" } })
      if (read.pendingAtStart === 0) yield* Effect.logWarning("the record has no definition yet").pipe(Effect.annotateLogs({ subject }))
      while (true) {
        const messages = (yield* read.takeAll).filter((item) => item._tag === "Message")
        for (const message of messages.reverse()) {
          const found = yield* definitionOf(message)
          if (Option.isSome(found)) return found.value
        }
      }
    }).pipe(Effect.scoped, Effect.provideService(JetStream, jetStream))

  /** Follows the underlyings of the newest definition. A later definition with other underlyings needs a new setup. */
  const setup = (owner: string, strategy: string) =>
    Effect.gen(function* () {
      const definitionSubject = Subjects.StrategyDefinition.at({ owner, strategy })
      const { definition, seq } = yield* newestDefinition(definitionSubject)
      const underlyings = underlyingsOf(definition)
      const frames = underlyings.map(Subjects.Frame.at)
      const follows = new Set(frames)
      const decider = RuledDecider.make(book, (rules) =>
        M2mDecider.make({ owner, strategyId: definition.strategy_id, settings, ends: rules, ...ruled(rules) })
      )
      const known: Setup<M2mDecider.State, M2mDecider.Output> = {
        name: kind,
        key: key(owner, strategy),
        // A snapshot lacks the past of underlyings that it did not follow, so the layout names them.
        layout: `${layout} ${frames.join(" ")}`,
        decider,
        frames,
        references: underlyings.map(Subjects.MarketReference.at),
        definition: definitionSubject,
        outgrown: (input) =>
          input._tag === "Definition" &&
          seq < input.seq &&
          underlyingsOf(input.definition).some((holes) => !follows.has(Subjects.Frame.at(holes))),
        route: route(owner, strategy),
        outputs: [
          { stream: Subjects.Mark.stream, filter: Subjects.Mark.at({ owner, strategy }) },
          { stream: Subjects.Candle.stream, filter: Subjects.Candle.at({ owner, strategy }) }
        ]
      }
      return known
    })
  return (owner: string, strategy: string) => recordActor.run(setup(owner, strategy))
})
