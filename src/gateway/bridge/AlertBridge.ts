import { Effect } from "effect"
import { OutputGuard } from "../../domain/record/OutputGuard.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { AlertFeed } from "../alerts/AlertFeed.ts"
import { eventsMax } from "../sockets/EventLog.ts"
import { Hub } from "../sockets/Hub.ts"
import { bodiesOf, follow, reader } from "./StreamReader.ts"

/** Reads the newest events of alerts, so that clients can continue behind their position, and then each new one. */
export const make = (caughtUp: () => void) =>
  Effect.gen(function* () {
    const js = yield* JetStream
    const hub = yield* Hub
    const feed = yield* AlertFeed
    const { stream } = Subjects.AlertEvent
    const { createdMs, firstSeq, lastSeq } = yield* js.info(stream)
    const after = Math.max(lastSeq - eventsMax, firstSeq - 1, 0)
    feed.log.begin(createdMs, after)
    const read = yield* OrderedRead.make({ stream, filters: [Subjects.AlertEvent.filter()], start: { _tag: "After", seq: after } })
    const event = reader(
      bodiesOf(Subjects.AlertEvent),
      new OutputGuard(),
      () => undefined,
      (body, { seq }) => feed.publish(body, seq)
    )
    let newest = lastSeq
    let isCaughtUp = false
    yield* follow({
      stream,
      read,
      reader: { ...event, gone: (_from, to) => feed.log.lost(to) },
      caughtUp: () => {
        isCaughtUp = true
        feed.log.seq = newest
        caughtUp()
      },
      applied: ({ seq }) => {
        newest = Math.max(newest, seq)
        if (isCaughtUp) feed.log.seq = newest
        hub.flush()
      }
    })
  })
