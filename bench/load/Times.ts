/** Times of single messages, ms. */
export interface Times {
  /** The fastest tenth, which met no queue. */
  readonly p10: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
  readonly samples: number
}

export const of = (values: Iterable<number>): Times => {
  const sorted = Float64Array.from(values).sort()
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
  return { p10: at(0.1), p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1), samples: sorted.length }
}
