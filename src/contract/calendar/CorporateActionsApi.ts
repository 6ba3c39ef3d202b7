import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as CorporateActions from "../../domain/market/CorporateActions.ts"
import { Authentication } from "../shared/Authentication.ts"
import { Input, Expiry as IsoDay, listedFields, Name, oneOf, pageFields, Symbol, WholeNumber, withDefault } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

/** Actions of one import. */
export const importMax = 1_000

const exchanges = ["NSE", "BSE"] as const
const shares = Schema.Int.pipe(Schema.between(1, 1_000_000, { message: () => "expected a whole number of shares, 1 or more" }))
const price = Schema.String.pipe(Schema.pattern(/^\d{1,9}(\.\d{1,2})?$/, { message: () => 'expected rupees such as "120.50"' }))

const Ratio = Schema.Struct({ numerator: Schema.Int, denominator: Schema.Int }).annotations({ identifier: "Ratio" })

const NewAction = Schema.Struct({
  exchange: withDefault(oneOf(exchanges), () => "NSE" as const),
  symbol: Symbol,
  ex_date: IsoDay,
  kind: oneOf(CorporateActions.kinds),
  shares_before: withDefault(shares, () => 1),
  shares_after: withDefault(shares, () => 1),
  price: Schema.optional(price),
  close_before: Schema.optional(price),
  source: Schema.Array(Name(200)).pipe(Schema.minItems(1, { message: () => "must not be empty" }), Schema.maxItems(20))
})
export type NewCorporateAction = typeof NewAction.Type

export const CorporateAction = Schema.Struct({
  id: Schema.Int,
  exchange: Schema.String,
  symbol: Schema.String,
  ex_date: Schema.String,
  kind: Schema.Literal(...CorporateActions.kinds),
  shares_before: Schema.Int,
  shares_after: Schema.Int,
  price: Schema.NullOr(Schema.String),
  close_before: Schema.NullOr(Schema.String),
  price_factor: Ratio,
  volume_factor: Ratio,
  source: Schema.Array(Schema.String),
  imported_by: Schema.String,
  imported_at: Schema.String
}).annotations({ identifier: "CorporateAction" })

export class CorporateActionsApi extends HttpApiGroup.make("corporateActions")
  .add(
    HttpApiEndpoint.get("list", "/")
      .setUrlParams(Input({ symbol: Schema.optional(Symbol), ...pageFields }))
      .addSuccess(Schema.Struct({ corporate_actions: Schema.Array(CorporateAction), ...listedFields }))
  )
  .add(
    HttpApiEndpoint.post("importAll", "/import")
      .setPayload(
        Input({
          actions: Schema.Array(Input(NewAction.fields)).pipe(
            Schema.minItems(1, { message: () => "must not be empty" }),
            Schema.maxItems(importMax, { message: () => `at most ${importMax}` })
          )
        })
      )
      .addSuccess(Schema.Struct({ saved: Schema.Int, unchanged: Schema.Int }))
      .addError(Problem.forbidden)
  )
  .add(
    HttpApiEndpoint.del("remove", "/:id")
      .setPath(Input({ id: WholeNumber }))
      .addSuccess(Schema.Struct({ message: Schema.String }))
      .addError(Problem.forbidden)
      .addError(Problem.notFound)
  )
  .middleware(Authentication)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .prefix("/calendar/corporate-actions")
  .annotate(OpenApi.Description, "Splits, bonus and rights issues and dividends of shares, with the factors that make prices comparable") {}
