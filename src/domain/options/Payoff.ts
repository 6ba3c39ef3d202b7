/**
 * Payoff of a set of option and future legs: at expiry, and at any date with shifted spot and volatility.
 *
 * A scenario has the underlying at `spot` after `elapsed` years. A leg with tau years left then has the forward spot * e^(carry *
 * tau). Its carry is what its forward implies today: ln(forward / spot) / t. Its option is worth Black-76 on that forward, or the
 * intrinsic value at expiry. Profit = sum of quantity * (value - entry price).
 *
 * The horizon is the earliest expiry among the legs. Break-evens, extremes and the probability of profit refer to the horizon. If all
 * legs expire there, the payoff is piecewise linear and these values are exact. Otherwise (calendars) the model values the remaining
 * legs, and the curve is searched.
 */
import { Data, Either } from "effect"
import * as Black76 from "./Black76.ts"
import * as BlackScholes from "./BlackScholes.ts"
import * as Forward from "./Forward.ts"
import * as Normal from "./Normal.ts"

/** A held option or future. Quantity is in units of the underlying; positive is long. */
export interface Leg {
  readonly kind: BlackScholes.OptionKind | "FUT"
  readonly quantity: number
  readonly entryPrice: number
  /** Years to expiry. */
  readonly t: number
  /** Today's forward of its expiry. */
  readonly forward: number
  /** Ignored for a future. */
  readonly strike: number
  /** Ignored for a future. */
  readonly vol: number
}

/** The market in which the legs are valued. */
export interface Market {
  readonly spot: number
  /** Yearly rate, continuously compounded. */
  readonly r: number
  /** Volatility of the underlying until the horizon, for the probability of profit. */
  readonly vol: number
}

/** A moment at which to value the legs: `elapsed` years from now (0 to the horizon), `volShift` added to every volatility. */
export interface Scenario {
  readonly spot: number
  readonly elapsed: number
  readonly volShift: number
}

/** Largest number of legs of a position. */
export const LEGS_MAX = 64

/** An input from which no payoff can be computed. `leg` counts from 0; undefined for an input of the market. */
export class InvalidPayoff extends Data.TaggedError("InvalidPayoff")<{
  readonly leg: number | undefined
  readonly input: BlackScholes.InputName | "quantity" | "entryPrice" | "legs" | "elapsed" | "volShift"
  readonly problem: string
}> {
  override get message(): string {
    return this.leg === undefined ? this.problem : `Leg ${this.leg + 1}: ${this.problem}`
  }
}

interface Valued extends Leg {
  readonly carry: number
}

/** Legs and market after the checks. */
export interface Position {
  readonly legs: ReadonlyArray<Valued>
  readonly market: Market
  /** Years to the earliest expiry. */
  readonly horizon: number
  /** Whether every leg expires at the horizon. */
  readonly oneExpiry: boolean
}

const refuseLeg = (leg: Leg, index: number, r: number): InvalidPayoff | undefined => {
  const future = leg.kind === "FUT"
  const invalid = BlackScholes.refuse("forward", leg.forward, future ? leg.forward : leg.strike, leg.t, r, 0, future ? 0 : leg.vol)
  if (invalid !== undefined) return new InvalidPayoff({ leg: index, input: invalid.input, problem: invalid.message })
  for (const input of ["quantity", "entryPrice"] as const) {
    if (!(Math.abs(leg[input]) <= BlackScholes.PRICE_MAX)) {
      return new InvalidPayoff({
        leg: index,
        input,
        problem: `${input} must be a number of at most ${BlackScholes.PRICE_MAX}, but is ${leg[input]}`
      })
    }
  }
  return undefined
}

