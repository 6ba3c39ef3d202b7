import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { MoneyInput } from "../../domain/Money.ts"
import { LEGS_MAX } from "../../domain/options/Payoff.ts"
import { isMetric, Metric } from "../../domain/options/StrikeDistribution.ts"
import { Direction } from "../../domain/record/StrategyDefinition.ts"
import { quantityMax } from "../../domain/strategy/Position.ts"
import { Authentication } from "../shared/Authentication.ts"
import { Expiry, Input, Name, NumberBetween, Symbol, WholeNumberBetween, withDefault } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"
import { OiCoverage } from "./ChainsApi.ts"
import { analysis, PayoffKind, PayoffLeg, scenarioBody } from "./PayoffApi.ts"
import { grid, gridBody } from "./ScenarioApi.ts"
import { Surface } from "./SurfaceApi.ts"

const NumberOrNull = Schema.NullOr(Schema.Number)
const AsOf = Schema.NullOr(Schema.String)
const named = { symbol: Schema.String, expiry: Schema.String }

const metrics = Object.keys(Metric)
const MetricName = Schema.String.pipe(
  Schema.filter(isMetric, { message: () => `expected one of ${metrics.join(", ")}`, jsonSchema: { type: "string", enum: metrics } })
)

/** What the changes of price and open interest mean together; `unknown` if either change is unknown. */
export const BuildUp = Schema.Literal("long_build_up", "short_covering", "short_build_up", "long_unwinding", "unchanged", "unknown")
const OiRow = Schema.Struct({
  instrument_token: Schema.Int,
  last_price: NumberOrNull,
  price_change: NumberOrNull,
  oi: NumberOrNull,
  oi_change: NumberOrNull,
  build_up: BuildUp
}).annotations({ identifier: "OiRow" })
const Count = Schema.Struct({ strikes: Schema.Int, oi_change: Schema.Number })
const Counts = Schema.Struct({
  long_build_up: Count,
  short_covering: Count,
  short_build_up: Count,
  long_unwinding: Count,
  unchanged: Count,
  unknown: Count
}).annotations({ identifier: "BuildUpCounts" })

/** A price in a model. The bounds are those of the formulas. */
const Positive = NumberBetween(0.000_001, 1_000_000_000_000)
/**
 * A leg by its tradingsymbol, or by type, strike and expiry. Missing values come from the market: the entry price from the last price,
 * iv from the chain, forward from the expiry.
 */
const Leg = Input({
  tradingsymbol: Schema.optional(Name(64)),
  exchange: withDefault(Name(16), () => "NFO"),
  type: Schema.optional(PayoffKind),
  strike: Schema.optional(Positive),
  expiry: Schema.optional(Expiry),
  direction: Direction,
  quantity: WholeNumberBetween(0, quantityMax),
  entry_price: Schema.optional(MoneyInput),
  iv: Schema.optional(NumberBetween(0, 10)),
  forward: Schema.optional(Positive)
})
export type Leg = typeof Leg.Type

/** The legs of a payoff or a scenario, on one underlying. */
const position = {
  symbol: Schema.optional(Symbol),
  legs: Schema.Array(Leg).pipe(Schema.minItems(1), Schema.maxItems(LEGS_MAX)),
  spot: Schema.optional(Positive)
}
const Payoff = Input({ ...position, ...scenarioBody })
export type Payoff = typeof Payoff.Type
const Scenario = Input({ ...position, ...gridBody })
export type Scenario = typeof Scenario.Type

const valuedPosition = { symbol: Schema.NullOr(Schema.String), spot: Schema.Number, legs: Schema.Array(PayoffLeg) }

export class ChainAnalysisApi extends HttpApiGroup.make("foAnalysis")
  .add(
    HttpApiEndpoint.get("gex", "/gex")
      .setUrlParams(Input({ symbol: Symbol, expiry: Schema.optional(Expiry) }))
      .addSuccess(
        Schema.Struct({
          symbol: Schema.String,
          /** The expiries that were counted: the requested one, or all that have not expired. */
          expiries: Schema.Array(Schema.String),
          spot: NumberOrNull,
          /** Id and text of the formula; values are rupees for a move of one percent. */
          formula: Schema.String,
          total: NumberOrNull,
          /** The underlying's price at which the total is zero, the one nearest the spot. Null if no such price lies within 25 % of the spot. */
          zero_level: NumberOrNull,
          /** Share of the open interest that was ignored because its volatility is unknown. */
          uncounted: Schema.Number,
          strikes: Schema.Array(Schema.Struct({ strike: Schema.Number, call: Schema.Number, put: Schema.Number, net: Schema.Number })),
          as_of: AsOf
        })
      )
  )
  .add(
    HttpApiEndpoint.get("strikeDistribution", "/strike-distribution")
      .setUrlParams(Input({ symbol: Symbol, expiry: Expiry, metric: withDefault(MetricName, () => "oi" as const) }))
      .addSuccess(
        Schema.Struct({
          ...named,
          metric: Schema.String,
          strikes: Schema.Array(
            Schema.Struct({ strike: Schema.Number, call: NumberOrNull, put: NumberOrNull, total: NumberOrNull, share: NumberOrNull })
          ),
          call_total: NumberOrNull,
          put_total: NumberOrNull,
          call_peak: NumberOrNull,
          put_peak: NumberOrNull,
          centre: NumberOrNull,
          as_of: AsOf
        })
      )
  )
  .add(
    HttpApiEndpoint.get("oiAnalysis", "/oi-analysis")
      .setUrlParams(Input({ symbol: Symbol, expiry: Expiry }))
      .addSuccess(
        Schema.Struct({
          ...named,
          /** The base of both changes; null before anything was published. */
          oi_change_from: Schema.NullOr(Schema.Literal("previous_session", "first_seen")),
          call_oi: Schema.Number,
          put_oi: Schema.Number,
          call_oi_change: Schema.Number,
          put_oi_change: Schema.Number,
          pcr_oi: NumberOrNull,
          oi_coverage: OiCoverage,
          summary: Schema.Struct({ call: Counts, put: Counts }),
          strikes: Schema.Array(Schema.Struct({ strike: Schema.Number, call: Schema.NullOr(OiRow), put: Schema.NullOr(OiRow) })),
          as_of: AsOf
        })
      )
  )
  .add(
    HttpApiEndpoint.get("ivSurface", "/iv-surface")
      .setUrlParams(Input({ symbol: Symbol }))
      .addSuccess(Surface)
  )
  .add(
    HttpApiEndpoint.post("payoff", "/payoff")
      .setPayload(Payoff)
      .addSuccess(
        Schema.Struct({
          ...valuedPosition,
          ...analysis,
          as_of: Schema.String
        }).annotations({ identifier: "Payoff" })
      )
  )
  .add(
    HttpApiEndpoint.post("scenario", "/scenario")
      .setPayload(Scenario)
      .addSuccess(Schema.Struct({ ...valuedPosition, ...grid, as_of: Schema.String }).annotations({ identifier: "Scenario" }))
  )
  .middleware(Authentication)
  .addError(Problem.notFound)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .prefix("/fo")
  .annotate(OpenApi.Description, "Analysis of whole option chains: gamma exposure, distributions, build-up, payoffs") {}
