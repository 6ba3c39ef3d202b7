import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Authentication } from "../shared/Authentication.ts"
import { Input, listedFields, Name, Page, Symbol, WholeNumber, WholeNumberBetween, withDefault } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"
import { Mode } from "./SubscriptionsApi.ts"

export const Window = Schema.Struct({
  window_id: Schema.Int,
  exchange: Schema.String,
  underlying: Schema.String,
  expiries: Schema.Int.annotations({ description: "Number of nearest expiries that have not expired" }),
  strikes: Schema.Int.annotations({ description: "Strikes on either side of the money" }),
  requested_mode: Mode,
  created_at: Schema.String
}).annotations({ identifier: "SubscriptionWindow" })

export class WindowsApi extends HttpApiGroup.make("windows")
  .add(
    HttpApiEndpoint.get("list", "/")
      .setUrlParams(Page)
      .addSuccess(Schema.Struct({ windows: Schema.Array(Window), ...listedFields }))
  )
  .add(
    HttpApiEndpoint.post("create", "/")
      .setPayload(
        Input({
          underlying: Symbol,
          exchange: Schema.optional(Name(16)),
          expiries: withDefault(WholeNumberBetween(1, 12), () => 2),
          strikes: withDefault(WholeNumberBetween(0, 200), () => 20),
          requested_mode: withDefault(Mode, () => "FULL" as const)
        })
      )
      .addSuccess(Window, { status: 201 })
      .addError(Problem.notFound)
      .addError(Problem.conflict)
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
  .prefix("/subscriptions/windows")
  .annotate(OpenApi.Description, "Windows of instruments that follow the money") {}
