import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Authentication } from "../shared/Authentication.ts"
import { Input, listedFields, pageFields, Text, WholeNumber } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

export const Status = Schema.Literal("active", "inactive")
export const Mode = Schema.Literal("FULL", "QUOTE", "LTP")

export const Subscription = Schema.Struct({
  instrument_token: Schema.Int,
  tradingsymbol: Schema.String,
  segment: Schema.String,
  status: Status,
  requested_mode: Mode,
  account_id: Schema.NullOr(Schema.String),
  /** Why it ended by itself, such as `expired`. Absent while it is active, and if a person ended it. */
  ended_reason: Schema.optional(Schema.String),
  created_at: Schema.String,
  updated_at: Schema.String
}).annotations({ identifier: "Subscription" })

const Token = Input({ token: WholeNumber })
const AccountId = Text(64)
const Message = Schema.Struct({ message: Schema.String })

/** Largest number of subscriptions per request. */
const batchMax = 1_000
const Wanted = Input({
  instrument_token: Schema.Int,
  requested_mode: Mode,
  account_id: Schema.optionalWith(AccountId, { nullable: true })
})
const Refused = Schema.Struct({ instrument_token: Schema.Int, message: Schema.String }).annotations({ identifier: "RefusedSubscription" })

export class SubscriptionsApi extends HttpApiGroup.make("subscriptions")
  .add(
    HttpApiEndpoint.get("list", "/")
      .setUrlParams(Input({ status: Schema.optional(Status), ...pageFields }))
      .addSuccess(Schema.Struct({ subscriptions: Schema.Array(Subscription), ...listedFields }))
  )
  .add(
    HttpApiEndpoint.post("save", "/")
      .setPayload(Wanted)
      .addSuccess(Schema.Struct({ message: Schema.String, instrument_token: Schema.Int }))
      .addError(Problem.forbidden)
      .addError(Problem.notFound)
  )
  .add(
    HttpApiEndpoint.post("saveAll", "/batch")
      .setPayload(Input({ subscriptions: Schema.Array(Wanted).pipe(Schema.minItems(1), Schema.maxItems(batchMax)) }))
      .addSuccess(Schema.Struct({ created: Schema.Int, updated: Schema.Int, refused: Schema.Array(Refused) }))
  )
  .add(HttpApiEndpoint.get("get", "/:token").setPath(Token).addSuccess(Subscription).addError(Problem.notFound))
  .add(
    HttpApiEndpoint.patch("change", "/:token")
      .setPath(Token)
      .setPayload(Input({ status: Schema.optional(Status), requested_mode: Schema.optional(Mode), account_id: Schema.optional(AccountId) }))
      .addSuccess(Subscription)
      .addError(Problem.forbidden)
      .addError(Problem.notFound)
      .addError(Problem.conflict)
  )
  .add(
    HttpApiEndpoint.del("deactivate", "/:token")
      .setPath(Token)
      .addSuccess(Message)
      .addError(Problem.forbidden)
      .addError(Problem.notFound)
      .addError(Problem.conflict)
  )
  .add(HttpApiEndpoint.post("reload", "/reload").addSuccess(Schema.Struct({ message: Schema.String, active_subscriptions: Schema.Int })))
  .middleware(Authentication)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .prefix("/subscriptions")
  .annotate(OpenApi.Description, "Which instruments the platform streams; shared by all users") {}
