import { assert, describe, it } from "@effect/vitest"
import * as Money from "../../../src/domain/Money.ts"
import type * as Exposure from "../../../src/domain/orders/Exposure.ts"
import * as StrategyLimits from "../../../src/domain/orders/StrategyLimits.ts"

const rupees = (value: number) => new Money.Decimal(value)
const flat: Exposure.Exposure = { net: 0, openBuy: 0, openSell: 0 }
const calm: StrategyLimits.Situation = {
  limits: { maxPositionLots: null, maxTotalLots: null, maxLoss: null, maxOrdersPerDay: null },
  stopped: null,
  exposure: flat,
  otherLots: 0,
  holds: false,
  profit: null,
  ordersToday: 1_000
}
const lot = 65
const buy = { side: "BUY", quantity: 2 * lot, isContract: true } as const
const sell = { ...buy, side: "SELL" } as const
const refused = (order: typeof buy | typeof sell, more: Partial<StrategyLimits.Situation>) =>
  StrategyLimits.refusals(order, lot, { ...calm, ...more })
const rules = (order: typeof buy | typeof sell, more: Partial<StrategyLimits.Situation>) => refused(order, more).map(({ rule }) => rule)
const limits = (more: Partial<StrategyLimits.Limits>) => ({ limits: { ...calm.limits, ...more } })

describe("the limits of a strategy", () => {
  it("refuse nothing without limits", () => {
    assert.deepStrictEqual([...rules(buy, {}), ...rules(sell, {})], [])
  })

  it("count a position with all orders of its side, long and short", () => {
    const three = limits({ maxPositionLots: 3 })
    assert.deepStrictEqual(rules(buy, { ...three, exposure: { net: lot, openBuy: 0, openSell: 5 * lot } }), [])
    const full = { ...three, exposure: { net: lot, openBuy: lot, openSell: 0 } }
    assert.deepStrictEqual(refused(buy, full), [
      { rule: "strategy_position_limit", message: "the strategy's position could exceed its limit, 3 lots" }
    ])
    assert.deepStrictEqual(rules(sell, { ...three, exposure: { net: -lot, openBuy: 0, openSell: lot } }), ["strategy_position_limit"])
    assert.deepStrictEqual(rules(sell, { ...three, exposure: { net: -lot, openBuy: 9 * lot, openSell: 0 } }), [])
  })

  it("count the lots of all contracts together, and no shares", () => {
    const five = (otherLots: number, exposure: Partial<Exposure.Exposure> = {}) => ({
      ...limits({ maxTotalLots: 5 }),
      otherLots,
      exposure: { ...flat, ...exposure }
    })
    assert.deepStrictEqual([rules(buy, five(3)), rules(sell, five(3)), rules(buy, five(2, { openBuy: lot }))], [[], [], []])
    assert.deepStrictEqual(refused(buy, five(4)), [
      { rule: "strategy_total_limit", message: "all positions of the strategy together could exceed their limit, 5 lots" }
    ])
    assert.deepStrictEqual(rules(sell, five(2, { openBuy: 4 * lot })), ["strategy_total_limit"], "the open purchases count")
    assert.deepStrictEqual(rules(sell, five(9, { net: 2 * lot })), [], "an order that only lowers a position passes")
    assert.deepStrictEqual(StrategyLimits.refusals({ ...buy, isContract: false }, 1, { ...calm, ...five(9) }), [])
  })

  it("let a stopped strategy only reduce its positions, at most to zero", () => {
    const stopped = { stopped: "its profit of -500 has reached the limit of its loss, 500" }
    assert.deepStrictEqual(refused(buy, stopped), [
      { rule: "strategy_stop", message: "the strategy is stopped: its profit of -500 has reached the limit of its loss, 500" }
    ])
    assert.deepStrictEqual(rules(sell, { ...stopped, exposure: { ...flat, net: 2 * lot } }), [])
    assert.deepStrictEqual(rules(sell, { ...stopped, exposure: { ...flat, net: 2 * lot, openSell: lot } }), ["strategy_stop"])
    assert.deepStrictEqual(rules(buy, { ...stopped, exposure: { ...flat, net: -3 * lot } }), [])
    assert.deepStrictEqual(rules(buy, { ...stopped, exposure: { ...flat, net: -lot } }), ["strategy_stop"])
  })

  it("compare the loss with its limit, to the last digit, and refuse where an open position's profit is unknown", () => {
    const most = limits({ maxLoss: new Money.Decimal("500.05") })
    assert.deepStrictEqual(rules(buy, { ...most, profit: new Money.Decimal("-500.049999999") }), [])
    assert.deepStrictEqual(refused(buy, { ...most, profit: new Money.Decimal("-500.05") }), [
      { rule: "strategy_loss_limit", message: "the strategy's loss has reached its limit, 500.05" }
    ])
    assert.deepStrictEqual(rules(buy, most), [])
    assert.deepStrictEqual(refused(buy, { ...most, holds: true }), [
      { rule: "strategy_loss_limit", message: "the strategy's profit is not known, so its loss cannot be compared with its limit" }
    ])
    assert.deepStrictEqual(rules(buy, { holds: true }), [])
    assert.deepStrictEqual(rules(buy, { ...most, holds: true, profit: rupees(1) }), [])
    assert.isFalse(StrategyLimits.isReached(rupees(1), null))
  })

  it("count the orders of a day", () => {
    assert.deepStrictEqual(rules(buy, { ...limits({ maxOrdersPerDay: 4 }), ordersToday: 3 }), [])
    assert.deepStrictEqual(refused(buy, { ...limits({ maxOrdersPerDay: 3 }), ordersToday: 3 }), [
      { rule: "strategy_order_limit", message: "the strategy sent 3 orders today, the most are 3" }
    ])
  })
})

