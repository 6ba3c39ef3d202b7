/** Candles as Kite's historical interface has them, from a market's minutes. */

import * as IndiaTime from "../domain/IndiaTime.ts"
import * as Timeframe from "../domain/indicators/Timeframe.ts"
import * as KiteHistory from "../domain/market/KiteHistory.ts"
import type { Ohlcv } from "../domain/market/Ohlcv.ts"

/** Prices in the token's integer units; `oi` is what was open at its end. */
export interface Candle extends Ohlcv {
  readonly oi: number
}

const u32Max = 0xffffffff

/** Longer candles from minutes in order of time: laid out from the session's open, days on India's midnight. */
export const aggregate = (minutes: ReadonlyArray<Candle>, length: number): ReadonlyArray<Candle> => {
  const out: Array<Candle> = []
  for (const minute of minutes) {
    const atMs = Timeframe.barStartMs(minute.atMs, length)
    const last = out.at(-1)
    if (last?.atMs !== atMs) {
      out.push({ ...minute, atMs })
      continue
    }
    out[out.length - 1] = {
      atMs,
      open: last.open,
      high: Math.max(last.high, minute.high),
      low: Math.min(last.low, minute.low),
      close: minute.close,
      volume: Math.min(u32Max, last.volume + minute.volume),
      oi: minute.oi
    }
  }
  return out
}

/** "yyyy-mm-dd hh:mm:ss" or "yyyy-mm-dd", Indian time, as UNIX ms; NaN for anything else. */
export const instantMs = (text: string): number => {
  const [, day = "", time = "00:00:00"] = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}:\d{2}))?$/.exec(text) ?? []
  return IndiaTime.isIsoDate(day) ? Date.parse(`${day}T${time}+05:30`) : Number.NaN
}

/** 2026-08-19T09:15:00+0530 */
export const stamp = (atMs: number): string => `${new Date(atMs + IndiaTime.istOffsetMs).toISOString().slice(0, 19)}+0530`

/** What of a request cannot be, in Kite's words; else the interval and the span. */
export const read = (
  name: string,
  query: URLSearchParams
): { readonly interval: KiteHistory.Interval; readonly span: KiteHistory.Span } | string => {
  const interval = KiteHistory.byName(name)
  if (interval === undefined) return "invalid interval"
  const span = { fromMs: instantMs(query.get("from") ?? ""), toMs: instantMs(query.get("to") ?? "") }
  if (Number.isNaN(span.fromMs)) return "invalid from date"
  if (Number.isNaN(span.toMs)) return "invalid to date"
  if (span.fromMs > span.toMs) return "from date cannot be after to date"
  if (span.toMs - span.fromMs > interval.daysMax * IndiaTime.dayMs) return `interval exceeds max limit: ${interval.daysMax} days`
  return { interval, span }
}
