import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as KiteHistory from "../../domain/market/KiteHistory.ts"
import * as Moneyness from "../../domain/options/Moneyness.ts"
import { Authentication } from "../shared/Authentication.ts"
import { described } from "../shared/Described.ts"
import { volatilityAndGreeks } from "../shared/Greeks.ts"
import {
  digits,
  Expiry,
  Input,
  limitDefault,
  limitMax,
  listedFields,
  listText,
  numberText,
  pageFields,
  Symbol,
  withDefault
} from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"
import * as HistoryInput from "./HistoryInput.ts"

const NumberOrNull = Schema.NullOr(Schema.Number)
const points = <A, I>(point: Schema.Schema<A, I>) => described(Schema.Array(point), "One for each minute or interval, ascending")

/** Largest number of strikes, and of distances from the money, in one answer. */
export const strikesMax = 10
export const bucketsMax = 11
/** The largest distance from the money that can be requested, in strikes. */
export const stepsMax = 50
/** Largest number of points in an answer whose points each have every strike of the chain. */
export const wholeChainsMax = 200
/** Largest number of calendar days in one answer. */
export const daysMax = 400

/** Values of an option that are stored each minute. `additive`: a sum over strikes has a meaning. */
export const storedMetrics = ["oi", "oi_change", "volume", "last_price", "iv", "delta", "gamma", "theta", "vega", "rho"] as const
export const StoredMetric = Schema.Literal(...storedMetrics)
export type StoredMetric = typeof StoredMetric.Type

const isPlace = (text: string): boolean => Math.abs(Moneyness.parse(text) ?? Number.POSITIVE_INFINITY) <= stepsMax
const Place = Schema.String.pipe(
  Schema.filter(isPlace, {
    message: () => `expected ATM, OTM1 to OTM${stepsMax} or ITM1 to ITM${stepsMax}`,
    jsonSchema: { type: "string", pattern: "^(?:ATM|(?:OTM|ITM)(?:[1-9]|[1-4][0-9]|50))$" }
  })
)

/** The span of a series: by default the day of market time until now. */
export const spanFields = {
  symbol: Symbol,
  expiry: Expiry,
  interval: withDefault(HistoryInput.Interval, () => KiteHistory.intervals[0]),
  from: Schema.optional(HistoryInput.From),
  to: Schema.optional(HistoryInput.To)
}
export const Steps = digits(stepsMax, 0)
export const Places = listText(Place, bucketsMax)

const series = { symbol: Schema.String, expiry: Schema.String, interval: Schema.String }

const StoredOption = Schema.Struct({
  tradingsymbol: Schema.String,
  instrument_token: Schema.Int,
  last_price: NumberOrNull,
  bid: NumberOrNull,
  ask: NumberOrNull,
  volume: NumberOrNull,
  oi: NumberOrNull,
  oi_change: NumberOrNull,
  ...volatilityAndGreeks,
  quality: Schema.String
}).annotations({ identifier: "StoredOption" })

const StrikePoint = Schema.Struct({
  date: Schema.String,
  forward: NumberOrNull,
  strike: Schema.Number,
  call: Schema.NullOr(StoredOption),
  put: Schema.NullOr(StoredOption)
}).annotations({ identifier: "StrikePoint" })
export type StrikePoint = typeof StrikePoint.Encoded

const PlaceValue = Schema.Struct({
  bucket: Schema.String,
  call_strike: NumberOrNull,
  call: described(NumberOrNull, "The metric of the call; null if it has none"),
  put_strike: NumberOrNull,
  put: described(NumberOrNull, "The metric of the put; null if it has none")
}).annotations({ identifier: "MoneynessValue" })
const MoneynessPoint = Schema.Struct({ date: Schema.String, forward: NumberOrNull, values: Schema.Array(PlaceValue) }).annotations({
  identifier: "MoneynessPoint"
})
export type MoneynessPoint = typeof MoneynessPoint.Encoded

const DecayPoint = Schema.Struct({
  date: Schema.String,
  premium: Schema.Number,
  change: described(Schema.Number, "Premium less that of the first point, rupees: negative for a decay"),
  expected: Schema.Number,
  residual: Schema.Number
}).annotations({ identifier: "DecayPoint" })
export type DecayPoint = typeof DecayPoint.Encoded

