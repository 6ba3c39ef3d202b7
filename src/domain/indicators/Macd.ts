import * as Ema from "./Ema.ts"
import type { Indicator } from "./Indicator.ts"

/**
 * textbook: each mean is seeded at its own start. talib: both means are seeded at the same bar, so the fast one skips the closes before
 * that.
 */
export type Seed = "textbook" | "talib"

export interface State {
  readonly fast: Ema.State
  readonly slow: Ema.State
  readonly signal: Ema.State
}

export interface Values extends Readonly<Record<string, number | null>> {
  readonly line: number | null
  readonly signal: number | null
  readonly hist: number | null
}

/**
 * line = EMA(fast) - EMA(slow) of closes, first at bar `slow` - 1; signal = EMA of the line seeded with the mean of its first `signal`
 * values; hist = line - signal; all in rupees. `fast` < `slow`.
 */
export const make = (fast: number, slow: number, signal: number, seed: Seed = "textbook"): Indicator<State, Values> => {
  const skip = seed === "talib" ? slow - fast : 0
  return {
    initial: { fast: Ema.initial, slow: Ema.initial, signal: Ema.initial },
    next: (state, bar) => {
      const means = { fast: Ema.step(state.fast, fast, bar.close, skip), slow: Ema.step(state.slow, slow, bar.close) }
      const [quick, calm] = [Ema.read(means.fast, fast, skip), Ema.read(means.slow, slow)]
      if (quick === null || calm === null)
        return [
          { ...means, signal: state.signal },
          { line: null, signal: null, hist: null }
        ]
      const line = quick - calm
      const mean = Ema.step(state.signal, signal, line)
      const value = Ema.read(mean, signal)
      return [
        { ...means, signal: mean },
        { line, signal: value, hist: value === null ? null : line - value }
      ]
    }
  }
}
