import type { Indicator } from "./Indicator.ts"
import * as Wilder from "./Wilder.ts"

export interface State {
  readonly close: number | null
  readonly gain: Wilder.State
  readonly loss: Wilder.State
}

/** Wilder's RSI, 100 G / (G + L) of mean gains and losses, 0 to 100 (0 without any change, as TA-Lib); first at bar `period`. */
export const make = (period: number): Indicator<State, { readonly rsi: number | null }> => ({
  initial: { close: null, gain: Wilder.initial, loss: Wilder.initial },
  next: (state, bar) => {
    if (state.close === null) return [{ ...state, close: bar.close }, { rsi: null }]
    const change = bar.close - state.close
    const gain = Wilder.step(state.gain, period, Math.max(change, 0))
    const loss = Wilder.step(state.loss, period, Math.max(-change, 0))
    const after = { close: bar.close, gain, loss }
    if (gain.count < period) return [after, { rsi: null }]
    const both = gain.mean + loss.mean
    return [after, { rsi: both === 0 ? 0 : (100 * gain.mean) / both }]
  }
})