const DistributionPoint = Schema.Struct({
  date: Schema.String,
  forward: NumberOrNull,
  call_total: NumberOrNull,
  put_total: NumberOrNull,
  call_peak: NumberOrNull,
  put_peak: NumberOrNull,
  centre: described(NumberOrNull, "Mean strike, weighted with the metric; null for a metric that cannot be added")
}).annotations({ identifier: "DistributionPoint" })
export type DistributionPoint = typeof DistributionPoint.Encoded

const TermPoint = Schema.Struct({
  expiry: Schema.String,
  years: Schema.Number,
  forward: NumberOrNull,
  atm_strike: NumberOrNull,
  atm_iv: NumberOrNull,
  expected_move: NumberOrNull,
  expected_move_percent: NumberOrNull,
  straddle: described(NumberOrNull, "Last prices of the call and the put at the money, rupees; null without both")
}).annotations({ identifier: "TermPoint" })

export class ChainHistoryApi extends HttpApiGroup.make("foHistory")
  .add(
    HttpApiEndpoint.get("strikesHistory", "/strikes/history")
      .setUrlParams(Input({ ...spanFields, strikes: listText(numberText(0, 1e9), strikesMax), ...pageFields }))
      .addSuccess(Schema.Struct({ ...series, points: points(StrikePoint), ...listedFields }))
  )
  .add(
    HttpApiEndpoint.get("moneynessSeries", "/moneyness-series")
      .setUrlParams(
        Input({
          ...spanFields,
          metric: withDefault(StoredMetric, () => "iv" as const),
          bucket: withDefault(Places, () => ["ATM"]),
          ...pageFields
        })
      )
      .addSuccess(Schema.Struct({ ...series, metric: StoredMetric, points: points(MoneynessPoint), ...listedFields }))
  )
  .add(
    HttpApiEndpoint.get("premiumDecay", "/premium-decay")
      .setUrlParams(Input({ ...spanFields, steps: withDefault(Steps, () => 0), ...pageFields }))
      .addSuccess(
        Schema.Struct({
          ...series,
          kind: described(Schema.Literal("straddle", "strangle"), "straddle for 0 steps"),
          /** The strikes of the first minute of the span; null when nothing is stored, or the ladder is too short. */
          call_strike: NumberOrNull,
          put_strike: NumberOrNull,
          points: points(DecayPoint),
          ...listedFields
        })
      )
  )
  .add(
    HttpApiEndpoint.get("strikeDistributionHistory", "/strike-distribution/history")
      .setUrlParams(
        Input({
          ...spanFields,
          metric: withDefault(StoredMetric, () => "oi" as const),
          limit: withDefault(digits(wholeChainsMax, 1), () => limitDefault),
          offset: pageFields.offset
        })
      )
      .addSuccess(Schema.Struct({ ...series, metric: StoredMetric, points: points(DistributionPoint), ...listedFields }))
  )
  .add(
    HttpApiEndpoint.get("ivRank", "/iv-rank")
      .setUrlParams(
        Input({
          symbol: Symbol,
          tenor_days: withDefault(digits(365, 1), () => 30),
          days: withDefault(digits(daysMax, 30), () => 365)
        })
      )
      .addSuccess(
        Schema.Struct({
          symbol: Schema.String,
          spot: NumberOrNull,
          tenor_days: Schema.Int,
          iv: described(NumberOrNull, "Volatility of the tenor now, a fraction; null before anything was published"),
          rank: NumberOrNull,
          percentile: NumberOrNull,
          low: described(NumberOrNull, "Lowest volatility of the past days and now"),
          high: described(NumberOrNull, "Highest volatility of the past days and now"),
          days: Schema.Int,
          days_counted: Schema.Int,
          reason: described(
            Schema.NullOr(Schema.Literal("too_few_days", "no_volatility", "no_range")),
            "Why there is no rank: fewer than 20 past days are stored, no expiry has a volatility, or all days have the same; null with a rank"
          ),
          term_structure: Schema.Array(TermPoint),
          as_of: Schema.NullOr(Schema.String)
        })
      )
  )
  .middleware(Authentication)
  .addError(Problem.notFound)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .prefix("/fo")
  .annotate(
    OpenApi.Description,
    `Option chains over time, from the minutes that are stored: up to ${limitMax} minutes or intervals at once`
  ) {}
