import { Clock, Effect, Schedule } from "effect"
import { isFollowing, type Order } from "../../broker/orders/Orders.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as OrderDecider from "../../domain/orders/OrderDecider.ts"
import * as Task from "../../domain/orders/Task.ts"
import { PortfolioRepo } from "../../store/accounts/PortfolioRepo.ts"
import type { OrderRepo } from "../../store/orders/OrderRepo.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as AccountKeeper from "./AccountKeeper.ts"
import * as RepeatedFailure from "./RepeatedFailure.ts"
import * as TaskRun from "./TaskRun.ts"

/** How often the book is compared with the tasks. */
const lookEvery = "5 seconds"

/** Applies a reading to a task that has ended. A parked task may complete; for any other task an order in the book causes an alert. */
const settle = (desk: TaskRun.Desk, stored: OrderRepo.StoredTask, atMs: number) =>
  Effect.gen(function* () {
    const { orderId, startedAtMs } = yield* TaskRun.shownSince(desk, stored, atMs)
    const input = OrderDecider.Input.BookRead({ nowMs: yield* Clock.currentTimeMillis, epoch: desk.lease.epoch, startedAtMs, orderId })
    yield* TaskRun.advance(desk, stored, input)
  })

/**
 * The rows that need no second look. A row of the book that did not change is the same object in the next reading
 * (src/broker/orders/BookRows.ts).
 */
interface Done {
  /** Orders whose task has ended, and orders without a task. */
  readonly settled: ReadonlySet<Order>
  /** Orders that are already in the account's state for `day`. */
  readonly reported: ReadonlySet<Order>
  readonly day: string
}
const ofTags = (orders: ReadonlyArray<Order>): ReadonlyMap<string, ReadonlyArray<Order>> => {
  const found = new Map<string, Array<Order>>()
  for (const order of orders) {
    if (order.tag === null) continue
    const same = found.get(order.tag)
    if (same === undefined) found.set(order.tag, [order])
    else same.push(order)
  }
  return found
}
const nothing: Done = { settled: new Set(), reported: new Set(), day: "" }

/**
 * Compares the account's order book with its tasks: completes parked tasks whose order appeared, and gives an alert for an order that
 * contradicts its task. The reading also becomes a part of the account's state.
 */
export const run = (desk: TaskRun.Desk) =>
  Effect.gen(function* () {
    const states = yield* PortfolioRepo
    const marketClock = yield* MarketClock
    /** The alerts that were raised already. Each is raised once in the life of the process. */
    const alerted = new Set<string>()
    const once = (text: string, self: Effect.Effect<unknown, unknown>) =>
      Effect.suspend(() => {
        if (alerted.has(text)) return Effect.void
        alerted.add(text)
        return self
      })
    let done = nothing
    const look = Effect.gen(function* () {
      // An account without tasks sends the broker no requests.
      if (!(yield* desk.repo.hasTasks(desk.account, desk.mode))) return
      const reading = yield* desk.book.since(yield* Clock.currentTimeMillis)
      const parked = yield* desk.repo.parked(desk.account, desk.mode)
      const byTag = ofTags(reading.orders)
      const tags = new Set(reading.orders.flatMap((order) => (order.tag === null || done.settled.has(order) ? [] : [order.tag])))
      const tasks = yield* desk.repo.byTags(desk.account, [...tags])
      for (const stored of parked) yield* settle(desk, stored, reading.startedAtMs)
      for (const stored of tasks) {
        const own = (byTag.get(stored.tag) ?? []).filter((order) => !isFollowing(order))
        const hasEndedWithout = stored.task.status === "DEAD_LETTER" || stored.task.status === "CANCELLED"
        if (hasEndedWithout) yield* once(`${stored.taskId} found`, settle(desk, stored, reading.startedAtMs))
        if (own.length > 1 && stored.request.kind === "place") {
          const message = `${own.length} orders carry the tag of one task: ${own.map((it) => it.order_id).join(", ")}`
          yield* once(`${stored.taskId} two orders`, TaskRun.alert(desk, stored, "two_orders", message))
        }
      }
      const open = new Set(tasks.flatMap(({ tag, task }) => (Task.hasEnded(task) ? [] : [tag])))
      const settled = new Set(reading.orders.filter(({ tag }) => tag === null || !open.has(tag)))
      done = { ...done, settled }
      // Changes of paper orders are announced when their row is saved.
      if (desk.mode === "live") {
        const day = IndiaTime.istDate(marketClock.unsafeNow())
        const known = day === done.day ? done.reported : nothing.reported
        const figures = reading.orders.flatMap((order) => (order.figures === null || known.has(order) ? [] : [order.figures]))
        yield* Effect.flatMap(states.report(desk.account, figures, "book", day), (changes) => AccountKeeper.noted("book", changes))
        done = { settled, reported: new Set(reading.orders), day }
      }
      yield* desk.changed
    })
    return yield* look.pipe(RepeatedFailure.logged("order book not compared"), Effect.ignore, Effect.repeat(Schedule.spaced(lookEvery)))
  })
