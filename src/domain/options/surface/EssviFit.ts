/**
 * Fits smiles with slices of the extended SSVI surface, expiry by expiry, so that no slice allows an arbitrage in itself or with the slice
 * before it (Essvi.ts has the conditions). Among those slices the weighted sum of squared volatility differences is least.
 *
 * The three parameters are written as unbounded coordinates: theta as an exponential above the earlier slice's, rho and psi as logistic
 * shares of their ranges. Least squares lead down from the best starts of a grid.
 */
import * as Essvi from "./Essvi.ts"
import * as LeastSquares from "./LeastSquares.ts"

/** The quotes of one expiry: columns of one length. */
export interface Smile {
  readonly years: number
  /** ln(strike / forward). */
  readonly logMoneyness: Float64Array
  /** Implied volatility, a fraction. */
  readonly vol: Float64Array
  /** Weight of a quote, above 0. */
  readonly weight: Float64Array
}

export interface Fit {
  readonly slice: Essvi.Slice
  /** Root of the mean squared difference between fitted and quoted volatility, a fraction. */
  readonly rmsError: number
  /** Largest difference. */
  readonly maxError: number
}

/** With fewer quotes, three parameters would fit the noise. */
export const quotesMin = 5
/** Number of starts for the search: the best points of the grid. */
const descents = 3
const rhoShares = [0.1, 0.3, 0.5, 0.7, 0.9]
const psiShares = [0.02, 0.1, 0.3, 0.6, 0.9]
/** rho keeps this distance from -1 and 1, where a smile has only one wing. */
const rhoMargin = 1e-4
/** Least growth, relative to the earlier slice's variance, if the market's own variance is not larger. */
const leastGrowth = 1e-6

const logistic = (x: number): number => 1 / (1 + Math.exp(-x))
const logit = (share: number): number => Math.log(share / (1 - share))
const between = ({ min, max }: Essvi.Range, share: number): number => min + (max - min) * share

/** The slice at coordinates; undefined if no bend is free of arbitrage. */
const sliceAt = (earlier: Essvi.Slice, [a = 0, b = 0, c = 0]: Float64Array): Essvi.Slice | undefined => {
  const theta = earlier.theta + Math.exp(a)
  const range = Essvi.rhoRange(earlier, theta)
  const rhos = { min: Math.max(range.min, rhoMargin - 1), max: Math.min(range.max, 1 - rhoMargin) }
  if (!(rhos.max > rhos.min)) return undefined
  const rho = between(rhos, logistic(b))
  const psis = Essvi.psiRange(earlier, { theta, rho })
  return psis.max > psis.min ? { theta, rho, psi: between(psis, logistic(c)) } : undefined
}

const differences = ({ years, logMoneyness, vol }: Smile, slice: Essvi.Slice): Float64Array =>
  vol.map((quoted, at) => Essvi.volatility(slice, years, logMoneyness[at] as number) - quoted)

/** Total variance of the quote nearest the money. */
const varianceAtMoney = ({ years, logMoneyness, vol }: Smile): number => {
  let nearest = 0
  for (const [at, k] of logMoneyness.entries()) if (Math.abs(k) < Math.abs(logMoneyness[nearest] as number)) nearest = at
  return (vol[nearest] as number) ** 2 * years
}

/** The best slice of a smile after the previous expiry's slice (`Essvi.none` for the first); undefined with too few quotes. */
export const fitSlice = (smile: Smile, earlier: Essvi.Slice): Fit | undefined => {
  if (smile.vol.length < quotesMin) return undefined
  const roots = smile.weight.map(Math.sqrt)
  const residuals = (point: Float64Array): Float64Array | undefined => {
    const slice = sliceAt(earlier, point)
    return slice === undefined ? undefined : differences(smile, slice).map((difference, at) => difference * (roots[at] as number))
  }
  const above = Math.log(Math.max(varianceAtMoney(smile) - earlier.theta, earlier.theta * leastGrowth))
  const starts = rhoShares
    .flatMap((rho) => psiShares.map((psi) => Float64Array.of(above, logit(rho), logit(psi))))
    .map((point) => ({ point, sum: LeastSquares.sumOfSquares(residuals(point)) }))
    .sort((a, b) => a.sum - b.sum)
  const minima = starts.slice(0, descents).flatMap(({ point }) => LeastSquares.minimise(residuals, point) ?? [])
  const [best] = minima.sort((a, b) => a.sumOfSquares - b.sumOfSquares)
  const slice = best === undefined ? undefined : sliceAt(earlier, best.point)
  if (slice === undefined) return undefined
  const found = differences(smile, slice)
  return {
    slice,
    rmsError: Math.sqrt(LeastSquares.sumOfSquares(found) / found.length),
    maxError: found.reduce((largest, one) => Math.max(largest, Math.abs(one)), 0)
  }
}