/** Checks legs and market, and names the first unusable input. */
export const make = (legs: ReadonlyArray<Leg>, market: Market): Either.Either<Position, InvalidPayoff> => {
  if (legs.length === 0 || legs.length > LEGS_MAX) {
    return Either.left(
      new InvalidPayoff({ leg: undefined, input: "legs", problem: `legs must be 1 to ${LEGS_MAX}, but are ${legs.length}` })
    )
  }
  const invalid = BlackScholes.refuse("spot", market.spot, market.spot, 0, market.r, 0, market.vol)
  if (invalid !== undefined) return Either.left(new InvalidPayoff({ leg: undefined, input: invalid.input, problem: invalid.message }))
  for (const [i, leg] of legs.entries()) {
    const refused = refuseLeg(leg, i, market.r)
    if (refused !== undefined) return Either.left(refused)
  }
  const horizon = Math.min(...legs.map(({ t }) => t))
  return Either.right({
    legs: legs.map((leg) => ({ ...leg, carry: Forward.carryOf(market.spot, leg.forward, leg.t) ?? 0 })),
    market,
    horizon,
    oneExpiry: legs.every(({ t }) => t === horizon)
  })
}

/** Checks a scenario against a position; a spot of 0 is allowed. */
export const scenario = (position: Position, at: Scenario): Either.Either<Scenario, InvalidPayoff> => {
  const refuse = (input: "spot" | "elapsed" | "volShift", range: string) =>
    Either.left(new InvalidPayoff({ leg: undefined, input, problem: `${input} must be ${range}, but is ${at[input]}` }))
  if (!(at.spot >= 0 && at.spot <= BlackScholes.PRICE_MAX)) return refuse("spot", `a number from 0 to ${BlackScholes.PRICE_MAX}`)
  if (!(at.elapsed >= 0 && at.elapsed <= position.horizon))
    return refuse("elapsed", `years from 0 to ${position.horizon} (the earliest expiry)`)
  if (!(Math.abs(at.volShift) <= BlackScholes.VOL_MAX)) return refuse("volShift", `a number of at most ${BlackScholes.VOL_MAX}`)
  return Either.right(at)
}

const shifted = (vol: number, shift: number) => Math.min(BlackScholes.VOL_MAX, Math.max(0, vol + shift))

/** Value of one unit of a leg in a scenario. */
const valueOf = (leg: Valued, at: Scenario, r: number): number => {
  const left = Math.max(0, leg.t - at.elapsed)
  const forward = Forward.carried(at.spot, leg.carry, left)
  if (leg.kind === "FUT") return forward
  return Black76.priceOf(BlackScholes.sign(leg.kind), forward, leg.strike, left, r, shifted(leg.vol, at.volShift))
}

/** Profit of the position in a checked scenario. */
export const profitAt = (position: Position, at: Scenario): number => {
  let profit = 0
  for (const leg of position.legs) profit += leg.quantity * (valueOf(leg, at, position.market.r) - leg.entryPrice)
  return profit
}

/** Profit at the horizon with the underlying at `spot` (0 or more). */
export const profitAtHorizon = (position: Position, spot: number): number =>
  profitAt(position, { spot, elapsed: position.horizon, volShift: 0 })

/** Profit at each of `spots`; the rest of the scenario is the same. */
export const curve = (position: Position, spots: Float64Array, at: Omit<Scenario, "spot">): Float64Array =>
  spots.map((spot) => profitAt(position, { ...at, spot }))

/** Greeks of the position in a checked scenario: per leg with respect to its forward, times quantity, summed. */
export const greeksAt = (position: Position, at: Scenario): BlackScholes.Greeks => {
  const row = new Float64Array(BlackScholes.COLUMNS)
  const sum = new Float64Array(BlackScholes.COLUMNS)
  for (const leg of position.legs) {
    const left = Math.max(0, leg.t - at.elapsed)
    const forward = Forward.carried(at.spot, leg.carry, left)
    if (leg.kind === "FUT") {
      row.fill(0)
      row[BlackScholes.Column.price] = forward
      row[BlackScholes.Column.delta] = 1
    } else {
      // At a spot of 0 the curvature is zero. The smallest price keeps the formulas finite.
      const f = Math.max(BlackScholes.PRICE_MIN, forward)
      Black76.evaluate(row, 0, BlackScholes.sign(leg.kind), f, leg.strike, left, position.market.r, shifted(leg.vol, at.volShift))
    }
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + leg.quantity * (row[i] as number)
  }
  return BlackScholes.fromRow(sum, 0)
}

