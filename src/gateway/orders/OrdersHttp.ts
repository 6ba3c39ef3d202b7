import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import * as BasketCharges from "./BasketCharges.ts"
import * as BasketMargins from "./BasketMargins.ts"
import * as Baskets from "./Baskets.ts"
import * as Gtt from "./Gtt.ts"
import * as OrderTasks from "./OrderTasks.ts"

export const OrdersHttp = HttpApiBuilder.group(
  Api,
  "orders",
  Effect.fnUntraced(function* (handlers) {
    const baskets = yield* Baskets.make
    const chargesOf = yield* BasketCharges.make
    const marginsOf = yield* BasketMargins.make
    const orders = yield* OrderTasks.make
    const gtt = yield* Gtt.make(orders)
    return handlers
      .handle("charges", ({ payload }) => chargesOf(payload.account_id, payload.orders))
      .handle("margins", ({ payload }) => marginsOf(payload.account_id, payload.orders))
      .handle("submit", ({ headers, payload, urlParams }) => orders.submit(payload, headers["idempotency-key"], urlParams.wait_ms ?? 0))
      .handle("basket", ({ headers, payload }) => baskets.make(payload, headers["idempotency-key"]))
      .handle("basketOf", ({ path }) => baskets.one(path.basket_id))
      .handle("gtt", ({ urlParams }) => gtt.list(urlParams))
      .handle("placeGtt", ({ headers, payload, urlParams }) => gtt.place(payload, headers["idempotency-key"], urlParams.wait_ms ?? 0))
      .handle("changeGtt", ({ headers, payload, urlParams }) => gtt.modify(payload, headers["idempotency-key"], urlParams.wait_ms ?? 0))
      .handle("removeGtt", ({ headers, urlParams }) =>
        gtt.remove(urlParams.account_id, urlParams.trigger_id, headers["idempotency-key"], urlParams.wait_ms ?? 0)
      )
      .handle("tasks", ({ urlParams }) => orders.tasks(urlParams, urlParams.status))
      .handle("task", ({ path }) => orders.task(path.id))
      .handle("cancelTask", ({ path }) => orders.cancel(path.id))
      .handle("deadLetters", ({ urlParams }) => orders.deadLetters(urlParams, urlParams.error))
      .handle("retry", ({ path }) => orders.retry(path.id))
  })
)
