import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Schema } from "effect"
import type { NewBasket, NewOrder } from "../../contract/orders/NewOrder.ts"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import * as OrderMessage from "../../domain/orders/OrderMessage.ts"
import * as CompensationRows from "../../store/orders/CompensationRepo.ts"
import { OrderRepo } from "../../store/orders/OrderRepo.ts"
import * as OrderRows from "../../store/orders/OrderRows.ts"
import * as TaskNames from "../../store/orders/TaskNames.ts"
import * as AccountRights from "../shared/AccountRights.ts"
import { notFound } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import * as OrderIntake from "./OrderIntake.ts"

const encodeTask = Schema.encodeSync(OrderMessage.OrderTask)
const textOf = (stored: OrderRepo.StoredTask) => encodeTask(OrderRows.messageOf(stored))

/** Makes the tasks of baskets, and shows what became of them. */
export const make = Effect.gen(function* () {
  const rights = yield* AccountRights.make
  const intake = yield* OrderIntake.make
  const repo = yield* OrderRepo
  const compensations = yield* CompensationRows.CompensationRepo

  const answerOf = (basketId: string, tasks: ReadonlyArray<OrderRepo.StoredTask>, status: number) =>
    Effect.gen(function* () {
      const found = yield* orProblem(compensations.byBasket(basketId))
      const undos = found === undefined ? [] : yield* orProblem(repo.undoing(tasks.map(({ taskId }) => taskId)))
      const legs = found?.legs.map((leg) => ({
        ...CompensationRows.messageOf(leg),
        tasks: undos.filter(({ undoes }) => undoes === leg.taskId).map(textOf)
      }))
      const compensation =
        found === undefined ? null : { status: found.status, failed_at: found.failedAt?.toISOString() ?? null, legs: legs ?? [] }
      const on_failure = found === undefined ? "stop" : "compensate"
      return HttpServerResponse.unsafeJson({ basket_id: basketId, on_failure, tasks: tasks.map(textOf), compensation }, { status })
    })

  return {
    make: (body: NewBasket, key: string) =>
      Effect.gen(function* () {
        const { account_id, on_failure, orders } = body
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
        const wanted = [wantedOf(first, 0), ...rest.map((leg, at) => wantedOf(leg, at + 1))] as const
        const { isNew, stored } = yield* intake.submit(user, wanted, body, on_failure === "compensate" ? basketId : null)
        return yield* answerOf(stored[0]?.basketId ?? basketId, stored, isNew ? 202 : 200)
      }),
    one: (basketId: string) =>
      Effect.gen(function* () {
        const mine = rights.idsOf(yield* CurrentUser)
        const tasks = yield* orProblem(repo.ofBasket(basketId))
        const isMine = tasks.some(({ accountId }) => mine.includes(accountId))
        return isMine ? yield* answerOf(basketId, tasks, 200) : yield* notFound("Basket")
      })
  } as const
})
