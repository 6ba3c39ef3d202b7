import { assert, describe, it } from "@effect/vitest"
import type { Payoff } from "../../../web/src/gateway/Contract.ts"
import * as Bands from "../../../web/src/payoff/Bands.ts"

const leg = (strike: number, iv: number | null, forward: number | null) => ({ strike, iv, forward }) as Payoff["legs"][number]
const yearMs = 365 * 86_400_000

describe("Bands", () => {
  it("spans e^(±kσ√T) about the forward, with the volatility of the strike nearest to it", () => {
    const bands = Bands.of([leg(90, 0.5, 100), leg(101, 0.2, 100), leg(0, null, null)], 0, yearMs / 4)
    assert.deepStrictEqual(
      bands.map(({ sigmas, low, high }) => [sigmas, low.toFixed(6), high.toFixed(6)]),
      [
        [1, (100 * Math.exp(-0.1)).toFixed(6), (100 * Math.exp(0.1)).toFixed(6)],
        [2, (100 * Math.exp(-0.2)).toFixed(6), (100 * Math.exp(0.2)).toFixed(6)]
      ]
    )
  })
  it("is empty at the horizon and without a volatility", () => {
    assert.deepStrictEqual(Bands.of([leg(100, 0.2, 100)], 5, 5), [])
    assert.deepStrictEqual(Bands.of([leg(100, null, 100)], 0, yearMs), [])
  })
})
