/**
 * Max pain: the listed strike at which option writers would pay out least if the underlying settled there.
 *
 * totalPain(K) = sum over strikes j of ceOi_j * max(K - K_j, 0) + peOi_j * max(K_j - K, 0). It is convex and piecewise linear. Between
 * two strikes its slope is (call open interest below) - (put open interest above). That is a whole number, so ties are found exactly
 * for any strikes. Missing open interest (NaN) counts as 0.
 */
import * as OpenInterest from "./OpenInterest.ts"

/** One strike's payout to holders, in open-interest units times price. */
export interface Pain {
  readonly strike: number
  readonly cePain: number
  readonly pePain: number
  readonly total: number
}

export interface MaxPain {
  /** Ascending by strike. */
  readonly totalPain: ReadonlyArray<Pain>
  /** The lowest minimiser; null for an empty chain. */
  readonly maxPain: number | null
  /** All minimisers, ascending. */
  readonly maxPainStrikes: ReadonlyArray<number>
  readonly minPain: number
  /** True without any open interest: then every strike is a minimiser, and the result has no meaning. */
  readonly degenerate: boolean
}

const orZero = (value: number | undefined): number => (value !== undefined && value > 0 ? value : 0)

/**
 * Row of the lowest minimiser, or -1 without open interest. Columns of at least `count` rows, **ascending by strike**.
 * Allocates nothing, O(n).
 */
export const lowestRow = (count: number, ceOi: Float64Array, peOi: Float64Array): number => {
  const calls = OpenInterest.total(ceOi, count)
  let putsAbove = OpenInterest.total(peOi, count)
  if (calls + putsAbove === 0) return -1
  let row = 0
  let callsBelow = orZero(ceOi[0])
  putsAbove -= orZero(peOi[0])
  while (row + 1 < count && callsBelow < putsAbove) {
    row++
    callsBelow += orZero(ceOi[row])
    putsAbove -= orZero(peOi[row])
  }
  return row
}

/**
 * The whole curve, for columns of at least `count` rows with strikes in any order. A total open interest beyond 2^53 would lose
 * exactness; the exchanges' totals are six orders of magnitude smaller.
 */
export const analyse = (count: number, strike: Float64Array, ceOi: Float64Array, peOi: Float64Array): MaxPain => {
  const order = Array.from({ length: count }, (_, i) => i).sort((a, b) => (strike[a] as number) - (strike[b] as number))
  const strikes = Float64Array.from(order, (row) => strike[row] as number)
  const calls = Float64Array.from(order, (row) => orZero(ceOi[row]))
  const puts = Float64Array.from(order, (row) => orZero(peOi[row]))
  const cePain = painFromBelow(strikes, calls)
  const pePain = painFromBelow(
    strikes.map((_, i) => -(strikes[count - 1 - i] as number)),
    calls.map((_, i) => puts[count - 1 - i] as number)
  )
  const totalPain = Array.from(strikes, (at, i): Pain => {
    const ce = cePain[i] as number
    const pe = pePain[count - 1 - i] as number
    return { strike: at, cePain: ce, pePain: pe, total: ce + pe }
  })
  const lowest = lowestRow(count, calls, puts)
  if (lowest < 0) {
    return { totalPain, maxPain: strikes[0] ?? null, maxPainStrikes: [...strikes], minPain: 0, degenerate: true }
  }
  return {
    totalPain,
    maxPain: strikes[lowest] as number,
    maxPainStrikes: [...strikes.subarray(lowest, highestRow(lowest, calls, puts) + 1)],
    minPain: (totalPain[lowest] as Pain).total,
    degenerate: false
  }
}

/** The curve stays flat above the lowest minimiser while call interest below equals put interest above. */
const highestRow = (lowest: number, ceOi: Float64Array, peOi: Float64Array): number => {
  let callsBelow = OpenInterest.total(ceOi, lowest + 1)
  let putsAbove = OpenInterest.total(peOi, peOi.length) - OpenInterest.total(peOi, lowest + 1)
  let row = lowest
  while (row + 1 < ceOi.length && callsBelow === putsAbove) {
    row++
    callsBelow += ceOi[row] as number
    putsAbove -= peOi[row] as number
  }
  return row
}

/** For ascending points: the payout at each point of the interest at and below it. */
const painFromBelow = (points: Float64Array, interest: Float64Array): Float64Array => {
  const pain = new Float64Array(points.length)
  let below = 0
  for (let i = 1; i < points.length; i++) {
    below += interest[i - 1] as number
    pain[i] = (pain[i - 1] as number) + below * ((points[i] as number) - (points[i - 1] as number))
  }
  return pain
}
