import type { Bar, Indicator } from "./Indicator.ts"
import * as Wilder from "./Wilder.ts"

/**
 * talib: the first bar has no previous close and is skipped (first value at bar `period`). tradingview: it counts (first at `period` -
 * 1).
 */
export type Seed = "talib" | "tradingview"

/** True range in rupees. For the first bar it is high - low. */
export const trueRange = (bar: Bar, previousClose: number | null): number =>
  previousClose === null
    ? bar.high - bar.low
    : Math.max(bar.high - bar.low, Math.abs(bar.high - previousClose), Math.abs(bar.low - previousClose))

export interface State {
  readonly close: number | null
  readonly mean: Wilder.State
}

export const initial: State = { close: null, mean: Wilder.initial }

export const step = (state: State, period: number, seed: Seed, bar: Bar): State => {
  const counts = state.close !== null || seed === "tradingview"
  return { close: bar.close, mean: counts ? Wilder.step(state.mean, period, trueRange(bar, state.close)) : state.mean }
}

/** Average true range by Wilder, in rupees. `tr` is the bar's own range. */
export const make = (period: number, seed: Seed = "talib"): Indicator<State, { readonly tr: number; readonly atr: number | null }> => ({
  initial,
  next: (state, bar) => {
    const after = step(state, period, seed, bar)
    return [after, { tr: trueRange(bar, state.close), atr: Wilder.read(after.mean, period) }]
  }
})
