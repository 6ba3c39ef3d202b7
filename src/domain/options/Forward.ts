/**
 * The forward of one expiry: from put-call parity over its liquid strikes, else its future, else its spot carried to expiry.
 *
 * Parity: C - P = e^(-rT) (F - K), so every strike with both prices gives F = K + e^(rT) (C - P). The strikes nearest the money
 * (smallest |C - P|) are used. Outliers are removed by median absolute deviation; the rest are averaged.
 */

import * as BlackScholes from "./BlackScholes.ts"

/** A price carried forward: price x e^(carry x years). `carry` is yearly and continuously compounded (r - q for a spot). */
export const carried = (price: number, carry: number, years: number): number => price * Math.exp(carry * years)

/** The carry from one price to a later one: ln(far / near) / years, continuously compounded. Null unless years is positive. */
export const carryOf = (near: number, far: number, years: number): number | null =>
  years > 0 ? BlackScholes.logRatio(far, near) / years : null

/** Largest number of strikes nearest the money that are used. */
export const STRIKES_MAX = 7
/** With fewer usable strikes than this, a future is preferred if there is one. */
export const STRIKES_MIN = 2
/** A strike is an outlier if its forward is this many (normal-consistent) deviations from the median. */
const OUTLIER_DEVIATIONS = 3
/** Ratio of a normal sample's standard deviation to its median absolute deviation. */
const MAD_TO_DEVIATION = 1.4826
/** A difference below this share of the forward is never an outlier. It allows a tick of noise where all others agree. */
const AGREEMENT = 1e-4

/** The origin of a forward; `none` if nothing gives one. */
export type Source = "parity" | "future" | "spot" | "none"

/** One expiry as columns of at least `count` rows; NaN means no price. */
export interface Input {
  readonly count: number
  readonly strike: Float64Array
  readonly call: Float64Array
  readonly put: Float64Array
  /** Liquidity per strike (open interest, volume). A strike has weight 1 + ln(1 + liquidity). */
  readonly liquidity?: Float64Array
  /** Years to expiry. */
  readonly t: number
  /** Yearly rate, continuously compounded. */
  readonly r: number
  /** Yearly dividend yield, used only with the spot. */
  readonly q: number
  /** NaN if unknown. */
  readonly spot: number
  /** Last price of this expiry's future; NaN if unknown. */
  readonly future: number
}

/** A forward with its origin. */
export interface Forward {
  /** NaN when the source is `none`. */
  forward: number
  source: Source
  /** Number of strikes used (0 unless the source is parity). */
  quality: number
  /** Largest minus smallest forward among the strikes used; 0 would be perfect parity. */
  spread: number
}

/** A result object for `estimateInto`, which the caller keeps and reuses. */
export const empty = (): Forward => ({ forward: Number.NaN, source: "none", quality: 0, spread: 0 })

/** Scratch of one call. The calculation is synchronous, so one set serves all callers. */
const gaps = new Float64Array(STRIKES_MAX)
const rows = new Int32Array(STRIKES_MAX)
const forwards = new Float64Array(STRIKES_MAX)
const sorted = new Float64Array(STRIKES_MAX)

/** The forward of one expiry. */
export const estimate = (input: Input): Forward => {
  const out = empty()
  estimateInto(input, out)
  return out
}

/** Like `estimate`, but writes into the caller's object and allocates nothing. */
export const estimateInto = (input: Input, out: Forward): void => {
  const candidates = nearestStrikes(input)
  const future = input.future > 0 && Number.isFinite(input.future)
  if (candidates >= STRIKES_MIN || (candidates > 0 && !future)) {
    fromParity(input, candidates, out)
    return
  }
  out.quality = 0
  out.spread = 0
  if (future) {
    out.forward = input.future
    out.source = "future"
  } else if (input.spot > 0 && Number.isFinite(input.spot)) {
    out.forward = carried(input.spot, input.r - input.q, input.t)
    out.source = "spot"
  } else {
    out.forward = Number.NaN
    out.source = "none"
  }
}

/** Fills the scratch with the usable strikes of smallest |C - P|, nearest first. Ties keep the row order. */
const nearestStrikes = (input: Input): number => {
  const { call, put, strike } = input
  const growth = Math.exp(input.r * input.t)
  let used = 0
  for (let i = 0; i < input.count; i++) {
    const c = call[i] as number
    const p = put[i] as number
    const forward = (strike[i] as number) + growth * (c - p)
    if (!(c > 0 && p > 0 && forward > 0 && forward < Number.MAX_VALUE)) continue
    const gap = Math.abs(c - p)
    if (used === STRIKES_MAX && gap >= (gaps[used - 1] as number)) continue
    if (used < STRIKES_MAX) used++
    let at = used - 1
    while (at > 0 && (gaps[at - 1] as number) > gap) {
      gaps[at] = gaps[at - 1] as number
      rows[at] = rows[at - 1] as number
      forwards[at] = forwards[at - 1] as number
      at--
    }
    gaps[at] = gap
    rows[at] = i
    forwards[at] = forward
  }
  return used
}

/**
 * Weighted mean of the agreeing candidates. Weight: (1 + ln(1 + liquidity)) / (1 + |C - P| / m), m the median |C - P| of
 * the candidates, so that the strike at the money counts most.
 */
const fromParity = (input: Input, candidates: number, out: Forward): void => {
  const typicalGap = gaps[candidates >> 1] as number
  const centre = medianOf(forwards, candidates)
  for (let i = 0; i < candidates; i++) sorted[i] = Math.abs((forwards[i] as number) - centre)
  const tolerance = Math.max(OUTLIER_DEVIATIONS * MAD_TO_DEVIATION * medianOf(sorted, candidates), AGREEMENT * centre)
  let weights = 0
  let sum = 0
  let low = Number.MAX_VALUE
  let high = 0
  let used = 0
  for (let i = 0; i < candidates; i++) {
    const forward = forwards[i] as number
    if (Math.abs(forward - centre) > tolerance) continue
    const liquidity = input.liquidity === undefined ? 0 : (input.liquidity[rows[i] as number] as number)
    const depth = liquidity > 0 && liquidity < Number.MAX_VALUE ? 1 + Math.log(1 + liquidity) : 1
    const weight = typicalGap > 0 ? depth / (1 + (gaps[i] as number) / typicalGap) : depth
    weights += weight
    // Measured from the centre, so that the average of equal forwards is exact.
    sum += weight * (forward - centre)
    low = Math.min(low, forward)
    high = Math.max(high, forward)
    used++
  }
  out.forward = centre + sum / weights
  out.source = "parity"
  out.quality = used
  out.spread = high - low
}

/** Median of the first `count` values (the mean of the middle two if even), by insertion sort in the scratch. */
const medianOf = (values: Float64Array, count: number): number => {
  for (let i = 0; i < count; i++) {
    const value = values[i] as number
    let at = i
    while (at > 0 && (sorted[at - 1] as number) > value) {
      sorted[at] = sorted[at - 1] as number
      at--
    }
    sorted[at] = value
  }
  const middle = count >> 1
  return count % 2 === 1 ? (sorted[middle] as number) : 0.5 * ((sorted[middle - 1] as number) + (sorted[middle] as number))
}
