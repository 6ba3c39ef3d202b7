import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Authentication } from "../shared/Authentication.ts"
import { Expiry, Input, listedFields, pageFields, Symbol, Text, WholeNumber } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

/** Prices in rupees. `underlying` is the name that derivatives carry: NIFTY for the index NIFTY 50 and all its contracts. */
export const Instrument = Schema.Struct({
  instrument_token: Schema.Int,
  exchange_token: Schema.Int,
  tradingsymbol: Schema.String,
  name: Schema.String,
  underlying: Schema.NullOr(Schema.String),
  kind: Schema.Literal("INDEX", "EQ", "FUT", "CE", "PE"),
  instrument_type: Schema.String,
  exchange: Schema.String,
  segment: Schema.String,
  expiry: Schema.NullOr(Schema.String),
  strike: Schema.NullOr(Schema.Number),
  tick_size: Schema.Number,
  lot_size: Schema.Int
}).annotations({ identifier: "Instrument" })

/**
 * An underlying with futures or options. Expiries are ascending, without those past at market time. Token and symbol are the index's or
 * share's.
 */
export const FoEnabled = Schema.Struct({
  symbol: Schema.String,
  exchange: Schema.String,
  instrument_token: Schema.NullOr(Schema.Int),
  tradingsymbol: Schema.NullOr(Schema.String),
  name: Schema.NullOr(Schema.String),
  lot_size: Schema.Int,
  expiries: Schema.Array(Schema.String),
  future_expiries: Schema.Array(Schema.String)
}).annotations({ identifier: "FoEnabled" })

const searchLengthMax = 100

export class InstrumentsApi extends HttpApiGroup.make("instruments")
  .add(
    HttpApiEndpoint.get("search", "/")
      .setUrlParams(
        Input({
          search: Schema.optional(Text(searchLengthMax)),
          exchange: Schema.optional(Symbol),
          segment: Schema.optional(Symbol),
          underlying: Schema.optional(Symbol),
          expiry: Schema.optional(Expiry),
          ...pageFields
        })
      )
      .addSuccess(Schema.Struct({ instruments: Schema.Array(Instrument), ...listedFields, trade_date: Schema.NullOr(Schema.String) }))
  )
  .add(
    HttpApiEndpoint.get("foEnabled", "/fo-enabled")
      .setUrlParams(Input({ exchange: Schema.optional(Symbol), ...pageFields }))
      .addSuccess(Schema.Struct({ underlyings: Schema.Array(FoEnabled), ...listedFields }))
  )
  .add(
    HttpApiEndpoint.get("bySymbol", "/by-symbol/:exchange/:tradingsymbol")
      .setPath(Input({ exchange: Symbol, tradingsymbol: Symbol }))
      .addSuccess(Instrument)
      .addError(Problem.notFound)
  )
  .add(
    HttpApiEndpoint.get("get", "/:token")
      .setPath(Input({ token: WholeNumber }))
      .addSuccess(Instrument)
      .addError(Problem.notFound)
  )
  .add(
    HttpApiEndpoint.post("refresh", "/refresh").addSuccess(
      Schema.Struct({ message: Schema.String, trade_date: Schema.String, instruments: Schema.Int })
    )
  )
  .middleware(Authentication)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .prefix("/instruments")
  .annotate(OpenApi.Description, "What can be traded, as the broker lists it for the trade date") {}
