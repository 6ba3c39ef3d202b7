import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Arbitrage from "../../../../src/domain/options/surface/Arbitrage.ts"
import * as Essvi from "../../../../src/domain/options/surface/Essvi.ts"
import * as EssviFit from "../../../../src/domain/options/surface/EssviFit.ts"

const between = (min: number, max: number) => FastCheck.double({ min, max, noNaN: true })

/** A surface that obeys the conditions: volatility at the money, growth, lean and bend of each expiry are shares of what is allowed. */
const surface = FastCheck.array(
  FastCheck.record({
    growth: between(0.05, 2),
    lean: between(0.2, 0.8),
    bend: between(0.1, 0.9),
    weeks: FastCheck.integer({ min: 1, max: 12 })
  }),
  { minLength: 1, maxLength: 4 }
).map((expiries) => {
  let earlier = Essvi.none
  let years = 0
  return expiries.flatMap(({ bend, growth, lean, weeks }) => {
    years += (weeks * 7) / 365
    const theta = earlier.theta === 0 ? (0.05 + 0.2 * growth) ** 2 * years : earlier.theta * (1 + growth)
    const rhos = Essvi.rhoRange(earlier, theta)
    // A smile of the first expiry that leans and bends moderately leaves room for those after it.
    const rho = earlier.theta === 0 ? lean - 0.5 : rhos.min + (rhos.max - rhos.min) * lean
    const psis = Essvi.psiRange(earlier, { theta, rho })
    if (!(psis.max > psis.min)) return []
    earlier = { theta, rho, psi: psis.min + (psis.max - psis.min) * (earlier.theta === 0 ? 0.6 * bend : bend) }
    return [{ slice: earlier, years }]
  })
})

/** Quotes of a slice over three deviations to either side, each changed by `noise` of a volatility point. */
const smileOf = ({ slice, years }: { readonly slice: Essvi.Slice; readonly years: number }, noise: (at: number) => number = () => 0) => {
  const logMoneyness = Float64Array.from({ length: 25 }, (_, at) => ((at - 12) / 4) * Math.sqrt(slice.theta))
  return {
    years,
    logMoneyness,
    vol: logMoneyness.map((k, at) => Essvi.volatility(slice, years, k) + 0.01 * noise(at)),
    weight: logMoneyness.map(() => 1)
  }
}
/** Fits smiles in order of expiry, each after the one before. */
const fitAll = (smiles: ReadonlyArray<EssviFit.Smile>): ReadonlyArray<EssviFit.Fit | undefined> => {
  let earlier = Essvi.none
  return smiles.map((smile) => {
    const found = EssviFit.fitSlice(smile, earlier)
    earlier = found?.slice ?? earlier
    return found
  })
}
const checked = (slices: ReadonlyArray<Essvi.Slice>) =>
  Arbitrage.check(slices.map((slice, at) => ({ expiry: String(at), totalVariance: (k) => Essvi.totalVariance(slice, k) })))

