import { assert, describe, it } from "@effect/vitest"
import type * as Figures from "../../../src/domain/accounts/Figures.ts"
import * as SquareOff from "../../../src/domain/orders/SquareOff.ts"

const policy: SquareOff.Policy = { horizonMs: 35_000, roundsMax: 3, waitMs: 5_000, waitMsMax: 8_000, openMsMax: 60_000 }
const nowMs = 1_000_000
const place = { exchange: "NFO", tradingsymbol: "FUT", product: "NRML" }

const task = (more: Partial<SquareOff.Placing> = {}): SquareOff.Placing => ({
  taskId: 1,
  tag: "t1",
  status: "COMPLETED",
  changedAtMs: nowMs - 100_000,
  closes: false,
  error: null,
  ...more
})
const order = (more: Partial<SquareOff.Shown> = {}): SquareOff.Shown => ({
  ...place,
  orderId: "1",
  tag: "t1",
  side: "BUY",
  filled: 65,
  isOpen: false,
  mayCancel: true,
  ...more
})
const trade = (more: Partial<SquareOff.Traded> = {}): SquareOff.Traded => ({
  ...place,
  orderId: "9",
  tag: "t9",
  side: "BUY",
  quantity: 130,
  isToday: false,
  ...more
})
const cancelling = (more: Partial<SquareOff.Cancelling> = {}): SquareOff.Cancelling => ({
  orderId: "1",
  status: "COMPLETED",
  changedAtMs: nowMs - 100_000,
  error: null,
  ...more
})
const step = (more: Partial<SquareOff.Facts>) =>
  SquareOff.stepOf(policy, {
    scope: "strategy",
    tasks: [task()],
    orders: [],
    trades: [],
    positions: SquareOff.positionsOf({ orders: [], trades: [], ...more }),
    isSettled: true,
    cancelling: [],
    isListed: () => true,
    rounds: 0,
    roundAtMs: 0,
    nowMs,
    ...more
  })
const nothing = { withdraw: [], cancel: [], close: [] }
const rejected = { type: "strategy_stop", message: "refused" }
const held = { ...place, net: 65 }

