/**
 * Wilder's mean: the plain mean of the first `period` values, then (mean x (period - 1) + value) / period. Until then `mean` holds the
 * sum.
 */
export interface State {
  readonly count: number
  readonly mean: number
}

export const initial: State = { count: 0, mean: 0 }

export const step = (state: State, period: number, value: number): State => {
  const count = state.count + 1
  if (count < period) return { count, mean: state.mean + value }
  if (count === period) return { count, mean: (state.mean + value) / period }
  return { count, mean: (state.mean * (period - 1) + value) / period }
}

export const read = (state: State, period: number): number | null => (state.count >= period ? state.mean : null)
