import { assert, describe, it } from "@effect/vitest"
import * as OrderMerge from "../../../src/domain/accounts/OrderMerge.ts"
import { anOrder } from "./AnOrder.ts"

const at = (second: number) => `2026-08-19T03:45:${String(second).padStart(2, "0")}.000Z`
const story = [
  anOrder({ status: "PUT ORDER REQ RECEIVED", order_timestamp: at(0) }),
  anOrder({ status: "OPEN", order_timestamp: at(1) }),
  anOrder({ status: "OPEN", order_timestamp: at(2), filled_quantity: 65, pending_quantity: 65 }),
  anOrder({ status: "OPEN", order_timestamp: at(2), filled_quantity: 65, quantity: 195, exchange_update_timestamp: at(3) }),
  anOrder({ status: "CANCELLED", order_timestamp: at(3), filled_quantity: 65, quantity: 195 })
]

const fold = (reports: ReadonlyArray<(typeof story)[number]>, source: OrderMerge.Source = "socket") => {
  let known: Parameters<typeof OrderMerge.merge>[0]
  for (const report of reports) known = OrderMerge.merge(known, report, source)
  return known?.order
}

const permutations = <A>(all: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  all.length < 2 ? [all] : all.flatMap((one, at) => permutations(all.toSpliced(at, 1)).map((rest) => [one, ...rest]))

describe("merging an order's messages and readings", () => {
  it("reports in any sequence, and twice, lead to the same order", () => {
    const last = story.at(-1)
    for (const reports of permutations(story)) {
      assert.deepStrictEqual(fold(reports), last)
      assert.deepStrictEqual(fold(reports.flatMap((one) => [one, one])), last)
    }
    assert.deepStrictEqual(fold([...story, ...story]), last)
  })

  it("a reading of the book wins over a message of the same second, and of two messages the later arrival wins", () => {
    const [cheap, dear] = [anOrder({ quantity: 65 }), anOrder({ quantity: 195 })]
    const read = OrderMerge.merge(undefined, cheap, "book")
    assert.strictEqual(OrderMerge.merge(read, dear, "socket").order.quantity, 65)
    assert.strictEqual(OrderMerge.merge(read, dear, "book").order.quantity, 195)
    assert.strictEqual(fold([cheap, dear])?.quantity, 195)
  })

  it("a reconciliation wins over any message", () => {
    const forged = OrderMerge.merge(undefined, anOrder({ status: "REJECTED", order_timestamp: at(9) }), "postback")
    assert.strictEqual(OrderMerge.merge(forged, anOrder(), "book").order.status, "REJECTED")
    const right = OrderMerge.merge(forged, anOrder(), "reconciliation")
    assert.deepStrictEqual(right, { order: anOrder(), from: "reconciliation" })
    assert.strictEqual(OrderMerge.merge(right, anOrder({ quantity: 65 }), "socket").order.quantity, 130)
  })

  it("a postback's UPDATE is not a state: the order keeps its state", () => {
    const update = anOrder({ status: "UPDATE", order_timestamp: at(5), filled_quantity: 65 })
    assert.strictEqual(OrderMerge.merge(undefined, update, "postback").order.status, "OPEN")
    const waiting = OrderMerge.merge(undefined, anOrder({ status: "TRIGGER PENDING" }), "socket")
    assert.strictEqual(OrderMerge.merge(waiting, update, "postback").order.status, "TRIGGER PENDING")
  })

  it("a rejection contradicts an earlier success or a state at the exchange, but no earlier state", () => {
    const rejected = anOrder({ status: "REJECTED" })
    const is = OrderMerge.isRejectedAfterSuccess
    assert.isTrue(is(undefined, rejected, true))
    assert.isTrue(is(anOrder({ status: "OPEN" }), rejected, false))
    assert.isFalse(is(undefined, rejected, false))
    assert.isFalse(is(anOrder({ status: "VALIDATION PENDING" }), rejected, false))
    assert.isFalse(is(rejected, rejected, false))
    assert.isFalse(is(anOrder(), anOrder({ status: "COMPLETE" }), true))
  })
})
