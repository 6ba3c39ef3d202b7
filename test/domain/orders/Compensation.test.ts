import { assert, describe, it } from "@effect/vitest"
import * as Compensation from "../../../src/domain/orders/Compensation.ts"
import type * as Task from "../../../src/domain/orders/Task.ts"

const policy = { horizonMs: 35, giveUpMs: 1_000 }
const placed = { status: "COMPLETED", orderId: "o1" } as const
const facts: Compensation.Facts = {
  leg: placed,
  order: { isOpen: false, filled: 75 },
  cancel: null,
  close: null,
  readAtMs: 500,
  nowMs: 500,
  failedAtMs: 100
}
const undo = (status: Task.Status, over: Partial<Compensation.Undo> = {}): Compensation.Undo => ({
  status,
  error: null,
  changedAtMs: 400,
  order: null,
  ...over
})
const step = (over: Partial<Compensation.Facts>) => Compensation.stepOf(policy, { ...facts, ...over })
const unfinished = ["PENDING", "RUNNING", "RETRYING"] as const
const late = { nowMs: 1_101 }
const inTime = { nowMs: 1_100 }

describe("undoing one order of a failed basket", () => {
  it("closes what the order traded, once", () => {
    assert.deepStrictEqual(step({}), { state: "closing", orderId: "o1", filled: 75, message: null, make: "close" })
    for (const status of unfinished)
      assert.deepStrictEqual(step({ close: undo(status) }), { state: "closing", orderId: "o1", filled: 75, message: null, make: null })
  })
  it("is undone when the closing order has traded as much", () => {
    const of = (order: Compensation.Shown | null) => step({ close: undo("COMPLETED", { order }) })
    assert.deepInclude(of({ isOpen: false, filled: 75 }), { state: "undone", message: "75 were closed", make: null })
    assert.deepInclude(of({ isOpen: true, filled: 75 }), { state: "closing" })
    assert.deepInclude(of(null), { state: "closing" })
    const running = undo("RUNNING", { order: { isOpen: false, filled: 75 } })
    assert.deepInclude(step({ close: running }), { state: "closing", message: null }, "its task has not ended")
    assert.deepInclude(of({ isOpen: false, filled: 50 }), { state: "failed", message: "50 of 75 were closed: close the rest" })
  })
  it("leaves a closing order that is not filled in time to a person", () => {
    const open = undo("COMPLETED", { order: { isOpen: true, filled: 0 } })
    const message = "the order that closes 75 is not filled: look at it"
    assert.deepInclude(step({ close: open, ...inTime }), { state: "closing", message: null })
    assert.deepInclude(step({ close: open, ...late }), { state: "failed", message })
    assert.deepInclude(step({ close: undo("RUNNING"), ...late }), { state: "failed", message })
  })
  it("says why a closing order was not placed", () => {
    const error = { type: "kill_switch", message: "orders are stopped: drill" }
    const message = "75 were not closed: kill_switch: orders are stopped: drill"
    assert.deepInclude(step({ close: undo("DEAD_LETTER", { error }) }), { state: "failed", filled: 75, message })
    assert.deepInclude(step({ close: undo("CANCELLED") }), { state: "failed", message: "75 were not closed: without a reason" })
  })
  it("never sends a second closing order while the outcome of the first is unknown", () => {
    const known = step({ close: undo("UNKNOWN"), ...late })
    assert.deepInclude(known, { state: "unknown", message: "nobody knows whether the order that closes it was placed", make: null })
  })
  it("cancels an open order first, and closes only what it traded in the end", () => {
    const order = { isOpen: true, filled: 25 }
    assert.deepStrictEqual(step({ order }), { state: "cancelling", orderId: "o1", filled: null, message: null, make: "cancel" })
    for (const status of [...unfinished, "COMPLETED"] as const)
      assert.deepInclude(step({ order, cancel: undo(status) }), { state: "cancelling", make: null })
    const message = "nothing of its order was traded"
    const nothing = step({ order: { isOpen: false, filled: 0 }, cancel: undo("COMPLETED") })
    assert.deepInclude(nothing, { state: "undone", filled: 0, message, make: null })
    assert.deepInclude(step({ order: { isOpen: false, filled: 25 }, cancel: undo("DEAD_LETTER") }), { filled: 25, make: "close" })
  })
  it("accepts a refused cancellation only after a reading that began after the horizon", () => {
    const cancel = undo("DEAD_LETTER", { error: { type: "OrderException", message: "cannot" } })
    const order = { isOpen: true, filled: 0 }
    assert.deepInclude(step({ order, cancel, readAtMs: 435 }), { state: "cancelling", make: null })
    const message = "its order is open and was not cancelled: OrderException: cannot"
    assert.deepInclude(step({ order, cancel, readAtMs: 436 }), { state: "failed", message })
    const left = { state: "failed", message: "its order is still open: cancel it at the broker" } as const
    assert.deepInclude(step({ order, cancel: undo("COMPLETED"), ...inTime }), { state: "cancelling", message: null })
    assert.deepInclude(step({ order, cancel: undo("COMPLETED"), ...late }), left)
  })
  it("waits for an order that the book does not show yet, and gives up in the end", () => {
    assert.deepInclude(step({ order: null, ...inTime }), { state: "waiting", make: null })
    assert.deepInclude(step({ order: null, ...late }), { state: "failed", message: "the order book does not show its order" })
    for (const status of unfinished) assert.deepInclude(step({ leg: { status, orderId: null } }), { state: "waiting", make: null })
  })
  it("sends nothing for a task without an order, nor for one whose outcome is unknown", () => {
    const leg = (status: Task.Status) => step({ leg: { status, orderId: null }, ...late })
    assert.deepInclude(leg("DEAD_LETTER"), { state: "not_placed", filled: 0, make: null })
    assert.deepInclude(leg("CANCELLED"), { state: "not_placed", filled: 0, make: null })
    assert.deepInclude(leg("UNKNOWN"), { state: "unknown", message: "nobody knows whether its order was placed", make: null })
  })
})

describe("a basket as a whole", () => {
  it("has failed with its first task that ended without its order", () => {
    for (const status of ["DEAD_LETTER", "CANCELLED", "UNKNOWN"] as const)
      assert.strictEqual(Compensation.verdict(["COMPLETED", status, "PENDING"]), "failed")
    assert.strictEqual(Compensation.verdict(["COMPLETED", "RUNNING"]), "open")
    assert.strictEqual(Compensation.verdict(["COMPLETED", "COMPLETED"]), "not_needed")
  })
  it("is done when nothing is left, and incomplete when a person must look", () => {
    const of = (...states: ReadonlyArray<Compensation.State>) => Compensation.statusOf(states.map((state) => ({ state })))
    for (const state of ["waiting", "cancelling", "closing"] as const)
      assert.strictEqual(of("undone", "unknown", "failed", state), "running")
    assert.strictEqual(of("undone", "not_placed"), "done")
    assert.strictEqual(of("undone", "unknown"), "incomplete")
    assert.strictEqual(of("failed", "not_placed"), "incomplete")
  })
  it("closes a purchase by a sale and a sale by a purchase", () => {
    assert.deepStrictEqual([Compensation.opposite("BUY"), Compensation.opposite("SELL")], ["SELL", "BUY"])
  })
})
