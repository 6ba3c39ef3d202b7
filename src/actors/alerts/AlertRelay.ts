import { Effect } from "effect"
import { AlertRepo } from "../../store/alerts/AlertRepo.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as EventRelay from "../runtime/EventRelay.ts"
import * as Metrics from "../runtime/Metrics.ts"

export const kind = "alert-relay"

const batchMax = 100
const lookEvery = "500 millis"
/** Events are kept so many days. */
export const daysKept = 90
const expireEvery = "1 hour"

/** Publishes the events of alerts in their order, and deletes old ones. */
export const make = Effect.gen(function* () {
  const repo = yield* AlertRepo
  const jetStream = yield* JetStream

  const batch = EventRelay.publishBatch({
    waiting: repo.unpublished(batchMax),
    found: (count) => Metrics.alertEventsWaiting.unsafeUpdate(count, []),
    publish: ({ body, eventId }) => {
      const data = Subjects.AlertEvent.encode({ ...body, event_id: eventId })
      const publish = jetStream.publish(Subjects.AlertEvent.at({ owner: body.owner }), data, { msgId: `alert-event-${eventId}` })
      return Effect.tap(publish, () => Effect.sync(() => Metrics.alertEvents(body.on.source)))
    },
    published: repo.published
  })
  const relay = Effect.repeat(batch, { while: (count) => count > 0 })
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
