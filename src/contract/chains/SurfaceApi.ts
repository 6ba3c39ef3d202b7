import { Schema } from "effect"
import { described } from "../shared/Described.ts"

const NumberOrNull = Schema.NullOr(Schema.Number)

/** Number of strikes omitted from a smile, by reason. Quotes.ts in the domain defines the reasons. */
const LeftOut = Schema.Struct({
  far: Schema.Int,
  old: Schema.Int,
  crossed: Schema.Int,
  no_price: Schema.Int,
  no_volatility: Schema.Int,
  wide: Schema.Int
}).annotations({ identifier: "SmileLeftOut" })

/** One expiry's smile. Parameters and errors are null if too few strikes have quotes. */
const Smile = Schema.Struct({
  expiry: Schema.String,
  years: Schema.Number,
  forward: Schema.Number,
  /** Volatility of the fitted smile at the forward. */
  atm_iv: NumberOrNull,
  parameters: Schema.NullOr(
    Schema.Struct({
      theta: described(Schema.Number, "Total variance at the money: volatility squared times years"),
      rho: described(Schema.Number, "Skew of the smile, -1 to 1: negative where puts have the higher volatility"),
      psi: described(Schema.Number, "Curvature of the smile: the slope of its total variance at the money is rho x psi")
    })
  ),
  rms_error: NumberOrNull,
  max_error: NumberOrNull,
  left_out: LeftOut,
  strikes: Schema.Array(
    Schema.Struct({
      strike: Schema.Number,
      log_moneyness: Schema.Number,
      type: Schema.Literal("CE", "PE"),
      iv: Schema.Number,
      fitted_iv: NumberOrNull
    })
  )
}).annotations({ identifier: "Smile" })

const Violation = Schema.Struct({
  kind: described(Schema.Literal("price_bounds", "call_spread", "butterfly", "calendar"), "The rule that a price breaks"),
  expiry: Schema.String,
  earlier_expiry: Schema.NullOr(Schema.String),
  log_moneyness: Schema.Number,
  size: Schema.Number
}).annotations({ identifier: "ArbitrageViolation" })

/** The volatility surface, with the results of the arbitrage check. */
export const Surface = Schema.Struct({
  symbol: Schema.String,
  spot: NumberOrNull,
  convention: Schema.String,
  expiries: Schema.Array(Smile),
  arbitrage: Schema.Struct({
    points: described(Schema.Int, "Points at which the prices were checked"),
    least_density: NumberOrNull,
    least_growth: NumberOrNull,
    violations: Schema.Array(Violation)
  }),
  as_of: Schema.NullOr(Schema.String)
}).annotations({ identifier: "IvSurface" })
export type Surface = typeof Surface.Type