/** A profit or loss, or "unbounded". */
export type Extreme = number | "unbounded"

export interface Analysis {
  /** Years to the horizon, to which all other fields refer. */
  readonly horizon: number
  /** Prices at which the profit crosses 0, or starts or stops being 0, ascending. */
  readonly breakEvens: ReadonlyArray<number>
  readonly maxProfit: Extreme
  /** The smallest profit; negative for a loss. */
  readonly maxLoss: Extreme
  /** Probability of a profit above 0 at the horizon. The underlying is lognormal around its forward, with the market's volatility. */
  readonly probabilityOfProfit: number
  /** Price of the option legs: positive if paid, negative if received. */
  readonly netPremium: number
}

/** Grid points of the search that is used if a leg outlives the horizon. */
const SEARCH_POINTS = 1024
/** The search goes this many times beyond the strikes and the spot, up and down. */
const SEARCH_REACH = 4
/** Steps of a bisection or of a search for an extreme, enough for full precision. */
const HALVINGS = 60
/** A profit within this share of the money involved counts as 0. */
const ZERO_SHARE = 1e-12

/** Break-evens, extremes and probability of profit at the horizon. */
export const analyse = (position: Position): Analysis => {
  const spots = position.oneExpiry ? kinksOf(position) : searchGrid(position)
  const profits = spots.map((spot) => profitAtHorizon(position, spot))
  const zero = ZERO_SHARE * position.legs.reduce((sum, leg) => sum + Math.abs(leg.quantity) * (Math.abs(leg.entryPrice) + leg.forward), 0)
  const slope = slopeBeyond(position)
  const breakEvens = breakEvensOf(position, spots, profits, zero, slope)
  return {
    horizon: position.horizon,
    breakEvens,
    maxProfit: slope > 0 ? "unbounded" : extremeOf(position, spots, profits, 1),
    maxLoss: slope < 0 ? "unbounded" : extremeOf(position, spots, profits, -1),
    probabilityOfProfit: probabilityOf(position, breakEvens, zero),
    netPremium: position.legs.reduce((sum, leg) => sum + (leg.kind === "FUT" ? 0 : leg.quantity * leg.entryPrice), 0)
  }
}

/**
 * Profit per unit of price beyond the last strike, where every call and future moves with the underlying. The discounting of a later
 * expiry is ignored: it does not make a profit bounded.
 */
const slopeBeyond = (position: Position): number => {
  let slope = 0
  let size = 0
  for (const { kind, quantity } of position.legs) {
    if (kind === "PE") continue
    slope += quantity
    size += Math.abs(quantity)
  }
  return Math.abs(slope) <= ZERO_SHARE * size ? 0 : slope
}

/** Ends of the linear pieces: 0, the strikes, and one price beyond. The last piece continues without end. */
const kinksOf = (position: Position): Float64Array => {
  const strikes = new Set(position.legs.filter(({ kind }) => kind !== "FUT").map(({ strike }) => strike))
  const last = Math.max(position.market.spot, ...strikes)
  return Float64Array.from([0, ...strikes, 2 * last]).sort()
}

/** A geometric grid around strikes and spot, plus 0 and the strikes themselves. */
const searchGrid = (position: Position): Float64Array => {
  const strikes = position.legs.filter(({ kind }) => kind !== "FUT").map(({ strike }) => strike)
  const low = Math.min(position.market.spot, ...strikes) / SEARCH_REACH
  const high = Math.max(position.market.spot, ...strikes) * SEARCH_REACH
  const growth = Math.log(high / low) / (SEARCH_POINTS - 1)
  const grid = Array.from({ length: SEARCH_POINTS }, (_, i) => low * Math.exp(growth * i))
  return Float64Array.from(new Set([0, ...strikes, ...grid])).sort()
}

