import { Schema } from "effect"
import { Money } from "../../domain/Money.ts"
import { greeks } from "../shared/Greeks.ts"
import { digits, MarketInstant, NumberBetween, numberText, WholeNumberBetween, withDefault } from "../shared/Input.ts"

const NumberOrNull = Schema.NullOr(Schema.Number)

/** Number of points of a curve. */
const pointsMin = 2
const pointsMax = 1001
const pointsDefault = 101
/** A spot shift is a share of the spot (-0.05: five percent down), a volatility shift is added to every volatility (0.02: two points). */
export const spotShift = [-0.99, 10] as const
export const volShift = [-5, 5] as const

/** A scenario in a query and in a body. `date` is now by default. */
export const scenarioQuery = {
  spot_shift: withDefault(numberText(...spotShift), () => 0),
  vol_shift: withDefault(numberText(...volShift), () => 0),
  date: Schema.optional(MarketInstant),
  points: withDefault(digits(pointsMax, pointsMin), () => pointsDefault)
}
export const scenarioBody = {
  spot_shift: withDefault(NumberBetween(...spotShift), () => 0),
  vol_shift: withDefault(NumberBetween(...volShift), () => 0),
  date: Schema.optional(MarketInstant),
  points: withDefault(WholeNumberBetween(pointsMin, pointsMax), () => pointsDefault)
}

export const Greeks = Schema.Struct(greeks).annotations({ identifier: "Greeks" })

export const PayoffKind = Schema.Literal("CE", "PE", "FUT", "EQ")
export type PayoffKind = typeof PayoffKind.Type

/** A leg as it was valued. `quantity` is signed, bought is positive. Its value was computed from `iv` and `forward`. */
export const PayoffLeg = Schema.Struct({
  leg_ids: Schema.Array(Schema.Int),
  tradingsymbol: Schema.NullOr(Schema.String),
  type: PayoffKind,
  strike: NumberOrNull,
  expiry: Schema.NullOr(Schema.String),
  quantity: Schema.Int,
  entry_price: Money,
  iv: NumberOrNull,
  forward: NumberOrNull
}).annotations({ identifier: "PayoffLeg" })

const MoneyOrUnbounded = Schema.Union(Money, Schema.Literal("unbounded"))

/**
 * Break-evens, extremes and probability refer to the horizon, the legs' earliest expiry. `max_loss` is the smallest profit, negative
 * for a loss. `profit` and `greeks` refer to the scenario. The curve's profits are model values for a chart: rupees, as numbers.
 */
export const analysis = {
  horizon: Schema.String,
  scenario: Schema.Struct({ spot: Schema.Number, spot_shift: Schema.Number, vol_shift: Schema.Number, date: Schema.String }),
  break_evens: Schema.Array(Schema.Number),
  max_profit: MoneyOrUnbounded,
  max_loss: MoneyOrUnbounded,
  probability_of_profit: NumberOrNull,
  net_premium: Money,
  profit: Money,
  greeks: Greeks,
  curve: Schema.Struct({
    spot: Schema.Array(Schema.Number),
    at_expiry: Schema.Array(Schema.Number),
    at_date: Schema.Array(Schema.Number)
  })
}
export type Analysis = Schema.Struct.Type<typeof analysis>

/** The analysis, with null in every field if it is unknown. */
export const analysisOrNull = {
  horizon: Schema.NullOr(analysis.horizon),
  scenario: Schema.NullOr(analysis.scenario),
  break_evens: Schema.NullOr(analysis.break_evens),
  max_profit: Schema.NullOr(analysis.max_profit),
  max_loss: Schema.NullOr(analysis.max_loss),
  probability_of_profit: analysis.probability_of_profit,
  net_premium: Schema.NullOr(analysis.net_premium),
  profit: Schema.NullOr(analysis.profit),
  greeks: Schema.NullOr(analysis.greeks),
  curve: Schema.NullOr(analysis.curve)
}
export const unknownAnalysis = {
  horizon: null,
  scenario: null,
  break_evens: null,
  max_profit: null,
  max_loss: null,
  probability_of_profit: null,
  net_premium: null,
  profit: null,
  greeks: null,
  curve: null
}
