/**
 * Black-Scholes-Merton: European options on a spot that pays a continuous yield.
 *
 * Units: rates and yield continuously compounded per year; `t` in years (Act/365); `vol` a fraction; results per unit
 * of the underlying, per year and per 1.00 (the edge converts, once). Calendar-time signs: theta = -dV/dT,
 * charm = -d(delta)/dT, color = -d(gamma)/dT. Formulas: E. G. Haug, "The Complete Guide to Option Pricing Formulas",
 * 2nd ed., with d1 = (ln(S/K) + (r - q + v^2/2) T) / (v sqrt T), d2 = d1 - v sqrt T.
 */
import { Data, Either } from "effect"
import * as Normal from "./Normal.ts"

/** CE = European call, PE = European put, as the exchanges write them. */
export type OptionKind = "CE" | "PE"

/** Price and eleven sensitivities of one option. */
export interface Greeks {
  readonly price: number
  /** dV/dS */
  readonly delta: number
  /** d2V/dS2 */
  readonly gamma: number
  /** -dV/dT, per year */
  readonly theta: number
  /** dV/dvol, per 1.00 */
  readonly vega: number
  /** dV/dr, per 1.00 */
  readonly rho: number
  /** d2V/dS dvol */
  readonly vanna: number
  /** -d(delta)/dT, per year */
  readonly charm: number
  /** d2V/dvol2 */
  readonly vomma: number
  /** d3V/dS3 */
  readonly speed: number
  /** d(gamma)/dvol */
  readonly zomma: number
  /** -d(gamma)/dT, per year */
  readonly color: number
}

/** The inputs of a pricing function, by the names used in its errors. */
export type InputName = "spot" | "forward" | "strike" | "t" | "r" | "q" | "vol" | "price"

/** Largest accepted price, strike or underlying. Together with `PRICE_MIN` it keeps every intermediate result finite. */
export const PRICE_MAX = 1e15
/** Smallest positive underlying or strike accepted. */
export const PRICE_MIN = 1e-12
/** Largest rate or yield accepted, either sign (500 % a year). */
export const RATE_MAX = 5
/** Longest time to expiry accepted. */
export const YEARS_MAX = 100
/** Largest volatility accepted (100,000 %). */
export const VOL_MAX = 1000
/** Below this total deviation (vol * sqrt t) an option is priced as certain: its discounted intrinsic value. */
export const DEVIATION_MIN = 1e-18

/** An input from which no price can be computed. */
export class InvalidPricingInput extends Data.TaggedError("InvalidPricingInput")<{
  readonly input: InputName
  readonly value: number
}> {
  override get message(): string {
    if (this.input === "t" && this.value < 0) return "Time to expiry must be >= 0"
    return `${this.input} must be ${ranges[this.input]}, but is ${this.value}`
  }
}

const ranges: Record<InputName, string> = {
  spot: `a number from ${PRICE_MIN} to ${PRICE_MAX}`,
  forward: `a number from ${PRICE_MIN} to ${PRICE_MAX}`,
  strike: `a number from ${PRICE_MIN} to ${PRICE_MAX}`,
  t: `a number of years from 0 to ${YEARS_MAX}`,
  r: `a number from ${-RATE_MAX} to ${RATE_MAX}`,
  q: `a number from ${-RATE_MAX} to ${RATE_MAX}`,
  vol: `a number from 0 to ${VOL_MAX}`,
  price: "a finite number"
}

// Written so that NaN fails every comparison.
const outsidePrice = (value: number) => !(value >= PRICE_MIN && value <= PRICE_MAX)
const outsideRate = (value: number) => !(value >= -RATE_MAX && value <= RATE_MAX)
const outsideYears = (value: number) => !(value >= 0 && value <= YEARS_MAX)
const outsideVol = (value: number) => !(value >= 0 && value <= VOL_MAX)

/** The error for the first unusable input, or undefined. `underlying` is the first number's name in errors. */
export const refuse = (
  underlying: "spot" | "forward",
  s: number,
  k: number,
  t: number,
  r: number,
  q: number,
  vol: number
): InvalidPricingInput | undefined => {
  if (outsidePrice(s)) return new InvalidPricingInput({ input: underlying, value: s })
  if (outsidePrice(k)) return new InvalidPricingInput({ input: "strike", value: k })
  if (outsideYears(t)) return new InvalidPricingInput({ input: "t", value: t })
  if (outsideRate(r)) return new InvalidPricingInput({ input: "r", value: r })
  if (outsideRate(q)) return new InvalidPricingInput({ input: "q", value: q })
  return outsideVol(vol) ? new InvalidPricingInput({ input: "vol", value: vol }) : undefined
}

