import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Schema } from "effect"
import type { NewBasket, NewOrder } from "../../contract/orders/NewOrder.ts"
import * as OrderMessage from "../../domain/orders/OrderMessage.ts"
import * as OrderRows from "../../store/orders/OrderRows.ts"
import * as TaskNames from "../../store/orders/TaskNames.ts"
import * as AccountRights from "./AccountRights.ts"
import * as OrderIntake from "./OrderIntake.ts"

const encodeTask = Schema.encodeSync(OrderMessage.OrderTask)

/** Makes the tasks of a basket. */
export const make = Effect.gen(function* () {
  const rights = yield* AccountRights.make
  const intake = yield* OrderIntake.make
  return (body: NewBasket, key: string) =>
    Effect.gen(function* () {
      const { account_id, orders } = body
      const user = yield* rights.user(account_id)
      const basketId = crypto.randomUUID()
      const wantedOf = (leg: NewBasket["orders"][number], at: number): OrderIntake.Wanted => ({
        order: { ...leg, account_id } as NewOrder,
        key: TaskNames.partKey(key, at),
        basketId,
        basketPlace: at,
        retries: null
      })
      const [first, ...rest] = orders
      if (first === undefined) return yield* Effect.dieMessage("a basket without orders passed its schema")
      const { isNew, stored } = yield* intake.submit(user, [wantedOf(first, 0), ...rest.map((leg, at) => wantedOf(leg, at + 1))], body)
      const tasks = stored.map((it) => encodeTask(OrderRows.messageOf(it)))
      return HttpServerResponse.unsafeJson({ basket_id: stored[0]?.basketId ?? basketId, tasks }, { status: isNew ? 202 : 200 })
    })
})
