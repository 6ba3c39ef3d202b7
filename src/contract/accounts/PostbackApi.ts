import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Text } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

/** Kite's body, unchanged. What the checksum covers is read as text; the rest is an order of the book (kite.trade/docs/connect/v3/postbacks). */
export const Postback = Schema.Struct(
  { user_id: Text(64), order_id: Text(64), order_timestamp: Text(32), status: Text(64), checksum: Text(128) },
  Schema.Record({ key: Schema.String, value: Schema.Any })
).annotations({ identifier: "Postback" })

/** The broker posts updates of orders here. The checksum is its credential. */
export class PostbackApi extends HttpApiGroup.make("postback")
  .add(
    HttpApiEndpoint.post("take", "/kite/postback")
      .setPayload(Postback)
      .addSuccess(Schema.Struct({ status: Schema.Literal("taken") }))
  )
  .addError(Problem.because(Problem.forbidden, "The checksum does not match this app's secret"))
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .annotate(OpenApi.Description, "Messages from the broker") {}
