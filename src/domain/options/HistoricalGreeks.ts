import { Either } from "effect"
import * as IndiaTime from "../IndiaTime.ts"
import * as Black76 from "./Black76.ts"
import * as Forward from "./Forward.ts"
import * as ImpliedVol from "./ImpliedVol.ts"
import * as Rounding from "./Rounding.ts"

/** In published units: theta per calendar day, vega per volatility point, gamma per 1.00 of the underlying. */
export interface Greeks {
  readonly delta: number
  readonly gamma: number
  readonly theta: number
  readonly vega: number
}
/** Why a candle has no Greeks. Apart from the first, the reasons are those of a chain's rows. */
export type Reason = "no_underlying_price" | "expired" | "below_intrinsic" | "no_time_value" | "above_bound"

export type Valued = { readonly greeks: Greeks } | { readonly greeks: null; readonly greeks_reason: Reason }

export interface Option {
  readonly kind: "CE" | "PE"
  /** Rupees. */
  readonly strike: number
  /** Rupees. A smaller time value has no volatility. */
  readonly tickSize: number
  readonly expiryMs: number
}
/**
 * Prices of the underlying by the start of their candle, rupees. `carried`: they are spot prices to carry to expiry; otherwise they are
 * forwards.
 */
export interface Underlying {
  readonly closeAt: ReadonlyMap<number, number>
  readonly carried: boolean
}
/** Yearly rate and yield, continuously compounded. */
export interface Settings {
  readonly rate: number
  readonly dividendYield: number
}

const none = (greeks_reason: Reason): Valued => ({ greeks: null, greeks_reason })

const reasonOf = (reason: ImpliedVol.Reason): Reason => {
  switch (reason) {
    case "expired":
    case "below_intrinsic":
      return reason
    case "at_upper_bound":
    case "above_upper_bound":
      return "above_bound"
    case "invalid_input":
      return "no_underlying_price"
    default:
      return "no_time_value"
  }
}

const valued = (option: Option, price: number, f: number, t: number, rate: number): Valued => {
  const solved = ImpliedVol.solve(option.kind, price, f, option.strike, t, rate, option.tickSize)
  if (Either.isLeft(solved)) return none(solved.left._tag === "NoImpliedVol" ? reasonOf(solved.left.reason) : "no_underlying_price")
  const priced = Black76.greeks(option.kind, f, option.strike, t, rate, solved.right)
  if (Either.isLeft(priced)) return none("no_underlying_price")
  const { delta, gamma, theta, vega } = priced.right
  return {
    greeks: {
      delta: Rounding.published("delta", delta) as number,
      gamma: Rounding.published("gamma", gamma) as number,
      theta: Rounding.published("theta", theta) as number,
      vega: Rounding.published("vega", vega) as number
    }
  }
}

/**
 * Greeks of an option at the close of each candle, by Black-76. The forward comes from the underlying's close of the same candle (a
 * spot is carried by rate less yield), the volatility from the option's close. `closesMs` returns when the candle that opens at an
 * instant closes. The candles are not changed.
 */
export const ofCandles = <C extends { readonly atMs: number; readonly close: number }>(
  option: Option,
  candles: ReadonlyArray<C>,
  underlying: Underlying,
  closesMs: (opensMs: number) => number,
  { rate, dividendYield }: Settings
): ReadonlyArray<Valued> =>
  candles.map(({ atMs, close }) => {
    const underlyingClose = underlying.closeAt.get(atMs)
    if (underlyingClose === undefined || !(underlyingClose > 0)) return none("no_underlying_price")
    const t = IndiaTime.yearsTo(option.expiryMs, closesMs(atMs))
    if (t <= 0) return none("expired")
    const f = underlying.carried ? Forward.carried(underlyingClose, rate - dividendYield, t) : underlyingClose
    return valued(option, close, f, t, rate)
  })
