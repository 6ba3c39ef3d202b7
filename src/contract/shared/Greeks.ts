import { Schema } from "effect"

const NumberOrNull = Schema.NullOr(Schema.Number)

/** Sensitivities in the usual units: theta per calendar day, vega and rho per point; null if they are unknown. */
export const greeks = {
  delta: NumberOrNull,
  gamma: NumberOrNull,
  theta: NumberOrNull,
  vega: NumberOrNull,
  rho: NumberOrNull
}

/** The implied volatility, a fraction, and the sensitivities that were computed from it. */
export const volatilityAndGreeks = { iv: NumberOrNull, ...greeks }
