/**
 * Implied volatility: the volatility at which Black-Scholes-Merton or Black-76 gives an observed price.
 *
 * Method: P. Jaeckel, "Let's Be Rational" (Wilmott, 2015). The out-of-the-money price is normalised by the geometric mean of the
 * discounted forward and strike. A guess comes from four branches of rational cubics (R. Delbourgo and J. Gregory, 1985), then
 * third-order Householder steps on one objective per branch. Ours differs in three ways. Every branch works with ratios of Mills'
 * function, so that nothing under- or overflows. The upper branch is measured from the upper bound without cancellation. A bracket
 * ends every search in bounded steps.
 *
 * With x = -|ln(F/K)|, s = vol sqrt T, h = x/s, t = s/2, Y = cdf/pdf:
 * normalised vega v = exp(-(h^2+t^2)/2)/sqrt(2 pi), price b = v (Y(h+t) - Y(h-t)), distance to the upper bound e^(x/2) - b = v
 * (Y(-h-t) + Y(h-t)).
 */
import { Data, Either } from "effect"
import * as BlackScholes from "./BlackScholes.ts"
import * as Normal from "./Normal.ts"

/** Why a price has no implied volatility. The reasons are checked in this order (`sub_tick` only if a tick is given). */
export type Reason =
  | "expired"
  | "negative_price"
  | "zero_price"
  | "below_intrinsic"
  | "at_intrinsic"
  | "at_upper_bound"
  | "above_upper_bound"
  | "sub_tick"
  | "invalid_input"

/** The fast forms return one of these negative numbers instead of a volatility. */
export const Code = {
  expired: -1,
  negative_price: -2,
  zero_price: -3,
  below_intrinsic: -4,
  at_intrinsic: -5,
  at_upper_bound: -6,
  above_upper_bound: -7,
  sub_tick: -8,
  invalid_input: -9
} as const satisfies Record<Reason, number>

const reasons: ReadonlyArray<Reason> = [
  "expired",
  "negative_price",
  "zero_price",
  "below_intrinsic",
  "at_intrinsic",
  "at_upper_bound",
  "above_upper_bound",
  "sub_tick",
  "invalid_input"
]

/** The reason for a negative result of a fast form. */
export const reasonOf = (code: number): Reason => reasons[-code - 1] ?? "invalid_input"

/** Error: the price has no implied volatility. */
export class NoImpliedVol extends Data.TaggedError("NoImpliedVol")<{ readonly reason: Reason; readonly price: number }> {
  override get message(): string {
    return `No implied volatility for price ${this.price}: ${this.reason}`
  }
}

/** A search ends after this many steps with the best volatility found; two or three are usual. */
const STEPS_MAX = 128
/** Steps that a warm start may take before the cold solver is used. */
const WARM_STEPS_MAX = 4
/** After a fourth-order step this small (relative), the error is below the last bit. */
const STEP_CONVERGED = 1e-5
/** A guess of the total deviation from this value on is unusable. */
const GUESS_MAX = 1e9
/** Far from the root a Householder step may have any size. Beyond this multiple of Newton's step, Newton's is used. */
const STEP_RATIO_MAX = 8
/** Below this value, factors like exp(-x^2) are kept as logarithms. */
const LOG_BELOW = 1e-280
/** Half-deviations below this value use the Taylor series of the Mills ratio. */
const SERIES_BELOW = 0.21

const SQRT_TWO_PI = 2.5066282746310002
const LN_SQRT_TWO_PI = 0.9189385332046727
const SQRT_HALF_PI = 1.2533141373155003
const SQRT_THREE = 1.7320508075688772
/** 2 pi / sqrt 27 */
const LOWER_SCALE = 1.2091995761561452

/** The objective that the steps use: 1/ln b, b, or ln of the distance to the upper bound. */
const LOWER = 0
const MIDDLE = 1
const UPPER = 2

/**
 * Y(h+t) - Y(h-t) for h <= 0 <= t: the normalised price divided by its vega. For small t it is the odd Taylor terms of Y, which avoids
 * cancellation. The derivatives follow Y'(h) = 1 + h Y and Y^(n+1) = h Y^(n) + n Y^(n-1).
 */
