/**
 * Black-76: European options on a forward or future (F. Black, "The pricing of commodity contracts", 1976).
 *
 * Black-Scholes-Merton with the forward as spot and the rate as yield. Delta, gamma, speed, ... are with respect to
 * the forward; theta, charm and color hold it fixed; rho = -T * price. Units as in BlackScholes.ts.
 */
import { Either } from "effect"
import * as BlackScholes from "./BlackScholes.ts"
import * as Normal from "./Normal.ts"

export type OptionKind = BlackScholes.OptionKind
export type Greeks = BlackScholes.Greeks
export type InvalidPricingInput = BlackScholes.InvalidPricingInput

/** Price of one option. `f` forward, `k` strike, `t` years, `r` yearly rate, `vol` a fraction. */
export const price = (
  kind: OptionKind,
  f: number,
  k: number,
  t: number,
  r: number,
  vol: number
): Either.Either<number, InvalidPricingInput> => {
  const refused = BlackScholes.refuse("forward", f, k, t, r, r, vol)
  return refused === undefined ? Either.right(priceOf(BlackScholes.sign(kind), f, k, t, r, vol)) : Either.left(refused)
}

/** The price only, for inputs already checked. `w` is +1 for a call, -1 for a put. */
export const priceOf = (w: 1 | -1, f: number, k: number, t: number, r: number, vol: number): number =>
  BlackScholes.priceOf(w, f, k, t, r, r, vol)

/**
 * Price and all Greeks of one option. At expiry: price intrinsic, delta 1 (call) or -1 (put) in the money and 0
 * elsewhere (exactly at the money too), everything else 0.
 */
export const greeks = (
  kind: OptionKind,
  f: number,
  k: number,
  t: number,
  r: number,
  vol: number
): Either.Either<Greeks, InvalidPricingInput> => {
  const refused = BlackScholes.refuse("forward", f, k, t, r, r, vol)
  if (refused !== undefined) return Either.left(refused)
  const row = new Float64Array(BlackScholes.COLUMNS)
  evaluate(row, 0, BlackScholes.sign(kind), f, k, t, r, vol)
  return Either.right(BlackScholes.fromRow(row, 0))
}

/**
 * All twelve numbers of one option, written to `out[at] .. out[at + 11]` in the order of `BlackScholes.Column`. Allocates nothing and
 * does not check its inputs. `w` is +1 for a call, -1 for a put.
 */
export const evaluate = (out: Float64Array, at: number, w: 1 | -1, f: number, k: number, t: number, r: number, vol: number): void => {
  BlackScholes.evaluate(out, at, w, f, k, t, r, r, vol)
  // The forward is held fixed, so the rate acts only through discounting. 0 - x avoids -0.
  out[at + 5] = 0 - t * (out[at] as number)
}

/** Gamma only, for inputs that `refuse` accepts; 0 without time or volatility. The same for call and put. */
export const gammaOf = (f: number, k: number, t: number, r: number, vol: number): number => {
  const sd = vol * Math.sqrt(t)
  if (!(sd >= BlackScholes.DEVIATION_MIN)) return 0
  const d1 = BlackScholes.logRatio(f, k) / sd + 0.5 * sd
  return (Math.exp(-r * t) * Normal.pdf(d1)) / (f * sd)
}

/** Output columns for one side of a chain. Each is at least as long as the chain. */
export interface SideColumns {
  readonly price: Float64Array
  readonly delta: Float64Array
  readonly gamma: Float64Array
  readonly theta: Float64Array
  readonly vega: Float64Array
  readonly rho: Float64Array
}

/** One expiry's strikes with one volatility each, and the columns to fill. */
export interface Chain {
  /** First row to compute; 0 if omitted. */
  readonly from?: number
  /** One past the last row to compute. */
  readonly count: number
  readonly strike: Float64Array
  /** Per strike; NaN if unknown. */
  readonly vol: Float64Array
  readonly f: number
  readonly t: number
  readonly r: number
  readonly call: SideColumns
  readonly put: SideColumns
}

/**
 * Fills both sides of a chain. A call and its put share the computation of their strike. The out-of-the-money price comes from the
 * tails, and the other one follows by parity. Allocates nothing and checks nothing: all inputs must be within BlackScholes' limits. A
 * row with NaN volatility becomes NaN in every column ("no value"); no other row does.
 */
export const fillChain = (chain: Chain): void => {
  const { count, strike, vol, f, t, r, call, put } = chain
  const rootT = Math.sqrt(t)
  const dr = Math.exp(-r * t)
  for (let i = chain.from ?? 0; i < count; i++) {
    const k = strike[i] as number
    const v = vol[i] as number
    const sd = v * rootT
    // This form of the condition is also true for NaN.
    if (!(sd >= BlackScholes.DEVIATION_MIN)) {
      fillWithoutDeviation(chain, i, dr)
      continue
    }
    const d1 = BlackScholes.logRatio(f, k) / sd + 0.5 * sd
    const d2 = d1 - sd
    const e1 = Math.exp(-0.5 * d1 * d1)
    const below1 = Normal.tail(Math.abs(d1), e1)
    // F n(d1) = K n(d2)
    const below2 = Normal.tail(Math.abs(d2), e1 * (f / k))
    const up1 = d1 > 0 ? 1 - below1 : below1
    const down1 = d1 > 0 ? below1 : 1 - below1
    let callPrice: number
    let putPrice: number
    if (f <= k) {
      callPrice = dr * Math.max(0, f * up1 - k * (d2 > 0 ? 1 - below2 : below2))
      putPrice = callPrice + dr * (k - f)
    } else {
      putPrice = dr * Math.max(0, k * (d2 > 0 ? below2 : 1 - below2) - f * down1)
      callPrice = putPrice + dr * (f - k)
    }
    const density = dr * 0.3989422804014327 * e1
    const gamma = density / (f * sd)
    const vega = f * density * rootT
    const decay = (0.5 * v * vega) / t
    call.price[i] = callPrice
    put.price[i] = putPrice
    call.delta[i] = dr * up1
    put.delta[i] = 0 - dr * down1
    call.gamma[i] = gamma
    put.gamma[i] = gamma
    call.theta[i] = r * callPrice - decay
    put.theta[i] = r * putPrice - decay
    call.vega[i] = vega
    put.vega[i] = vega
    call.rho[i] = 0 - t * callPrice
    put.rho[i] = 0 - t * putPrice
  }
}

/** A row at expiry, without volatility, or with unknown volatility. */
const fillWithoutDeviation = (chain: Chain, i: number, dr: number): void => {
  const { f, t, r, call, put } = chain
  const k = chain.strike[i] as number
  if (Number.isNaN(chain.vol[i])) {
    fillSide(call, i, NaN, NaN, NaN, NaN, NaN)
    fillSide(put, i, NaN, NaN, NaN, NaN, NaN)
    return
  }
  const callPrice = dr * Math.max(0, f - k)
  const putPrice = dr * Math.max(0, k - f)
  const carry = t > 0 ? r : 0
  fillSide(call, i, callPrice, f > k ? dr : 0, 0, carry * callPrice, 0 - t * callPrice)
  fillSide(put, i, putPrice, f < k ? -dr : 0, 0, carry * putPrice, 0 - t * putPrice)
}

const fillSide = (side: SideColumns, i: number, price: number, delta: number, convexity: number, theta: number, rho: number): void => {
  side.price[i] = price
  side.delta[i] = delta
  side.gamma[i] = convexity
  side.theta[i] = theta
  side.vega[i] = convexity
  side.rho[i] = rho
}
