/** The last values of a series, oldest first. `push` bounds the length. */
export type Window = ReadonlyArray<number>

export const push = (window: Window, length: number, value: number): Window =>
  window.length < length ? [...window, value] : [...window.slice(window.length - length + 1), value]

/**
 * The mean, summed from scratch each time. A running sum would carry the rounding errors of all earlier values, so its result would
 * depend on where the history began.
 */
export const mean = (window: Window): number => {
  let sum = 0
  for (const value of window) sum += value
  return sum / window.length
}

export const highest = (window: Window): number => {
  let max = Number.NEGATIVE_INFINITY
  for (const value of window) if (value > max) max = value
  return max
}

export const lowest = (window: Window): number => {
  let min = Number.POSITIVE_INFINITY
  for (const value of window) if (value < min) min = value
  return min
}
