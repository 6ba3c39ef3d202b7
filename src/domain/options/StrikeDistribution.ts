/** How a metric is spread over the strikes of a chain. */

/** Metrics of a chain row. `additive`: a sum over strikes has a meaning. */
export const Metric = {
  oi: { additive: true },
  oi_change: { additive: true },
  volume: { additive: true },
  delta: { additive: true },
  gamma: { additive: true },
  theta: { additive: true },
  vega: { additive: true },
  rho: { additive: true },
  gex: { additive: true },
  last_price: { additive: false },
  iv: { additive: false }
} as const

export type Metric = keyof typeof Metric

export const isMetric = (text: string): text is Metric => Object.hasOwn(Metric, text)

/** One strike; null if the side has no value. `share` is of the sum of absolute values; null for a metric that is not additive. */
export interface StrikeValue {
  readonly strike: number
  readonly call: number | null
  readonly put: number | null
  /** Call plus put, a missing side counting as 0; null for a metric that is not additive. */
  readonly total: number | null
  readonly share: number | null
}

export interface Distribution {
  readonly metric: Metric
  /** In the order of the columns. */
  readonly strikes: ReadonlyArray<StrikeValue>
  readonly callTotal: number | null
  readonly putTotal: number | null
  /** Strike with the largest absolute value of each side, the first if equal; null without values. */
  readonly callPeak: number | null
  readonly putPeak: number | null
  /** Mean strike, weighted by absolute totals; null for a metric that is not additive, or if all values are zero. */
  readonly centre: number | null
}

const orNull = (value: number | undefined): number | null => (value === undefined || Number.isNaN(value) ? null : value)

const sumOf = (values: ReadonlyArray<number | null>): number => values.reduce<number>((sum, value) => sum + (value ?? 0), 0)

const peakOf = (strikes: Float64Array, values: ReadonlyArray<number | null>): number | null => {
  let best = -1
  for (const [i, value] of values.entries()) {
    if (value !== null && (best < 0 || Math.abs(value) > Math.abs(values[best] ?? 0))) best = i
  }
  return best < 0 ? null : (strikes[best] as number)
}

/** Distribution of a metric given as columns of at least `count` rows, NaN for "no value". */
export const distribute = (metric: Metric, count: number, strike: Float64Array, call: Float64Array, put: Float64Array): Distribution => {
  const strikes = strike.subarray(0, count)
  const calls = Array.from(strikes, (_, i) => orNull(call[i]))
  const puts = Array.from(strikes, (_, i) => orNull(put[i]))
  const additive = Metric[metric].additive
  const size = calls.map((value, i) => Math.abs(value ?? 0) + Math.abs(puts[i] ?? 0))
  const all = sumOf(size)
  return {
    metric,
    strikes: Array.from(strikes, (at, i): StrikeValue => {
      const callValue = calls[i] ?? null
      const putValue = puts[i] ?? null
      const total = additive ? (callValue ?? 0) + (putValue ?? 0) : null
      return { strike: at, call: callValue, put: putValue, total, share: additive && all > 0 ? (size[i] as number) / all : null }
    }),
    callTotal: additive ? sumOf(calls) : null,
    putTotal: additive ? sumOf(puts) : null,
    callPeak: peakOf(strikes, calls),
    putPeak: peakOf(strikes, puts),
    centre: additive && all > 0 ? size.reduce((sum, weight, i) => sum + (weight / all) * (strikes[i] as number), 0) : null
  }
}
