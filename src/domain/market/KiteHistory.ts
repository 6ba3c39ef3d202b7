import * as IndiaTime from "../IndiaTime.ts"
import type { Ohlcv } from "./Ohlcv.ts"

/**
 * The intervals of Kite's historical data API: GET /instruments/historical/{token}/{interval}. Source:
 * kite.trade/docs/connect/v3/historical. The longest spans come from the server's error text ("interval exceeds max limit: N days").
 * `short` is our own name, `aliases` are the names that charts use.
 */
export const intervals = [
  { name: "minute", short: "1m", aliases: ["1m", "1minute"], minutes: 1, daysMax: 60 },
  { name: "3minute", short: "3m", aliases: ["3m"], minutes: 3, daysMax: 100 },
  { name: "5minute", short: "5m", aliases: ["5m"], minutes: 5, daysMax: 100 },
  { name: "10minute", short: "10m", aliases: ["10m"], minutes: 10, daysMax: 100 },
  { name: "15minute", short: "15m", aliases: ["15m"], minutes: 15, daysMax: 200 },
  { name: "30minute", short: "30m", aliases: ["30m"], minutes: 30, daysMax: 200 },
  { name: "60minute", short: "1h", aliases: ["60m", "1h", "hour"], minutes: 60, daysMax: 400 },
  { name: "day", short: "1d", aliases: ["1d", "1day"], minutes: IndiaTime.dayMinutes, daysMax: 2000 }
] as const satisfies ReadonlyArray<{
  readonly name: string
  readonly short: string
  readonly aliases: ReadonlyArray<string>
  readonly minutes: number
  readonly daysMax: number
}>
export type Interval = (typeof intervals)[number]

export const day = intervals[7]

/** Prices in rupees; `oi` is null if unknown. */
export interface Candle extends Ohlcv {
  readonly oi: number | null
}

export const byName = (name: string): Interval | undefined => intervals.find((one) => one.name === name)
/** The interval by Kite's name or by a name that charts use. */
export const byAlias = (name: string): Interval | undefined =>
  byName(name) ?? intervals.find(({ aliases }) => (aliases as ReadonlyArray<string>).includes(name))
export const byMinutes = (minutes: number): Interval | undefined => intervals.find((one) => one.minutes === minutes)

/** A span of time, both ends inclusive, UNIX ms. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/** Kite's times have a resolution of one second. */
const secondMs = 1_000

/** Splits a span into parts that Kite answers, oldest first, without overlap. */
export const windows = ({ fromMs, toMs }: Span, daysMax: number): ReadonlyArray<Span> => {
  const parts: Array<Span> = []
  const length = daysMax * IndiaTime.dayMs
  for (let at = fromMs; at <= toMs; at += length) parts.push({ fromMs: at, toMs: Math.min(toMs, at + length - secondMs) })
  return parts
}
