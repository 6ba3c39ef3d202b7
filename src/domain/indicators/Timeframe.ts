import * as IndiaTime from "../IndiaTime.ts"
import type { Bar } from "./Indicator.ts"

/** A bar's length in minutes, 1 to 1440; 1440 is the whole Indian day and carries its midnight, as Kite's day candles do. */
export const minutesMax = 1440

/**
 * When the bar that holds an instant opens. `openMs` is when the session usually opens (`Sessions.gridOpenMs`), milliseconds after India's
 * midnight. Bars begin at the session's open and never reach over an Indian day, so the last one of a
 * session may be short; what trades before the open lies in bars that end at it.
 */
export const barStartMs = (atMs: number, minutes: number, openMs: number): number => {
  const midnightMs = IndiaTime.istDay(atMs) * IndiaTime.dayMs - IndiaTime.istOffsetMs
  if (minutes >= minutesMax) return midnightMs
  const width = minutes * IndiaTime.minuteMs
  const start = midnightMs + openMs + Math.floor((atMs - midnightMs - openMs) / width) * width
  // Before the open a long bar would begin on the day before.
  return Math.max(start, midnightMs)
}

/** A longer bar while it fills: what its closed minutes gave, and the minute that may still change. */
export interface State {
  readonly startMs: number
  readonly base: Bar | null
  readonly minute: Bar
}

const join = (base: Bar, minute: Bar): Bar => ({
  atMs: base.atMs,
  open: base.open,
  high: Math.max(base.high, minute.high),
  low: Math.min(base.low, minute.low),
  close: minute.close,
  volume: base.volume + minute.volume
})

/** The longer bar as it stands. */
export const current = (state: State): Bar =>
  state.base === null ? { ...state.minute, atMs: state.startMs } : join(state.base, state.minute)

/**
 * One one-minute bar more: the new state, whose `current` is the open bar, and the bar that this one closed. A minute seen last may come
 * again corrected; an earlier one changes nothing.
 */
export const step = (state: State | null, minute: Bar, minutes: number, openMs: number): readonly [state: State, closed: Bar | null] => {
  const startMs = barStartMs(minute.atMs, minutes, openMs)
  if (state === null) return [{ startMs, base: null, minute }, null]
  if (minute.atMs < state.minute.atMs) return [state, null]
  if (minute.atMs === state.minute.atMs) return [{ ...state, minute }, null]
  return startMs === state.startMs ? [{ startMs, base: current(state), minute }, null] : [{ startMs, base: null, minute }, current(state)]
}

/** Bars of `minutes` from one-minute bars in order of time; the last may be open still. */
export const aggregate = (bars: Iterable<Bar>, minutes: number, openMs: number): ReadonlyArray<Bar> => {
  const out: Array<Bar> = []
  let state: State | null = null
  for (const bar of bars) {
    const [next, closed]: readonly [State, Bar | null] = step(state, bar, minutes, openMs)
    state = next
    if (closed !== null) out.push(closed)
  }
  if (state !== null) out.push(current(state))
  return out
}
