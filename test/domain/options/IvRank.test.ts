import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as IvRank from "../../../src/domain/options/IvRank.ts"

const month = 30 / 365

describe("IvRank", () => {
  it("interpolates linearly in total variance, and holds the nearest volatility outside the expiries", () => {
    const terms = [
      { years: 37 / 365, vol: 0.16 },
      { years: 9 / 365, vol: 0.12 }
    ]
    // 21 of the 28 days between them: by hand.
    const variance = (0.25 * 0.12 ** 2 * 9 + 0.75 * 0.16 ** 2 * 37) / 365
    assert.closeTo(IvRank.atTenor(terms, month), Math.sqrt(variance / month), 1e-15)
    assert.strictEqual(IvRank.atTenor(terms, 60 / 365), 0.16)
    assert.strictEqual(IvRank.atTenor(terms, 2 / 365), 0.12)
    assert.strictEqual(IvRank.atTenor(terms, 9 / 365), 0.12)
    assert.isNaN(IvRank.atTenor([], month))
  })

  it("leaves out an expiry of less than a day, and one without a volatility", () => {
    const last = { years: 0.5 / 365, vol: 0.9 }
    const unknown = { years: month, vol: Number.NaN }
    assert.strictEqual(IvRank.atTenor([last, unknown, { years: 37 / 365, vol: 0.16 }], month), 0.16)
    assert.isNaN(IvRank.atTenor([last, unknown], month))
  })

  it("one volatility for all expiries is the volatility of every tenor", () => {
    const term = fc.double({ min: IvRank.yearsMin, max: 2, noNaN: true })
    fc.assert(
      fc.property(fc.array(term, { minLength: 1, maxLength: 8 }), term, fc.double({ min: 0.01, max: 3, noNaN: true }), (years, at, vol) => {
        const found = IvRank.atTenor(
          years.map((one) => ({ years: one, vol })),
          at
        )
        assert.closeTo(found, vol, vol * 1e-12)
      })
    )
  })

  it("ranks now among the past days and itself; the percentile counts the days below", () => {
    const past = Array.from({ length: 20 }, (_, at) => (at + 12) / 64)
    assert.deepStrictEqual(IvRank.rankOf(21.5 / 64, past), { rank: 0.5, percentile: 0.5, low: 12 / 64, high: 31 / 64, count: 20 })
    assert.deepInclude(IvRank.rankOf(0.5, past), { rank: 1, percentile: 1, high: 0.5 })
    assert.deepInclude(IvRank.rankOf(0.05, past), { rank: 0, percentile: 0, low: 0.05 })
    assert.deepInclude(IvRank.rankOf(12 / 64, past), { percentile: 0 })
  })

  it("has no rank with too few days, without a volatility, or where all are equal", () => {
    const past = Array.from({ length: 25 }, (_, at) => (at < 19 ? 0.12 : Number.NaN))
    assert.deepStrictEqual(IvRank.rankOf(0.2, past), { rank: null, percentile: null, low: null, high: null, count: 19 })
    const flat = past.map(() => 0.12)
    assert.deepStrictEqual(IvRank.rankOf(0.12, flat), { rank: null, percentile: 0, low: 0.12, high: 0.12, count: 25 })
    assert.deepInclude(IvRank.rankOf(Number.NaN, flat), { rank: null, percentile: null, count: 25 })
  })

  it("the expected move is one standard deviation of the forward", () => {
    assert.closeTo(IvRank.expectedMove(24_500, { years: 0.25, vol: 0.16 }), 1_960, 1e-9)
  })
})
