import * as IndiaTime from "../IndiaTime.ts"
import type { Bar } from "./Indicator.ts"

/** A bar's length in minutes, 1 to 1440. 1440 is the whole Indian day, and its timestamp is midnight, as in Kite's day candles. */
export const minutesMax = IndiaTime.dayMinutes

/**
 * When the bar that contains an instant opens. `openMs` is the session's usual opening time (`Sessions.gridOpenMs`), in milliseconds
 * after India's midnight. Bars are laid out from the session's open and never cross midnight, so a session's last bar may be short.
 * Trades before the open belong to bars that end at the open.
 */
export const barStartMs = (atMs: number, minutes: number, openMs: number): number => {
  const midnightMs = IndiaTime.istDay(atMs) * IndiaTime.dayMs - IndiaTime.istOffsetMs
  if (minutes >= minutesMax) return midnightMs
  const width = minutes * IndiaTime.minuteMs
  const start = midnightMs + openMs + Math.floor((atMs - midnightMs - openMs) / width) * width
  // Without this bound a long bar before the open would begin on the previous day.
  return Math.max(start, midnightMs)
}

/** A longer bar while it fills: the sum of its closed minutes, and the newest minute, which may still change. */
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

/** The longer bar with everything received so far. */
export const current = (state: State): Bar =>
  state.base === null ? { ...state.minute, atMs: state.startMs } : join(state.base, state.minute)

/**
 * Adds a one-minute bar. Returns the new state, whose `current` is the open bar, and the bar that this minute closed. The newest minute
 * may arrive again with corrections; an earlier minute changes nothing.
 */
export const step = (state: State | null, minute: Bar, minutes: number, openMs: number): readonly [state: State, closed: Bar | null] => {
  const startMs = barStartMs(minute.atMs, minutes, openMs)
  if (state === null) return [{ startMs, base: null, minute }, null]
  if (minute.atMs < state.minute.atMs) return [state, null]
  if (minute.atMs === state.minute.atMs) return [{ ...state, minute }, null]
  return startMs === state.startMs ? [{ startMs, base: current(state), minute }, null] : [{ startMs, base: null, minute }, current(state)]
}
