import { Clock, Effect } from "effect"
import { isOpen, type Order } from "../../broker/orders/Orders.ts"
import * as Compensation from "../../domain/orders/Compensation.ts"
import type { OrderRequest } from "../../domain/orders/OrderRequest.ts"
import { CompensationRepo, type StoredCompensation } from "../../store/orders/CompensationRepo.ts"
import type { OrderRepo } from "../../store/orders/OrderRepo.ts"
import * as TaskNames from "../../store/orders/TaskNames.ts"
import type { NewTask } from "../../store/orders/TaskWrites.ts"
import * as Metrics from "./Metrics.ts"
import * as OpenWork from "./OpenWork.ts"
import * as OwnTask from "./OwnTask.ts"
import * as TaskRun from "./TaskRun.ts"

/** How long a cancellation or a closing order is tried. */
const deadlineMs = 600_000
/** A reading of the book may be this old, because an order that it shows as ended no longer changes. */
const bookAgeMsMax = 5_000
/** A basket that is still running after this time is given up: the deadline of even a late task has passed by then. */
const giveUpMs = 2 * deadlineMs

type What = "cancel" | "close"
type Stored = OrderRepo.StoredTask

const requestOf = (what: What, { request, task }: Stored, filled: number | null): OrderRequest | undefined => {
  if (request.kind !== "place" || task.orderId === null) return undefined
  if (what === "cancel") return { kind: "cancel", variety: request.variety, order_id: task.orderId }
  return filled === null ? undefined : OwnTask.closing(request, Compensation.opposite(request.transaction_type), filled)
}

/** The task that undoes a leg. It belongs to the leg's owner and strategy. Its key follows from the leg, so that it is made only once. */
const undoOf = (what: What, leg: Stored, filled: number | null, nowMs: number): NewTask | undefined => {
  const request = requestOf(what, leg, filled)
  if (request === undefined) return undefined
  return OwnTask.make({ ...leg, undoes: leg.taskId }, TaskNames.undoKey(leg.taskId, what), request, nowMs + deadlineMs)
}

interface Reading {
  readonly startedAtMs: number
  readonly orders: ReadonlyArray<Order>
}

const shown = ({ orders }: Reading, orderId: string | null): Compensation.Shown | null => {
  const order = orders.find(({ order_id }) => order_id === orderId)
  return order === undefined ? null : { isOpen: isOpen(order), filled: order.filled_quantity }
}

const undone = (reading: Reading, undos: ReadonlyArray<Stored>, leg: Stored, what: What): Compensation.Undo | null => {
  const found = undos.find(({ undoes, idempotencyKey }) => undoes === leg.taskId && idempotencyKey === TaskNames.undoKey(leg.taskId, what))
  if (found === undefined) return null
  const { task, updatedAt } = found
  return { status: task.status, error: task.error, changedAtMs: updatedAt.getTime(), order: shown(reading, task.orderId) }
}

const texts: Readonly<Record<Compensation.Status, string>> = {
  open: "it goes on",
  not_needed: "all its orders were placed",
  running: "it failed, and its orders are taken back",
  done: "it failed, and all its orders were taken back",
  incomplete: "it failed, and something of it is left: look at its orders"
}

interface Next {
  readonly status: Compensation.Status
  readonly legs: ReadonlyArray<Compensation.Leg>
  readonly failedAtMs: number | null
}

/** A basket's present status, and the tasks that it still needs. */
const nextOf = (desk: TaskRun.Desk, stored: StoredCompensation) =>
  Effect.gen(function* () {
    const legs = yield* desk.repo.ofBasket(stored.basketId)
    const verdict = Compensation.verdict(legs.map(({ task }) => task.status))
    // A failed basket stays failed even if its last parked order appears later, because its other orders were taken back.
    if (stored.failedAt === null && verdict !== "failed")
      return { next: { status: verdict, legs: [], failedAtMs: null } satisfies Next, tasks: [] }
    const nowMs = yield* Clock.currentTimeMillis
    const failedAtMs = stored.failedAt?.getTime() ?? nowMs
    const undos = yield* desk.repo.undoing(legs.map(({ taskId }) => taskId))
    const before = new Map(stored.legs.map((leg) => [leg.taskId, leg]))
    const isSettled = (leg: Stored) => Compensation.isSettled(before.get(leg.taskId)?.state ?? "waiting")
    const needsBook = legs.some((leg) => leg.task.status === "COMPLETED" && !isSettled(leg))
    const bookAgeMs = stored.status === "incomplete" ? bookAgeMsMax : 0
    const reading: Reading = needsBook ? yield* desk.book.since(nowMs - bookAgeMs) : { startedAtMs: nowMs, orders: [] }
    const policy = { horizonMs: desk.policy.horizonMs, giveUpMs }
    const tasks: Array<NewTask> = []
    const after = legs.map((leg): Compensation.Leg => {
      const known = before.get(leg.taskId)
      if (known !== undefined && Compensation.isSettled(known.state)) return known
      const { make, ...step } = Compensation.stepOf(policy, {
        leg: leg.task,
        order: shown(reading, leg.task.orderId),
        cancel: undone(reading, undos, leg, "cancel"),
        close: undone(reading, undos, leg, "close"),
        readAtMs: reading.startedAtMs,
        nowMs,
        failedAtMs
      })
      const task = make === null ? undefined : undoOf(make, leg, step.filled, nowMs)
      if (task !== undefined) tasks.push(task)
      return { taskId: leg.taskId, ...step }
    })
    return { next: { status: Compensation.statusOf(after), legs: after, failedAtMs } satisfies Next, tasks }
  })

const isSame = (stored: StoredCompensation, { legs, status }: Next): boolean =>
  stored.status === status && JSON.stringify(stored.legs) === JSON.stringify(legs)

/**
 * Undoes the placed orders of failed baskets that ask for it. Every step is a separate order task with the usual protocol. After a crash
 * the look is repeated, and the tasks' keys prevent duplicates.
 */
export const run = (desks: TaskRun.Desks, begin: (taskId: number) => Effect.Effect<void>) =>
  Effect.gen(function* () {
    const compensations = yield* CompensationRepo
    const { account, changed } = desks.live

    const lookAt = (stored: StoredCompensation) =>
      Effect.gen(function* () {
        const desk = desks[stored.mode]
        const { next, tasks } = yield* nextOf(desk, stored)
        for (const task of tasks) {
          const made = yield* desk.repo.submit([task])
          for (const { taskId } of made.stored) yield* begin(taskId)
        }
        if (isSame(stored, next)) return
        const { failedAtMs, legs, status } = next
        const isNews = status !== stored.status && status !== "not_needed"
        const message = isNews ? `basket ${stored.basketId}: ${texts[status]}` : null
        if (!(yield* compensations.save(stored, { status, legs, failedAtMs, message }, TaskRun.who))) return
        if (status !== stored.status) Metrics.compensations(status)
        if (isNews && status === "incomplete") {
          Metrics.alerts("compensation")
          yield* Effect.annotateLogs(Effect.logError(`order basket: ${texts[status]}`), { basket: stored.basketId })
        }
        yield* changed
      })
    return yield* OpenWork.watch({
      open: compensations.open(account),
      lookAt,
      failed: "a basket is not taken back yet, trying again",
      unread: "baskets are not read, trying again",
      named: ({ basketId }) => ({ basket: basketId })
    })
  })
