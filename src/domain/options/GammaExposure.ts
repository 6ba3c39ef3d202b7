/**
 * Gamma exposure: by how many rupees dealers' delta changes for a 1 % move, if dealers are long every call and short
 * every put in open interest.
 *
 * Per strike: (gamma_call * oi_call - gamma_put * oi_put) * F^2 * 0.01, with gamma per unit of the forward F and open
 * interest in **units of the underlying**. Kite's and the exchange's bhavcopy open interest are in units already (each
 * value of Kite's recorded history and of the NSE bhavcopy is a multiple of the contract's lot), so no lot size is applied
 * to them; the NSE website's option chain counts contracts, and such a source passes its lot as `unitsPerOi`.
 *
 * The zero level is the underlying price nearest the present one at which the total vanishes, every gamma computed anew
 * there with each strike keeping its volatility.
 */
import * as Black76 from "./Black76.ts"

/** Names the formula and its sign in every message that carries the numbers. */
export const FORMULA = "gex-1: (gamma_ce*oi_ce - gamma_pe*oi_pe) * forward^2 * 0.01, oi in units, dealers long calls and short puts"

/** The zero level is looked for within this share of the present price either side. */
export const SEARCH_SHARE = 0.25
/** Points of that search; a pair of zeros between two neighbours is not seen. */
const SEARCH_POINTS = 201
/** Halvings of the interval that holds the zero: below a millionth of a rupee. */
const HALVINGS = 40

/** One expiry as columns of at least `count` rows. A row with NaN volatility or open interest counts nothing. */
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
  /** Rate a year, continuously compounded. */
  readonly r: number
  /** Units of the underlying in one of open interest: 1 for Kite. */
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
  /** Ascending by strike; several expiries added up. */
  readonly strikes: ReadonlyArray<StrikeExposure>
  readonly total: number
  /** Null when no zero lies in the searched range. */
  readonly zeroLevel: number | null
  /** Open interest that could not be counted for want of a volatility, as a share of all. */
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

/** Total exposure if every forward were `scale` times what it is. Allocates nothing. */
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

/** The scale nearest 1 where the total changes sign, or null. */
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

/** Exposure by strike, in total and its zero level; `spot` is the price that the level is expressed in. */
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