/** ln(a / b), relatively accurate near a = b: the quotient would lose digits there, but a - b is exact. */
export const logRatio = (a: number, b: number): number => {
  const ratio = a / b
  return ratio > 0.5 && ratio < 2 ? Math.log1p((a - b) / b) : Math.log(ratio)
}

/** Positions of the twelve numbers in a row that `evaluate` fills. */
export const Column = {
  price: 0,
  delta: 1,
  gamma: 2,
  theta: 3,
  vega: 4,
  rho: 5,
  vanna: 6,
  charm: 7,
  vomma: 8,
  speed: 9,
  zomma: 10,
  color: 11
} as const

/** Numbers in one row of `evaluate`. */
export const COLUMNS = 12

/** Row of an option whose outcome is certain (expired, or no volatility): w is +1 for a call, -1 for a put. */
const evaluateCertain = (out: Float64Array, at: number, w: number, sq: number, kr: number, t: number, r: number, q: number): void => {
  const exercised = w * (sq - kr) > 0
  out.fill(0, at, at + COLUMNS)
  if (!exercised) return
  out[at] = w * (sq - kr)
  out[at + 1] = w
  if (t === 0) return
  out[at + 1] = w * Math.exp(-q * t)
  out[at + 3] = w * (q * sq - r * kr)
  out[at + 5] = w * t * kr
  out[at + 7] = w * q * Math.exp(-q * t)
}

/**
 * All twelve numbers of one option, written to `out[at] .. out[at + 11]` in the order of `Column`. This is the fast form of `greeks`:
 * it allocates nothing and expects inputs that `refuse` accepts. `w` is +1 for a call, -1 for a put.
 */
export const evaluate = (
  out: Float64Array,
  at: number,
  w: 1 | -1,
  s: number,
  k: number,
  t: number,
  r: number,
  q: number,
  vol: number
): void => {
  const dq = Math.exp(-q * t)
  const sq = s * dq
  const kr = k * Math.exp(-r * t)
  const rootT = Math.sqrt(t)
  const sd = vol * rootT
  if (sd < DEVIATION_MIN) {
    evaluateCertain(out, at, w, sq, kr, t, r, q)
    return
  }

  const carry = (r - q) * t
  const x = logRatio(s, k) + carry
  const d1 = x / sd + 0.5 * sd
  const d2 = d1 - sd
  const e1 = Math.exp(-0.5 * d1 * d1)
  // K Dr n(d2) = S Dq n(d1), so the errors of the two exponentials cancel in the price. Not used if the ratio may overflow.
  const e2 = Math.abs(x) < 300 ? e1 * (sq / kr) : Math.exp(-0.5 * d2 * d2)
  const below1 = Normal.tail(Math.abs(d1), e1)
  const below2 = Normal.tail(Math.abs(d2), e2)
  // Probabilities on the option's own side: N(w d1), N(w d2).
  const p1 = w * d1 > 0 ? 1 - below1 : below1
  const p2 = w * d2 > 0 ? 1 - below2 : below2

  const n1 = 0.3989422804014327 * e1
  const gamma = (dq * n1) / (s * sd)
  const vega = sq * n1 * rootT
  const decay = 2 * carry - d2 * sd
  out[at] = priceFromTails(w, sq, kr, x, d1, d2, below1, below2)
  out[at + 1] = w * dq * p1
  out[at + 2] = gamma
  out[at + 3] = (-sq * n1 * vol) / (2 * rootT) - w * r * kr * p2 + w * q * sq * p1
  out[at + 4] = vega
  out[at + 5] = w * t * kr * p2
  out[at + 6] = (-dq * n1 * d2) / vol
  out[at + 7] = w * q * dq * p1 - (dq * n1 * decay) / (2 * t * sd)
  out[at + 8] = (vega * d1 * d2) / vol
  out[at + 9] = (-gamma / s) * (d1 / sd + 1)
  out[at + 10] = (gamma * (d1 * d2 - 1)) / vol
  out[at + 11] = (gamma / (2 * t)) * (2 * q * t + 1 + (decay * d1) / sd)
}

/**
 * The price from the tail probabilities. The out-of-the-money side is a difference of tails; the other follows by parity, which loses
 * no digit that the in-the-money price can hold.
 */
