import { Effect } from "effect"
import { OutputGuard } from "../../domain/record/OutputGuard.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { Hub } from "../sockets/Hub.ts"
import { TickFeed } from "../ticks/TickFeed.ts"
import { Views } from "../views/Views.ts"
import { bodiesOf, follow, reader } from "./StreamReader.ts"

/** Reads the interruptions of the record: /health lists them, and clients of ticks get each new interruption once. */
export const make = (caughtUp: () => void) =>
  Effect.gen(function* () {
    const js = yield* JetStream
    const hub = yield* Hub
    const views = yield* Views
    const ticks = yield* TickFeed

    views.breaks.clear()
    const { stream } = Subjects.Break
    const { lastSeq } = yield* js.info(stream)
    const read = yield* OrderedRead.make({ stream, filters: [Subjects.Break.filter()], start: { _tag: "LastPerSubject" } })
    const interruption = reader(
      bodiesOf(Subjects.Break),
      new OutputGuard(),
      () => undefined,
      (message, { seq }) => {
        const news = views.breaks.apply(message)
        if (news !== undefined && seq > lastSeq) ticks.interrupted(news)
      }
    )
    yield* follow({ stream, read, reader: interruption, caughtUp, applied: () => hub.flush() })
  })
