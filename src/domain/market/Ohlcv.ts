/** Prices and volume of a span of time; `atMs` is when it opens (UNIX ms). In which unit prices are, whoever holds one says. */
export interface Ohlcv {
  readonly atMs: number
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
}
