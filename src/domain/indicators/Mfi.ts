import type { Indicator } from "./Indicator.ts"
import * as Window from "./Window.ts"

export interface State {
  readonly typical: number | null
  /** Typical price x volume of each bar: positive when the typical price rose, negative when it fell. */
  readonly flows: Window.Window
}

/**
 * Money flow index by Quong and Soudack (Technical Analysis of Stocks and Commodities, March 1989), 0 to 100: 100 P / (P + N) of the
 * rising and falling flows of `period` bars. 0 without any flow, as TA-Lib; first at bar `period`.
 */
export const make = (period: number): Indicator<State, { readonly mfi: number | null }> => ({
  initial: { typical: null, flows: [] },
  next: (state, bar) => {
    const typical = (bar.high + bar.low + bar.close) / 3
    if (state.typical === null) return [{ ...state, typical }, { mfi: null }]
    const flow = Math.sign(typical - state.typical) * typical * bar.volume
    const flows = Window.push(state.flows, period, flow)
    const after = { typical, flows }
    if (flows.length < period) return [after, { mfi: null }]
    let rising = 0
    let falling = 0
    for (const one of flows) {
      if (one > 0) rising += one
      else falling -= one
    }
    const both = rising + falling
    return [after, { mfi: both === 0 ? 0 : (100 * rising) / both }]
  }
})