describe("smiles of the extended SSVI surface", () => {
  it("known parameters are recovered from made-up smiles to 1e-6", () => {
    FastCheck.assert(
      FastCheck.property(surface, (made) => {
        const fits = fitAll(made.map((one) => smileOf(one)))
        for (const [at, { slice }] of made.entries()) {
          const found = fits[at]
          assert(found !== undefined)
          for (const name of ["theta", "rho", "psi"] as const) assert.closeTo(found.slice[name], slice[name], 1e-6, name)
          assert.isBelow(found.maxError, 1e-9)
        }
      }),
      { seed: 13, numRuns: 100 }
    )
  })

  it("whatever the quotes are, prices of the fitted surface allow no arbitrage", () => {
    const noise = FastCheck.array(between(-4, 4), { minLength: 25, maxLength: 25 })
    FastCheck.assert(
      FastCheck.property(surface, FastCheck.array(noise, { minLength: 4, maxLength: 4 }), (made, noises) => {
        const smiles = made.map((one, at) => smileOf(one, (i) => Math.max(noises[at]?.[i] ?? 0, -3)))
        const positive = smiles.map((smile) => ({ ...smile, vol: smile.vol.map((vol) => Math.max(vol, 0.01)) }))
        const fits = fitAll(positive)
        assert.isTrue(fits.every((one) => one !== undefined))
        assert.deepStrictEqual(checked(fits.flatMap((one) => one?.slice ?? [])).violations, [])
      }),
      { seed: 13, numRuns: 100 }
    )
  })

  it("a market whose later expiry is quoted below the earlier one gets the nearest surface without a calendar arbitrage", () => {
    const first = { slice: { theta: 0.004, rho: -0.3, psi: 0.04 }, years: 0.1 }
    const below = { slice: { theta: 0.003, rho: -0.3, psi: 0.03 }, years: 0.2 }
    assert.isNotEmpty(checked([first.slice, below.slice]).violations.filter(({ kind }) => kind === "calendar"))
    const fits = fitAll([smileOf(first), smileOf(below)]).flatMap((one) => one?.slice ?? [])
    assert.strictEqual(fits.length, 2)
    assert.deepStrictEqual(checked(fits).violations, [])
    assert.closeTo(fits[1]?.theta ?? 0, 0.004, 1e-4)
  })

  it("too few quotes give no slice", () => {
    const whole = smileOf({ slice: { theta: 0.004, rho: -0.3, psi: 0.04 }, years: 0.1 })
    const few = { ...whole, vol: whole.vol.slice(0, 4), logMoneyness: whole.logMoneyness.slice(0, 4), weight: whole.weight.slice(0, 4) }
    assert.isUndefined(EssviFit.fitSlice(few, Essvi.none))
  })
})

describe("the checker of arbitrage", () => {
  it("finds the butterfly of a smile that is known to have one (Gatheral and Jacquier 2014, after A. Vogt)", () => {
    const [a, b, m, rho, sigma] = [-0.041, 0.1331, 0.3586, 0.306, 0.4153]
    const vogt = (k: number) => a + b * (rho * (k - m) + Math.sqrt((k - m) ** 2 + sigma ** 2))
    const { leastDensity, violations } = Arbitrage.check([{ expiry: "one", totalVariance: vogt }])
    assert.isBelow(leastDensity ?? 0, 0)
    // Prices are so far from convex that they even rise with the strike.
    assert.deepStrictEqual(new Set(violations.map(({ kind }) => kind)), new Set(["butterfly", "call_spread"] as const))
    // The published figure shows a negative density from about 0.65 to 1.25.
    const butterflies = violations.filter(({ kind }) => kind === "butterfly").map(({ logMoneyness }) => logMoneyness)
    assert.closeTo(Math.min(...butterflies), 0.65, 0.05)
    assert.closeTo(Math.max(...butterflies), 1.25, 0.05)
  })

  it("finds smiles that cross, and names both", () => {
    const flat = (variance: number) => () => variance
    const { leastGrowth, violations } = Arbitrage.check([
      { expiry: "2026-08-25", totalVariance: flat(0.01) },
      { expiry: "2026-09-01", totalVariance: (k) => 0.0101 + 0.01 * k }
    ])
    assert.isBelow(leastGrowth ?? 0, 0)
    const calendar = violations.find(({ kind }) => kind === "calendar")
    assert.deepInclude(calendar, { expiry: "2026-09-01", earlier: "2026-08-25" })
    assert.isBelow(calendar?.logMoneyness ?? 0, -0.01)
  })

  it("a flat smile is free of arbitrage, and its least density is the lognormal's", () => {
    const { leastDensity, violations, points } = Arbitrage.check([{ expiry: "one", totalVariance: () => 0.04 }])
    assert.deepStrictEqual(violations, [])
    assert.isAbove(points, 400)
    // At the upper end, 5 deviations out: n(d2) / (K sd).
    const k = 1
    const d2 = -k / 0.2 - 0.1
    assert.closeTo(leastDensity ?? 0, Math.exp(-0.5 * d2 * d2) / Math.sqrt(2 * Math.PI) / (Math.exp(k) * 0.2), 2e-6)
  })

  it("a total variance that is no number violates the bounds of prices", () => {
    const { violations } = Arbitrage.check([{ expiry: "one", totalVariance: (k) => (k > 0.1 ? Number.NaN : 0.04) }])
    assert.isTrue(violations.some(({ kind }) => kind === "price_bounds"))
  })
})
