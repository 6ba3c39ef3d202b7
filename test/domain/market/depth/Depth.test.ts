import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Depth from "../../../../src/domain/market/depth/Depth.ts"

const level = (price: number, quantity: number, orders = 1): Depth.Level => ({ price, quantity, orders })
const pad = level(0, 0, 0)
const liquid: Depth.Book = {
  bids: [level(10000, 300), level(9995, 500), level(9990, 200), pad, pad],
  asks: [level(10005, 100), level(10010, 400), level(10020, 500), pad, pad]
}
const illiquid: Depth.Book = { bids: [level(9000, 50)], asks: [level(11000, 50)] }
const empty: Depth.Book = { bids: [pad], asks: [] }

describe("Depth", () => {
  it("BE-SVC-02 a liquid book: spread, mid, weighted mid, imbalance, cumulative depth", () => {
    const it = Depth.summary(liquid)
    assert.strictEqual(it.shape, "two_sided")
    assert.strictEqual(it.spread, 5)
    assert.strictEqual(it.mid, 10002.5)
    assert.approximately(it.spreadBps!, (5 / 10002.5) * 1e4, 1e-12)
    // Three times as much is bid as offered, so the weighted mid is nearer to the ask.
    assert.strictEqual(it.weightedMid, (10000 * 100 + 10005 * 300) / 400)
    assert.strictEqual(it.imbalance, 0)
    assert.deepStrictEqual(
      [it.bids, it.asks].map((side) => side.map((level) => level.total)),
      [
        [300, 800, 1000],
        [100, 500, 1000]
      ]
    )
  })

  it("BE-SVC-02 slippage for a size walks the book and returns the unfilled quantity", () => {
    const buy = Depth.execute(liquid, "BUY", 300)
    assert.deepStrictEqual(buy, {
      filled: 300,
      unfilled: 0,
      averagePrice: (100 * 10005 + 200 * 10010) / 300,
      slippage: 1000 / 300,
      slippageToMid: buy.averagePrice! - 10002.5
    })
    const sell = Depth.execute(liquid, "SELL", 5000)
    assert.deepStrictEqual([sell.filled, sell.unfilled, sell.slippage], [1000, 4000, (500 * 5 + 200 * 10) / 1000])
    assert.deepStrictEqual(Depth.execute(empty, "BUY", 10), {
      filled: 0,
      unfilled: 10,
      averagePrice: null,
      slippage: null,
      slippageToMid: null
    })
    assert.isNull(Depth.execute({ bids: [], asks: [level(100, 5)] }, "BUY", 5).slippageToMid)
    assert.strictEqual(Depth.execute(liquid, "BUY", 0).averagePrice, null)
  })

  it("BE-SVC-02 empty and one-sided books have no mid, and say which side is missing", () => {
    const none = Depth.summary(empty)
    assert.deepStrictEqual([none.shape, none.spread, none.mid, none.weightedMid, none.imbalance], ["empty", null, null, null, null])
    const bids = Depth.summary({ bids: [level(100, 5)], asks: [pad] })
    assert.deepStrictEqual([bids.shape, bids.spread, bids.mid, bids.imbalance], ["bid_only", null, null, 1])
    const asks = Depth.summary({ bids: [], asks: [level(100, 5)] })
    assert.deepStrictEqual([asks.shape, asks.mid, asks.imbalance], ["ask_only", null, -1])
  })

  it("BE-SVC-02 crossed and locked books are marked", () => {
    const crossed = Depth.summary({ bids: [level(101, 5)], asks: [level(100, 5)] })
    assert.deepStrictEqual([crossed.shape, crossed.spread], ["crossed", -1])
    assert.strictEqual(Depth.summary({ bids: [level(100, 5)], asks: [level(100, 5)] }).shape, "locked")
  })

  it("BE-SVC-02 the liquidity score orders liquid, illiquid, one-sided and empty books", () => {
    const score = (book: Depth.Book) => Depth.liquidityScore(book, 1000)
    assert.approximately(score(liquid), 100 * Math.sqrt(1 / (1 + ((5 / 10002.5) * 1e4) / 20)), 1e-9)
    assert.isAbove(score(liquid), 85)
    assert.isBelow(score(illiquid), 5)
    assert.isAbove(score(illiquid), 0)
    assert.strictEqual(score({ bids: liquid.bids, asks: [] }), 0)
    assert.strictEqual(score(empty), 0)
    assert.strictEqual(score({ bids: [level(101, 5000)], asks: [level(100, 5000)] }), 0)
    assert.strictEqual(score({ bids: [level(100, 1000)], asks: [level(100, 1000)] }), 100)
  })

  const side = FastCheck.array(
    FastCheck.record({ price: FastCheck.integer({ min: 1, max: 1e7 }), quantity: FastCheck.nat(1e6), orders: FastCheck.nat(100) }),
    { maxLength: 5 }
  )
  it.prop(
    "BE-SVC-02 for any book, imbalance and score are in range and a fill is conserved",
    [side, side, FastCheck.integer({ min: 1, max: 1e7 })],
    ([bids, asks, size]) => {
      const book = { bids: [...bids].sort((a, b) => b.price - a.price), asks: [...asks].sort((a, b) => a.price - b.price) }
      const it = Depth.summary(book)
      if (it.imbalance !== null) assert.isTrue(Math.abs(it.imbalance) <= 1)
      if (it.weightedMid !== null) {
        const [low, high] = [Math.min(it.bid!.price, it.ask!.price), Math.max(it.bid!.price, it.ask!.price)]
        assert.isTrue(it.weightedMid >= low * (1 - 1e-12) && it.weightedMid <= high * (1 + 1e-12))
      }
      const score = Depth.liquidityScore(book, 1000)
      assert.isTrue(score >= 0 && score <= 100)
      for (const direction of ["BUY", "SELL"] as const) {
        const done = Depth.execute(book, direction, size)
        assert.strictEqual(done.filled + done.unfilled, size)
        if (done.slippage !== null) assert.isAtLeast(done.slippage, 0)
      }
    }
  )
})
