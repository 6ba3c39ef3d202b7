import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as HistoryInput from "../history/HistoryInput.ts"
import { Authentication } from "../shared/Authentication.ts"
import { digits, Input, listedFields, pageFields } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"
import { Indicator, Indicators, IndicatorsText, series } from "./IndicatorInput.ts"

/** The largest number of bars that a request may go back from the newest one. */
export const offsetMax = 1_000
const Offset = digits(offsetMax, 0)
/** Items of one batch. */
export const requestsMax = 20

export const Values = Schema.Record({ key: Schema.String, value: Schema.NullOr(Schema.Number) })
const Setting = Schema.Struct({
  name: Schema.String,
  type: Schema.Literal("whole", "positive", "choice"),
  default: Schema.Union(Schema.Number, Schema.String),
  min: Schema.NullOr(Schema.Number),
  max: Schema.NullOr(Schema.Number),
  choices: Schema.NullOr(Schema.Array(Schema.String))
}).annotations({ identifier: "IndicatorSetting" })
const Available = Schema.Struct({
  name: Schema.String,
  title: Schema.String,
  settings: Schema.Array(Setting),
  outputs: Schema.Array(Schema.String)
}).annotations({ identifier: "AvailableIndicator" })

const ofSeries = {
  symbol: Schema.String,
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  instrument_token: Schema.Int,
  timeframe: Schema.String,
  warning: Schema.NullOr(Schema.String)
}
/** All values at one bar. Without a bar `date` is null and there are no values. */
const AtBar = Schema.Struct({
  ...ofSeries,
  date: Schema.NullOr(Schema.String),
  closed: Schema.NullOr(Schema.Boolean),
  indicators: Schema.Array(Schema.Struct({ indicator: Schema.String, values: Values }))
}).annotations({ identifier: "IndicatorsAtBar" })
export type AtBar = typeof AtBar.Type

const BatchRequest = Input({ ...series, indicators: Indicators })
export type BatchRequest = typeof BatchRequest.Type

const Subscription = Schema.Struct({
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  timeframe: Schema.String,
  indicator: Schema.String,
  created_at: Schema.String
}).annotations({ identifier: "IndicatorSubscription" })

export class IndicatorsApi extends HttpApiGroup.make("indicators")
  .add(
    HttpApiEndpoint.get("available", "/available").addSuccess(
      Schema.Struct({ indicators: Schema.Array(Available), timeframes: Schema.Array(Schema.String) })
    )
  )
  .add(
    HttpApiEndpoint.get("current", "/current")
      .setUrlParams(Input({ ...series, indicators: IndicatorsText }))
      .addSuccess(AtBar)
  )
  .add(
    HttpApiEndpoint.get("atOffset", "/at-offset")
      .setUrlParams(Input({ ...series, indicators: IndicatorsText, offset: Offset }))
      .addSuccess(AtBar)
  )
  .add(
    HttpApiEndpoint.get("history", "/history")
      .setUrlParams(
        Input({
          ...series,
          indicator: Indicator,
          from: Schema.optional(HistoryInput.From),
          to: Schema.optional(HistoryInput.To),
          ...pageFields
        })
      )
      .addSuccess(
        Schema.Struct({
          ...ofSeries,
          indicator: Schema.String,
          outputs: Schema.Array(Schema.String),
          points: Schema.Array(Schema.Struct({ date: Schema.String, values: Values })),
          ...listedFields
        })
      )
  )
  .add(
    HttpApiEndpoint.post("batch", "/batch")
      .setPayload(Input({ requests: Schema.Array(BatchRequest).pipe(Schema.minItems(1), Schema.maxItems(requestsMax)) }))
      .addSuccess(
        Schema.Struct({
          results: Schema.Array(AtBar),
          refused: Schema.Array(Schema.Struct({ symbol: Schema.String, timeframe: Schema.String, message: Schema.String }))
        })
      )
  )
  .add(
    HttpApiEndpoint.post("subscribe", "/subscribe")
      .setPayload(BatchRequest)
      .addSuccess(Schema.Struct({ subscribed: Schema.Array(Schema.String), total: Schema.Int }))
  )
  .add(
    HttpApiEndpoint.post("unsubscribe", "/unsubscribe")
      .setPayload(BatchRequest)
      .addSuccess(Schema.Struct({ unsubscribed: Schema.Array(Schema.String), total: Schema.Int }))
  )
  .add(
    HttpApiEndpoint.get("subscriptions", "/subscriptions")
      .setUrlParams(Input(pageFields))
      .addSuccess(Schema.Struct({ subscriptions: Schema.Array(Subscription), ...listedFields }))
  )
  .add(HttpApiEndpoint.del("clearCache", "/cache").addSuccess(Schema.Struct({ removed: Schema.Int })))
  .middleware(Authentication)
  .addError(Problem.notFound)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .prefix("/indicators")
  .annotate(OpenApi.Description, "Indicators on the candles of /history") {}
