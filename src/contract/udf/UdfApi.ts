import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as OpenApi from "@effect/platform/OpenApi"
import { Context, Schema } from "effect"
import { TimescaleMarks } from "../labels/LabelsApi.ts"
import type { User } from "../shared/Authentication.ts"
import { LooseInput, withDefault } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

/** Who asks; nobody where UDF_PUBLIC admits callers without credentials. */
export class UdfCaller extends Context.Tag("contract/udf/UdfCaller")<UdfCaller, { readonly user: User | null }>() {}

/** Like Authentication, but UDF_PUBLIC admits callers without credentials, because charting front ends send none. */
export class UdfAccess extends HttpApiMiddleware.Tag<UdfAccess>()("contract/udf/UdfAccess", {
  failure: Problem.udfUnauthorized,
  provides: UdfCaller,
  security: { bearer: HttpApiSecurity.bearer, apiKey: HttpApiSecurity.apiKey({ in: "header", key: "x-api-key" }) }
}) {}

/** The protocol reports every failure except a refused sign-in by status 200 and this body. Source: TradingView Charting Library, "UDF". */
const Failure = Schema.Struct({ s: Schema.Literal("error"), errmsg: Schema.String }).annotations({ identifier: "UdfError" })

const text = withDefault(Schema.String, () => "")
const numbers = Schema.Array(Schema.Number)

const Symbol = Schema.Struct({
  name: Schema.String,
  ticker: Schema.String,
  description: Schema.String,
  type: Schema.String,
  session: Schema.String,
  timezone: Schema.String,
  exchange: Schema.String,
  listed_exchange: Schema.String,
  "exchange-traded": Schema.String,
  "exchange-listed": Schema.String,
  format: Schema.Literal("price"),
  minmov: Schema.Int,
  minmov2: Schema.Int,
  minmovement: Schema.Int,
  pricescale: Schema.Int,
  pointvalue: Schema.Int,
  currency_code: Schema.String,
  has_intraday: Schema.Boolean,
  has_daily: Schema.Boolean,
  has_weekly_and_monthly: Schema.Boolean,
  has_no_volume: Schema.Boolean,
  visible_plots_set: Schema.Literal("ohlc", "ohlcv"),
  intraday_multipliers: Schema.Array(Schema.String),
  supported_resolutions: Schema.Array(Schema.String),
  volume_precision: Schema.Int,
  data_status: Schema.Literal("streaming"),
  expired: Schema.Boolean,
  expiration_date: Schema.optional(Schema.Int)
}).annotations({ identifier: "UdfSymbol" })

const Found = Schema.Struct({
  symbol: Schema.String,
  full_name: Schema.String,
  description: Schema.String,
  exchange: Schema.String,
  ticker: Schema.String,
  type: Schema.String
}).annotations({ identifier: "UdfFound" })

/** Columns of equal length. Times are in seconds; a day bar's time is its date at midnight UTC. */
const Bars = Schema.Struct({
  s: Schema.Literal("ok"),
  t: numbers,
  o: numbers,
  h: numbers,
  l: numbers,
  c: numbers,
  v: numbers
}).annotations({ identifier: "UdfBars" })
const NoData = Schema.Struct({ s: Schema.Literal("no_data"), nextTime: Schema.optional(Schema.Number) }).annotations({
  identifier: "UdfNoData"
})

const Quote = Schema.Union(
  Schema.Struct({
    s: Schema.Literal("ok"),
    n: Schema.String,
    v: Schema.Struct({
      short_name: Schema.String,
      exchange: Schema.String,
      original_name: Schema.String,
      description: Schema.String,
      lp: Schema.Number,
      ch: Schema.Number,
      chp: Schema.Number,
      open_price: Schema.Number,
      high_price: Schema.Number,
      low_price: Schema.Number,
      prev_close_price: Schema.Number,
      volume: Schema.Number,
      bid: Schema.optional(Schema.Number),
      ask: Schema.optional(Schema.Number),
      spread: Schema.optional(Schema.Number)
    })
  }),
  Schema.Struct({
    s: Schema.Literal("error"),
    n: Schema.String,
    v: Schema.Record({ key: Schema.String, value: Schema.Number }),
    errmsg: Schema.String
  })
).annotations({ identifier: "UdfQuote" })

/** Marks at bars as columns of equal length. */
const Marks = Schema.Struct({
  id: numbers,
  time: numbers,
  color: Schema.Array(Schema.Struct({ border: Schema.String, background: Schema.String })),
  text: Schema.Array(Schema.String),
  label: Schema.Array(Schema.String),
  labelFontColor: Schema.Array(Schema.String),
  minSize: numbers
}).annotations({ identifier: "UdfMarks" })
const ofChart = LooseInput({ symbol: text, from: text, to: text, resolution: text })

/** Unknown parameters are ignored, because the protocol may add some. A missing parameter is reported in the protocol's error form. */
export class UdfApi extends HttpApiGroup.make("udf")
  .add(
    HttpApiEndpoint.get("config", "/config").addSuccess(
      Schema.Struct({
        supports_search: Schema.Literal(true),
        supports_group_request: Schema.Literal(false),
        supports_marks: Schema.Literal(true),
        supports_timescale_marks: Schema.Literal(true),
        supports_time: Schema.Literal(true),
        supported_resolutions: Schema.Array(Schema.String),
        exchanges: Schema.Array(Schema.Struct({ value: Schema.String, name: Schema.String, desc: Schema.String })),
        symbols_types: Schema.Array(Schema.Struct({ name: Schema.String, value: Schema.String }))
      })
    )
  )
  .add(HttpApiEndpoint.get("time", "/time").addSuccess(HttpApiSchema.Text()))
  .add(
    HttpApiEndpoint.get("symbols", "/symbols")
      .setUrlParams(LooseInput({ symbol: text }))
      .addSuccess(Schema.Union(Symbol, Failure))
  )
  .add(
    HttpApiEndpoint.get("search", "/search")
      .setUrlParams(LooseInput({ query: text, type: text, exchange: text, limit: text }))
      .addSuccess(Schema.Array(Found))
  )
  .add(
    HttpApiEndpoint.get("history", "/history")
      .setUrlParams(LooseInput({ symbol: text, resolution: text, from: text, to: text, countback: text }))
      .addSuccess(Schema.Union(Bars, NoData, Failure))
  )
  .add(
    HttpApiEndpoint.get("quotes", "/quotes")
      .setUrlParams(LooseInput({ symbols: text }))
      .addSuccess(Schema.Union(Schema.Struct({ s: Schema.Literal("ok"), d: Schema.Array(Quote) }), Failure))
  )
  .add(HttpApiEndpoint.get("marks", "/marks").setUrlParams(ofChart).addSuccess(Schema.Union(Marks, Failure)))
  .add(HttpApiEndpoint.get("timescaleMarks", "/timescale_marks").setUrlParams(ofChart).addSuccess(Schema.Union(TimescaleMarks, Failure)))
  .middleware(UdfAccess)
  .prefix("/udf")
  .annotate(OpenApi.Description, "TradingView's Universal Data Feed: charting front ends work with /udf as their datafeed URL") {}
