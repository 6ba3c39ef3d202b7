import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Quality } from "../../domain/options/ChainMessage.ts"
import { Authentication } from "../shared/Authentication.ts"
import { volatilityAndGreeks } from "../shared/Greeks.ts"
import { Expiry, Input, Symbol } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

const NumberOrNull = Schema.NullOr(Schema.Number)
const AsOf = Schema.NullOr(Schema.String)

/** The base of changes: the previous session's last values, or the first ones seen today. Null before anything was published. */
export const ChangeFrom = Schema.NullOr(Schema.Literal("previous_session", "first_seen"))

/** `counted`: options whose open interest is known, so that it is part of the totals. `listed`: listed options of the expiry; null while unknown. */
export const OiCoverage = Schema.NullOr(Schema.Struct({ counted: Schema.Int, listed: Schema.NullOr(Schema.Int) }))

/**
 * One option of a chain. iv is a fraction, theta per calendar day, vega and rho per point. `as_of` is the time of the quote, `priced_at` the
 * exchange's time of the oldest price that the numbers come from, `age_ms` its age at the chain's `as_of`. Both are null without
 * a price, and for a contract that never traded.
 * `price_change` and `oi_change` are relative to the base in the chain's `oi_change_from`.
 */
export const OptionRow = Schema.Struct({
  instrument_token: Schema.Int,
  tradingsymbol: Schema.NullOr(Schema.String),
  last_price: NumberOrNull,
  bid: NumberOrNull,
  ask: NumberOrNull,
  volume: NumberOrNull,
  oi: NumberOrNull,
  oi_change: NumberOrNull,
  price_change: NumberOrNull,
  ...volatilityAndGreeks,
  as_of: AsOf,
  priced_at: AsOf,
  age_ms: NumberOrNull,
  quality: Quality
}).annotations({ identifier: "OptionRow" })

export const StrikeRow = Schema.Struct({
  strike: Schema.Number,
  call: Schema.NullOr(OptionRow),
  put: Schema.NullOr(OptionRow)
}).annotations({ identifier: "StrikeRow" })
export type StrikeRow = typeof StrikeRow.Type

const LabelledOption = Schema.Struct({
  ...OptionRow.fields,
  moneyness: Schema.NullOr(Schema.String).annotations({
    description: "ATM, or the number of strikes of the answer from `atm_strike`: OTM1, ITM1, ...; null without an `atm_strike`"
  })
}).annotations({ identifier: "LabelledOptionRow" })
const LabelledStrike = Schema.Struct({
  strike: Schema.Number,
  call: Schema.NullOr(LabelledOption),
  put: Schema.NullOr(LabelledOption)
}).annotations({ identifier: "LabelledStrikeRow" })
export type LabelledStrike = typeof LabelledStrike.Type

const named = { symbol: Schema.String, expiry: Schema.String }
const OfExpiry = Input({ symbol: Symbol, expiry: Expiry })

export class ChainsApi extends HttpApiGroup.make("fo")
  .add(
    HttpApiEndpoint.get("expiries", "/expiries")
      .setUrlParams(Input({ symbol: Symbol }))
      .addSuccess(Schema.Struct({ symbol: Schema.String, expiries: Schema.Array(Schema.String) }))
  )
  .add(
    HttpApiEndpoint.get("strikes", "/strikes")
      .setUrlParams(OfExpiry)
      .addSuccess(
        Schema.Struct({
          ...named,
          spot: NumberOrNull,
          spot_change: NumberOrNull,
          forward: NumberOrNull,
          atm_strike: NumberOrNull,
          atm_iv: NumberOrNull,
          oi_change_from: ChangeFrom,
          as_of: AsOf,
          valued_at: Schema.NullOr(Schema.String),
          strikes: Schema.Array(LabelledStrike)
        })
      )
  )
  .add(
    HttpApiEndpoint.get("maxPain", "/max-pain")
      .setUrlParams(OfExpiry)
      .addSuccess(
        Schema.Struct({ ...named, max_pain: NumberOrNull, strikes: Schema.Array(Schema.Number), oi_coverage: OiCoverage, as_of: AsOf })
      )
  )
  .add(
    HttpApiEndpoint.get("pcr", "/pcr")
      .setUrlParams(OfExpiry)
      .addSuccess(
        Schema.Struct({
          ...named,
          pcr_oi: NumberOrNull,
          pcr_volume: NumberOrNull,
          call_oi: Schema.Number,
          put_oi: Schema.Number,
          oi_coverage: OiCoverage,
          as_of: AsOf
        })
      )
  )
  .middleware(Authentication)
  .addError(Problem.notFound)
  .addError(Problem.unavailable)
  .prefix("/fo")
  .annotate(OpenApi.Description, "The newest option chains") {}
