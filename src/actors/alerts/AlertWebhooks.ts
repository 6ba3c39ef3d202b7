import { Clock, Effect } from "effect"
import { AlertRepo } from "../../store/alerts/AlertRepo.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as DeadLetters from "../runtime/DeadLetters.ts"
import * as Metrics from "../runtime/Metrics.ts"
import * as Networks from "./Networks.ts"
import * as WebhookRequest from "./WebhookRequest.ts"

export const kind = "alert-webhooks"

const lookEvery = "1 second"
/** The most requests at the same time, in total and for one user. */
const togetherMax = 32
const perOwnerMax = 4
/** The most attempts to deliver one event. With the pauses between them, the last one is about 70 minutes after the first. */
export const attemptsMax = 8
const pauseMinS = 10

/**
 * Seconds until the next attempt after `attempts` of them; null after the last one. The pause is 10 s, doubled each time, and four times
 * that from the sixth attempt on.
 */
export const againInS = (attempts: number): number | null =>
  attempts >= attemptsMax ? null : pauseMinS * 2 ** (attempts - 1) * (attempts > 5 ? 4 : 1)

/** Sends events to the webhooks of their alerts. An event that cannot be delivered becomes a dead letter. */
export const make = Effect.gen(function* () {
  const repo = yield* AlertRepo
  const jetStream = yield* JetStream
  const networks = yield* Networks.config
  const deadLetter = DeadLetters.send(jetStream)
  const toBytes = new TextEncoder()
  const toText = new TextDecoder()

  const deliver = ({ attempts, body, eventId, secret, url }: AlertRepo.Delivery) =>
    Effect.gen(function* () {
      const data = Subjects.AlertEvent.encode({ ...body, event_id: eventId })
      const atMs = yield* Clock.currentTimeMillis
      yield* WebhookRequest.post(networks, { url, secret, eventId, body: toText.decode(data), atMs }).pipe(
        Effect.matchEffect({
          onSuccess: () => {
            Metrics.alertDeliveries("delivered")
            return repo.delivered(eventId)
          },
          onFailure: ({ isFinal, reason }) => {
            const pause = isFinal ? null : againInS(attempts + 1)
            Metrics.alertDeliveries(pause === null ? "dead" : "again")
            const note = repo.undelivered(eventId, reason, pause)
            if (pause !== null) return note
            const letter = {
              subject: Subjects.AlertEvent.at({ owner: body.owner }),
              seq: eventId,
              data: toBytes.encode(toText.decode(data))
            }
            return Effect.zipRight(deadLetter(kind, letter, `webhook: ${reason}`), note)
          }
        })
      )
    })

  return Effect.gen(function* () {
    const due = yield* repo.due(togetherMax, perOwnerMax)
    yield* Effect.forEach(due, deliver, { concurrency: togetherMax, discard: true })
    if (due.length === 0) yield* Effect.sleep(lookEvery)
  }).pipe(
    Effect.catchAll((error) => Effect.zipRight(Effect.logWarning("webhooks wait", error.message), Effect.sleep(lookEvery))),
    Effect.forever
  )
})
