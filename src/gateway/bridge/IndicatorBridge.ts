import { Effect } from "effect"
import { OutputGuard } from "../../domain/record/OutputGuard.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { IndicatorFeed } from "../indicators/IndicatorFeed.ts"
import { Hub } from "../sockets/Hub.ts"
import { Views } from "../views/Views.ts"
import { bodiesOf, follow, reader } from "./StreamReader.ts"

/** Reads IND: the newest value of every indicator first, then each new one. */
export const make = (caughtUp: () => void) =>
  Effect.gen(function* () {
    const js = yield* JetStream
    const hub = yield* Hub
    const views = yield* Views
    const feed = yield* IndicatorFeed

    views.indicators.clear()
    const { stream } = Subjects.Indicator
    views.epochs.indicators = (yield* js.info(stream)).createdMs
    const read = yield* OrderedRead.make({ stream, filters: [Subjects.Indicator.filter()], start: { _tag: "LastPerSubject" } })
    const value = reader(
      bodiesOf(Subjects.Indicator),
      new OutputGuard(),
      () => undefined,
      (value, { subject, seq }) => {
        const valued = { value, seq }
        views.indicators.apply(subject, valued)
        feed.publish(subject, valued)
      }
    )
    yield* follow({ stream, read, reader: value, caughtUp, applied: () => hub.flush() })
  })
