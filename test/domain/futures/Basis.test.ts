import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Basis from "../../../src/domain/futures/Basis.ts"
import * as Forward from "../../../src/domain/options/Forward.ts"
import * as OpenInterest from "../../../src/domain/options/OpenInterest.ts"

const dayMs = 86_400_000
const expiryAtMs = Date.parse("2026-11-24T10:00:00Z")

describe("Basis", () => {
  it("BE-FIN-12 basis and annualised carry of a future", () => {
    const it = Basis.basis({ spot: 24_500, future: 24_622.5, expiryAtMs, nowMs: expiryAtMs - 36.5 * dayMs })!
    assert.strictEqual(it.basis, 122.5)
    assert.strictEqual(it.basisFraction, 0.005)
    assert.strictEqual(it.years, 0.1)
    assert.approximately(it.carry!, 0.04987541511039, 1e-13)
    assert.approximately(it.simpleCarry!, 0.05, 1e-15)
  })

  it("BE-FIN-12 a discount has negative carry; an expired future has none; without a price there is no basis", () => {
    assert.isBelow(Basis.basis({ spot: 100, future: 99, expiryAtMs, nowMs: expiryAtMs - dayMs })!.carry!, 0)
    const expired = Basis.basis({ spot: 100, future: 99, expiryAtMs, nowMs: expiryAtMs })!
    assert.deepStrictEqual([expired.basis, expired.carry, expired.simpleCarry], [-1, null, null])
    for (const bad of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.isNull(Basis.basis({ spot: bad, future: 99, expiryAtMs, nowMs: 0 }))
      assert.isNull(Basis.basis({ spot: 99, future: bad, expiryAtMs, nowMs: 0 }))
    }
  })

  it.prop(
    "BE-FIN-12 the fair price at the implied carry is the future itself",
    [FastCheck.integer({ min: 100, max: 1e7 }), FastCheck.integer({ min: -900, max: 900 }), FastCheck.integer({ min: 1, max: 365 })],
    ([spot, permille, days]) => {
      const future = spot * (1 + permille / 1000)
      const it = Basis.basis({ spot, future, expiryAtMs, nowMs: expiryAtMs - days * dayMs })!
      assert.isAtMost(Math.abs(Forward.carried(spot, it.carry!, it.years) - future), 1e-12 * future)
    }
  )

  it("BE-FIN-12 classifies positions by price and open interest together", () => {
    const signal = (price: number, openInterest: number) => OpenInterest.buildUp(price - 100, OpenInterest.change(openInterest, 1000))
    assert.deepStrictEqual(
      [signal(101, 1100), signal(101, 900), signal(99, 1100), signal(99, 900), signal(100, 1000)],
      ["long_build_up", "short_covering", "short_build_up", "long_unwinding", "unchanged"]
    )
  })
})
