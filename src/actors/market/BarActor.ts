import { Effect } from "effect"
import * as BarDecider from "../../domain/market/BarDecider.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { sessionRules } from "../../settings/SessionRules.ts"
import * as Subject from "../../streams/Subject.ts"
import * as Subjects from "../../streams/Subjects.ts"
import type { Published } from "../runtime/Board.ts"
import { RecordActor } from "../runtime/RecordActor.ts"
import * as RuledDecider from "../runtime/RuledDecider.ts"

export const kind = "bars"
export const key = (exchange: string, underlying: string) => Subject.kvKey(kind, exchange, underlying)
/** Change it whenever the decider's state changes its layout. */
export const layout = "bars-9"

const route = ({ message }: BarDecider.Output): Published => ({
  stream: Subjects.Bars.stream,
  subject: Subjects.Bars.at({
    interval: message.interval,
    exchange: message.exchange,
    underlying: message.underlying,
    token: String(message.instrument_token)
  }),
  encode: () => Subjects.Bars.encode(message)
})

/** Builds the bars of one underlying and of its derivatives, from the record. */
export const make = Effect.gen(function* () {
  const recordActor = yield* RecordActor
  const book = yield* RuleBook
  const ruled = yield* sessionRules

  return (exchange: string, underlying: string) => {
    const names = { exchange, underlying }
    return recordActor.run(
      Effect.sync(() => ({
        name: kind,
        key: key(exchange, underlying),
        layout,
        decider: RuledDecider.make(book, (rules) => BarDecider.make({ ...names, ...ruled(rules) })),
        frames: [Subjects.Frame.at(names)],
        references: [Subjects.MarketReference.at(names)],
        breaks: [Subjects.Break.at(names)],
        route,
        outputs: [{ stream: Subjects.Bars.stream, filter: Subjects.Bars.filter(names) }]
      }))
    )
  }
})
