/**
 * Gamma exposure: the change of dealers' delta in rupees for a 1 % move, if dealers are long all call and short all put open interest.
 *
 * Per strike: (gamma_call * oi_call - gamma_put * oi_put) * F^2 * 0.01, with gamma per unit of the forward F and open interest in
 * **units of the underlying**. Open interest from Kite and the exchange's bhavcopy is already in units: each value of Kite's recorded
 * history and of the NSE bhavcopy is a multiple of the contract's lot. So no lot size is applied to them. The NSE website's option
 * chain counts contracts; for such a source, pass its lot as `unitsPerOi`.
 *
 * The zero level is the underlying price nearest the present one at which the total is zero. Every gamma is recomputed there; each
 * strike keeps its volatility.
 */
import * as Black76 from "./Black76.ts"

/** Names the formula and its sign. Every message with these numbers contains it. */
export const FORMULA = "gex-1: (gamma_ce*oi_ce - gamma_pe*oi_pe) * forward^2 * 0.01, oi in units, dealers long calls and short puts"

/** The zero level is searched within this share of the present price, up and down. */
export const SEARCH_SHARE = 0.25
/** Grid points of that search. Two zeros between neighbouring points are not found. */
const SEARCH_POINTS = 201
/** Bisection steps on the interval that contains the zero; the result is exact to a millionth of a rupee. */
const HALVINGS = 40

/** One expiry as columns of at least `count` rows. A row with NaN volatility or open interest is ignored. */
export interface Expiry {
  readonly count: number
  readonly strike: Float64Array
  /** One volatility per strike, a fraction. */
  readonly vol: Float64Array
  readonly callOi: Float64Array
  readonly putOi: Float64Array
  readonly forward: number
  /** Years to expiry. */
  readonly t: number
  /** Yearly rate, continuously compounded. */
  readonly r: number
  /** Units of the underlying per unit of open interest: 1 for Kite. */
  readonly unitsPerOi: number
}

export interface StrikeExposure {
  readonly strike: number
  readonly call: number
  /** Zero or negative. */
  readonly put: number
  readonly net: number
}

export interface Exposure {
  readonly formula: string
  /** Ascending by strike, summed over all expiries. */
  readonly strikes: ReadonlyArray<StrikeExposure>
  readonly total: number
  /** Null if the searched range contains no zero. */
  readonly zeroLevel: number | null
  /** Share of the open interest that is ignored because its volatility is unknown. */
  readonly uncounted: number
}

/** Rupees per 1 % and unit of open interest at a forward. */
const weightOf = (expiry: Expiry, row: number, forward: number): number =>
  Black76.gammaOf(forward, expiry.strike[row] as number, expiry.t, expiry.r, expiry.vol[row] as number) *
  forward *
  forward *
  0.01 *
  expiry.unitsPerOi

const interest = (column: Float64Array, row: number): number => {
  const value = column[row] as number
  return value > 0 ? value : 0
}

/** Total exposure if every forward were multiplied by `scale`. Allocates nothing. */
const totalAt = (expiries: ReadonlyArray<Expiry>, scale: number): number => {
  let sum = 0
  for (const expiry of expiries) {
    for (let row = 0; row < expiry.count; row++) {
      const net = interest(expiry.callOi, row) - interest(expiry.putOi, row)
      if (net !== 0) sum += net * weightOf(expiry, row, expiry.forward * scale)
    }
  }
  return sum
}

/** The scale nearest 1 at which the total changes sign, or null. */
const zeroScale = (expiries: ReadonlyArray<Expiry>): number | null => {
  const step = (2 * SEARCH_SHARE) / (SEARCH_POINTS - 1)
  let nearest: number | null = null
  let left = totalAt(expiries, 1 - SEARCH_SHARE)
  for (let i = 1; i < SEARCH_POINTS; i++) {
    const high = 1 - SEARCH_SHARE + i * step
    const right = totalAt(expiries, high)
    if (left !== 0 && right !== 0 && left > 0 !== right > 0) {
      const zero = halve(expiries, high - step, high, left > 0)
      if (nearest === null || Math.abs(zero - 1) < Math.abs(nearest - 1)) nearest = zero
    }
    if (right === 0 && left !== 0 && (nearest === null || Math.abs(high - 1) < Math.abs(nearest - 1))) nearest = high
    left = right
  }
  return nearest
}

const halve = (expiries: ReadonlyArray<Expiry>, from: number, to: number, positiveAtFrom: boolean): number => {
  let low = from
  let high = to
  for (let i = 0; i < HALVINGS; i++) {
    const middle = 0.5 * (low + high)
    if (totalAt(expiries, middle) > 0 === positiveAtFrom) low = middle
    else high = middle
  }
  return 0.5 * (low + high)
}

/** Exposure by strike, the total and the zero level. `spot` is the price in which the level is expressed. */
export const analyse = (expiries: ReadonlyArray<Expiry>, spot: number): Exposure => {
  const byStrike = new Map<number, { call: number; put: number }>()
  let uncounted = 0
  let all = 0
  for (const expiry of expiries) {
    for (let row = 0; row < expiry.count; row++) {
      const strike = expiry.strike[row] as number
      const calls = interest(expiry.callOi, row)
      const puts = interest(expiry.putOi, row)
      all += calls + puts
      if (Number.isNaN(expiry.vol[row])) uncounted += calls + puts
      const weight = weightOf(expiry, row, expiry.forward)
      const sum = byStrike.get(strike) ?? { call: 0, put: 0 }
      sum.call += weight * calls
      sum.put -= weight * puts
      byStrike.set(strike, sum)
    }
  }
  const strikes = [...byStrike]
    .sort(([a], [b]) => a - b)
    .map(([strike, { call, put }]): StrikeExposure => ({ strike, call, put: put === 0 ? 0 : put, net: call + put }))
  const scale = zeroScale(expiries)
  return {
    formula: FORMULA,
    strikes,
    total: strikes.reduce((sum, { net }) => sum + net, 0),
    zeroLevel: scale === null ? null : spot * scale,
    uncounted: all > 0 ? uncounted / all : 0
  }
}
