import { assert, describe, it } from "@effect/vitest"
import * as BookReading from "../../../src/actors/orders/BookReading.ts"
import * as Orders from "../../../src/broker/orders/Orders.ts"
import { aPlace } from "../../domain/orders/APlace.ts"

const row = (order_id: string, more: Partial<Orders.Order> = {}): Orders.Order => ({
  order_id,
  tag: "t1",
  status: "OPEN",
  status_message: null,
  variety: "iceberg",
  exchange: "NFO",
  tradingsymbol: "T65538",
  transaction_type: "BUY",
  order_type: "LIMIT",
  product: "NRML",
  validity: "DAY",
  quantity: 75,
  filled_quantity: 0,
  pending_quantity: 75,
  price: 100,
  trigger_price: 0,
  average_price: 0,
  parent_order_id: null,
  meta: {},
  figures: null,
  ...more
})
const leg = (number: number) => ({ iceberg: { leg: number, legs: 3, leg_quantity: 75, total_quantity: 225, remaining_quantity: 0 } })
const later = row("2", { meta: leg(2) })
const stop = row("3", { variety: "co", parent_order_id: "1" })

describe("orders that the broker makes from one order, with its tag", () => {
  it("are later legs of an iceberg order and the stop of a cover order", () => {
    assert.deepStrictEqual([later, stop].map(Orders.isFollowing), [true, true])
    const firsts = [
      row("1"),
      row("1", { meta: leg(1) }),
      row("1", { meta: null }),
      row("1", { parent_order_id: "" }),
      row("1", { meta: [] })
    ]
    assert.deepStrictEqual(firsts.map(Orders.isFollowing), [false, false, false, false, false])
  })

  it("are not the order of the task: that is the first leg, or the entry", () => {
    const task = { request: aPlace({ variety: "iceberg", iceberg_legs: 3 }), tag: "t1" } as Parameters<typeof BookReading.shown>[0]
    const shown = (...orders: ReadonlyArray<Orders.Order>) => BookReading.shown(task, { startedAtMs: 0, orders })
    assert.strictEqual(shown(later, row("1", { meta: leg(1) })), "1")
    assert.strictEqual(shown(stop, row("1", { variety: "co" })), "1")
    assert.isNull(shown(later, stop))
  })
})
