import * as IndiaTime from "../IndiaTime.ts"
import type { Indicator } from "./Indicator.ts"

/** session: restarts with each Indian day. cumulative: never restarts. */
export type Anchor = "session" | "cumulative"

export interface State {
  readonly day: number | null
  readonly value: number
  readonly volume: number
}

/** sum(typical x volume) / sum(volume), typical = (high + low + close) / 3, rupees; null until the first trade. */
export const make = (anchor: Anchor = "session"): Indicator<State, { readonly vwap: number | null }> => ({
  initial: { day: null, value: 0, volume: 0 },
  next: (state, bar) => {
    const day = IndiaTime.istDay(bar.atMs)
    const continues = anchor === "cumulative" || state.day === day
    const after = {
      day,
      value: (continues ? state.value : 0) + ((bar.high + bar.low + bar.close) / 3) * bar.volume,
      volume: (continues ? state.volume : 0) + bar.volume
    }
    return [after, { vwap: after.volume === 0 ? null : after.value / after.volume }]
  }
})
