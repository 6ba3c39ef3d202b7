import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { isMetric, Metric } from "../../domain/options/StrikeDistribution.ts"
import { Authentication } from "../shared/Authentication.ts"
import { described } from "../shared/Described.ts"
import { Expiry, Input, listedFields, pageFields, Symbol } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"
import { Instrument } from "./InstrumentsApi.ts"

const MetricName = Schema.String.pipe(Schema.filter(isMetric, { jsonSchema: { type: "string", enum: Object.keys(Metric) } }))

const ChainMetric = Schema.Struct({
  metric: described(MetricName, "Its name as a parameter"),
  title: described(Schema.String, "What it is"),
  is_additive: described(Schema.Boolean, "Whether a sum over strikes has a meaning"),
  is_stored: described(Schema.Boolean, "Whether the series over time also take it")
}).annotations({ identifier: "ChainMetric" })

/** The metrics of option chains, and the options and futures of an underlying. */
export class FoInstrumentsApi extends HttpApiGroup.make("foInstruments")
  .add(
    HttpApiEndpoint.get("indicators", "/indicators").addSuccess(
      Schema.Struct({ metrics: described(Schema.Array(ChainMetric), "Columns of a chain, in a fixed order") })
    )
  )
  .add(
    HttpApiEndpoint.get("instruments", "/instruments")
      .setUrlParams(Input({ symbol: Symbol, expiry: Schema.optional(Expiry), ...pageFields }))
      .addSuccess(
        Schema.Struct({
          symbol: Schema.String,
          instruments: Schema.Array(Instrument),
          ...listedFields
        })
      )
      .addError(Problem.notFound)
  )
  .middleware(Authentication)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .prefix("/fo")
  .annotate(OpenApi.Description, "Options and futures of an underlying, and the metrics of their chains") {}
