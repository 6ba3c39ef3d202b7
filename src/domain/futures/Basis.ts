import * as IndiaTime from "../IndiaTime.ts"
import * as Forward from "../options/Forward.ts"

/** Prices in rupees; instants in UTC milliseconds. */
export interface Quote {
  readonly spot: number
  readonly future: number
  readonly expiryAtMs: number
  readonly nowMs: number
}

export interface Basis {
  /** future - spot, rupees: positive is a premium (contango), negative a discount. */
  readonly basis: number
  /** basis / spot, a fraction. */
  readonly basisFraction: number
  /** Act/365 to expiry. */
  readonly years: number
  /**
   * ln(future / spot) / years: the continuously compounded yearly rate the future implies (rate less dividends, as r - q in pricing).
   * Null at and after expiry.
   */
  readonly carry: number | null
  /** basis / spot / years: the same without compounding, as brokers quote it. Null at and after expiry. */
  readonly simpleCarry: number | null
}

export const isPrice = (value: number): boolean => Number.isFinite(value) && value > 0

/** future - spot, rupees; NaN if either is unknown. */
export const difference = (spot: number, future: number): number => future - spot

/** Basis and cost of carry of one future; null unless both prices are positive. */
export const basis = (quote: Quote): Basis | null => {
  if (!isPrice(quote.spot) || !isPrice(quote.future)) return null
  const years = IndiaTime.yearsTo(quote.expiryAtMs, quote.nowMs)
  const apart = difference(quote.spot, quote.future)
  const fraction = apart / quote.spot
  return {
    basis: apart,
    basisFraction: fraction,
    years,
    carry: Forward.carryOf(quote.spot, quote.future, years),
    simpleCarry: years > 0 ? fraction / years : null
  }
}
