/**
 * The rank of today's volatility among those of past days. The volatility is at the money for one constant time to expiry, so that days are
 * comparable. It is interpolated between the two expiries around that time, linearly in total variance (v² T), as in the exchanges'
 * volatility indices. Outside the listed expiries, the nearest one's volatility is used.
 */

/** One expiry at one moment: volatility at the money as a fraction a year, and the years that it has left. */
export interface Term {
  readonly years: number
  readonly vol: number
}

/** An expiry of less than a day is left out, because the volatility of the last hours says nothing about a month. */
export const yearsMin = 1 / 365
/** Fewer past days than this have no rank. */
export const daysMin = 20

/** Volatility of a constant time to expiry; NaN without a usable expiry. */
export const atTenor = (terms: ReadonlyArray<Term>, years: number): number => {
  const usable = terms.filter((one) => one.years >= yearsMin && one.vol > 0).sort((a, b) => a.years - b.years)
  const after = usable.find((one) => one.years >= years)
  const before = usable.findLast((one) => one.years <= years)
  if (after === undefined || before === undefined) return after?.vol ?? before?.vol ?? Number.NaN
  if (after.years === before.years) return after.vol
  const share = (years - before.years) / (after.years - before.years)
  const variance = (1 - share) * before.vol ** 2 * before.years + share * after.vol ** 2 * after.years
  return Math.sqrt(variance / years)
}

export interface Rank {
  /** (now - low) / (high - low) of the past days and now: 0 at the lowest, 1 at the highest. Null with too few days, or if all are equal. */
  readonly rank: number | null
  /** Share of the past days whose volatility was lower than now. Null with too few days. */
  readonly percentile: number | null
  readonly low: number | null
  readonly high: number | null
  /** Past days that had a volatility. */
  readonly count: number
}

/** The rank of a volatility among those of past days; NaN stands for a day without one. */
export const rankOf = (now: number, past: ReadonlyArray<number>): Rank => {
  const known = past.filter((one) => Number.isFinite(one))
  const count = known.length
  if (count < daysMin || !Number.isFinite(now)) return { rank: null, percentile: null, low: null, high: null, count }
  const low = Math.min(now, ...known)
  const high = Math.max(now, ...known)
  return {
    rank: high > low ? (now - low) / (high - low) : null,
    percentile: known.filter((one) => one < now).length / count,
    low,
    high,
    count
  }
}

/** One standard deviation of the underlying until an expiry, in rupees: F v √T. */
export const expectedMove = (forward: number, { years, vol }: Term): number => forward * vol * Math.sqrt(years)
