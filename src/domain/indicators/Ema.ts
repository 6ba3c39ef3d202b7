import type { Indicator } from "./Indicator.ts"

/** An exponential mean of any series. While `count` < period, `mean` holds the sum of the seed. */
export interface State {
  readonly count: number
  readonly mean: number
}

export const initial: State = { count: 0, mean: 0 }

/**
 * alpha = 2 / (period + 1), seeded with the plain mean of the first `period` values (TA-Lib's default). The first `skip` values do not
 * count towards the seed.
 */
export const step = (state: State, period: number, value: number, skip = 0): State => {
  const count = state.count + 1
  if (count <= skip) return { count, mean: 0 }
  if (count < period + skip) return { count, mean: state.mean + value }
  if (count === period + skip) return { count, mean: (state.mean + value) / period }
  return { count, mean: state.mean + (2 / (period + 1)) * (value - state.mean) }
}

/** The mean once it is seeded, else null. */
export const read = (state: State, period: number, skip = 0): number | null => (state.count >= period + skip ? state.mean : null)

/** Exponential mean of the closes, in rupees; first at bar `period` - 1. */
export const make = (period: number): Indicator<State, { readonly ema: number | null }> => ({
  initial,
  next: (state, bar) => {
    const after = step(state, period, bar.close)
    return [after, { ema: read(after, period) }]
  }
})
