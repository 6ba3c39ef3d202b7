import { Clock, Effect, Schedule } from "effect"
import { isOpen, type Order } from "../../broker/Orders.ts"
import * as OrderDecider from "../../domain/orders/OrderDecider.ts"
import type { OrderRepo } from "../../store/orders/OrderRepo.ts"
import * as BookReading from "./BookReading.ts"
import * as TaskRun from "./TaskRun.ts"

/** How often the book is compared with the tasks. */
const lookEvery = "5 seconds"

const stateOf = (order: Order): string =>
  JSON.stringify([order.status, order.filled_quantity, order.quantity, order.price, order.trigger_price])

/** Alerts that were given already, so that each is given once in the life of the process. */
interface Memory {
  readonly alerted: Set<string>
  readonly states: Map<string, string>
}

/** What the orders of a task's tag say against the task: two orders, or a rejection after the broker had accepted it. */
const contradictions = (stored: OrderRepo.StoredTask, orders: ReadonlyArray<Order>): ReadonlyArray<readonly [string, string]> => {
  const rejected = orders.filter(({ status }) => status === "REJECTED")
  return [
    ...(orders.length > 1 && stored.request.kind === "place"
      ? [["two_orders", `${orders.length} orders carry the tag of one task: ${orders.map((it) => it.order_id).join(", ")}`] as const]
      : []),
    ...rejected.map(
      (it) =>
        ["rejected_after_success", `order ${it.order_id} was accepted and then rejected: ${it.status_message ?? "no reason"}`] as const
    )
  ]
}

/** Feeds a reading to a task that has ended: a parked one may complete, and an order of any other is an alert. */
const settle = (desk: TaskRun.Desk, stored: OrderRepo.StoredTask, reading: BookReading.Reading) =>
  Effect.gen(function* () {
    const { startedAtMs } = reading
    const orderId = BookReading.shown(stored, reading)
    const input = OrderDecider.Input.BookRead({ nowMs: yield* Clock.currentTimeMillis, epoch: desk.lease.epoch, startedAtMs, orderId })
    yield* TaskRun.advance(desk, stored, input)
  })

/**
 * Compares the account's order book with its tasks: completes parked tasks whose order appeared, and gives an alert for an order that
 * contradicts its task. Publishes each change of an order.
 */
export const run = (desk: TaskRun.Desk) =>
  Effect.gen(function* () {
    const memory: Memory = { alerted: new Set(), states: new Map() }
    const once = (text: string, self: Effect.Effect<unknown, unknown>) =>
      Effect.suspend(() => {
        if (memory.alerted.has(text)) return Effect.void
        memory.alerted.add(text)
        return self
      })
    const look = Effect.gen(function* () {
      // An account that nobody trades with costs the broker no requests.
      if (!(yield* desk.repo.hasTasks(desk.account, desk.mode))) return
      const reading = yield* desk.book.since(yield* Clock.currentTimeMillis)
      const parked = yield* desk.repo.parked(desk.account, desk.mode)
      const tagged = reading.orders.filter((order) => order.tag !== null)
      const tasks = yield* desk.repo.byTags(
        desk.account,
        tagged.map(({ tag }) => tag ?? "")
      )
      for (const stored of parked) yield* settle(desk, stored, reading)
      for (const stored of tasks) {
        const own = tagged.filter(({ tag }) => tag === stored.tag)
        const hasEndedWithout = stored.task.status === "DEAD_LETTER" || stored.task.status === "CANCELLED"
        if (hasEndedWithout) yield* once(`${stored.taskId} found`, settle(desk, stored, reading))
        for (const [kind, message] of contradictions(stored, own))
          yield* once(`${stored.taskId} ${kind}`, TaskRun.alert(desk, stored, kind, message))
      }
      // Changes of paper orders are announced with their row.
      for (const order of desk.mode === "live" ? reading.orders : []) {
        const state = stateOf(order)
        if (memory.states.get(order.order_id) === state) continue
        memory.states.set(order.order_id, state)
        const body = { message: `order ${order.order_id} is ${order.status}`, detail: { ...order, is_open: isOpen(order) } }
        yield* desk.outbox.announce({ accountId: desk.account, taskId: null, kind: "order", body }, TaskRun.who)
      }
      yield* desk.changed
    })
    return yield* look.pipe(
      Effect.catchAll((error) => Effect.logWarning("order book not compared", String(error))),
      Effect.repeat(Schedule.spaced(lookEvery))
    )
  })
