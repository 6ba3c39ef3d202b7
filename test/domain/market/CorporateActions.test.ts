import { assert, describe, it } from "@effect/vitest"
import * as CorporateActions from "../../../src/domain/market/CorporateActions.ts"

const base = { exDate: "2026-02-02", sharesBefore: 1, sharesAfter: 1, pricePaise: 0, closePaise: 0 }
const split: CorporateActions.Action = { ...base, kind: "split", sharesAfter: 5 }
/** Two shares for each that is held. */
const bonus: CorporateActions.Action = { ...base, kind: "bonus", exDate: "2026-03-02", sharesAfter: 3 }
/** One for four at 300.00, when the share closed at 500.00: (500 x 4 + 300) / 5 = 460.00. */
const rights: CorporateActions.Action = { ...base, kind: "rights", sharesBefore: 4, sharesAfter: 5, pricePaise: 30_000, closePaise: 50_000 }
const dividend: CorporateActions.Action = { ...base, kind: "dividend", pricePaise: 2_000, closePaise: 100_000 }

const candle = (day: string) => ({
  atMs: Date.parse(`${day}T09:15:00+05:30`),
  open: 150_000,
  high: 150_015,
  low: 149_985,
  close: 150_000,
  volume: 600,
  oi: null
})
const closeAnd = (
  actions: ReadonlyArray<CorporateActions.Action>,
  day: string,
  origin: CorporateActions.Origin,
  isAdjusted: boolean,
  lastDay = "2026-08-03"
) => {
  const { close, volume } = CorporateActions.apply(actions, candle(day), origin, isAdjusted, lastDay)
  return [close, volume]
}

describe("corporate actions", () => {
  it("BE-SVC-04 factors: a split by its shares, rights by the theoretical price after the issue, a dividend by the close before it", () => {
    assert.deepStrictEqual([split, bonus, rights, dividend].map(CorporateActions.priceRatio), [
      { numerator: 1, denominator: 5 },
      { numerator: 1, denominator: 3 },
      { numerator: 230_000, denominator: 250_000 },
      { numerator: 98_000, denominator: 100_000 }
    ])
    assert.deepStrictEqual([split, bonus, rights, dividend].map(CorporateActions.volumeRatio), [
      { numerator: 5, denominator: 1 },
      { numerator: 3, denominator: 1 },
      { numerator: 1, denominator: 1 },
      { numerator: 1, denominator: 1 }
    ])
  })

  it("BE-SVC-04 a candle before the day takes every factor after it, one of the day itself takes none", () => {
    const both = [split, bonus]
    assert.deepStrictEqual(closeAnd(both, "2026-01-30", "live", true), [10_000, 9_000])
    assert.deepStrictEqual(closeAnd(both, "2026-02-02", "live", true), [50_000, 1_800])
    assert.deepStrictEqual(closeAnd(both, "2026-03-02", "live", true), [150_000, 600])
    assert.deepStrictEqual(closeAnd(both, "2026-01-30", "live", false), [150_000, 600])
  })

  it("BE-SVC-04 an action after the last day changes nothing", () => {
    assert.deepStrictEqual(closeAnd([split], "2026-01-30", "live", true, "2026-01-30"), [150_000, 600])
    assert.deepStrictEqual(closeAnd([split], "2026-01-30", "live", true, "2026-02-02"), [30_000, 3_000])
  })

  it("BE-SVC-04 the broker's candles are in the newest shares already, but know no dividend", () => {
    assert.deepStrictEqual(closeAnd([split], "2026-01-30", "broker", true), [150_000, 600])
    assert.deepStrictEqual(closeAnd([split], "2026-01-30", "broker", false), [750_000, 120])
    assert.deepStrictEqual(closeAnd([dividend], "2026-01-30", "broker", true), [147_000, 600])
    assert.deepStrictEqual(closeAnd([dividend], "2026-01-30", "broker", false), [150_000, 600])
  })

  it("refuses terms that make no factor", () => {
    const fields = (action: CorporateActions.Action) => CorporateActions.problems(action).map(([field]) => field)
    for (const good of [split, bonus, rights, dividend, { ...split, sharesBefore: 10, sharesAfter: 1 }])
      assert.deepStrictEqual(fields(good), [])
    assert.deepStrictEqual(fields({ ...split, sharesAfter: 1 }), ["shares_after"])
    assert.deepStrictEqual(fields({ ...bonus, sharesBefore: 3, sharesAfter: 1 }), ["shares_after"])
    assert.deepStrictEqual(fields({ ...split, pricePaise: 100 }), ["price"])
    assert.deepStrictEqual(fields({ ...dividend, closePaise: 0 }), ["close_before", "price"])
    assert.deepStrictEqual(fields({ ...dividend, sharesAfter: 2 }), ["shares_after"])
    assert.deepStrictEqual(fields({ ...rights, pricePaise: 50_000 }), ["price"])
  })
})
