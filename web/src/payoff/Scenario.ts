/** The scenario of a payoff: a date before the horizon, a shift of the spot (a share) and of every volatility (points as a fraction). */
export interface Scenario {
  readonly date: Date | undefined
  readonly spotShift: number
  readonly volShift: number
  readonly points: number
}

export const pointsMax = 1_001
/** True if nothing is shifted, so the scenario is the present. */
export const isNow = ({ date, spotShift, volShift }: Scenario): boolean => date === undefined && spotShift === 0 && volShift === 0

/** Limits of the sliders: per cent of the spot, and volatility points. */
export const spotPercentMax = 10
export const volPointsMax = 20

/** The moment at a share of the way from now to the horizon; undefined for now itself. */
export const dateAt = (share: number, nowMs: number, horizonMs: number): Date | undefined =>
  share <= 0 || horizonMs <= nowMs ? undefined : new Date(Math.round(nowMs + (horizonMs - nowMs) * Math.min(1, share)))
