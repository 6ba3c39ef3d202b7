import { Effect } from "effect"
import { AlertRepo } from "../../store/alerts/AlertRepo.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "../runtime/Metrics.ts"

export const kind = "alert-relay"

const batchMax = 100
const lookEvery = "500 millis"
/** Events are kept so many days. */
export const daysKept = 90
const expireEvery = "1 hour"

/**
 * Publishes the events of alerts in their order, and deletes old ones. An event is marked as published after NATS has it, so a crash may
 * publish it twice. Within two minutes the server removes the duplicate by its message id. After that, readers recognise it by its
 * `event_id`.
 */
export const make = Effect.gen(function* () {
  const repo = yield* AlertRepo
  const jetStream = yield* JetStream

  const relay = Effect.gen(function* () {
    while (true) {
      const events = yield* repo.unpublished(batchMax)
      Metrics.alertEventsWaiting.unsafeUpdate(events.length, [])
      if (events.length === 0) return
      for (const { body, eventId } of events) {
        const data = Subjects.AlertEvent.encode({ ...body, event_id: eventId })
        yield* jetStream.publish(Subjects.AlertEvent.at({ owner: body.owner }), data, { msgId: `alert-event-${eventId}` })
        Metrics.alertEvents(body.on.source)
      }
      yield* repo.published(events.map(({ eventId }) => eventId))
    }
  })
  const tryLater = <E extends Error>(what: string) => Effect.catchAll((error: E) => Effect.logWarning(what, error.message))
  const publish = relay.pipe(tryLater("events of alerts not published yet"), Effect.zipRight(Effect.sleep(lookEvery)), Effect.forever)
  const expire = repo
    .expire(daysKept)
    .pipe(
      Effect.repeat({ while: (count) => count > 0 }),
      tryLater("old events of alerts not deleted yet"),
      Effect.zipRight(Effect.sleep(expireEvery)),
      Effect.forever
    )
  return Effect.raceFirst(publish, expire)
})
