import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Authentication } from "../shared/Authentication.ts"
import { Input, Symbol, WholeNumber, withDefault } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"
import * as HistoryInput from "./HistoryInput.ts"

const ohlc = {
  /** When the candle opens. */
  date: Schema.String,
  open: Schema.Number,
  high: Schema.Number,
  low: Schema.Number,
  close: Schema.Number,
  volume: Schema.Int,
  oi: Schema.NullOr(Schema.Int),
  /** Present, as false, only if ticks or minutes may be missing in the candle. */
  complete: Schema.optional(Schema.Boolean),
  /** Present if `sources` was asked for. */
  source: Schema.optional(Schema.Literal("live", "broker"))
}
/** Present only if the broker could not deliver something: it says what. The candles are then our own. */
const warning = Schema.optional(Schema.String)

export const CandleWithGreeks = Schema.Struct({
  ...ohlc,
  greeks: Schema.NullOr(
    Schema.Struct({ delta: Schema.Number, gamma: Schema.Number, theta: Schema.Number, vega: Schema.Number }).annotations({
      identifier: "CandleGreeks"
    })
  ),
  /** Present only if Greeks were requested for an option's candle that has none. */
  greeks_reason: Schema.optional(Schema.String)
}).annotations({ identifier: "CandleWithGreeks" })

export class HistoryApi extends HttpApiGroup.make("history")
  .add(
    HttpApiEndpoint.get("history", "/history")
      .setUrlParams(
        Input({
          instrument_token: WholeNumber,
          interval: HistoryInput.Interval,
          from: Schema.optional(HistoryInput.From),
          to: Schema.optional(HistoryInput.To),
          oi: withDefault(HistoryInput.Flag, () => false),
          greeks: withDefault(HistoryInput.Flag, () => true),
          adjusted: withDefault(HistoryInput.Flag, () => false),
          sources: withDefault(HistoryInput.Flag, () => false)
        })
      )
      .addSuccess(Schema.Struct({ candles: Schema.Array(CandleWithGreeks), warning }))
  )
  .add(
    HttpApiEndpoint.get("historical", "/historical")
      .setUrlParams(
        Input({
          symbol: Symbol,
          timeframe: HistoryInput.Interval,
          from: Schema.optional(HistoryInput.From),
          to: Schema.optional(HistoryInput.To),
          adjusted: withDefault(HistoryInput.Flag, () => false),
          sources: withDefault(HistoryInput.Flag, () => false)
        })
      )
      .addSuccess(
        Schema.Struct({
          symbol: Schema.String,
          timeframe: Schema.String,
          instrument_token: Schema.Int,
          exchange: Schema.String,
          tradingsymbol: Schema.String,
          candles: Schema.Array(Schema.Struct(ohlc)),
          warning
        })
      )
  )
  .middleware(Authentication)
  .addError(Problem.notFound)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .annotate(OpenApi.Description, "Candles of the past: our own where they are complete, otherwise the broker's. Days are days in India") {}
