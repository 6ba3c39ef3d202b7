import type { Indicator } from "./Indicator.ts"
import * as Window from "./Window.ts"

/** Mean of the last `period` closes, in rupees; first at bar `period` - 1. */
export const make = (period: number): Indicator<Window.Window, { readonly sma: number | null }> => ({
  initial: [],
  next: (closes, bar) => {
    const window = Window.push(closes, period, bar.close)
    return [window, { sma: window.length === period ? Window.mean(window) : null }]
  }
})
