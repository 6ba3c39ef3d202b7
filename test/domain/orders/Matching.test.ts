import { assert, describe, it } from "@effect/vitest"
import * as Matching from "../../../src/domain/orders/Matching.ts"

const level = (price: number, quantity: number) => ({ price, quantity, orders: 1 })
const market: Matching.Market = {
  lastPrice: 10_000,
  bids: [level(9_990, 50), level(9_980, 100)],
  asks: [level(10_010, 50), level(10_020, 100), level(0, 0)]
}
const order = (change: Partial<Matching.Order> = {}): Matching.Order => ({
  ...Matching.make({
    side: "BUY",
    orderType: "LIMIT",
    validity: "DAY",
    quantity: 75,
    price: 10_020,
    triggerPrice: 0,
    protection: null,
    tick: 5
  }),
  ...change
})
const matched = (change: Partial<Matching.Order> = {}, now: Partial<Matching.Market> = {}) => {
  const [after, fills] = Matching.match(order(change), { ...market, ...now })
  return { status: after.status, filled: after.filled, value: after.value, fills: fills.map(({ price, quantity }) => [price, quantity]) }
}

describe("matching", () => {
  it("a limit order takes the levels within its price, best first, at the book's prices", () => {
    assert.deepStrictEqual(matched(), {
      status: "COMPLETE",
      filled: 75,
      value: 50 * 10_010 + 25 * 10_020,
      fills: [
        [10_010, 50],
        [10_020, 25]
      ]
    })
    assert.deepStrictEqual(matched({ side: "SELL", price: 9_985 }), { status: "OPEN", filled: 50, value: 50 * 9_990, fills: [[9_990, 50]] })
    assert.deepStrictEqual(matched({ price: 10_005 }).fills, [])
  })

  it("the rest of a partial fill waits for later packets, that of an IOC order is cancelled", () => {
    const [waiting] = Matching.match(order({ price: 10_010 }), market)
    assert.deepStrictEqual([waiting.status, waiting.filled], ["OPEN", 50])
    const [complete, fills] = Matching.match(waiting, { ...market, asks: [level(10_005, 500)] })
    assert.deepStrictEqual([complete.status, fills], ["COMPLETE", [{ price: 10_005, quantity: 25 }]])
    assert.deepStrictEqual(matched({ price: 10_010, validity: "IOC" }), {
      status: "CANCELLED",
      filled: 50,
      value: 500_500,
      fills: [[10_010, 50]]
    })
  })

  it("a market order takes any price, and with a protection none beyond it", () => {
    const far = { asks: [level(10_010, 50), level(12_000, 100)], bids: [level(9_990, 50), level(8_000, 100)] }
    const change = { orderType: "MARKET", price: 0 } as const
    assert.deepStrictEqual(matched(change, far).status, "COMPLETE")
    // One percent of 10,000 is 100; a tick of 30 leaves 10,080 and 9,900.
    assert.deepStrictEqual(matched({ ...change, protection: 100 }, far), {
      status: "OPEN",
      filled: 50,
      value: 500_500,
      fills: [[10_010, 50]]
    })
    const limit = (side: "BUY" | "SELL") =>
      Matching.match(order({ ...change, side, protection: 100, tick: 30 }), { ...market, ...far })[0].limit
    assert.deepStrictEqual([limit("BUY"), limit("SELL")], [10_080, 9_900])
  })

  it("a stop order waits for its trigger, then trades as limit or market order", () => {
    const stop = { orderType: "SL", triggerPrice: 10_005 } as const
    assert.deepStrictEqual(matched(stop).status, "TRIGGER PENDING")
    const [pending] = Matching.match(order(stop), market)
    assert.strictEqual(Matching.match(pending, { ...market, lastPrice: 10_005 })[0].status, "COMPLETE")
    const below = { orderType: "SL-M", side: "SELL", price: 0, triggerPrice: 9_995 } as const
    assert.deepStrictEqual([matched(below).status, matched(below, { lastPrice: 9_995 }).status], ["TRIGGER PENDING", "COMPLETE"])
    // Once triggered, it stays open whatever the last price is.
    const [open] = Matching.match(order({ ...stop, price: 10_005 }), { ...market, lastPrice: 10_006 })
    assert.strictEqual(Matching.match(open, market)[0].status, "OPEN")
  })

  it("an order that has ended neither trades nor changes; a working one can be modified and cancelled", () => {
    const [complete] = Matching.match(order(), market)
    assert.deepStrictEqual([Matching.match(complete, market), Matching.cancel(complete)], [[complete, []], complete])
    const [waiting] = Matching.match(order({ price: 10_000 }), market)
    assert.strictEqual(Matching.cancel(waiting).status, "CANCELLED")
    assert.strictEqual(Matching.match(Matching.modify(waiting, { price: 10_020 }), market)[0].status, "COMPLETE")
    assert.strictEqual(Matching.match(Matching.modify(waiting, { quantity: 100 }), market)[0].filled, 0)
    const [partly] = Matching.match(order({ price: 10_010 }), market)
    assert.strictEqual(Matching.modify(partly, { quantity: 50 }).status, "COMPLETE")
    const stop = Matching.modify(order({ orderType: "SL", triggerPrice: 10_005 }), { price: 10_010, triggerPrice: 10_000 })
    assert.deepStrictEqual([stop.limit, Matching.match(stop, market)[0].limit], [null, 10_010])
  })
})