describe("closing the positions of a stopped strategy", () => {
  it("withdraws tasks that were not sent, and waits for those that are being sent", () => {
    const tasks = [task({ status: "PENDING" }), task({ taskId: 2, status: "RETRYING" }), task({ taskId: 3, status: "RUNNING" })]
    const message = "orders of the strategy are being cancelled"
    assert.deepStrictEqual(step({ tasks, orders: [order()] }), { ...nothing, status: "running", message, withdraw: [1, 2] })
    for (const status of ["PENDING", "RETRYING", "RUNNING"] as const) {
      const own = [task(), task({ taskId: 2, status, closes: true })]
      assert.deepStrictEqual(step({ tasks: own, orders: [order()] }), { ...nothing, status: "running", message }, status)
    }
  })

  it("cancels open orders once, and closes nothing while one of them is open", () => {
    const open = { orders: [order({ isOpen: true })] }
    const message = "orders of the strategy are being cancelled"
    assert.deepStrictEqual(step(open), { ...nothing, status: "running", message, cancel: ["1"] })
    assert.deepStrictEqual(step({ ...open, cancelling: [cancelling()] }), { ...nothing, status: "running", message })
    const late = cancelling({ status: "DEAD_LETTER", changedAtMs: nowMs - 35_000 })
    assert.strictEqual(step({ ...open, cancelling: [late] }).status, "running")
    for (const [status, error, text] of [
      ["DEAD_LETTER", rejected, "strategy_stop: refused"],
      ["UNKNOWN", null, "without a reason"]
    ] as const)
      assert.deepStrictEqual(step({ ...open, cancelling: [cancelling({ orderId: "8", status }), cancelling({ status, error })] }), {
        ...nothing,
        status: "incomplete",
        message: `order 1 is open and was not cancelled: ${text}`
      })
    const two = { orders: [order({ isOpen: true }), order({ orderId: "2", isOpen: true })] }
    const asked = [cancelling({ status: "DEAD_LETTER", error: rejected }), cancelling({ orderId: "2" })]
    assert.strictEqual(step({ ...two, cancelling: asked }).message, "order 1 is open and was not cancelled: strategy_stop: refused")
  })

  it("closes nothing while it is unknown whether an order was placed, or while the book lags", () => {
    assert.deepStrictEqual(step({ tasks: [task({ taskId: 7, status: "UNKNOWN" })], orders: [order({ tag: "t2" })] }), {
      ...nothing,
      status: "incomplete",
      message: "nobody knows whether the order of task 7 was placed"
    })
    const late = [task({ changedAtMs: nowMs - 35_000 })]
    assert.deepStrictEqual(step({ tasks: late }), { ...nothing, status: "running", message: "the order book does not show all orders yet" })
    const second = task({ taskId: 2, tag: "t2", changedAtMs: nowMs })
    assert.strictEqual(step({ tasks: [task(), second], orders: [order()] }).message, "the order book does not show all orders yet")
    assert.strictEqual(
      step({ tasks: [task({ ...second, status: "DEAD_LETTER" })] }).status,
      "done",
      "a task without an order is not awaited"
    )
    assert.strictEqual(step({ tasks: late, trades: [trade({ tag: "t1" })] }).close.length, 1)
    assert.strictEqual(step({ tasks: [task({ changedAtMs: nowMs - 35_001 })] }).status, "done")
  })

  it("closes the remaining positions by product, with the filled quantities from the book", () => {
    const orders = [
      order(),
      order({ orderId: "2", tag: "t2", side: "SELL", filled: 15 }),
      order({ orderId: "3", product: "MIS", filled: 5 })
    ]
    const trades = [
      trade({ orderId: "1", tag: "t1", quantity: 65 }),
      trade(),
      trade({ product: "MIS", orderId: "10" }),
      trade({ product: "MIS", orderId: "11", side: "SELL", quantity: 25, isToday: true })
    ]
    assert.deepStrictEqual(step({ orders, trades }).close, [
      { ...place, net: 180 },
      { ...place, product: "MIS", net: -20 }
    ])
    assert.deepStrictEqual(step({ orders: [order(), order({ orderId: "2", side: "SELL" })] }), {
      ...nothing,
      status: "done",
      message: "all positions are closed"
    })
  })

  it("leaves a contract alone that is no longer listed, and says so", () => {
    const isListed = ({ tradingsymbol }: SquareOff.Place) => tradingsymbol === "FUT"
    const gone = order({ orderId: "2", tradingsymbol: "OLD" })
    assert.deepStrictEqual(step({ orders: [order(), gone], isListed }).close, [held])
    const message = "all positions are closed; no longer listed: 65 NFO:OLD (NRML)"
    assert.deepStrictEqual(step({ orders: [gone], isListed }), { ...nothing, status: "done", message })
    const both = step({ orders: [gone, order({ orderId: "3", tradingsymbol: "OLDER", filled: 5 })], isListed })
    assert.strictEqual(both.message, `${message}, 5 NFO:OLDER (NRML)`)
  })

  it("closes nothing and ends nothing until the instruments are loaded", () => {
    const message = "the instruments are not loaded yet"
    for (const orders of [[order()], []])
      assert.deepStrictEqual(step({ orders, isListed: undefined }), { ...nothing, status: "running", message })
  })

  it("waits for its own open orders, and calls a person when they do not fill", () => {
    const tasks = [task(), task({ taskId: 2, tag: "t2", closes: true })]
    const orders = [order(), order({ orderId: "2", tag: "t2", side: "SELL", filled: 0, isOpen: true })]
    const known = { tasks, orders, rounds: 1 }
    assert.deepStrictEqual(step({ ...known, roundAtMs: nowMs - 60_000 }), {
      ...nothing,
      status: "running",
      message: "positions are being closed"
    })
    assert.deepStrictEqual(step({ ...known, roundAtMs: nowMs - 60_001 }), {
      ...nothing,
      status: "incomplete",
      message: "an order that closes a position is not filled: look at it"
    })
  })

  it("tries again in rounds that wait longer and longer, and gives up after the last one", () => {
    const failed = [task(), task({ taskId: 2, tag: "t2", closes: true, status: "DEAD_LETTER", error: rejected })]
    const facts = { tasks: failed, orders: [order()] }
    const closing: SquareOff.Step = { ...nothing, status: "running", message: "positions are being closed", close: [held] }
    assert.deepStrictEqual(step({ orders: [order()], roundAtMs: nowMs }), closing, "the first round does not wait")
    const again = "65 NFO:FUT (NRML) not closed yet, trying again: strategy_stop: refused"
    assert.deepStrictEqual(step({ ...facts, rounds: 1, roundAtMs: nowMs - 4_999 }), { ...nothing, status: "running", message: again })
    assert.deepStrictEqual(step({ ...facts, rounds: 1, roundAtMs: nowMs - 5_000 }), closing)
    const placed = task({ taskId: 3, tag: "t3", closes: true })
    const others = task({ taskId: 4, tag: "t4", status: "DEAD_LETTER", error: { type: "lot_size", message: "another" } })
    const more = { ...facts, tasks: [...failed, placed, others], orders: [order(), order({ orderId: "3", tradingsymbol: "NEXT" })] }
    assert.strictEqual(
      step({ ...more, rounds: 1, roundAtMs: nowMs }).message,
      "65 NFO:FUT (NRML), 65 NFO:NEXT (NRML) not closed yet, trying again: strategy_stop: refused"
    )
    assert.deepStrictEqual(step({ ...facts, rounds: 2, roundAtMs: nowMs - 7_999 }).close, [])
    assert.deepStrictEqual(step({ ...facts, rounds: 2, roundAtMs: nowMs - 8_000 }).close, [held])
    assert.deepStrictEqual(step({ ...facts, rounds: 3 }), {
      ...nothing,
      status: "incomplete",
      message: "65 NFO:FUT (NRML) not closed after 3 rounds of orders: strategy_stop: refused"
    })
    assert.strictEqual(step({ orders: [order()], rounds: 3 }).message, "65 NFO:FUT (NRML) not closed after 3 rounds of orders")
  })
})

