import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Rollover from "../../../src/domain/futures/Rollover.ts"
import type { Bar } from "../../../src/domain/indicators/Indicator.ts"
import * as Money from "../../../src/domain/Money.ts"

const expiry = (text: string) => Date.parse(`${text}T10:00:00Z`)
const contract = (price: number, openInterest: number, day: string): Rollover.Contract => ({ price, openInterest, expiryAtMs: expiry(day) })
const near = contract(24_500, 600, "2026-11-24")
const next = contract(24_622.5, 300, "2026-12-29")
const far = contract(24_800, 100, "2027-01-26")

const dayMs = 86_400_000
const bar = (day: number, close: number): Bar => ({
  atMs: day * dayMs,
  open: close - 1,
  high: close + 2,
  low: close - 2,
  close,
  volume: 10
})
/** Three contracts that roll after day 2 and day 4; they overlap by a day. */
const segments: ReadonlyArray<Rollover.Segment> = [
  { contract: "NOV", untilMs: 2 * dayMs, bars: [bar(1, 100), bar(2, 104), bar(3, 999)] },
  { contract: "DEC", untilMs: 4 * dayMs, bars: [bar(1, 50), bar(2, 130), bar(3, 132), bar(4, 120)] },
  { contract: "JAN", untilMs: Number.POSITIVE_INFINITY, bars: [bar(4, 150), bar(5, 153)] }
]
const closes = (adjustment: Rollover.Adjustment) => Rollover.continuous(segments, adjustment).bars!.map((it) => it.close)

