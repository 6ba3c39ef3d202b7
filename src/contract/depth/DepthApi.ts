import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { quantityMax } from "../../domain/strategy/Position.ts"
import { Authentication } from "../shared/Authentication.ts"
import { digits, Input, WholeNumber } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

const NumberOrNull = Schema.NullOr(Schema.Number)
const Size = digits(quantityMax, 1)

/** `total` counts the units at this price and better ones. */
const Level = Schema.Struct({ price: Schema.Number, quantity: Schema.Int, orders: Schema.Int, total: Schema.Int }).annotations({
  identifier: "DepthLevel"
})
/** A market order that walks the visible levels. */
const Execution = Schema.Struct({
  filled: Schema.Int,
  unfilled: Schema.Int,
  average_price: NumberOrNull,
  slippage: NumberOrNull,
  slippage_to_mid: NumberOrNull
}).annotations({ identifier: "DepthExecution" })

export const Depth = Schema.Struct({
  instrument_token: Schema.Int,
  tradingsymbol: Schema.String,
  exchange: Schema.String,
  last_price: NumberOrNull,
  /** Null before the first packet in full mode. */
  shape: Schema.NullOr(Schema.Literal("empty", "bid_only", "ask_only", "crossed", "locked", "two_sided")),
  spread: NumberOrNull,
  spread_bps: NumberOrNull,
  mid: NumberOrNull,
  weighted_mid: NumberOrNull,
  imbalance: NumberOrNull,
  bid_units: Schema.Int,
  ask_units: Schema.Int,
  bids: Schema.Array(Level),
  asks: Schema.Array(Level),
  size: Schema.Int,
  buy: Execution,
  sell: Execution,
  liquidity: Schema.Struct({ score: NumberOrNull, reference_size: Schema.Int, formula: Schema.String }),
  as_of: Schema.NullOr(Schema.String)
}).annotations({ identifier: "Depth" })

export class DepthApi extends HttpApiGroup.make("depth")
  .add(
    HttpApiEndpoint.get("get", "/depth/:token")
      .setPath(Schema.Struct({ token: WholeNumber }))
      .setUrlParams(Input({ size: Schema.optional(Size), reference_size: Schema.optional(Size) }))
      .addSuccess(Depth)
  )
  .middleware(Authentication)
  .addError(Problem.notFound)
  .addError(Problem.unavailable)
  .annotate(OpenApi.Description, "Order books: five levels of each side, and the figures computed from them") {}
