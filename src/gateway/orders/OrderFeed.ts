import { Deferred, Effect, Option, Schema } from "effect"
import type { AccountEvent } from "../../domain/accounts/AccountEvent.ts"
import { BoundedMap } from "../../domain/BoundedMap.ts"
import * as OrderMessage from "../../domain/orders/OrderMessage.ts"
import * as Task from "../../domain/orders/Task.ts"
import { EventLog } from "../sockets/EventLog.ts"
import { Hub } from "../sockets/Hub.ts"

/** The most ended tasks that are kept, for requests that begin to wait after their task has ended. */
const endedMax = 1_000
const encodeTask = Schema.encodeSync(OrderMessage.OrderTask)
const kindOf = Schema.decodeUnknownOption(Schema.Struct({ kind: Schema.String }))

/** What clients get of an account's event; undefined if clients do not get it. An alert has the kind of its detail. */
const messageOf = ({ account_id, detail, kind, message, task_id }: AccountEvent) => {
  if ((kind === "order" || kind === "position") && typeof detail === "object") return { type: kind, data: { account_id, ...detail } }
  if (kind === "trade" || kind === "funds") return undefined
  const named = kind === "alert" ? Option.match(kindOf(detail), { onNone: () => kind, onSome: (it) => it.kind }) : kind
  return { type: "alert", data: { account_id, kind: named, message, ...(task_id === null ? {} : { task_id }) } }
}

/** Events of orders for the clients of /orders/stream, and for requests that wait for the end of a task. */
export class OrderFeed extends Effect.Service<OrderFeed>()("gateway/orders/OrderFeed", {
  effect: Effect.gen(function* () {
    const hub = yield* Hub
    const log = new EventLog()
    const waiters = new Map<string, Set<Deferred.Deferred<OrderMessage.OrderTask>>>()
    /** The tasks that ended last, oldest first. */
    const lately = new BoundedMap<string, OrderMessage.OrderTask>(endedMax)
    const topic = (account: string) => `orders ${account}`
    const publish = (account: string, seq: number, message: object): void => {
      const text = JSON.stringify({ ...message, epoch: log.epoch, seq })
      log.add({ topic: topic(account), seq, text })
      hub.event(topic(account), text)
    }
    return {
      topic,
      log,
      reached: () => ({ epoch: log.epoch, seq: log.seq }),
      /** Runs `self` with an effect that returns the task when an event says that it has ended, or at once if a recent event said so. */
      withEnd: <A, E, R>(taskId: string, self: (ended: Effect.Effect<OrderMessage.OrderTask>) => Effect.Effect<A, E, R>) =>
        Effect.acquireUseRelease(
          Effect.map(Deferred.make<OrderMessage.OrderTask>(), (deferred) => {
            const ended = lately.get(taskId)
            if (ended !== undefined) Deferred.unsafeDone(deferred, Effect.succeed(ended))
            const all = waiters.get(taskId) ?? new Set()
            waiters.set(taskId, all.add(deferred))
            return deferred
          }),
          (deferred) => self(Deferred.await(deferred)),
          (deferred) =>
            Effect.sync(() => {
              const all = waiters.get(taskId)
              all?.delete(deferred)
              if (all?.size === 0) waiters.delete(taskId)
            })
        ),
      /** `seq` is the event's sequence in ORD. */
      task: (task: OrderMessage.OrderTask, seq: number): void => {
        publish(task.account_id, seq, { type: "task", data: encodeTask(task) })
        if (!Task.hasEnded(task)) return
        lately.renew(task.task_id, task)
        for (const deferred of waiters.get(task.task_id) ?? []) Deferred.unsafeDone(deferred, Effect.succeed(task))
      },
      account: (event: AccountEvent, seq: number): void => {
        const message = messageOf(event)
        if (message !== undefined) publish(event.account_id, seq, message)
      }
    } as const
  })
}) {}
