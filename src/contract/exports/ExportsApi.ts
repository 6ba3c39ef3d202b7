import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as ChainHistoryApi from "../history/ChainHistoryApi.ts"
import * as HistoryInput from "../history/HistoryInput.ts"
import { Authentication } from "../shared/Authentication.ts"
import { Input, listText, numberText, WholeNumber, withDefault } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

/** CSV by RFC 4180. The first line has the names of the columns. */
const Csv = HttpApiSchema.Text({ contentType: "text/csv; charset=utf-8" })
/** Apache Parquet, compressed with Snappy. */
const Parquet = HttpApiSchema.Uint8Array({ contentType: "application/vnd.apache.parquet" })

const bars = Input({
  instrument_token: WholeNumber,
  interval: HistoryInput.Interval,
  from: Schema.optional(HistoryInput.From),
  to: Schema.optional(HistoryInput.To),
  adjusted: withDefault(HistoryInput.Flag, () => false)
})
const { spanFields, StoredMetric, Places, Steps, strikesMax } = ChainHistoryApi
const chains = Input(spanFields)
const strikes = Input({ ...spanFields, strikes: Schema.optional(listText(numberText(0, 1e9), strikesMax)) })
const moneyness = Input({
  ...spanFields,
  metric: withDefault(StoredMetric, () => "iv" as const),
  bucket: withDefault(Places, () => ["ATM"])
})
const decay = Input({ ...spanFields, steps: withDefault(Steps, () => 0) })
const distribution = Input({ ...spanFields, metric: withDefault(StoredMetric, () => "oi" as const) })

/** Each table has two paths, which end in the format of the file. */
export class ExportsApi extends HttpApiGroup.make("exports")
  .add(HttpApiEndpoint.get("barsCsv", "/bars.csv").setUrlParams(bars).addSuccess(Csv))
  .add(HttpApiEndpoint.get("barsParquet", "/bars.parquet").setUrlParams(bars).addSuccess(Parquet))
  .add(HttpApiEndpoint.get("chainsCsv", "/chains.csv").setUrlParams(chains).addSuccess(Csv))
  .add(HttpApiEndpoint.get("chainsParquet", "/chains.parquet").setUrlParams(chains).addSuccess(Parquet))
  .add(HttpApiEndpoint.get("strikesCsv", "/strikes.csv").setUrlParams(strikes).addSuccess(Csv))
  .add(HttpApiEndpoint.get("strikesParquet", "/strikes.parquet").setUrlParams(strikes).addSuccess(Parquet))
  .add(HttpApiEndpoint.get("moneynessCsv", "/moneyness-series.csv").setUrlParams(moneyness).addSuccess(Csv))
  .add(HttpApiEndpoint.get("moneynessParquet", "/moneyness-series.parquet").setUrlParams(moneyness).addSuccess(Parquet))
  .add(HttpApiEndpoint.get("decayCsv", "/premium-decay.csv").setUrlParams(decay).addSuccess(Csv))
  .add(HttpApiEndpoint.get("decayParquet", "/premium-decay.parquet").setUrlParams(decay).addSuccess(Parquet))
  .add(HttpApiEndpoint.get("distributionCsv", "/strike-distribution.csv").setUrlParams(distribution).addSuccess(Csv))
  .add(HttpApiEndpoint.get("distributionParquet", "/strike-distribution.parquet").setUrlParams(distribution).addSuccess(Parquet))
  .middleware(Authentication)
  .addError(Problem.notFound)
  .addError(Problem.invalid)
  .addError(
    Problem.because(
      Problem.tooManyRequests,
      "Too many requests of this user to this endpoint (Retry-After says when), or this gateway already writes as many files as it may"
    )
  )
  .addError(Problem.unavailable)
  .prefix("/exports")
  .annotate(OpenApi.Description, "Tables as files for notebooks and DuckDB, streamed while they are read") {}