const breakEvensOf = (
  position: Position,
  spots: Float64Array,
  profits: Float64Array,
  zero: number,
  slope: number
): ReadonlyArray<number> => {
  const signs = Array.from(profits, (profit) => (Math.abs(profit) <= zero ? 0 : Math.sign(profit)))
  const found: Array<number> = []
  for (const [i, sign] of signs.entries()) {
    const spot = spots[i] as number
    const before = signs[i - 1]
    if (sign === 0) {
      // No break-even inside a stretch of zeros. A price of 0 is not a break-even either.
      if (spot > 0 && !(before === 0 && (signs[i + 1] ?? 0) === 0)) found.push(spot)
    } else if (before !== undefined && before !== 0 && before !== sign) found.push(rootBetween(position, spots, profits, i))
  }
  const end = signs.at(-1) === 0 ? undefined : rootBeyond(position, spots, profits, slope)
  if (end !== undefined) found.push(end)
  return found
}

/** The root between points i - 1 and i, where the profit changes sign. */
const rootBetween = (position: Position, spots: Float64Array, profits: Float64Array, i: number): number => {
  let low = spots[i - 1] as number
  let high = spots[i] as number
  const atLow = profits[i - 1] as number
  const atHigh = profits[i] as number
  if (position.oneExpiry) return low + (high - low) * (atLow / (atLow - atHigh))
  for (let step = 0; step < HALVINGS; step++) {
    const middle = 0.5 * (low + high)
    if (profitAtHorizon(position, middle) > 0 === atLow > 0) low = middle
    else high = middle
  }
  return 0.5 * (low + high)
}

/** The root on the last linear piece, which continues beyond the last point. */
const rootBeyond = (position: Position, spots: Float64Array, profits: Float64Array, slope: number): number | undefined => {
  if (!position.oneExpiry || slope === 0) return undefined
  const last = spots.length - 1
  const ahead = -(profits[last] as number) / slope
  return ahead > 0 ? (spots[last] as number) + ahead : undefined
}

/** Largest (`direction` 1) or smallest (-1) profit at the horizon, if it is bounded. */
const extremeOf = (position: Position, spots: Float64Array, profits: Float64Array, direction: 1 | -1): number => {
  let best = 0
  for (let i = 1; i < profits.length; i++) {
    if (direction * (profits[i] as number) > direction * (profits[best] as number)) best = i
  }
  const found = profits[best] as number
  if (position.oneExpiry || best === 0 || best === profits.length - 1) return found
  let low = spots[best - 1] as number
  let high = spots[best + 1] as number
  for (let step = 0; step < HALVINGS; step++) {
    const left = low + (high - low) / 3
    const right = high - (high - low) / 3
    if (direction * profitAtHorizon(position, left) < direction * profitAtHorizon(position, right)) low = left
    else high = right
  }
  const refined = profitAtHorizon(position, 0.5 * (low + high))
  return direction * refined > direction * found ? refined : found
}

/** Probability that the underlying ends in an interval between break-evens in which the profit is positive. */
const probabilityOf = (position: Position, breakEvens: ReadonlyArray<number>, zero: number): number => {
  const { market, horizon } = position
  const sd = market.vol * Math.sqrt(horizon)
  const carry = position.legs.find(({ t }) => t === horizon)?.carry ?? 0
  const forward = Forward.carried(market.spot, carry, horizon)
  if (sd < BlackScholes.DEVIATION_MIN) return profitAtHorizon(position, forward) > zero ? 1 : 0
  // P(S > x) = N(d2)
  const above = (x: number) => (x === 0 ? 1 : Normal.cdf(BlackScholes.logRatio(forward, x) / sd - 0.5 * sd))
  const edges = [0, ...breakEvens]
  let probability = 0
  for (const [i, low] of edges.entries()) {
    const high = edges[i + 1]
    const inside = high === undefined ? 2 * Math.max(low, forward) : 0.5 * (low + high)
    if (profitAtHorizon(position, inside) > zero) probability += above(low) - (high === undefined ? 0 : above(high))
  }
  return Math.min(1, Math.max(0, probability))
}
