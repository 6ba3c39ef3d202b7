/**
 * The premium of a straddle or strangle over time, and the part of its change that theta predicted.
 *
 * Expected change between two observations: the mean of their thetas times the time between them (Act/365, calendar time). The rest
 * comes from moves of the underlying and of volatility. The strikes stay those of the first observation: with strikes that follow the
 * money, the premium would show no decay.
 */
import * as IndiaTime from "../IndiaTime.ts"
import * as Moneyness from "./Moneyness.ts"

/** Rows of a pair in a strike ladder. */
export interface Pair {
  readonly callRow: number
  readonly putRow: number
}

/** The pair `steps` strikes out of the money on both sides; 0 is the straddle. Undefined if the ladder is too short. */
export const pair = (atm: number, count: number, steps: number): Pair | undefined => {
  const callRow = Moneyness.rowOf("CE", steps, atm)
  const putRow = Moneyness.rowOf("PE", steps, atm)
  return atm >= 0 && callRow >= 0 && callRow < count && putRow >= 0 && putRow < count ? { callRow, putRow } : undefined
}

/** Premium and theta of one pair at one time; NaN if a side has no price or no theta. */
export interface Observation {
  readonly atMs: number
  /** Call price plus put price. */
  readonly premium: number
  /** Call theta plus put theta, per year. */
  readonly theta: number
}

/** One point of a decay curve. Changes are relative to the first point. */
export interface Decay {
  readonly atMs: number
  readonly premium: number
  /** Premium minus the first premium: negative when it decayed. */
  readonly change: number
  /** The change from theta alone. */
  readonly expected: number
  /** `change - expected`: the effect of moves of the underlying and of volatility. */
  readonly residual: number
}

/**
 * The decay curve of observations sorted by time. An observation without premium or theta is skipped, and the next one bridges the gap.
 * So is one that is not later than its predecessor.
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
