import { Effect, Either, Schema } from "effect"
import { OutputGuard } from "../../domain/record/OutputGuard.ts"
import { Mark } from "../../domain/strategy/StrategyMessage.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { Hub } from "../sockets/Hub.ts"
import { MarkFeed } from "../strategies/MarkFeed.ts"
import { Views } from "../views/Views.ts"
import { follow, reader } from "./StreamReader.ts"
import * as Trusted from "./Trusted.ts"

const encodeMark = Schema.encodeSync(Mark)

/** Reads STRAT: the newest mark of every strategy first, then each new one. */
export const make = (caughtUp: () => void) =>
  Effect.gen(function* () {
    const js = yield* JetStream
    const hub = yield* Hub
    const views = yield* Views
    const marks = yield* MarkFeed

    views.strategies.clear()
    const { stream } = Subjects.Mark
    views.epochs.strategies = (yield* js.info(stream)).createdMs
    const read = yield* OrderedRead.make({ stream, filters: [Subjects.Mark.filter()], start: { _tag: "LastPerSubject" } })
    const mark = reader(
      {
        decode: (data) => Either.map(Subjects.Mark.decodeEither(data), encodeMark),
        isOf: (subject, { strategy_id }) => Subjects.Mark.match(subject)?.strategy === String(strategy_id)
      },
      new OutputGuard(),
      Trusted.mark,
      (mark, { subject, seq, timeMs }) => {
        const owner = Subjects.Mark.match(subject)?.owner ?? ""
        const marked = { mark, seq }
        views.movement.mark(mark.as_of, timeMs)
        views.strategies.apply(owner, marked)
        marks.publish(owner, marked)
      }
    )
    const applied = () => {
      views.news.atMs = performance.now()
      hub.flush()
    }
    yield* follow({ stream, read, reader: mark, caughtUp, applied })
  })
