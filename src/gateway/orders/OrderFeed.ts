import { Deferred, Effect } from "effect"
import * as Task from "../../domain/orders/Task.ts"

type Status = Task.Status

/** Requests that wait for the end of a task. */
export class OrderFeed extends Effect.Service<OrderFeed>()("gateway/orders/OrderFeed", {
  sync: () => {
    const waiters = new Map<string, Set<Deferred.Deferred<void>>>()
    return {
      /** Runs `self` with an effect that ends when an event says that the task has ended. */
      withEnd: <A, E, R>(taskId: string, self: (ended: Effect.Effect<void>) => Effect.Effect<A, E, R>) =>
        Effect.acquireUseRelease(
          Effect.map(Deferred.make<void>(), (deferred) => {
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
      changed: (taskId: string, status: Status): void => {
        if (!Task.hasEnded({ status })) return
        for (const deferred of waiters.get(taskId) ?? []) Deferred.unsafeDone(deferred, Effect.void)
      }
    } as const
  }
}) {}