describe("Rollover", () => {
  it("BE-FIN-12 percent, spread, cost and carry of the roll", () => {
    const it = Rollover.rollover(near, [next, far])
    assert.strictEqual(it.percent, 40)
    assert.strictEqual(it.spread, 122.5)
    assert.strictEqual(it.costPercent, 0.5)
    assert.approximately(it.carry!, Math.log(24_622.5 / 24_500) / (35 / 365), 1e-14)
  })

  it("BE-FIN-12 returns null for values that cannot be known", () => {
    assert.deepStrictEqual(Rollover.rollover(near, []), { percent: 0, spread: null, costPercent: null, carry: null })
    assert.isNull(Rollover.rollover({ ...near, openInterest: 0 }, [{ ...next, openInterest: 0 }]).percent)
    assert.isNull(Rollover.rollover({ ...near, price: 0 }, [next]).spread)
    assert.isNull(Rollover.rollover(near, [{ ...next, price: Number.NaN }]).costPercent)
    assert.isNull(Rollover.rollover(near, [{ ...next, expiryAtMs: near.expiryAtMs }]).carry)
  })

  it("BE-FIN-12 rollover P&L: realised in the old month, unrealised in the new one, and the spread", () => {
    const text = (direction: "BUY" | "SELL") => {
      const price = (it: string) => new Money.Decimal(it)
      const { realised, unrealised, rollCost, total } = Rollover.rollProfit({
        direction,
        quantity: 65,
        entryPrice: price("24350.10"),
        closePrice: price("24500"),
        openPrice: price("24622.5"),
        ltp: price("24600.05")
      })
      return [realised, unrealised, rollCost, total].map((value) => (value === null ? null : Money.format(value)))
    }
    assert.deepStrictEqual(text("BUY"), ["9743.5", "-1459.25", "7962.5", "8284.25"])
    assert.deepStrictEqual(text("SELL"), ["-9743.5", "1459.25", "-7962.5", "-8284.25"])
  })

  it("BE-FIN-12 a value of the roll is null while a price that it needs is unknown", () => {
    const roll = { direction: "BUY", quantity: 65, entryPrice: new Money.Decimal(100) } as const
    const price = new Money.Decimal(110)
    const unknown = { closePrice: null, openPrice: null, ltp: null }
    assert.deepStrictEqual(Rollover.rollProfit({ ...roll, ...unknown }), { realised: null, unrealised: null, rollCost: null, total: null })
    const closed = Rollover.rollProfit({ ...roll, ...unknown, closePrice: price })
    assert.deepStrictEqual([String(closed.realised), closed.unrealised, closed.rollCost, closed.total], ["650", null, null, null])
    const opened = Rollover.rollProfit({ ...roll, ...unknown, openPrice: price, ltp: price })
    assert.deepStrictEqual([opened.realised, String(opened.unrealised), opened.rollCost, opened.total], [null, "0", null, null])
  })

  it("BE-FIN-12 the percent rolled needs the open interest of the near and of the next month", () => {
    const unseen = { openInterest: Number.NaN }
    assert.isNull(Rollover.rollover({ ...near, ...unseen }, [next, far]).percent)
    assert.isNull(Rollover.rollover(near, [{ ...next, ...unseen }, far]).percent)
    assert.approximately(Rollover.rollover(near, [next, { ...far, ...unseen }]).percent ?? 0, 100 / 3, 1e-12)
  })

  it("BE-FIN-12 a continuous series follows one contract at a time, with four adjustments", () => {
    const series = Rollover.continuous(segments, "none").bars!
    assert.deepStrictEqual(
      series.map((it) => it.contract),
      ["NOV", "NOV", "DEC", "DEC", "JAN"]
    )
    assert.deepStrictEqual(closes("none"), [100, 104, 132, 120, 153])
    // The jumps: 104 -> 130 on day 2 and 120 -> 150 on day 4.
    assert.deepStrictEqual(closes("back_difference"), [156, 160, 162, 150, 153])
    assert.deepStrictEqual(closes("forward_difference"), [100, 104, 106, 94, 97])
    for (const [index, value] of closes("back_ratio").entries()) {
      assert.approximately(value, [156.25, 162.5, 165, 150, 153][index]!, 1e-12)
    }
  })

  it("BE-FIN-12 two contracts without a common bar cannot be joined with an adjustment", () => {
    const apart: ReadonlyArray<Rollover.Segment> = [
      { contract: "NOV", untilMs: 2 * dayMs, bars: [bar(1, 100), bar(2, 104)] },
      { contract: "DEC", untilMs: Number.POSITIVE_INFINITY, bars: [bar(3, 130)] }
    ]
    assert.deepStrictEqual(Rollover.continuous(apart, "back_ratio"), { bars: null, error: { from: "NOV", to: "DEC" } })
    assert.strictEqual(Rollover.continuous(apart, "none").bars!.length, 3)
    assert.deepStrictEqual(Rollover.continuous([], "back_difference"), { bars: [], error: null })
  })

  it.prop(
    "BE-FIN-12 within a contract differences survive a shift and ratios survive a scaling; the newest prices are the traded ones",
    [FastCheck.array(FastCheck.integer({ min: 50, max: 5000 }), { minLength: 12, maxLength: 12 })],
    ([prices]) => {
      const days = (from: number, to: number, offset: number) =>
        Array.from({ length: to - from + 1 }, (_, i) => bar(from + i, prices[offset + i]!))
      const some: ReadonlyArray<Rollover.Segment> = [
        { contract: "A", untilMs: 3 * dayMs, bars: days(1, 3, 0) },
        { contract: "B", untilMs: 6 * dayMs, bars: days(3, 6, 3) },
        { contract: "C", untilMs: Number.POSITIVE_INFINITY, bars: days(6, 8, 7) }
      ]
      const raw = Rollover.continuous(some, "none").bars!
      const shifted = Rollover.continuous(some, "back_difference").bars!
      const forward = Rollover.continuous(some, "forward_difference").bars!
      const scaled = Rollover.continuous(some, "back_ratio").bars!
      assert.deepStrictEqual([shifted.at(-1), scaled.at(-1)], [raw.at(-1), raw.at(-1)])
      assert.deepStrictEqual(forward[0], raw[0])
      for (let i = 1; i < raw.length; i++) {
        if (raw[i]!.contract !== raw[i - 1]!.contract) continue
        const difference = raw[i]!.close - raw[i - 1]!.close
        assert.strictEqual(shifted[i]!.close - shifted[i - 1]!.close, difference)
        assert.strictEqual(forward[i]!.close - forward[i - 1]!.close, difference)
        assert.approximately(scaled[i]!.close / scaled[i - 1]!.close, raw[i]!.close / raw[i - 1]!.close, 1e-9)
      }
    }
  )
})
