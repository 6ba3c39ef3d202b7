import * as Rounding from "../options/Rounding.ts"
import * as Chain from "./Chain.ts"

/** The wings are compared at this absolute delta. */
export const wingDelta = 0.25

/**
 * Volatility at `wingDelta` of one side: linear in delta between the two neighbouring strikes whose deltas enclose it. Null where the
 * streamed strikes do not reach that far.
 */
export const wingVolatility = (strikes: ReadonlyArray<Chain.Strike>, side: "call" | "put"): number | null => {
  let before: { readonly delta: number; readonly iv: number } | undefined
  for (const { [side]: option } of strikes) {
    if (option === null || option.delta === null || option.iv === null) continue
    const at = { delta: Math.abs(option.delta), iv: option.iv }
    if (at.delta === wingDelta) return at.iv
    if (before !== undefined && (before.delta - wingDelta) * (at.delta - wingDelta) < 0) {
      const share = (wingDelta - before.delta) / (at.delta - before.delta)
      return Rounding.round(before.iv + share * (at.iv - before.iv), Rounding.places.iv)
    }
    before = at
  }
  return null
}

export interface Skew {
  readonly call_iv: number | null
  readonly put_iv: number | null
  /** Call less put: negative where puts are dearer. */
  readonly risk_reversal: number | null
  /** Mean of both wings less the volatility at the money. */
  readonly butterfly: number | null
}

export const skew = (strikes: ReadonlyArray<Chain.Strike>, atmIv: number | null): Skew => {
  const call_iv = wingVolatility(strikes, "call")
  const put_iv = wingVolatility(strikes, "put")
  const mean = call_iv === null || put_iv === null ? null : (call_iv + put_iv) / 2
  return {
    call_iv,
    put_iv,
    risk_reversal: Chain.difference(call_iv, put_iv, Rounding.places.iv),
    butterfly: Chain.difference(mean, atmIv, Rounding.places.iv)
  }
}

/** One standard deviation until expiry: forward x volatility x the root of the years left; rupees, two places. */
export const expectedMove = (forward: number | null, atmIv: number | null, years: number): number | null =>
  forward === null || atmIv === null || !(years >= 0) ? null : Rounding.round(forward * atmIv * Math.sqrt(years), 2)
