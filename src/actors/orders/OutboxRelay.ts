import { Effect, Schema } from "effect"
import * as AccountEvent from "../../domain/accounts/AccountEvent.ts"
import type * as OrderMessage from "../../domain/orders/OrderMessage.ts"
import { Outbox } from "../../store/orders/Outbox.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as EventRelay from "../runtime/EventRelay.ts"
import * as Metrics from "./Metrics.ts"

const batchMax = 100
const lookEvery = "1 second"
/** How long an event may wait, so that one look also publishes the next event, which nearly always follows at once. */
const soon = "100 millis"
const AccountBody = Schema.Struct({ message: Schema.String, detail: Schema.Unknown })
const decodeBody = Schema.decodeUnknownSync(AccountBody)

/** The subject and the body of an event. A task's body was encoded when it was saved, and is passed on as it is. */
const messageOf = ({ accountId, body, createdAt, eventId, kind, taskId }: Outbox.Event): readonly [string, Uint8Array] => {
  const common = { v: 1, event_id: eventId, as_of: createdAt.toISOString() } as const
  if (kind === "task") {
    const task = body as typeof OrderMessage.OrderTask.Encoded
    return [Subjects.OrderTaskEvent.at({ account: accountId, task: task.task_id }), Subjects.OrderTaskEvent.write({ ...common, task })]
  }
  const { detail, message } = decodeBody(body)
  const event = AccountEvent.decode({
    ...common,
    account_id: accountId,
    kind,
    task_id: taskId === null ? null : String(taskId),
    message,
    detail
  })
  return [Subjects.AccountEvent.at({ account: accountId }), Subjects.AccountEvent.encode(event)]
}

/** Publishes the events of an account that wait now, in their order. */
export const once = Effect.gen(function* () {
  const outbox = yield* Outbox
  const jetStream = yield* JetStream
  return (account: string) => {
    const batch = EventRelay.publishBatch({
      waiting: outbox.waiting(account, batchMax),
      found: (count) => Metrics.outboxWaiting.set(account, count),
      publish: (event) => {
        const [subject, data] = messageOf(event)
        return jetStream.publish(subject, data, { msgId: `order-event-${event.eventId}` })
      },
      published: outbox.published
    })
    // Most looks find a few events. Only a full batch is worth another question to Postgres.
    return Effect.asVoid(Effect.repeat(batch, { while: (count) => count === batchMax }))
  }
})

/** Publishes an account's events in their order, and removes them from the outbox. */
export const make = (account: string) =>
  Effect.gen(function* () {
    const relay = (yield* once)(account)
    const news = yield* Effect.makeLatch(true)
    const scope = yield* Effect.scope
    let [isTimed, hasLater] = [false, false]
    const later = Effect.zipRight(
      Effect.sleep(soon),
      Effect.suspend(() => {
        isTimed = false
        return hasLater ? news.open : Effect.void
      })
    )
    const pokeSoon = Effect.suspend(() => {
      hasLater = true
      if (isTimed) return Effect.void
      isTimed = true
      return Effect.asVoid(Effect.forkIn(later, scope))
    })
    /** Publishes when this process wrote an event, and also at intervals, because the gateway writes events too. */
    const run = Effect.gen(function* () {
      while (true) {
        yield* Effect.timeoutOption(news.await, lookEvery)
        yield* news.close
        hasLater = false
        // Events wait in Postgres while it, or NATS, is away.
        yield* Effect.catchAll(relay, (error) => Effect.logWarning("events of orders not published yet", error.message))
      }
    })
    return { run, poke: Effect.asVoid(news.open), pokeSoon } as const
  })
