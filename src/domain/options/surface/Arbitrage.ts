/**
 * Looks for static arbitrage in a surface of smiles by prices alone. It knows nothing of the model that made the smiles: it asks for total
 * variances on a grid, turns them into prices of calls (Black 1976, forward 1, no discount) and checks what every price must obey
 * (P. Carr and D. Madan, "A note on sufficient conditions for no arbitrage", Finance Research Letters 2, 2005):
 *
 * - a call is worth more than its intrinsic value, less than the forward, and less the higher its strike;
 * - a butterfly costs nothing or more: prices are convex in the strike;
 * - at the same strike / forward a later expiry has no less total variance.
 */
import * as Black76 from "../Black76.ts"

export interface Smile {
  /** Names the smile in violations. */
  readonly expiry: string
  /** Total variance (volatility² x years) at k = ln(strike / forward). */
  readonly totalVariance: (k: number) => number
}

export interface Violation {
  readonly kind: "price_bounds" | "call_spread" | "butterfly" | "calendar"
  readonly expiry: string
  /** For a calendar violation, the previous expiry. */
  readonly earlier: string | null
  readonly logMoneyness: number
  /** By how much the rule is violated: in forwards for prices, in total variance for calendars. */
  readonly size: number
}

export interface Evidence {
  /** Points at which each rule was checked, over all smiles. */
  readonly points: number
  /**
   * Smallest second divided difference of call prices by strike, in forwards; null without a smile. Below 0, a butterfly earns without
   * risk.
   */
  readonly leastDensity: number | null
  /** Smallest growth of total variance from one expiry to the next; null with fewer than two. */
  readonly leastGrowth: number | null
  readonly violations: ReadonlyArray<Violation>
}

/** The grid extends to this many of the smile's own deviations from the money, up and down. */
const deviations = 5
/** The grid never extends further, for any smile. */
const reachMax = 10
const reachGrowth = 1.1
const gridPoints = 401
/** The rounding error of prices around one. Divided by the squared grid step, it is the tolerance of a density. */
const priceTolerance = 4e-15
const varianceTolerance = 1e-13

/** The end of the grid on one side (`direction` 1: above the money). */
const endOf = ({ totalVariance }: Smile, direction: 1 | -1): number => {
  let k = Math.min(reachMax, Math.sqrt(Math.max(totalVariance(0), Number.MIN_VALUE)))
  while (k < reachMax && k < deviations * Math.sqrt(totalVariance(direction * k))) k = Math.min(reachMax, k * reachGrowth)
  return direction * k
}

const gridOf = (smile: Smile): Float64Array => {
  const [low, high] = [endOf(smile, -1), endOf(smile, 1)]
  return Float64Array.from({ length: gridPoints }, (_, at) => low + ((high - low) * at) / (gridPoints - 1))
}

const callAt = (totalVariance: number, k: number): number => Black76.priceOf(1, 1, Math.exp(k), 1, 0, Math.sqrt(totalVariance))

/** Checks one smile's prices. */
const inStrikes = (smile: Smile) => {
  const grid = gridOf(smile)
  const strikes = grid.map(Math.exp)
  const calls = grid.map((k) => callAt(smile.totalVariance(k), k))
  const violations: Array<Violation> = []
  const found = (kind: Violation["kind"], at: number, size: number) =>
    violations.push({ kind, expiry: smile.expiry, earlier: null, logMoneyness: grid[at] as number, size })
  let leastDensity = Number.POSITIVE_INFINITY
  for (const [at, call] of calls.entries()) {
    const strike = strikes[at] as number
    const outside = Math.max(1 - strike - call, -call, call - 1)
    if (outside > priceTolerance || Number.isNaN(call)) found("price_bounds", at, outside)
    if (at === 0) continue
    const before = (call - (calls[at - 1] as number)) / (strike - (strikes[at - 1] as number))
    const tolerance = priceTolerance / (strike - (strikes[at - 1] as number))
    const slope = Math.max(before, -1 - before)
    if (slope > tolerance) found("call_spread", at, slope)
    if (at + 1 === calls.length) continue
    const after = ((calls[at + 1] as number) - call) / ((strikes[at + 1] as number) - strike)
    const density = (2 * (after - before)) / ((strikes[at + 1] as number) - (strikes[at - 1] as number))
    leastDensity = Math.min(leastDensity, density)
    if (density < (-4 * tolerance) / (strike - (strikes[at - 1] as number))) found("butterfly", at, -density)
  }
  return { points: grid.length, leastDensity, violations }
}

/** Compares two smiles over the range in which either has prices. */
const betweenExpiries = (earlier: Smile, later: Smile) => {
  const violations: Array<Violation> = []
  let leastGrowth = Number.POSITIVE_INFINITY
  const grid = [...gridOf(earlier), ...gridOf(later)]
  for (const k of grid) {
    const growth = later.totalVariance(k) - earlier.totalVariance(k)
    leastGrowth = Math.min(leastGrowth, growth)
    if (!(growth >= -varianceTolerance))
      violations.push({ kind: "calendar", expiry: later.expiry, earlier: earlier.expiry, logMoneyness: k, size: -growth })
  }
  return { points: grid.length, leastGrowth, violations }
}

const leastOf = (values: ReadonlyArray<number>): number | null => (values.length === 0 ? null : Math.min(...values))

/** Checks every smile, and each against the previous one. Smiles are in order of expiry. */
export const check = (smiles: ReadonlyArray<Smile>): Evidence => {
  const single = smiles.map(inStrikes)
  const pairs = smiles.slice(1).map((later, at) => betweenExpiries(smiles[at] as Smile, later))
  return {
    points: [...single, ...pairs].reduce((sum, { points }) => sum + points, 0),
    leastDensity: leastOf(single.map(({ leastDensity }) => leastDensity)),
    leastGrowth: leastOf(pairs.map(({ leastGrowth }) => leastGrowth)),
    violations: [...single, ...pairs].flatMap(({ violations }) => violations)
  }
}
