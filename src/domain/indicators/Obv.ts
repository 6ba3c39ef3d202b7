import type { Indicator } from "./Indicator.ts"

export interface State {
  readonly close: number | null
  readonly obv: number
}

/**
 * On-balance volume by Granville (New Key to Stock Market Profits, 1963), in units: adds the volume of a bar that closes above the
 * previous close, and subtracts that of a bar below it. 0 at the first bar. Sums of whole volumes are exact.
 */
export const make = (): Indicator<State, { readonly obv: number }> => ({
  initial: { close: null, obv: 0 },
  next: ({ close, obv }, bar) => {
    const signed = close === null || bar.close === close ? 0 : bar.close > close ? bar.volume : -bar.volume
    const after = { close: bar.close, obv: obv + signed }
    return [after, { obv: after.obv }]
  }
})