const priceOverVega = (h: number, t: number): number => {
  if (t >= SERIES_BELOW) return Normal.mills(h + t) - Normal.mills(h - t)
  const h2 = h * h
  const t2 = t * t
  // `even` is h times an even derivative, `odd` an odd one.
  let even = h * Normal.mills(h)
  let odd = 1 + even
  let power = t
  let sum = t * odd
  for (let n = 1; n <= 6; n++) {
    even = h2 * odd + (2 * n - 1) * even
    odd = even + 2 * n * odd
    power *= t2 / (2 * n * (2 * n + 1))
    sum += power * odd
  }
  return 2 * sum
}

/** The control parameter of a rational cubic that keeps it monotonic and convex or concave (Delbourgo and Gregory). */
const shapeControl = (dl: number, dr: number, slope: number, preferShape: boolean): number => {
  const least = -0.99999998
  const monotonic = dl * slope >= 0 && dr * slope >= 0
  const curved = (dl <= slope && slope <= dr) || (dl >= slope && slope >= dr)
  if (!monotonic && !curved) return least
  const linear = Number.MAX_VALUE
  let r = least
  if (monotonic) {
    if (slope !== 0) r = Math.max(r, (dr + dl) / slope)
    else if (preferShape) return linear
  }
  if (curved) {
    const left = slope - dl
    const right = dr - slope
    if (left !== 0 && right !== 0) return Math.max(r, Math.abs((dr - dl) / right), Math.abs((dr - dl) / left))
    return preferShape ? linear : r
  }
  return preferShape ? linear : r
}

/** Delbourgo and Gregory's rational cubic through (xl, yl) and (xr, yr) with given end slopes, evaluated at `at`. */
const rationalCubic = (at: number, xl: number, xr: number, yl: number, yr: number, dl: number, dr: number, r: number): number => {
  const width = xr - xl
  if (!(width > 0)) return 0.5 * (yl + yr)
  const t = (at - xl) / width
  const u = 1 - t
  if (!(r < 1e300)) return yr * t + yl * u
  return (yr * t * t * t + (r * yr - width * dr) * t * t * u + (r * yl + width * dl) * t * u * u + yl * u * u * u) / (1 + (r - 3) * t * u)
}

/** Like `rationalCubic`, with its second derivative fitted at one end if the shape permits. */
const fittedCubic = (
  at: number,
  xl: number,
  xr: number,
  yl: number,
  yr: number,
  dl: number,
  dr: number,
  second: number,
  atRight: boolean,
  preferShape: boolean
): number => {
  const width = xr - xl
  const slope = (yr - yl) / width
  const wanted = (0.5 * width * second + (dr - dl)) / (atRight ? dr - slope : slope - dl)
  const least = shapeControl(dl, dr, slope, preferShape)
  // A quotient 0/0 means that any control parameter fits.
  return rationalCubic(at, xl, xr, yl, yr, dl, dr, wanted > least ? wanted : least)
}

/** First branch: prices below b_l. The map 2 pi |x| / sqrt 27 * cdf(x/(s sqrt 3))^3 undoes their decay like s^3. */
const guessLower = (x: number, beta: number, lnBeta: number, sl: number, bl: number): number => {
  const ax = -x
  const z = ax / (SQRT_THREE * sl)
  const y = z * z
  const density = Normal.pdf(z)
  const below = Normal.cdf(-z)
  const mapped = LOWER_SCALE * ax * below * below * below
  const first = 2 * Math.PI * y * below * below * Math.exp(y + 0.125 * sl * sl)
  const second =
    ((Math.PI / 6) * y * below * (8 * SQRT_THREE * sl * ax + ((3 * sl * sl * (sl * sl - 8) - 8 * x * x) * below) / density)) /
    (sl * sl * sl)
  let f = fittedCubic(beta, 0, bl, 0, mapped, 1, first, second * Math.exp(2 * y + 0.25 * sl * sl), true, true)
  if (!(f > 0)) {
    const t = beta / bl
    f = (mapped * t + bl * (1 - t)) * t
  }
  // Below the smallest normal doubles the map is the identity, and only the logarithm is usable.
  const cube = beta > LOG_BELOW ? Math.cbrt(f / (LOWER_SCALE * ax)) : Math.exp((lnBeta - Math.log(LOWER_SCALE * ax)) / 3)
  return Math.abs(x / (SQRT_THREE * Normal.inverseCdf(cube)))
}

