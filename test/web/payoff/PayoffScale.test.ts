import { assert, describe, it } from "@effect/vitest"
import * as PayoffScale from "../../../web/src/payoff/PayoffScale.ts"
import * as Scenario from "../../../web/src/payoff/Scenario.ts"

describe("PayoffScale", () => {
  it("puts round numbers on an axis", () => {
    assert.deepStrictEqual(PayoffScale.ticksOf({ low: 23_870, high: 25_130 }, 5), [24_000, 24_500, 25_000])
    assert.deepStrictEqual(PayoffScale.ticksOf({ low: -1_200, high: 3_100 }, 5), [-1_000, 0, 1_000, 2_000, 3_000])
    assert.deepStrictEqual(PayoffScale.ticksOf({ low: 5, high: 5 }, 5), [])
  })
  it("converts a position back to a spot within the range", () => {
    const scale = PayoffScale.make({ low: 100, high: 200 }, { low: -10, high: 10 })
    assert.closeTo(scale.spotAt(scale.x(150)), 150, 1e-9)
    assert.deepStrictEqual([scale.spotAt(-50), scale.spotAt(9_999)], [100, 200])
    assert.isBelow(scale.y(10), scale.y(-10))
  })
  it("interpolates a curve between its points, and returns nothing outside", () => {
    const read = (spot: number) => PayoffScale.valueAt([100, 110, 130], [0, 50, -50], spot)
    assert.deepStrictEqual([100, 105, 110, 120, 130, 99, 131].map(read), [0, 25, 50, 0, -50, undefined, undefined])
  })
})

describe("Scenario", () => {
  it("goes from now to the horizon", () => {
    assert.strictEqual(Scenario.dateAt(0, 1_000, 2_000), undefined)
    assert.deepStrictEqual(Scenario.dateAt(0.5, 1_000, 2_000), new Date(1_500))
    assert.deepStrictEqual(Scenario.dateAt(7, 1_000, 2_000), new Date(2_000))
    assert.strictEqual(Scenario.dateAt(0.5, 2_000, 2_000), undefined)
  })
})
