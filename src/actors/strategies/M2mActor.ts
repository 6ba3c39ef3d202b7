import { Effect, Either } from "effect"
import type * as Instrument from "../../domain/market/Instrument.ts"
import type * as StrategyDefinition from "../../domain/record/StrategyDefinition.ts"
import * as M2mDecider from "../../domain/strategy/M2mDecider.ts"
import * as Strategy from "../../domain/strategy/Strategy.ts"
import { pricingSettings } from "../../settings/PricingSettings.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { sessionRules } from "../../settings/SessionRules.ts"
import type { Message } from "../../streams/JetStream.ts"
import * as Record from "../../streams/Record.ts"
import * as Subject from "../../streams/Subject.ts"
import * as Subjects from "../../streams/Subjects.ts"
import type { Published } from "../runtime/Board.ts"
import * as DeadLetters from "../runtime/DeadLetters.ts"
import { RecordActor } from "../runtime/RecordActor.ts"
import * as RuledDecider from "../runtime/RuledDecider.ts"

export const kind = "strategies"
/** The kind of actor of earlier versions, which had a separate actor for each strategy. */
export const formerKind = "m2m"
/** Change it whenever the decider's state changes its layout. */
export const layout = "m2m-12"

const toBytes = new TextEncoder()
/** The most groups of strategies to remember in a process. A full list is cleared, and definitions are then decoded again. */
const groupsMax = 100_000

/** The key of the actor that values every strategy over exactly these underlyings. */
export const key = (underlyings: ReadonlyArray<Instrument.Underlying>): string =>
  Subject.kvKey(kind, ...underlyings.flatMap(({ exchange, name }) => [exchange, name]))
export const keyOf = (definition: StrategyDefinition.Definition): string => key(Strategy.underlyingsOf(definition))

const underlyingsOf = (names: ReadonlyArray<string>): ReadonlyArray<Instrument.Underlying> =>
  names.flatMap((exchange, at) => (at % 2 === 0 ? [{ exchange, name: names[at + 1] ?? "" }] : []))

/** The most subjects of marks to remember in a process. A full list is cleared. */
const subjectsMax = 100_000
/** The subject of each strategy's marks. Making the text costs as much as the mark's body, four times a second for each strategy. */
const markSubjects = new Map<number, { readonly owner: string; readonly subject: string }>()

const markSubject = (owner: string, strategyId: number): string => {
  const known = markSubjects.get(strategyId)
  if (known?.owner === owner) return known.subject
  if (markSubjects.size >= subjectsMax) markSubjects.clear()
  const subject = Subjects.Mark.at({ owner, strategy: String(strategyId) })
  markSubjects.set(strategyId, { owner, subject })
  return subject
}

export const route = (output: M2mDecider.Output): Published => {
  const { owner, strategyId } = output
  switch (output.kind) {
    case "mark": {
      const { message } = output
      return {
        stream: Subjects.Mark.stream,
        subject: markSubject(owner, strategyId),
        encode: () => Subjects.Mark.write(message),
        isShortLived: true
      }
    }
    case "candle":
      return {
        stream: Subjects.Candle.stream,
        subject: Subjects.Candle.at({ owner, strategy: String(strategyId) }),
        encode: () => Subjects.Candle.encode(output.message)
      }
    case "refused":
      return {
        stream: DeadLetters.stream,
        // Each strategy has a separate subject, so that its dead letter is never taken for a duplicate of another's.
        subject: Subjects.deadLetter([kind, output.owner, output.strategyId].join(" ")),
        encode: () => toBytes.encode(JSON.stringify(output.message))
      }
  }
}

/** The outputs of one strategy, by the subject of its definition. */
const outputsOf = (definition: string) => {
  const holes = Subjects.StrategyDefinition.match(definition)
  return holes === undefined
    ? []
    : [
        { stream: Subjects.Mark.stream, filter: Subjects.Mark.at(holes) },
        { stream: Subjects.Candle.stream, filter: Subjects.Candle.at(holes) }
      ]
}

/** The key of the actor that takes a definition; undefined if the strategy ended. Left: why the definition cannot be read. */
type Group = Either.Either<string | undefined, string>

const readGroup = (message: Message): Group => {
  const input = Record.decode(message)
  if (input._tag === "Refused") return Either.left(input.reason)
  return Either.right(input._tag === "Definition" && input.definition.ended !== true ? keyOf(input.definition) : undefined)
}

/** Finds the group of a definition's message. Each message is decoded once for all actors of the process. */
const groups = () => {
  const known = new Map<string, { readonly seq: number; readonly group: Group }>() // by subject
  return (message: Message): Group => {
    const before = known.get(message.subject)
    if (before?.seq === message.seq) return before.group
    const group = readGroup(message)
    if (known.size >= groupsMax) known.clear()
    known.set(message.subject, { seq: message.seq, group })
    return group
  }
}

/**
 * Computes the value, profit and net Greeks of all strategies over the same underlyings, from the frames of these underlyings. One actor for
 * them all computes each chain once; a strategy whose underlyings change moves to another actor at its definition's place in the record.
 */
export const make = Effect.gen(function* () {
  const recordActor = yield* RecordActor
  const settings = yield* pricingSettings
  const book = yield* RuleBook
  const ruled = yield* sessionRules
  const groupOf = groups()

  return (names: ReadonlyArray<string>) => {
    const underlyings = underlyingsOf(names)
    const own = key(underlyings)
    const holes = underlyings.map(({ exchange, name }) => ({ exchange, underlying: name }))
    const takes = (definition: StrategyDefinition.Definition) => keyOf(definition) === own
    return recordActor.run(
      Effect.sync(() => ({
        name: kind,
        key: own,
        layout,
        decider: RuledDecider.make(book, (rules) => M2mDecider.make({ settings, takes, isExact: false, ends: rules, ...ruled(rules) })),
        frames: holes.map(Subjects.Frame.at),
        references: holes.map(Subjects.MarketReference.at),
        strategies: { takes: (message: Message) => Either.map(groupOf(message), (group) => group === own), outputs: outputsOf },
        route,
        outputs: []
      }))
    )
  }
})
