import * as Rounding from "../options/Rounding.ts"

/** One option of a published chain: prices in rupees, iv a fraction, theta per day, vega and rho per point. */
export interface Option {
  readonly instrument_token: number
  readonly tradingsymbol: string | null
  readonly last_price: number | null
  readonly price_change: number | null
  readonly volume: number | null
  readonly oi: number | null
  readonly oi_change: number | null
  readonly iv: number | null
  readonly delta: number | null
  readonly gamma: number | null
  readonly theta: number | null
  readonly vega: number | null
  readonly rho: number | null
  readonly quality: string
}

/** A strike with its two options. Chains ascend by strike. */
export interface Strike {
  readonly strike: number
  readonly call: Option | null
  readonly put: Option | null
}

/** Decimal places of prices: currencies are quoted in 0.0001. */
export const pricePlaces = 4

/** The sum of published numbers at their decimal places; null if one of them is unknown. */
export const sum = (a: number | null | undefined, b: number | null | undefined, places: number): number | null =>
  a === null || b === null || a === undefined || b === undefined ? null : Rounding.round(a + b, places)
export const difference = (a: number | null | undefined, b: number | null | undefined, places: number): number | null =>
  sum(a, b === null || b === undefined ? null : -b, places)
/** 100 x part / whole, four places; null without either or without a whole. */
export const percent = (part: number | null, whole: number | null): number | null =>
  part === null || whole === null || whole === 0 ? null : Rounding.round((100 * part) / whole, 4)
