import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Black76 from "../../../src/domain/options/Black76.ts"
import * as Moneyness from "../../../src/domain/options/Moneyness.ts"
import * as PremiumDecay from "../../../src/domain/options/PremiumDecay.ts"
import * as StrikeDistribution from "../../../src/domain/options/StrikeDistribution.ts"

const ladder = Float64Array.of(24_300, 24_400, 24_500, 24_600, 24_800)

describe("Moneyness", () => {
  it("the listed strike nearest the forward is at the money; of two equally near, the lower one", () => {
    assert.strictEqual(Moneyness.atmRow(ladder, 5, 24_449.99), 1)
    assert.strictEqual(Moneyness.atmRow(ladder, 5, 24_450), 1)
    assert.strictEqual(Moneyness.atmRow(ladder, 5, 24_450.01), 2)
    assert.strictEqual(Moneyness.atmRow(ladder, 5, 1), 0)
    assert.strictEqual(Moneyness.atmRow(ladder, 5, 99_999), 4)
    assert.strictEqual(Moneyness.atmRow(ladder, 3, 99_999), 2)
  })

  it("without strikes or a forward there is no at-the-money strike", () => {
    assert.strictEqual(Moneyness.atmRow(ladder, 0, 24_500), -1)
    assert.strictEqual(Moneyness.atmRow(ladder, 5, Number.NaN), -1)
  })

  it("labels count listed strikes, calls upwards and puts downwards", () => {
    const rows = (kind: "CE" | "PE") =>
      ["ITM2", "ITM1", "ATM", "OTM1", "OTM2"].map((label) => Moneyness.rowOf(kind, Moneyness.parse(label) ?? Number.NaN, 2))
    assert.deepStrictEqual(rows("CE"), [0, 1, 2, 3, 4])
    assert.deepStrictEqual(rows("PE"), [4, 3, 2, 1, 0])
  })

  it("parses labels and nothing else", () => {
    assert.deepStrictEqual(["ATM", "OTM1", "ITM12", "OTM999"].map(Moneyness.parse), [0, 1, -12, 999])
    for (const text of ["", "atm", "OTM", "OTM0", "OTM01", "OTM1000", "XTM1", "ITM-1"]) assert.isUndefined(Moneyness.parse(text))
  })

  const steps = FastCheck.integer({ min: 1, max: 999 })

  it.prop(
    "a label of any number of steps is that far from the money, on the side that it names",
    [steps, FastCheck.nat(300)],
    ([n, atm]) => {
      const [out, into] = [Moneyness.parse(`OTM${n}`), Moneyness.parse(`ITM${n}`)]
      assert.deepStrictEqual([out, into], [n, -n])
      for (const kind of ["CE", "PE"] as const)
        for (const [text, at] of [
          [`OTM${n}`, n],
          [`ITM${n}`, -n],
          ["ATM", 0]
        ] as const)
          assert.strictEqual(Moneyness.label(kind, Moneyness.rowOf(kind, at, atm), atm), text)
      assert.deepStrictEqual([Moneyness.rowOf("CE", n, atm), Moneyness.rowOf("PE", n, atm)], [atm + n, atm - n])
    }
  )

  it.prop(
    "no strike is nearer than the one at the money",
    [
      FastCheck.uniqueArray(FastCheck.integer({ min: 1, max: 2000 }), { minLength: 1 }),
      FastCheck.double({ min: 0.1, max: 2100, noNaN: true })
    ],
    ([strikes, forward]) => {
      const sorted = Float64Array.from(strikes).sort()
      const distance = (strike: number) => Math.abs(strike - forward)
      const row = Moneyness.atmRow(sorted, sorted.length, forward)
      assert.strictEqual(
        row,
        sorted.findIndex((strike) => distance(strike) === Math.min(...sorted.map(distance)))
      )
    }
  )
})

