import { Effect } from "effect"
import * as BarDecider from "../../domain/market/BarDecider.ts"
import { sessionRules } from "../../streams/SessionRules.ts"
import * as Subject from "../../streams/Subject.ts"
import * as Subjects from "../../streams/Subjects.ts"
import type { Published } from "../runtime/Outputs.ts"
import { RecordActor } from "../runtime/RecordActor.ts"

export const kind = "bars"
export const key = (exchange: string, underlying: string) => Subject.kvKey(kind, exchange, underlying)
/** Change it whenever the decider's state changes its layout. */
const layout = "bars-2"

export const route = ({ message }: BarDecider.Output): Published => ({
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
  const rules = yield* sessionRules

  return (exchange: string, underlying: string) => {
    const names = { exchange, underlying }
    return recordActor.run(
      Effect.sync(() => ({
        name: kind,
        key: key(exchange, underlying),
        layout,
        decider: BarDecider.make({ ...names, ...rules }),
        frames: [Subjects.Frame.at(names)],
        references: [Subjects.MarketReference.at(names)],
        route,
        outputs: { stream: Subjects.Bars.stream, filter: Subjects.Bars.filter(names) }
      }))
    )
  }
})
