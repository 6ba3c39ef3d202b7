import * as IndiaTime from "../IndiaTime.ts"
import type { Ready } from "./Catalogue.ts"
import * as Indicator from "./Indicator.ts"
import * as Series from "./Series.ts"
import * as Timeframe from "./Timeframe.ts"

/** What decides the bars of one instrument and timeframe. */
export interface Grid {
  readonly minutes: number
  /** The usual opening time, from which a day's bars are laid out: milliseconds after India's midnight. */
  readonly openMs: number
  /** The length of an ordinary session. */
  readonly sessionMinutes: number
}

/** The indicators of one instrument and timeframe, on the bars of one day. */
export interface State {
  /** The newest bar while it fills; null while no minute of it is known. */
  readonly bar: Timeframe.State | null
  /** When the newest bar opens; null without any. */
  readonly newestMs: number | null
  /** The day in India whose series these are. Values of another day begin at another origin, so they need another seed. */
  readonly day: number
  readonly live: ReadonlyArray<{ readonly ready: Ready; readonly values: Indicator.Live<unknown> }>
}

const updated = (state: State, bar: Indicator.Bar): State["live"] =>
  state.live.map(({ ready, values }) => ({ ready, values: Indicator.update(ready.indicator, values, bar) }))

/**
 * The state after the stored bars. They are ascending and reach back to the origins of the newest one; `minutes` are the minutes of the newest
 * bar. The series begin at the origins of `day` ("YYYY-MM-DD"), which is that of the newest bar or a later one.
 */
export const seed = (
  readies: ReadonlyArray<Ready>,
  grid: Grid,
  bars: ReadonlyArray<Indicator.Bar>,
  minutes: ReadonlyArray<Indicator.Bar>,
  day: string
): State => {
  const live = readies.map((ready) => {
    const originMs = Series.originMs(ready, day, grid.minutes, grid.sessionMinutes)
    let values = Indicator.start(ready.indicator)
    for (const bar of bars) if (bar.atMs >= originMs) values = Indicator.update(ready.indicator, values, bar)
    return { ready, values }
  })
  let bar: Timeframe.State | null = null
  for (const minute of minutes) bar = Timeframe.step(bar, minute, grid.minutes, grid.openMs)[0]
  return {
    bar: bar?.startMs === bars.at(-1)?.atMs ? bar : null,
    day: IndiaTime.istDay(IndiaTime.istMidnightMs(day)),
    newestMs: bars.at(-1)?.atMs ?? null,
    live
  }
}

/**
 * Applies the newest version of a minute. "reseed": the minute belongs to a later day than the state. A minute before the newest one changes
 * nothing, because the stored bars contain it.
 */
export const apply = (state: State, grid: Grid, minute: Indicator.Bar): State | "reseed" => {
  const day = IndiaTime.istDay(minute.atMs)
  if (day > state.day) return "reseed"
  const startMs = Timeframe.barStartMs(minute.atMs, grid.minutes, grid.openMs)
  if (state.newestMs !== null && startMs < state.newestMs) return state
  const [bar] = Timeframe.step(state.bar, minute, grid.minutes, grid.openMs)
  if (bar === state.bar) return state
  return { ...state, bar, newestMs: startMs, live: updated(state, Timeframe.current(bar)) }
}