/** Fourth branch: prices above b_u, with the map cdf(-s/2). */
const guessUpper = (x: number, beta: number, gap: number, su: number, bu: number, top: number): number => {
  const w = (x / su) * (x / su)
  const mapped = Normal.cdf(-0.5 * su)
  const first = -0.5 * Math.exp(0.5 * w)
  const second = (SQRT_HALF_PI * Math.exp(w + 0.125 * su * su) * w) / su
  let f = fittedCubic(beta, bu, top, mapped, 0, first, -0.5, second, false, true)
  if (!(f > 0)) {
    const width = top - bu
    const t = (beta - bu) / width
    f = (mapped * (1 - t) + 0.5 * width * t) * (1 - t)
  }
  // Next to the bound the map is half the distance to it. `gap` is that distance without cancellation.
  return -2 * Normal.inverseCdf(gap < 1e-6 * top ? 0.5 * gap : f)
}

/** The total deviation of a normalised out-of-the-money price without a seed: x < 0, 0 < beta < e^(x/2), gap = e^(x/2) - beta. */
const solveCold = (x: number, beta: number, lnBeta: number, gap: number): number => {
  const sc = Math.sqrt(-2 * x)
  const vc = Math.exp(0.5 * x) / SQRT_TWO_PI
  const dc = priceOverVega(x / sc, 0.5 * sc)
  const bc = vc * dc
  if (beta < bc) {
    const sl = sc - dc
    const hl = x / sl
    const vl = Math.exp(-0.5 * (hl * hl + 0.25 * sl * sl)) / SQRT_TWO_PI
    const bl = vl * priceOverVega(hl, 0.5 * sl)
    if (beta < bl) return iterate(x, beta, lnBeta, gap, LOWER, guessLower(x, beta, lnBeta, sl, bl), sc, STEPS_MAX)
    const guess = fittedCubic(beta, bl, bc, sl, sc, 1 / vl, 1 / vc, 0, true, false)
    return iterate(x, beta, lnBeta, gap, MIDDLE, guess, sc, STEPS_MAX)
  }
  const top = Math.exp(0.5 * x)
  const su = sc + (top - bc) / vc
  const hu = x / su
  const vu = Math.exp(-0.5 * (hu * hu + 0.25 * su * su)) / SQRT_TWO_PI
  const bu = top - vu * (Normal.mills(-hu - 0.5 * su) + Normal.mills(hu - 0.5 * su))
  if (beta <= bu) {
    const guess = fittedCubic(beta, bc, bu, sc, su, 1 / vc, 1 / vu, 0, false, false)
    return iterate(x, beta, lnBeta, gap, MIDDLE, guess, sc, STEPS_MAX)
  }
  return iterate(x, beta, lnBeta, gap, gap < beta ? UPPER : MIDDLE, guessUpper(x, beta, gap, su, bu, top), sc, STEPS_MAX)
}

/**
 * Householder steps of order four from `guess` (or from `fallback` if that is unusable). The signs found so far bracket the root; a
 * step outside the bracket is replaced by bisection. Returns NaN if `stepsMax` is not enough.
 */
