/** Put-call ratios, open-interest change and the build-up classes of one contract or a chain. */

/** Sum of a column's first `count` values; missing values (NaN) are ignored. */
export const total = (column: Float64Array, count: number): number => {
  let sum = 0
  for (let i = 0; i < count; i++) {
    const value = column[i] as number
    if (value > 0) sum += value
  }
  return sum
}

/** A ratio, or the reason why it is undefined. */
export type Ratio = { readonly value: number; readonly reason: null } | { readonly value: null; readonly reason: "no_call_total" }

/** Put-call ratio: puts / calls (both of open interest, or both of volume); undefined without calls. */
export const putCallRatio = (calls: number, puts: number): Ratio =>
  calls > 0 ? { value: puts / calls, reason: null } : { value: null, reason: "no_call_total" }

/** Totals and both put-call ratios of a chain. */
export interface Summary {
  readonly callOi: number
  readonly putOi: number
  readonly callVolume: number
  readonly putVolume: number
  readonly pcrOi: Ratio
  readonly pcrVolume: Ratio
}

/** Summary of columns of at least `count` rows; absent values (NaN) count as 0. */
export const summarise = (
  count: number,
  callOi: Float64Array,
  putOi: Float64Array,
  callVolume: Float64Array,
  putVolume: Float64Array
): Summary => {
  const oiOfCalls = total(callOi, count)
  const oiOfPuts = total(putOi, count)
  const volumeOfCalls = total(callVolume, count)
  const volumeOfPuts = total(putVolume, count)
  return {
    callOi: oiOfCalls,
    putOi: oiOfPuts,
    callVolume: volumeOfCalls,
    putVolume: volumeOfPuts,
    pcrOi: putCallRatio(oiOfCalls, oiOfPuts),
    pcrVolume: putCallRatio(volumeOfCalls, volumeOfPuts)
  }
}

/** Open interest now minus a reference; NaN if either is unknown. */
export const change = (current: number, reference: number): number => (current >= 0 && reference >= 0 ? current - reference : Number.NaN)

/**
 * The meaning of price and open interest together: new positions in the direction of the price (build-up), or old ones closed against
 * it. `unchanged` if either did not change, `unknown` if either is unknown (NaN).
 */
export type BuildUp = "long_build_up" | "short_covering" | "short_build_up" | "long_unwinding" | "unchanged" | "unknown"

/** The class of a contract by the signs of its price change and its open-interest change. */
export const buildUp = (priceChange: number, oiChange: number): BuildUp => {
  if (Number.isNaN(priceChange) || Number.isNaN(oiChange)) return "unknown"
  if (priceChange === 0 || oiChange === 0) return "unchanged"
  if (priceChange > 0) return oiChange > 0 ? "long_build_up" : "short_covering"
  return oiChange > 0 ? "short_build_up" : "long_unwinding"
}
