import type { Indicator } from "./Indicator.ts"
import * as Window from "./Window.ts"

export interface State {
  readonly highs: Window.Window
  readonly lows: Window.Window
  readonly fast: Window.Window
  readonly slow: Window.Window
}

export interface Values extends Readonly<Record<string, number | null>> {
  readonly fast_k: number | null
  readonly slow_k: number | null
  readonly slow_d: number | null
}

/**
 * fastK = 100 (close - lowest low) / (highest high - lowest low) of `period` bars, 0 if the range is zero. slowK = mean of the last
 * `smoothK` fastK, slowD = mean of the last `smoothD` slowK; 0 to 100.
 */
export const make = (period: number, smoothK: number, smoothD: number): Indicator<State, Values> => ({
  initial: { highs: [], lows: [], fast: [], slow: [] },
  next: (state, bar) => {
    const highs = Window.push(state.highs, period, bar.high)
    const lows = Window.push(state.lows, period, bar.low)
    if (highs.length < period)
      return [
        { ...state, highs, lows },
        { fast_k: null, slow_k: null, slow_d: null }
      ]
    const [high, low] = [Window.highest(highs), Window.lowest(lows)]
    const fastK = high === low ? 0 : (100 * (bar.close - low)) / (high - low)
    const fast = Window.push(state.fast, smoothK, fastK)
    const slowK = fast.length === smoothK ? Window.mean(fast) : null
    const slow = slowK === null ? state.slow : Window.push(state.slow, smoothD, slowK)
    return [
      { highs, lows, fast, slow },
      { fast_k: fastK, slow_k: slowK, slow_d: slow.length === smoothD ? Window.mean(slow) : null }
    ]
  }
})
