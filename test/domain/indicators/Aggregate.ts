import type { Bar } from "../../../src/domain/indicators/Indicator.ts"
import * as Timeframe from "../../../src/domain/indicators/Timeframe.ts"

/** Bars of `minutes` from one-minute bars sorted by time. The last bar may still be open. */
export const aggregate = (bars: Iterable<Bar>, minutes: number, openMs: number): ReadonlyArray<Bar> => {
  const out: Array<Bar> = []
  let state: Timeframe.State | null = null
  for (const bar of bars) {
    const [next, closed]: readonly [Timeframe.State, Bar | null] = Timeframe.step(state, bar, minutes, openMs)
    state = next
    if (closed !== null) out.push(closed)
  }
  if (state !== null) out.push(Timeframe.current(state))
  return out
}
