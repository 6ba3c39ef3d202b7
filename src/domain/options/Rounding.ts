/** Converts domain numbers (per year, per 1.00) to published numbers. No other code does (units in docs/conventions.md). */
const power = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9] as const

/** `x` in units of 10^-places, as an integer, a half away from zero. NaN stays NaN; the result is never -0. */
export const toUnits = (x: number, places: number): number => {
  const scaled = Math.abs(x) * (power[places] ?? 1)
  const units = Math.floor(scaled + 0.5)
  return x < 0 && units !== 0 ? -units : units
}

/** An integer number of 10^-places as a JSON number; null for NaN. One division of exact numbers, so its shortest text is the decimal. */
export const fromUnits = (units: number, places: number): number | null => (Number.isNaN(units) ? null : units / (power[places] ?? 1))

/** Rounded to decimal places; null for NaN and for no value. */
export const round = (x: number | null, places: number): number | null => (x === null ? null : fromUnits(toUnits(x, places), places))

/**
 * Decimal places of published values. theta is per calendar day, vega per volatility point and rho per rate point. Four places also
 * keep digits for an underlying at 80 rupees.
 */
export const places = { iv: 5, delta: 4, gamma: 7, theta: 4, vega: 4, rho: 4 } as const

/** Calendar days in the Act/365 year of theta. */
const daysPerYear = 365
/** Points in 1.00 of volatility or rate. */
const points = 100

export const thetaPerDay = (perYear: number): number => perYear / daysPerYear
const perPoint = (perUnit: number): number => perUnit / points

/** A chain's numbers (per year, per 1.00) as integers at their published decimal places. */
export const units = {
  iv: (x: number): number => toUnits(x, places.iv),
  delta: (x: number): number => toUnits(x, places.delta),
  gamma: (x: number): number => toUnits(x, places.gamma),
  theta: (x: number): number => toUnits(thetaPerDay(x), places.theta),
  vega: (x: number): number => toUnits(perPoint(x), places.vega),
  rho: (x: number): number => toUnits(perPoint(x), places.rho)
} as const

/** A chain's number (per year, per 1.00) in its published form; null for NaN. */
export const published = (name: keyof typeof units, x: number): number | null => fromUnits(units[name](x), places[name])

/** One bit pattern for "no value". NaN's bytes depend on how it was made, so they are replaced before hashing or storing. */
export const canonical = (x: number): number => (Number.isNaN(x) ? Number.NaN : x)

/** Equal when published; NaN equals NaN. */
export const same = (a: number, b: number): boolean => a === b || (Number.isNaN(a) && Number.isNaN(b))
