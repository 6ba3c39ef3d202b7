import { Clock, Effect, Schedule } from "effect"
import { isOpen, type Order } from "../../../broker/orders/Orders.ts"
import { isVariety, type Variety } from "../../../domain/accounts/OrderAttributes.ts"
import type { Mode } from "../../../domain/orders/OrderMessage.ts"
import { OrderAccounts } from "../../../store/orders/OrderAccounts.ts"
import * as TaskNames from "../../../store/orders/TaskNames.ts"
import type { NewTask } from "../../../store/orders/TaskWrites.ts"
import type * as BookReading from "../BookReading.ts"
import * as OwnTask from "../OwnTask.ts"
import * as RepeatedFailure from "../RepeatedFailure.ts"
import type * as TaskRun from "../TaskRun.ts"

const lookEvery = "1 second"
/** How old a reading of the book may be while the account is stopped. */
const bookAgeMsMax = 5_000
/** How long a cancellation is tried. */
const deadlineMs = 600_000

/** The task with which a stop cancels an order. Its key is the same after a crash, so it is made once. */
const cancellation = ({ account, mode }: TaskRun.Desk, order: Order, variety: Variety, stoppedAtMs: number, nowMs: number): NewTask => {
  const key = `${TaskNames.stopKeys(stoppedAtMs)}${order.order_id}`
  const request = { kind: "cancel", variety, order_id: order.order_id } as const
  const origin = { accountId: account, owner: TaskNames.stopOwner, mode, strategyId: null }
  return OwnTask.make(origin, key, request, nowMs + deadlineMs)
}

/** The open orders of our own tasks. */
const ownOf = (desk: TaskRun.Desk, open: ReadonlyArray<Order>) =>
  Effect.map(
    desk.repo.byTags(
      desk.account,
      open.flatMap(({ tag }) => (tag === null ? [] : [tag]))
    ),
    (tasks) => open.filter((order) => tasks.some(({ tag }) => tag === order.tag))
  )

/** On paper, nothing at the broker is touched unless the account has sent orders there. */
const watched = ({ live, paper }: TaskRun.Desks, accountMode: Mode) =>
  Effect.map(live.repo.hasTasks(live.account, "live"), (hasLive) => (accountMode === "live" || hasLive ? [paper, live] : [paper]))

/**
 * Cancels open orders while the account is stopped. The first reading of the book after a stop cancels all of them. Later readings cancel
 * only orders of our own tasks, which may appear late; an order that a person places at the broker after the stop is left alone.
 */
export const run = (desks: TaskRun.Desks, begin: (taskId: number) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const { account, changed } = desks.live
    const accounts = yield* OrderAccounts
    const known = new Set<string>()

    const cancelAll = (desk: TaskRun.Desk, orders: ReadonlyArray<Order>, stoppedAtMs: number) =>
      Effect.gen(function* () {
        for (const order of orders) {
          const { order_id, variety } = order
          if (!isVariety(variety)) {
            yield* Effect.logError("an open order has a variety that cannot be cancelled here: cancel it at the broker").pipe(
              Effect.annotateLogs({ order: order_id, variety })
            )
            continue
          }
          const task = cancellation(desk, order, variety, stoppedAtMs, yield* Clock.currentTimeMillis)
          if (known.has(task.idempotencyKey)) continue
          const { stored } = yield* desk.repo.submit([task])
          known.add(task.idempotencyKey)
          for (const { taskId } of stored) yield* begin(taskId)
        }
      })
    const sweep = (desk: TaskRun.Desk, isSwept: boolean, stoppedAtMs: number) =>
      Effect.gen(function* () {
        if (isSwept && !(yield* desk.repo.hasTasks(account, desk.mode))) return
        const nowMs = yield* Clock.currentTimeMillis
        const reading: BookReading.Reading = yield* desk.book.since(isSwept ? nowMs - bookAgeMsMax : nowMs)
        const open = reading.orders.filter(isOpen)
        yield* cancelAll(desk, isSwept ? yield* ownOf(desk, open) : open, stoppedAtMs)
      })
    const look = Effect.gen(function* () {
      const { mode, stop, sweptAt } = yield* accounts.settings(account)
      if (stop === null) return known.clear()
      const stoppedAtMs = stop.stoppedAt.getTime()
      const isSwept = sweptAt !== null && sweptAt.getTime() >= stoppedAtMs
      for (const desk of yield* watched(desks, mode)) yield* sweep(desk, isSwept, stoppedAtMs)
      if (!isSwept) yield* accounts.swept(account, stop.stoppedAt)
      yield* changed
    })
    return yield* look.pipe(
      RepeatedFailure.logged("open orders not cancelled yet, trying again"),
      Effect.ignore,
      Effect.repeat(Schedule.spaced(lookEvery))
    )
  })