describe("the exposure of a strategy in an instrument", () => {
  const placed = (more: Partial<StrategyLimits.Placed> = {}): StrategyLimits.Placed => ({
    tag: "t1",
    side: "BUY",
    quantity: 100,
    status: "COMPLETED",
    isIceberg: false,
    ...more
  })
  const shown = (more: Partial<StrategyLimits.Shown> = {}): StrategyLimits.Shown => ({
    orderId: "1",
    tag: "t1",
    side: "BUY",
    filled: 0,
    pending: 0,
    ...more
  })
  const none = () => 0

  it("is the booked quantity plus the filled quantity that is not booked yet", () => {
    assert.deepStrictEqual(StrategyLimits.exposureOf(-30, none, [], []), { net: -30, openBuy: 0, openSell: 0 })
    const filled = [shown({ filled: 60, pending: 40 })]
    assert.deepStrictEqual(
      StrategyLimits.exposureOf(20, () => 20, [placed()], filled),
      { net: 60, openBuy: 40, openSell: 0 }
    )
    assert.deepStrictEqual(
      StrategyLimits.exposureOf(80, () => 80, [placed()], filled),
      { net: 80, openBuy: 40, openSell: 0 }
    )
    assert.deepStrictEqual(
      StrategyLimits.exposureOf(0, none, [placed()], [shown({ filled: 60 })]),
      { net: 60, openBuy: 0, openSell: 0 },
      "the rest was cancelled"
    )
    const sold = [shown({ side: "SELL", filled: 60, pending: 40 })]
    assert.deepStrictEqual(StrategyLimits.exposureOf(0, none, [placed({ side: "SELL" })], sold), { net: -60, openBuy: 0, openSell: 40 })
  })

  it("counts an order that is not known yet with its full quantity, unless its task ended without it", () => {
    for (const status of ["PENDING", "RUNNING", "RETRYING", "COMPLETED", "UNKNOWN"] as const)
      assert.strictEqual(StrategyLimits.exposureOf(0, none, [placed({ status })], []).openBuy, 100, status)
    for (const status of ["DEAD_LETTER", "CANCELLED"] as const)
      assert.strictEqual(StrategyLimits.exposureOf(0, none, [placed({ status })], [shown({ tag: "t2", pending: 7 })]).openBuy, 0, status)
  })

  it("counts the legs of an iceberg order that are not placed yet, and the stop of a cover order on the other side", () => {
    const first = [shown({ filled: 25 }), shown({ orderId: "2", pending: 25 })]
    assert.deepStrictEqual(StrategyLimits.exposureOf(0, none, [placed({ isIceberg: true })], first), { net: 25, openBuy: 75, openSell: 0 })
    const cover = [shown({ filled: 100 }), shown({ orderId: "2", side: "SELL", pending: 100 })]
    assert.deepStrictEqual(StrategyLimits.exposureOf(0, none, [placed()], cover), { net: 100, openBuy: 0, openSell: 100 })
    assert.strictEqual(StrategyLimits.exposureOf(0, none, [placed({ isIceberg: true })], cover).openBuy, 0)
    const leg = [shown({ filled: 25 }), shown({ orderId: "2", side: "SELL", pending: 25 })]
    assert.deepStrictEqual(StrategyLimits.exposureOf(0, none, [placed({ isIceberg: true })], leg), { net: 25, openBuy: 75, openSell: 25 })
  })
})