describe("closing the positions of a stopped account", () => {
  const row = (more: Partial<Figures.Position> = {}): Figures.Position =>
    ({ ...place, quantity: 65, day_buy_quantity: 65, day_sell_quantity: 0, ...more }) as Figures.Position

  it("closes positions, and leaves shares for delivery alone", () => {
    const rows = [row(), row({ product: "MIS", quantity: -5 }), row({ product: "CNC" }), row({ product: "MTF" }), row({ quantity: 0 })]
    assert.deepStrictEqual(SquareOff.closable(rows), [held, { ...place, product: "MIS", net: -5 }])
  })

  it("waits until the broker's positions show every fill of the book", () => {
    const orders = [order({ filled: 40 }), order({ orderId: "2", filled: 25 }), order({ orderId: "3", filled: 0, side: "SELL" })]
    assert.isTrue(SquareOff.agree([row(), row({ product: "MIS", day_buy_quantity: 0 })], orders))
    assert.isFalse(SquareOff.agree([row({ day_buy_quantity: 40 })], orders))
    assert.isFalse(SquareOff.agree([row({ day_sell_quantity: 5 })], orders))
    assert.isFalse(SquareOff.agree([], orders))
    assert.isFalse(SquareOff.agree([row(), row({ tradingsymbol: "OTHER" })], orders))
    const intraday = order({ orderId: "5", product: "MIS", filled: 5 })
    assert.isFalse(SquareOff.agree([row(), row({ product: "MIS", day_buy_quantity: 4 })], [...orders, intraday]))
    assert.isFalse(SquareOff.agree([row({ tradingsymbol: "OTHER" })], orders))
    const sold = [...orders, order({ orderId: "4", side: "SELL", filled: 65 })]
    assert.isTrue(SquareOff.agree([row({ quantity: 0, day_sell_quantity: 65 })], sold))
    const account = { scope: "account", orders, positions: [held] } as const
    assert.deepStrictEqual(step({ ...account, isSettled: false }), {
      ...nothing,
      status: "running",
      message: "the broker's positions do not show all fills yet"
    })
    assert.deepStrictEqual(step(account).close, [held])
  })

  it("cancels every open order, and leaves one alone that a person placed while it was asked to look", () => {
    const foreign = order({ orderId: "7", tag: "", isOpen: true })
    const message = "orders of the account are being cancelled"
    assert.deepStrictEqual(step({ scope: "account", orders: [foreign] }), { ...nothing, status: "running", message, cancel: ["7"] })
    assert.deepStrictEqual(step({ scope: "account", orders: [{ ...foreign, mayCancel: false }] }), {
      ...nothing,
      status: "incomplete",
      message: "order 7 is open, which somebody placed elsewhere"
    })
  })
})