describe("StrikeDistribution", () => {
  const strikes = Float64Array.of(100, 110, 120, 130)
  const none = Number.NaN

  it("spreads an additive metric with totals, shares, peaks and centre", () => {
    const found = StrikeDistribution.distribute("oi", 3, strikes, Float64Array.of(10, 20, none, 7), Float64Array.of(30, none, 40, 7))
    assert.deepStrictEqual(found, {
      metric: "oi",
      strikes: [
        { strike: 100, call: 10, put: 30, total: 40, share: 0.4 },
        { strike: 110, call: 20, put: null, total: 20, share: 0.2 },
        { strike: 120, call: null, put: 40, total: 40, share: 0.4 }
      ],
      callTotal: 30,
      putTotal: 70,
      callPeak: 110,
      putPeak: 120,
      centre: 110
    })
  })

  it("does not add up metrics that are not additive", () => {
    const found = StrikeDistribution.distribute("iv", 2, strikes, Float64Array.of(0.14, 0.13), Float64Array.of(0.14, none))
    assert.deepStrictEqual(
      [found.callTotal, found.putTotal, found.centre, found.strikes[0]?.total, found.strikes[0]?.share],
      [null, null, null, null, null]
    )
    assert.deepStrictEqual([found.callPeak, found.putPeak], [100, 100])
  })

  it("has no shares for an empty chain or for zeros", () => {
    const empty = StrikeDistribution.distribute("volume", 0, strikes, strikes, strikes)
    assert.deepStrictEqual([empty.strikes, empty.callTotal, empty.callPeak, empty.centre], [[], 0, null, null])
    const zeros = StrikeDistribution.distribute("volume", 2, strikes, new Float64Array(2), new Float64Array(2))
    assert.deepStrictEqual([zeros.strikes[0]?.share, zeros.centre, zeros.callPeak], [null, null, 100])
  })

  it("knows its metrics", () => {
    assert.isTrue(StrikeDistribution.isMetric("oi_change"))
    assert.isFalse(StrikeDistribution.isMetric("toString"))
  })

  const column = FastCheck.array(FastCheck.oneof(FastCheck.constant(none), FastCheck.integer({ min: -1e6, max: 1e6 })), {
    minLength: 4,
    maxLength: 4
  })

  it.prop("BE-FIN-11 totals are the sums over strikes and shares add up to 1", [column, column], ([call, put]) => {
    const found = StrikeDistribution.distribute("oi_change", 4, strikes, Float64Array.from(call), Float64Array.from(put))
    const total = found.strikes.reduce((sum, row) => sum + (row.total ?? 0), 0)
    assert.strictEqual((found.callTotal ?? 0) + (found.putTotal ?? 0), total)
    const shares = found.strikes.map(({ share }) => share ?? 0)
    if (found.centre !== null) {
      assert.isAtMost(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1), 1e-12)
      assert.isTrue(found.centre >= 100 - 1e-9 && found.centre <= 130 + 1e-9)
    }
  })
})

describe("PremiumDecay", () => {
  const day = 86_400_000
  const f = 24_500
  const side = () => ({
    price: new Float64Array(5),
    delta: new Float64Array(5),
    gamma: new Float64Array(5),
    theta: new Float64Array(5),
    vega: new Float64Array(5),
    rho: new Float64Array(5)
  })
  /** A quiet market: forward and volatility are constant, only time passes. */
  const quiet = (hours: ReadonlyArray<number>, steps: number) =>
    hours.map((hour) => {
      const [call, put] = [side(), side()]
      const t = (7 - hour / 24) / 365
      Black76.fillChain({ count: 5, strike: ladder, vol: new Float64Array(5).fill(0.14), f, t, r: 0.065, call, put })
      const { callRow, putRow } = PremiumDecay.pair(2, 5, steps)!
      const both = (column: "price" | "theta") => call[column][callRow]! + put[column][putRow]!
      return { atMs: (hour * day) / 24, premium: both("price"), theta: both("theta") }
    })

  it("BE-FIN-11 in a quiet market a straddle and a strangle decay as their theta says", () => {
    for (const steps of [0, 1]) {
      const points = PremiumDecay.curve(
        quiet(
          Array.from({ length: 49 }, (_, i) => i),
          steps
        )
      )
      const last = points.at(-1)!
      assert.strictEqual(points.length, 49)
      assert.isBelow(last.change, -1)
      assert.isAtMost(Math.abs(last.residual), 1e-3 * Math.abs(last.change))
      assert.strictEqual(last.residual, last.change - last.expected)
    }
  })

  it("BE-FIN-11 the residual is the change of the premium that theta did not predict", () => {
    const points = PremiumDecay.curve([
      { atMs: 0, premium: 300, theta: -3650 },
      { atMs: day, premium: 305, theta: -3650 }
    ])
    assert.deepStrictEqual(points[0], { atMs: 0, premium: 300, change: 0, expected: 0, residual: 0 })
    assert.strictEqual(points[1]?.change, 5)
    assert.isAtMost(Math.abs((points[1]?.expected ?? 0) + 10), 1e-12)
    assert.isAtMost(Math.abs((points[1]?.residual ?? 0) - 15), 1e-12)
  })

  it("bridges gaps and skips times that repeat or go backwards", () => {
    const points = PremiumDecay.curve([
      { atMs: 0, premium: Number.NaN, theta: -1 },
      { atMs: day, premium: 300, theta: -3650 },
      { atMs: 2 * day, premium: 290, theta: Number.NaN },
      { atMs: 3 * day, premium: 280, theta: -3650 },
      { atMs: 3 * day, premium: 1, theta: -1 },
      { atMs: day, premium: 1, theta: -1 }
    ])
    assert.deepStrictEqual(
      points.map(({ atMs }) => atMs / day),
      [1, 3]
    )
    assert.isAtMost(Math.abs((points[1]?.expected ?? 0) + 20), 1e-12)
  })

  it("a pair exists only inside the ladder", () => {
    assert.deepStrictEqual(PremiumDecay.pair(2, 5, 2), { callRow: 4, putRow: 0 })
    assert.isUndefined(PremiumDecay.pair(2, 5, 3))
    assert.isUndefined(PremiumDecay.pair(-1, 5, 0))
  })
})
