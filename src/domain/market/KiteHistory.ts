import * as IndiaTime from "../IndiaTime.ts"
import type { Ohlcv } from "./Ohlcv.ts"

/**
 * What Kite's historical data interface offers: GET /instruments/historical/{token}/{interval}. Source: kite.trade/docs/connect/v3/historical;
 * the longest spans are the server's own words ("interval exceeds max limit: N days").
 */
export const intervals = [
  { name: "minute", minutes: 1, daysMax: 60 },
  { name: "3minute", minutes: 3, daysMax: 100 },
  { name: "5minute", minutes: 5, daysMax: 100 },
  { name: "10minute", minutes: 10, daysMax: 100 },
  { name: "15minute", minutes: 15, daysMax: 200 },
  { name: "30minute", minutes: 30, daysMax: 200 },
  { name: "60minute", minutes: 60, daysMax: 400 },
  { name: "day", minutes: 1440, daysMax: 2000 }
] as const satisfies ReadonlyArray<{ readonly name: string; readonly minutes: number; readonly daysMax: number }>
export type Interval = (typeof intervals)[number]

/** Prices in rupees; `oi` null where none is known. */
export interface Candle extends Ohlcv {
  readonly oi: number | null
}

export const byName = (name: string): Interval | undefined => intervals.find((one) => one.name === name)
export const byMinutes = (minutes: number): Interval | undefined => intervals.find((one) => one.minutes === minutes)

/** A span of time, both ends inclusive, UNIX ms. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/** Kite counts in whole seconds. */
const secondMs = 1_000

/** A span in parts that Kite answers, oldest first, without an overlap. */
export const windows = ({ fromMs, toMs }: Span, daysMax: number): ReadonlyArray<Span> => {
  const parts: Array<Span> = []
  const length = daysMax * IndiaTime.dayMs
  for (let at = fromMs; at <= toMs; at += length) parts.push({ fromMs: at, toMs: Math.min(toMs, at + length - secondMs) })
  return parts
}
