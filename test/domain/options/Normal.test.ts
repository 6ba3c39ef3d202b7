import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Normal from "../../../src/domain/options/Normal.ts"

const close = (actual: number, expected: number, relative: number, of: string) =>
  assert.isAtMost(Math.abs(actual - expected), relative * Math.abs(expected), of)

// Reference values by mpmath at 40 digits.
const cdfAt: ReadonlyArray<readonly [number, number]> = [
  [-37.5, 4.605353009581955e-308],
  [-20, 2.7536241186062337e-89],
  [-8, 6.220960574271784e-16],
  [-5, 2.866515718791939e-7],
  [-1, 0.15865525393145705],
  [-0.25, 0.4012936743170763],
  [0, 0.5],
  [1, 0.8413447460685429],
  [6, 0.9999999990134123]
]

describe("Normal", () => {
  it("cdf agrees with 40-digit references, even in the far tail", () => {
    for (const [x, expected] of cdfAt) close(Normal.cdf(x), expected, 2e-15, `cdf(${x})`)
  })

  it("erf, erfc and erfcx agree with 40-digit references in each of Cody's ranges", () => {
    close(Normal.erf(0.3), 0.3286267594591274, 1e-15, "erf(0.3)")
    close(Normal.erf(1.5), 0.9661051464753108, 1e-15, "erf(1.5)")
    close(Normal.erf(-1.5), -0.9661051464753108, 1e-15, "erf(-1.5)")
    close(Normal.erfc(0.3), 0.6713732405408726, 1e-15, "erfc(0.3)")
    close(Normal.erfc(3), 2.209049699858544e-5, 1e-15, "erfc(3)")
    close(Normal.erfc(-1), 1.8427007929497148, 1e-15, "erfc(-1)")
    close(Normal.erfc(10), 2.088487583762545e-45, 1e-15, "erfc(10)")
    close(Normal.erfcx(0.3), 0.7345993345676551, 1e-15, "erfcx(0.3)")
    close(Normal.erfcx(2), 0.2553956763105057, 1e-15, "erfcx(2)")
    close(Normal.erfcx(50), 0.011281536265323773, 1e-14, "erfcx(50)")
    close(Normal.erfcx(-2), 108.94090438997797, 2e-15, "erfcx(-2)")
  })

  it("the ends are exact", () => {
    assert.deepStrictEqual(
      [Normal.cdf(-Infinity), Normal.cdf(Infinity), Normal.erf(40), Normal.erf(-40), Normal.erfc(40), Normal.erfc(-40)],
      [0, 1, 1, -1, 0, 2]
    )
    assert.deepStrictEqual([Normal.inverseCdf(0), Normal.inverseCdf(0.5), Normal.inverseCdf(1)], [-Infinity, 0, Infinity])
  })

  it("inverseCdf agrees with published quantiles", () => {
    close(Normal.inverseCdf(0.975), 1.9599639845400538, 1e-15, "0.975")
    close(Normal.inverseCdf(0.01), -2.326347874040841, 1e-15, "0.01")
    close(Normal.inverseCdf(1e-300), -37.0470962993612, 1e-15, "1e-300")
  })

  it.prop("inverseCdf undoes cdf in the lower half", [FastCheck.double({ min: -37, max: 0, noNaN: true })], ([x]) => {
    assert.isAtMost(Math.abs(Normal.inverseCdf(Normal.cdf(x)) - x), 1e-14 * Math.max(1, Math.abs(x)))
  })

  it.prop("cdf(x) + cdf(-x) = 1", [FastCheck.double({ min: -40, max: 40, noNaN: true })], ([x]) => {
    assert.isAtMost(Math.abs(Normal.cdf(x) + Normal.cdf(-x) - 1), 2e-16)
  })

  it.prop(
    "cdf never falls",
    [FastCheck.double({ min: -40, max: 40, noNaN: true }), FastCheck.double({ min: 1e-9, max: 5, noNaN: true })],
    ([x, step]) => {
      assert.isAtLeast(Normal.cdf(x + step), Normal.cdf(x))
    }
  )

  it.prop("tail and mills agree with the cdf", [FastCheck.double({ min: 0, max: 36, noNaN: true })], ([d]) => {
    close(Normal.tail(d, Math.exp(-0.5 * d * d)), Normal.cdf(-d), 3e-13, "tail")
    close(Normal.mills(-d) * Normal.pdf(d), Normal.cdf(-d), 3e-13, "mills")
  })
})
