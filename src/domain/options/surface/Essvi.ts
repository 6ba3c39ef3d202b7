/**
 * One expiry's volatility smile as a slice of the extended SSVI surface: S. Hendriks and C. Martini, "The extended SSVI volatility
 * surface", Journal of Computational Finance 22(5), 2019; in the parameters of J. Corbetta, P. Cohort, I. Laachir and C. Martini,
 * "Robust calibration and arbitrage-free interpolation of SSVI slices", Decisions in Economics and Finance 42, 2019.
 *
 * Total variance at the log-moneyness k = ln(strike / forward):
 *
 *   w(k) = (theta + rho psi k + sqrt((psi k + rho theta)² + (1 - rho²) theta²)) / 2
 */

export interface Slice {
  /** Total variance at the money, volatility² x years; above 0. */
  readonly theta: number
  /** Lean of the smile, above -1 and below 1: negative when puts are dearer. */
  readonly rho: number
  /** Bend of the smile, above 0: the slope of w at the money is rho psi. */
  readonly psi: number
}

/** Total variance at a log-moneyness. */
export const totalVariance = ({ theta, rho, psi }: Slice, k: number): number => {
  const shifted = psi * k + rho * theta
  return 0.5 * (theta + rho * psi * k + Math.sqrt(shifted * shifted + (1 - rho * rho) * theta * theta))
}

/** Volatility (a fraction) at a log-moneyness, for `years` to expiry. */
export const volatility = (slice: Slice, years: number, k: number): number => Math.sqrt(totalVariance(slice, k) / years)

export interface Range {
  readonly min: number
  readonly max: number
}

/** The slice before the first one. It imposes no condition. */
export const none: Slice = { theta: 0, rho: 0, psi: 0 }

/**
 * The leans that a slice of variance `theta` may have after `earlier`, so that some bend is free of calendar arbitrage: theta /
 * earlier.theta must be at least (1 + earlier.rho) / (1 + rho) and (1 - earlier.rho) / (1 - rho).
 */
export const rhoRange = (earlier: Slice, theta: number): Range => {
  if (earlier.theta === 0) return { min: -1, max: 1 }
  const ratio = earlier.theta / theta
  return { min: (1 + earlier.rho) * ratio - 1, max: 1 - (1 - earlier.rho) * ratio }
}

/**
 * The bends without arbitrage. Butterflies: psi (1 + |rho|) <= 4 and psi² (1 + |rho|) <= 4 theta. Calendars, relative to the slice of
 * the previous expiry: psi (1 ± rho) >= earlier.psi (1 ± earlier.rho), and psi / theta at most its psi / theta. Empty (max < min) if no
 * bend fits.
 */
export const psiRange = (earlier: Slice, { theta, rho }: Pick<Slice, "theta" | "rho">): Range => {
  const lean = 1 + Math.abs(rho)
  const butterfly = Math.min(4 / lean, Math.sqrt((4 * theta) / lean))
  if (earlier.theta === 0) return { min: 0, max: butterfly }
  const least = earlier.psi * Math.max((1 + earlier.rho) / (1 + rho), (1 - earlier.rho) / (1 - rho))
  return { min: least, max: Math.min(butterfly, (earlier.psi * theta) / earlier.theta) }
}
