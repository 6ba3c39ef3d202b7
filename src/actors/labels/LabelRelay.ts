import { Effect } from "effect"
import { LabelRepo } from "../../store/labels/LabelRepo.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as LiveMessages from "../../streams/reads/LiveMessages.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "../runtime/Metrics.ts"

export const kind = "label-relay"

const batchMax = 100
const lookEvery = "1 second"

/**
 * Publishes the events of labels in their order. An event is removed from Postgres after NATS has it, so a crash may publish it twice.
 * Within two minutes the server removes the duplicate by its message id. After that, readers recognise it by its `event_id`. Events wait in
 * Postgres while it, or NATS, is away.
 */
export const make = Effect.gen(function* () {
  const repo = yield* LabelRepo
  const jetStream = yield* JetStream

  const relay = Effect.gen(function* () {
    while (true) {
      const events = yield* repo.waiting(batchMax)
      Metrics.labelEventsWaiting.unsafeUpdate(events.length, [])
      if (events.length === 0) return
      for (const { eventId, owner, change, label, createdAt } of events) {
        const data = Subjects.LabelEvent.encode({ v: 1, event_id: eventId, as_of: createdAt.toISOString(), owner, change, label })
        yield* jetStream.publish(Subjects.LabelEvent.at({ owner, symbol: label.tradingsymbol }), data, { msgId: `label-event-${eventId}` })
      }
      yield* repo.published(events.map(({ eventId }) => eventId))
    }
  })
  return Effect.gen(function* () {
    const news = yield* LiveMessages.changes(jetStream.nc, "labels", lookEvery)
    while (true) {
      yield* news
      yield* Effect.catchAll(relay, (error) => Effect.logWarning("events of labels not published yet", error.message))
    }
  }).pipe(Effect.scoped)
})
