import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import type { Order } from "../../../src/broker/orders/Orders.ts"
import * as Money from "../../../src/domain/Money.ts"
import * as OrderDecider from "../../../src/domain/orders/OrderDecider.ts"
import type { OrderRequest } from "../../../src/domain/orders/OrderRequest.ts"
import * as Outcome from "../../../src/domain/orders/Outcome.ts"
import { newTask } from "../../store/orders/NewTask.ts"
import { accepted, services, tooMany, world } from "./ADesk.ts"

const instrument = { exchange: "NFO", tradingsymbol: "T65538" } as const
const price = (value: number) => new Money.Decimal(value)
const modify = (order_id: string, value: number) => ({ kind: "modify", variety: "regular", order_id, price: price(value) }) as const
const modifyGtt = (trigger_id: string, value: number) =>
  ({
    kind: "gtt_modify",
    trigger_id,
    type: "single",
    condition: { ...instrument, trigger_values: [price(value)], last_price: price(99) },
    orders: [{ transaction_type: "BUY", quantity: 75, product: "NRML", order_type: "LIMIT", price: price(value) }]
  }) as const
const kinds = [modify, modifyGtt]

const task = (key: string, request: OrderRequest) =>
  newTask(key, {
    mode: "live",
    request,
    intent: { kind: request.kind, isLimit: false, unknown: "park", deadlineAtMs: Date.now() + 3_600_000 }
  })
const shown = (order_id: string, value: number): Order => ({
  ...{ order_id, tag: null, status: "OPEN", status_message: null, variety: "regular", ...instrument, transaction_type: "BUY" },
  ...{ order_type: "LIMIT", product: "NRML", validity: "DAY", quantity: 75, filled_quantity: 0, pending_quantity: 75, price: value },
  ...{ trigger_price: 0, average_price: 0, parent_order_id: null, meta: {}, figures: null }
})
const noToken = Outcome.Reply.Answer({ httpStatus: 403, errorType: "TokenException", message: "Invalid token", orderId: null })
const notSent = Outcome.Reply.NotSent({ reason: "connection refused" })
const superseded = { status: "DEAD_LETTER", error: "superseded", attempts: 1 } as const

/** An older and a newer modification of one order or trigger. */
const pair = Effect.gen(function* () {
  const { repo, ...rest } = yield* world
  const accept = (request: OrderRequest) =>
    Effect.map(repo.submit([task(JSON.stringify(request), request)]), ({ stored }) => stored[0]!.taskId)
  return { ...rest, repo, accept }
})

describe("A modification that is due again", () => {
  it.scoped("is not sent after a newer one of the same order or trigger", () =>
    Effect.gen(function* () {
      const { accept, answers, run, sent } = yield* pair
      for (const [at, refusal] of [tooMany, notSent, noToken].entries())
        for (const request of kinds) {
          const id = String(at)
          const older = yield* accept(request(id, 100))
          answers.push(Effect.succeed(refusal), Effect.succeed(accepted))
          assert.deepInclude(yield* run(older), { status: "RETRYING", attempts: 1 })
          const newer = yield* accept(request(id, 105))
          assert.deepInclude(yield* run(newer), { status: "COMPLETED" })
          const before = sent.length
          yield* TestClock.adjust("1 minute")
          assert.deepStrictEqual(yield* run(older), superseded, `${request(id, 0).kind} after ${refusal._tag}`)
          assert.lengthOf(sent, before)
        }
    }).pipe(Effect.provide(services()))
  )

  it.scoped("is not sent if its answer was lost and the book shows the newer terms", () =>
    Effect.gen(function* () {
      const { accept, answers, run, sent, shown: broker } = yield* pair
      const older = yield* accept(modify("9", 100))
      const meanwhile = Effect.gen(function* () {
        const newer = yield* accept(modify("9", 105))
        assert.deepInclude(yield* run(newer), { status: "COMPLETED" })
        broker.orders = [shown("9", 105)]
        yield* TestClock.adjust(OrderDecider.defaults.horizonMs + 1)
        return Outcome.Reply.Lost({ reason: "reset" })
      })
      answers.push(Effect.orDie(meanwhile))
      assert.deepStrictEqual(yield* run(older), superseded)
      assert.deepStrictEqual(
        sent.map((it) => it.kind === "modify" && Number(it.price)),
        [100, 105]
      )
    }).pipe(Effect.provide(services()))
  )

  it.scoped("is not sent for the first time either, if a newer one was sent while it waited", () =>
    Effect.gen(function* () {
      const { accept, run, sent } = yield* pair
      const older = yield* accept(modify("9", 100))
      const newer = yield* accept(modify("9", 105))
      assert.deepInclude(yield* run(newer), { status: "COMPLETED" })
      assert.deepStrictEqual(yield* run(older), { ...superseded, attempts: 0 })
      assert.lengthOf(sent, 1)
    }).pipe(Effect.provide(services()))
  )

  it.scoped("is sent again if only older ones, waiting ones, and those of other orders are beside it", () =>
    Effect.gen(function* () {
      const { accept, answers, run, sent } = yield* pair
      for (const request of kinds) {
        const first = sent.length
        answers[first + 1] = Effect.succeed(tooMany)
        answers[first] = Effect.succeed(accepted)
        yield* run(yield* accept(request("9", 95)))
        const again = yield* accept(request("9", 100))
        assert.deepInclude(yield* run(again), { status: "RETRYING" })
        yield* run(yield* accept(request("8", 105)))
        const waiting = yield* accept(request("9", 110))
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(yield* run(again), { status: "COMPLETED", error: null, attempts: 2 })
        assert.deepInclude(yield* run(waiting), { status: "COMPLETED" })
      }
      const prices = sent.map((it) => it.kind === "modify" && Number(it.price))
      assert.deepStrictEqual(prices.slice(0, 5), [95, 100, 105, 100, 110])
    }).pipe(Effect.provide(services()))
  )
})
