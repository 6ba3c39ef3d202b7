import * as Atr from "./Atr.ts"
import type { Indicator } from "./Indicator.ts"
import * as Wilder from "./Wilder.ts"

export interface State {
  readonly atr: Atr.State
  /** The bands and direction of the previous bar; null until the average true range is available. */
  readonly band: { readonly upper: number; readonly lower: number; readonly direction: 1 | -1 } | null
}

export interface Values extends Readonly<Record<string, number | null>> {
  /** The lower band while up, the upper one while down. */
  readonly line: number | null
  /** 1 up, -1 down. */
  readonly direction: number | null
  readonly upper: number | null
  readonly lower: number | null
}

const none: Values = { line: null, direction: null, upper: null, lower: null }

/**
 * Bands (high + low) / 2 +- multiplier x ATR(period). A band only moves towards the price unless the previous close broke it. The
 * direction turns down when the close falls below the lower band, and up when it rises above the upper one. Both comparisons are strict
 * and use the bar's own bands. It starts down, at the first bar with an average true range. Rupees.
 */
export const make = (period: number, multiplier: number, seed: Atr.Seed = "talib"): Indicator<State, Values> => ({
  initial: { atr: Atr.initial, band: null },
  next: (state, bar) => {
    const atr = Atr.step(state.atr, period, seed, bar)
    const range = Wilder.read(atr.mean, period)
    if (range === null) return [{ atr, band: null }, none]
    const middle = (bar.high + bar.low) / 2
    const previous = state.band
    let upper = middle + multiplier * range
    let lower = middle - multiplier * range
    let direction: 1 | -1 = -1
    if (previous !== null && state.atr.close !== null) {
      if (upper >= previous.upper && state.atr.close <= previous.upper) upper = previous.upper
      if (lower <= previous.lower && state.atr.close >= previous.lower) lower = previous.lower
      direction = previous.direction
      if (direction === -1 && bar.close > upper) direction = 1
      else if (direction === 1 && bar.close < lower) direction = -1
    }
    return [
      { atr, band: { upper, lower, direction } },
      { line: direction === 1 ? lower : upper, direction, upper, lower }
    ]
  }
})
