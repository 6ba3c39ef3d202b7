import { assert, describe, it } from "@effect/vitest"
import { Decimal } from "../../../src/client/Client.ts"
import * as Profit from "../../../web/src/accounts/Profit.ts"
import type { AccountOrder, OrderTask } from "../../../web/src/gateway/Contract.ts"
import * as OrderRow from "../../../web/src/orders/OrderRow.ts"

const order = (order_id: string, more: Partial<AccountOrder> = {}) =>
  ({
    order_id,
    order_timestamp: `2026-11-24T04:00:0${order_id}.000Z`,
    status: "OPEN",
    status_message: null,
    variety: "regular",
    transaction_type: "BUY",
    tradingsymbol: "X1",
    product: "NRML",
    order_type: "LIMIT",
    quantity: 75,
    filled_quantity: 0,
    price: new Decimal("100.05"),
    trigger_price: new Decimal(0),
    average_price: new Decimal(0),
    ...more
  }) as AccountOrder
const task = (task_id: string, status: OrderTask["status"], more: Partial<OrderTask> = {}) =>
  ({
    task_id,
    status,
    order_id: null,
    created_at: `2026-11-24T04:01:0${task_id}.000Z`,
    updated_at: `2026-11-24T04:01:0${task_id}.000Z`,
    error: null,
    request: { kind: "place", transaction_type: "SELL", tradingsymbol: "X2", product: "MIS", order_type: "MARKET", quantity: 75 },
    ...more
  }) as OrderTask
const since = "2026-11-24T00:00:00.000Z"
const rows = (orders: ReadonlyArray<AccountOrder>, tasks: ReadonlyArray<OrderTask>) => OrderRow.rowsOf(orders, tasks, since)

describe("OrderRow", () => {
  it("an open order can be cancelled and modified, and one that has ended cannot", () => {
    const ended = ["COMPLETE", "CANCELLED", "REJECTED"].map((status, at) => order(String(at + 2), { status }))
    const [rejected, cancelled, complete, open] = rows([order("1"), ...ended], [])
    assert.deepStrictEqual(open?.target, { type: "order", orderId: "1", variety: "regular" })
    assert.deepStrictEqual(open?.terms, { quantity: 75, price: "100.05", trigger: null })
    assert.deepStrictEqual(
      [rejected, cancelled, complete].map((row) => [row?.tone, row?.target, row?.terms]),
      [
        ["failed", null, null],
        ["done", null, null],
        ["done", null, null]
      ]
    )
  })

  it("the price is the limit, the word market, the trigger with it, or the average of what was filled", () => {
    const price = (more: Partial<AccountOrder>) => rows([order("1", more)], [])[0]?.price
    assert.strictEqual(price({}), "100.05")
    assert.strictEqual(price({ order_type: "MARKET", price: new Decimal(0) }), "market")
    assert.strictEqual(price({ order_type: "SL", trigger_price: new Decimal(99) }), "100.05, trigger 99")
    assert.strictEqual(price({ filled_quantity: 75, average_price: new Decimal("88.08333333333333") }), "88.08")
  })

  it("a task is shown until the order book has its order; one that ended without an order only for the day", () => {
    const booked = task("1", "COMPLETED", { order_id: "1" })
    const cancel = task("2", "PENDING", { request: { kind: "cancel", variety: "regular", order_id: "1" } })
    const old = task("3", "DEAD_LETTER", { updated_at: "2026-11-23T09:00:00.000Z" })
    const waiting = task("4", "PENDING")
    const dead = task("5", "DEAD_LETTER", { error: { type: "no_book", message: "no order book" } })
    const parked = task("6", "UNKNOWN", { updated_at: "2026-11-20T09:00:00.000Z" })
    const shown = rows([order("1")], [booked, cancel, old, waiting, dead, parked])
    assert.deepStrictEqual(
      shown.map(({ id, status, tone }) => [id, status, tone]),
      [
        ["task 6", "NOT KNOWN", "unknown"],
        ["task 5", "NOT PLACED", "failed"],
        ["task 4", "WAITING", "open"],
        ["1", "OPEN", "open"]
      ]
    )
    assert.deepStrictEqual(
      shown.map(({ target }) => target?.type),
      [undefined, undefined, "task", "order"]
    )
    assert.strictEqual(shown[1]?.note, "no order book")
    assert.match(shown[0]?.note ?? "", /not known whether the broker has this order/)
  })
})

describe("Profit", () => {
  it("moves with the price by quantity and multiplier, exactly, and stays without a price", () => {
    const held = { pnl: new Decimal("-12.5"), quantity: -75, multiplier: 2, last_price: new Decimal("100.05") }
    assert.strictEqual(Profit.at(held, 100.1).toString(), "-20")
    assert.strictEqual(Profit.at(held, undefined).toString(), "-12.5")
    assert.strictEqual(Profit.at({ ...held, last_price: new Decimal(0) }, 100.1).toString(), "-12.5")
    assert.strictEqual(Profit.sum([new Decimal("0.1"), new Decimal("0.2")]).toString(), "0.3")
    assert.strictEqual(Profit.sum([]).toString(), "0")
  })
})