const iterate = (
  x: number,
  beta: number,
  lnBeta: number,
  gap: number,
  objective: number,
  guess: number,
  fallback: number,
  stepsMax: number
): number => {
  let low = 0
  let high = Number.MAX_VALUE
  let s = guess > 0 && guess < GUESS_MAX ? guess : fallback
  for (let step = 0; step < stepsMax; step++) {
    const h = x / s
    const t = 0.5 * s
    const exponent = -0.5 * (h * h + t * t)
    const v = Math.exp(exponent) / SQRT_TWO_PI
    const curve = (h * h) / s - 0.5 * t
    const curve3 = curve * curve - (3 * h * h) / (s * s) - 0.25
    let newton: number
    let second: number
    let third: number
    if (objective === UPPER) {
      const left = Normal.mills(-h - t) + Normal.mills(h - t)
      const slope = 1 / left
      newton = -BlackScholes.logRatio(gap, v * left) * left
      second = curve + slope
      third = curve3 + slope * (2 * slope + 3 * curve)
    } else {
      const ratio = priceOverVega(h, t)
      if (objective === LOWER) {
        const slope = 1 / ratio
        const short = v > LOG_BELOW && beta > LOG_BELOW
        const error = short ? BlackScholes.logRatio(beta, v * ratio) : lnBeta - (exponent - LN_SQRT_TWO_PI + Math.log(ratio))
        const lnB = lnBeta - error
        const bend = slope * (1 + 2 / lnB)
        newton = ((error * lnB) / lnBeta) * ratio
        second = curve - bend
        third = curve3 + 2 * slope * slope * (1 + (3 / lnB) * (1 + 1 / lnB)) - 3 * curve * bend
      } else {
        newton = beta / v - ratio
        second = curve
        third = curve3
      }
    }
    if (newton === 0) return s
    if (newton > 0) low = Math.max(low, s)
    else high = Math.min(high, s)
    const factor = (1 + 0.5 * second * newton) / (1 + newton * (second + (third * newton) / 6))
    const moved = factor > 1 / STEP_RATIO_MAX && factor < STEP_RATIO_MAX ? newton * factor : newton
    const next = s + moved
    if (Math.abs(moved) < STEP_CONVERGED * s) return next
    if (next > low && next < high) s = next
    else if (high === Number.MAX_VALUE) s = 2 * s
    else if (low === 0) s = 0.5 * s
    else if (high - low <= 1e-15 * high) return 0.5 * (low + high)
    else s = 0.5 * (low + high)
  }
  return stepsMax === STEPS_MAX ? s : Number.NaN
}

/** The total deviation at the money, where the price is erf(s / sqrt 8): its inverse, then two Newton steps. */
const solveAtTheMoney = (beta: number, gap: number): number => {
  let s = gap < beta ? -2 * Normal.inverseCdf(0.5 * gap) : 2 * Normal.inverseCdf(0.5 + 0.5 * beta)
  for (let step = 0; step < 2; step++) {
    const y = s / Math.sqrt(8)
    const error = gap < beta ? Normal.erfc(y) - gap : beta - Normal.erf(y)
    s += error * SQRT_TWO_PI * Math.exp(0.125 * s * s)
  }
  return s
}

/** Solves s for sq = S e^(-qT), kr = K e^(-rT), a price strictly between its bounds, and a seed (0 for none). */
const deviation = (otm: number, gap: number, sq: number, kr: number, logMoneyness: number, seed: number): number => {
  const unit = Math.sqrt(sq) * Math.sqrt(kr)
  const beta = otm / unit
  const left = gap / unit
  if (logMoneyness === 0) return solveAtTheMoney(beta, left)
  const x = -Math.abs(logMoneyness)
  const lnBeta = beta > LOG_BELOW ? Math.log(beta) : Math.log(otm) - Math.log(unit)
  if (seed > 0 && seed < GUESS_MAX) {
    const centre = Math.sqrt(-2 * x)
    const objective = seed < centre ? LOWER : left < beta ? UPPER : MIDDLE
    const s = iterate(x, beta, lnBeta, left, objective, seed, centre, WARM_STEPS_MAX)
    if (s > 0) return s
  }
  return solveCold(x, beta, lnBeta, left)
}

/** Returns the volatility, or a code that names why the price has no volatility. */
const solveDiscounted = (
  w: 1 | -1,
  price: number,
  sq: number,
  kr: number,
  logMoneyness: number,
  rootT: number,
  seed: number,
  tick: number
): number => {
  if (price <= 0) return price === 0 ? Code.zero_price : Code.negative_price
  const intrinsic = w * (sq - kr)
  const lower = intrinsic > 0 ? intrinsic : 0
  if (price <= lower) return price < lower ? Code.below_intrinsic : Code.at_intrinsic
  const upper = w > 0 ? sq : kr
  if (price >= upper) return price > upper ? Code.above_upper_bound : Code.at_upper_bound
  const otm = price - lower
  if (otm < tick) return Code.sub_tick
  return deviation(otm, upper - price, sq, kr, logMoneyness, seed * rootT) / rootT
}

