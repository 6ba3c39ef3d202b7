import { Effect } from "effect"
import { OutputGuard } from "../../domain/record/OutputGuard.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import type { Subject } from "../../streams/Subject.ts"
import { type EventLog, eventsMax } from "../sockets/EventLog.ts"
import { Hub } from "../sockets/Hub.ts"
import { bodiesOf, follow, reader } from "./StreamReader.ts"

/** Where the events of a stream go. `seq` is the event's sequence in the stream. */
export interface Feed<A> {
  readonly log: EventLog
  readonly publish: (event: A, seq: number) => void
}

/** Reads the newest events of a stream, so that clients can continue behind their position, and then each new one. */
export const make = <Template extends string, A, I>(subject: Subject<Template, A, I>, feed: Feed<A>, caughtUp: () => void) =>
  Effect.gen(function* () {
    const js = yield* JetStream
    const hub = yield* Hub
    const { stream } = subject
    const { createdMs, firstSeq, lastSeq } = yield* js.info(stream)
    const after = Math.max(lastSeq - eventsMax, firstSeq - 1, 0)
    feed.log.begin(createdMs, after)
    const read = yield* OrderedRead.make({ stream, filters: [subject.filter()], start: { _tag: "After", seq: after } })
    const event = reader(
      bodiesOf(subject),
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
