import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Money } from "../../domain/Money.ts"
import { Authentication } from "../shared/Authentication.ts"
import { Expiry, Input, listedFields, Name, NonNegativeMoney, pageFields, Symbol } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

export const Settlement = Schema.Struct({
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  expiry: Schema.String,
  price: Money.annotations({ description: "The final settlement price in rupees, decimal text" }),
  source: Schema.Literal("underlying_close", "future_last_price", "broker", "by_hand").annotations({
    description:
      "Computed from the underlying's close or its future's last price, by the broker's close of the underlying, or entered by hand"
  }),
  settled_at: Schema.String.annotations({ description: "When the price was computed or entered" }),
  entered_by: Schema.NullOr(Schema.String).annotations({ description: "The administrator who entered it; null for a computed price" }),
  reference: Schema.NullOr(Schema.String).annotations({ description: "Where an entered price is from; null for a computed price" })
}).annotations({ identifier: "Settlement" })

const Entry = Input({
  exchange: Symbol,
  tradingsymbol: Name(64),
  expiry: Expiry,
  price: NonNegativeMoney,
  reference: Name(200)
})

export class SettlementsApi extends HttpApiGroup.make("settlements")
  .add(
    HttpApiEndpoint.get("list", "/")
      .setUrlParams(Input({ tradingsymbol: Schema.optional(Symbol), ...pageFields }))
      .addSuccess(Schema.Struct({ settlements: Schema.Array(Settlement), ...listedFields }))
  )
  .add(HttpApiEndpoint.put("enter", "/").setPayload(Entry).addSuccess(Settlement).addError(Problem.forbidden))
  .middleware(Authentication)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .prefix("/settlements")
  .annotate(OpenApi.Description, "Final settlement prices of expired contracts, and where each is from") {}
