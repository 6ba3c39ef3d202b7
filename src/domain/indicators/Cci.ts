import type { Indicator } from "./Indicator.ts"
import * as Window from "./Window.ts"

/** Lambert's constant: with it most values lie between -100 and 100. */
const scale = 0.015

/**
 * Commodity channel index by Lambert (Commodities magazine, October 1980): (typical - mean) / (0.015 x mean absolute deviation) of
 * `period` typical prices, typical = (high + low + close) / 3. 0 without a deviation, as TA-Lib; no unit; first at bar `period` - 1.
 */
export const make = (period: number): Indicator<Window.Window, { readonly cci: number | null }> => ({
  initial: [],
  next: (typicals, bar) => {
    const typical = (bar.high + bar.low + bar.close) / 3
    const window = Window.push(typicals, period, typical)
    if (window.length < period) return [window, { cci: null }]
    // The mean of equal prices can differ from them in its last bit.
    if (Window.highest(window) === Window.lowest(window)) return [window, { cci: 0 }]
    const mean = Window.mean(window)
    let deviations = 0
    for (const one of window) deviations += Math.abs(one - mean)
    return [window, { cci: (typical - mean) / (scale * (deviations / period)) }]
  }
})
