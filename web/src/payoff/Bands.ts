import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import type { Payoff } from "../gateway/Contract.ts"

/** A probability range of the spot at the horizon. */
export interface Band {
  readonly sigmas: 1 | 2
  readonly low: number
  readonly high: number
}

/** The volatility at the money: that of the leg whose strike is nearest its forward. */
const atTheMoney = (legs: Payoff["legs"]) => {
  let best: { readonly iv: number; readonly forward: number; readonly distance: number } | undefined
  for (const { iv, forward, strike } of legs) {
    if (iv === null || forward === null || strike === null) continue
    const distance = Math.abs(strike - forward)
    if (best === undefined || distance < best.distance) best = { iv, forward, distance }
  }
  return best
}

/**
 * The ranges of the spot at the horizon with 68 % and 95 % probability, by the lognormal distribution that Black-76 assumes (Hull,
 * chapter 18): F e^(±k σ √T), T in years of 365 days. Empty if no leg has a volatility.
 */
export const of = (legs: Payoff["legs"], nowMs: number, horizonMs: number): ReadonlyArray<Band> => {
  const money = atTheMoney(legs)
  const years = (horizonMs - nowMs) / IndiaTime.yearMs
  if (money === undefined || !(years > 0)) return []
  const sigma = money.iv * Math.sqrt(years)
  return ([1, 2] as const).map((sigmas) => ({
    sigmas,
    low: money.forward * Math.exp(-sigmas * sigma),
    high: money.forward * Math.exp(sigmas * sigma)
  }))
}
