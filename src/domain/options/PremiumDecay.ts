/**
 * The premium of a straddle or strangle over time, and how much of its change its theta foretold.
 *
 * Expected change between two observations: the mean of their thetas times the time between (Act/365, calendar time).
 * What is left is what moves of the underlying and of volatility did. The strikes stay those of the first observation:
 * a premium that follows the money would show no decay.
 */
import * as IndiaTime from "../IndiaTime.ts"
import * as Moneyness from "./Moneyness.ts"

/** Rows of a pair in a strike ladder. */
export interface Pair {
  readonly callRow: number
  readonly putRow: number
}

/** The pair `steps` strikes out of the money on both sides: 0 is the straddle; undefined when the ladder does not reach. */
export const pair = (atm: number, count: number, steps: number): Pair | undefined => {
  const callRow = Moneyness.rowOf("CE", steps, atm)
  const putRow = Moneyness.rowOf("PE", steps, atm)
  return atm >= 0 && callRow >= 0 && callRow < count && putRow >= 0 && putRow < count ? { callRow, putRow } : undefined
}

/** Premium and theta of one pair at one time; NaN where a side had no price or no theta. */
export interface Observation {
  readonly atMs: number
  /** Call price plus put price. */
  readonly premium: number
  /** Call theta plus put theta, per year. */
  readonly theta: number
}

/** A side of a chain: prices and thetas (per year) as columns. */
export interface SideColumns {
  readonly price: Float64Array
  readonly theta: Float64Array
}

/** What a pair is worth in a chain now. */
export const observe = (atMs: number, { callRow, putRow }: Pair, call: SideColumns, put: SideColumns): Observation => ({
  atMs,
  premium: (call.price[callRow] ?? Number.NaN) + (put.price[putRow] ?? Number.NaN),
  theta: (call.theta[callRow] ?? Number.NaN) + (put.theta[putRow] ?? Number.NaN)
})

/** One point of a decay curve; changes are since the first point. */
export interface Decay {
  readonly atMs: number
  readonly premium: number
  /** Premium minus the first premium: negative when it decayed. */
  readonly change: number
  /** What theta alone would have done. */
  readonly expected: number
  /** `change - expected`: moves of the underlying and of volatility. */
  readonly residual: number
}

/**
 * The decay curve of observations in ascending time. Those without premium or theta are left out (the next one bridges the
 * gap), and so is one that is not later than its predecessor.
 */
export const curve = (observations: ReadonlyArray<Observation>): ReadonlyArray<Decay> => {
  const points: Array<Decay> = []
  let first: Observation | undefined
  let last: Observation | undefined
  let expected = 0
  for (const observation of observations) {
    if (!Number.isFinite(observation.premium) || !Number.isFinite(observation.theta)) continue
    if (last !== undefined && observation.atMs <= last.atMs) continue
    first ??= observation
    if (last !== undefined) expected += 0.5 * (last.theta + observation.theta) * ((observation.atMs - last.atMs) / IndiaTime.yearMs)
    const change = observation.premium - first.premium
    points.push({ atMs: observation.atMs, premium: observation.premium, change, expected, residual: change - expected })
    last = observation
  }
  return points
}