const priceFromTails = (w: number, sq: number, kr: number, x: number, d1: number, d2: number, below1: number, below2: number): number => {
  if (x <= 0) {
    const call = Math.max(0, sq * (d1 > 0 ? 1 - below1 : below1) - kr * (d2 > 0 ? 1 - below2 : below2))
    return w > 0 ? call : call + (kr - sq)
  }
  const put = Math.max(0, kr * (d2 > 0 ? below2 : 1 - below2) - sq * (d1 > 0 ? below1 : 1 - below1))
  return w > 0 ? put + (sq - kr) : put
}

/** The price only, for inputs that `refuse` accepts. `w` is +1 for a call, -1 for a put. */
export const priceOf = (w: 1 | -1, s: number, k: number, t: number, r: number, q: number, vol: number): number => {
  const sq = s * Math.exp(-q * t)
  const kr = k * Math.exp(-r * t)
  const sd = vol * Math.sqrt(t)
  if (sd < DEVIATION_MIN) return Math.max(0, w * (sq - kr))
  const x = logRatio(s, k) + (r - q) * t
  const d1 = x / sd + 0.5 * sd
  const d2 = d1 - sd
  const e1 = Math.exp(-0.5 * d1 * d1)
  const e2 = Math.abs(x) < 300 ? e1 * (sq / kr) : Math.exp(-0.5 * d2 * d2)
  return priceFromTails(w, sq, kr, x, d1, d2, Normal.tail(Math.abs(d1), e1), Normal.tail(Math.abs(d2), e2))
}

/** The twelve numbers of a row that `evaluate` filled, as an object. */
export const fromRow = (row: Float64Array, at: number): Greeks => ({
  price: row[at] ?? 0,
  delta: row[at + 1] ?? 0,
  gamma: row[at + 2] ?? 0,
  theta: row[at + 3] ?? 0,
  vega: row[at + 4] ?? 0,
  rho: row[at + 5] ?? 0,
  vanna: row[at + 6] ?? 0,
  charm: row[at + 7] ?? 0,
  vomma: row[at + 8] ?? 0,
  speed: row[at + 9] ?? 0,
  zomma: row[at + 10] ?? 0,
  color: row[at + 11] ?? 0
})

/** +1 for a call, -1 for a put: the sign that the formulas use. */
export const sign = (kind: OptionKind): 1 | -1 => (kind === "CE" ? 1 : -1)

/** Price of one option: at expiry the intrinsic value, without volatility the discounted intrinsic value. */
export const price = (
  kind: OptionKind,
  s: number,
  k: number,
  t: number,
  r: number,
  q: number,
  vol: number
): Either.Either<number, InvalidPricingInput> => {
  const refused = refuse("spot", s, k, t, r, q, vol)
  return refused === undefined ? Either.right(priceOf(sign(kind), s, k, t, r, q, vol)) : Either.left(refused)
}

/**
 * Price and all Greeks of one option. At expiry: price intrinsic, delta 1 (call) or -1 (put) in the money and 0
 * elsewhere (exactly at the money too), everything else 0.
 */
export const greeks = (
  kind: OptionKind,
  s: number,
  k: number,
  t: number,
  r: number,
  q: number,
  vol: number
): Either.Either<Greeks, InvalidPricingInput> => {
  const refused = refuse("spot", s, k, t, r, q, vol)
  if (refused !== undefined) return Either.left(refused)
  const row = new Float64Array(COLUMNS)
  evaluate(row, 0, sign(kind), s, k, t, r, q, vol)
  return Either.right(fromRow(row, 0))
}

/** Inputs of many options as columns; `side` is +1 for a call and -1 for a put. All at least `count` long. */
export interface Rows {
  readonly count: number
  readonly side: Int8Array
  readonly spot: Float64Array
  readonly strike: Float64Array
  readonly t: Float64Array
  readonly r: Float64Array
  readonly q: Float64Array
  readonly vol: Float64Array
}

/**
 * All twelve numbers of many options, row after row into `out` (12 * count long). Allocates nothing and expects inputs that `refuse`
 * accepts.
 */
export const fillRows = (rows: Rows, out: Float64Array): void => {
  const { side, spot, strike, t, r, q, vol } = rows
  for (let i = 0; i < rows.count; i++) {
    const w = (side[i] as number) > 0 ? 1 : -1
    evaluate(out, i * COLUMNS, w, spot[i] as number, strike[i] as number, t[i] as number, r[i] as number, q[i] as number, vol[i] as number)
  }
}