/**
 * Black-76, the fast form: implied volatility of `price` (`w` +1 call, -1 put), or a negative `Code`. `seed` is a starting volatility,
 * such as this strike's last one; 0 or NaN means no seed. A time value below `tick` gives `sub_tick`; 0 accepts any. Allocates
 * nothing, never throws, never returns NaN.
 */
export const solveBlack76 = (w: 1 | -1, price: number, f: number, k: number, t: number, r: number, seed: number, tick: number): number => {
  if (t <= 0) return Code.expired
  if (!Number.isFinite(price) || !usable(f, k, t, r)) return Code.invalid_input
  const dr = Math.exp(-r * t)
  return solveDiscounted(w, price, f * dr, k * dr, BlackScholes.logRatio(f, k), Math.sqrt(t), seed, tick)
}

/** Like `solveBlack76`, for Black-Scholes-Merton on a spot with yield `q`. */
export const solveBlackScholes = (
  w: 1 | -1,
  price: number,
  s: number,
  k: number,
  t: number,
  r: number,
  q: number,
  seed: number,
  tick: number
): number => {
  if (t <= 0) return Code.expired
  if (!Number.isFinite(price) || !usable(s, k, t, r) || !(Math.abs(q) <= BlackScholes.RATE_MAX)) return Code.invalid_input
  const logMoneyness = BlackScholes.logRatio(s, k) + (r - q) * t
  return solveDiscounted(w, price, s * Math.exp(-q * t), k * Math.exp(-r * t), logMoneyness, Math.sqrt(t), seed, tick)
}

/** The Black-76 implied volatility (a fraction) of `price`, or why it has no volatility. `tick` is the least time value, 0 for any. */
export const solve = (
  kind: BlackScholes.OptionKind,
  price: number,
  f: number,
  k: number,
  t: number,
  r: number,
  tick = 0
): Either.Either<number, NoImpliedVol | BlackScholes.InvalidPricingInput> =>
  refuse("forward", price, f, k, t, r, r) ?? answer(price, solveBlack76(BlackScholes.sign(kind), price, f, k, t, r, 0, tick))

/** The Black-Scholes-Merton implied volatility (a fraction) of `price`, or why it has no volatility. */
export const solveSpot = (
  kind: BlackScholes.OptionKind,
  price: number,
  s: number,
  k: number,
  t: number,
  r: number,
  q: number,
  tick = 0
): Either.Either<number, NoImpliedVol | BlackScholes.InvalidPricingInput> =>
  refuse("spot", price, s, k, t, r, q) ?? answer(price, solveBlackScholes(BlackScholes.sign(kind), price, s, k, t, r, q, 0, tick))

const answer = (price: number, result: number): Either.Either<number, NoImpliedVol> =>
  result >= 0 ? Either.right(result) : Either.left(new NoImpliedVol({ reason: reasonOf(result), price }))

const refuse = (
  underlying: "spot" | "forward",
  price: number,
  s: number,
  k: number,
  t: number,
  r: number,
  q: number
): Either.Either<never, BlackScholes.InvalidPricingInput> | undefined => {
  // Here a negative time means an expired option, not an error: a chain may be read after its expiry.
  const invalid =
    BlackScholes.refuse(underlying, s, k, t < 0 ? 0 : t, r, q, 0) ??
    (Number.isFinite(price) ? undefined : new BlackScholes.InvalidPricingInput({ input: "price", value: price }))
  return invalid === undefined ? undefined : Either.left(invalid)
}

const usable = (f: number, k: number, t: number, r: number): boolean =>
  f >= BlackScholes.PRICE_MIN &&
  f <= BlackScholes.PRICE_MAX &&
  k >= BlackScholes.PRICE_MIN &&
  k <= BlackScholes.PRICE_MAX &&
  t <= BlackScholes.YEARS_MAX &&
  Math.abs(r) <= BlackScholes.RATE_MAX
