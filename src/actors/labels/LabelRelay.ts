import { Effect } from "effect"
import { LabelRepo } from "../../store/labels/LabelRepo.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as LiveMessages from "../../streams/reads/LiveMessages.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as EventRelay from "../runtime/EventRelay.ts"
import * as Metrics from "../runtime/Metrics.ts"

export const kind = "label-relay"

const batchMax = 100
const lookEvery = "1 second"

/** Publishes the events of labels in their order, and removes them from Postgres. They wait there while it, or NATS, is away. */
export const make = Effect.gen(function* () {
  const repo = yield* LabelRepo
  const jetStream = yield* JetStream

  const batch = EventRelay.publishBatch({
    waiting: repo.waiting(batchMax),
    found: (count) => Metrics.labelEventsWaiting.unsafeUpdate(count, []),
    publish: ({ change, createdAt, eventId, label, owner }) => {
      const data = Subjects.LabelEvent.encode({ v: 1, event_id: eventId, as_of: createdAt.toISOString(), owner, change, label })
      return jetStream.publish(Subjects.LabelEvent.at({ owner, symbol: label.tradingsymbol }), data, { msgId: `label-event-${eventId}` })
    },
    published: repo.published
  })
  const relay = Effect.repeat(batch, { while: (count) => count > 0 })
  return Effect.gen(function* () {
    const news = yield* LiveMessages.changes(jetStream.nc, "labels", lookEvery)
    while (true) {
      yield* news
      yield* Effect.catchAll(relay, (error) => Effect.logWarning("events of labels not published yet", error.message))
    }
  }).pipe(Effect.scoped)
})
