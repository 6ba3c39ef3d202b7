/** The strategies that the record defines, and the definition that marks the end of one. */
import { Effect, Option } from "effect"
import { NatsError } from "../../streams/JetStream.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Subjects from "../../streams/Subjects.ts"

/** Fails if the strategies of the record cannot be read within this time. */
const recordReadMax = "30 seconds"

/** The definition that marks the end of a strategy, from the subject of its definitions. */
export const endOf = (subject: string): Uint8Array => {
  const { owner = "", strategy = "" } = Subjects.StrategyDefinition.match(subject) ?? {}
  return Subjects.StrategyDefinition.encode({ v: 1, strategy_id: Number(strategy), owner, legs: [], ended: true })
}

/** The subjects of the strategies that the record defines and that have not ended there. */
export const read = Effect.gen(function* () {
  const { stream } = Subjects.StrategyDefinition
  const filters = [Subjects.StrategyDefinition.filter()]
  const arrivals = yield* OrderedRead.make({ stream, filters, start: { _tag: "LastPerSubject" } })
  const live = new Set<string>()
  for (let left = arrivals.pendingAtStart; left > 0; ) {
    for (const item of yield* arrivals.takeAll) {
      if (item._tag === "Gap") continue
      left = item.pending
      const definition = Option.getRight(Subjects.StrategyDefinition.decodeEither(item.data))
      if (!Option.exists(definition, ({ ended }) => ended === true)) live.add(item.subject)
    }
  }
  return live
}).pipe(
  Effect.scoped,
  Effect.timeoutFail({
    duration: recordReadMax,
    onTimeout: () => new NatsError({ op: "read the strategies of the record", cause: new Error("their definitions did not arrive") })
  })
)
