import type { Indicator } from "./Indicator.ts"
import * as Window from "./Window.ts"

export interface State {
  readonly highs: Window.Window
  readonly lows: Window.Window
}

/**
 * Williams %R (Larry Williams, 1973): -100 x (highest - close) / (highest - lowest) of `period` bars, -100 to 0. 0 without a range, as
 * TA-Lib; first at bar `period` - 1.
 */
export const make = (period: number): Indicator<State, { readonly williams_r: number | null }> => ({
  initial: { highs: [], lows: [] },
  next: (state, bar) => {
    const after = { highs: Window.push(state.highs, period, bar.high), lows: Window.push(state.lows, period, bar.low) }
    if (after.highs.length < period) return [after, { williams_r: null }]
    const highest = Window.highest(after.highs)
    const range = highest - Window.lowest(after.lows)
    // Subtracting from zero keeps a close at the highest price at 0, not at -0.
    return [after, { williams_r: range === 0 ? 0 : 0 - (100 * (highest - bar.close)) / range }]
  }
})
