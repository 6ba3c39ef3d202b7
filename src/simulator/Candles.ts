/** Candles of a simulated market, built from its minutes. */
import * as Timeframe from "../domain/indicators/Timeframe.ts"
import * as Frame from "../domain/market/Frame.ts"
import type { Ohlcv } from "../domain/market/Ohlcv.ts"

/** Prices in the token's integer units; `oi` is the open interest at the candle's end. */
export interface Candle extends Ohlcv {
  readonly oi: number
}

/**
 * Builds longer candles from minutes in order of time. Candles are laid out from the session's open; day candles start at midnight in
 * India.
 */
export const aggregate = (minutes: ReadonlyArray<Candle>, length: number, openMs: number): ReadonlyArray<Candle> => {
  const out: Array<Candle> = []
  for (const minute of minutes) {
    const atMs = Timeframe.barStartMs(minute.atMs, length, openMs)
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
      volume: Math.min(Frame.u32Max, last.volume + minute.volume),
      oi: minute.oi
    }
  }
  return out
}
