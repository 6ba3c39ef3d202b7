import type { Indicator } from "./Indicator.ts"
import * as Window from "./Window.ts"

export interface Values extends Readonly<Record<string, number | null>> {
  readonly upper: number | null
  readonly middle: number | null
  readonly lower: number | null
}

/**
 * SMA(`period`) of closes, plus and minus `deviations` population standard deviations (divided by `period`); rupees; first at bar
 * `period` - 1.
 */
export const make = (period: number, deviations: number): Indicator<Window.Window, Values> => ({
  initial: [],
  next: (closes, bar) => {
    const window = Window.push(closes, period, bar.close)
    if (window.length < period) return [window, { upper: null, middle: null, lower: null }]
    const middle = Window.mean(window)
    let squares = 0
    for (const close of window) squares += (close - middle) ** 2
    const width = deviations * Math.sqrt(squares / period)
    return [window, { upper: middle + width, middle, lower: middle - width }]
  }
})
