/** Prices and volume of a span of time. `atMs` is when it opens (UNIX ms). The owner states the unit of the prices. */
export interface Ohlcv {
  readonly atMs: number
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
}
