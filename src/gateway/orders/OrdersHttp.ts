import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import * as BasketCharges from "./BasketCharges.ts"

export const OrdersHttp = HttpApiBuilder.group(
  Api,
  "orders",
  Effect.fnUntraced(function* (handlers) {
    const chargesOf = yield* BasketCharges.make
    return handlers.handle("charges", ({ payload }) => chargesOf(payload.account_id, payload.orders))
  })
)
