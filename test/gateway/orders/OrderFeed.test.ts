import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option } from "effect"
import type * as OrderMessage from "../../../src/domain/orders/OrderMessage.ts"
import { OrderFeed } from "../../../src/gateway/orders/OrderFeed.ts"
import { Hub } from "../../../src/gateway/sockets/Hub.ts"

const taskOf = (taskId: number, status: OrderMessage.OrderTask["status"]): OrderMessage.OrderTask => ({
  task_id: String(taskId),
  account_id: "a1",
  kind: "cancel",
  status,
  mode: "live",
  idempotency_key: `k${taskId}`,
  tag: `t${taskId}`,
  order_id: null,
  attempts: [],
  request: { kind: "cancel", variety: "regular", order_id: "1" },
  error: null,
  strategy_id: null,
  basket_id: null,
  retries: null,
  undoes: null,
  revision: 1,
  created_at: "2026-08-03T04:00:00.000Z",
  updated_at: "2026-08-03T04:00:00.000Z",
  deadline_at: "2026-08-03T04:01:00.000Z"
})

const layer = Layer.provide(OrderFeed.Default, Hub.Default)
const endOf = (of: OrderFeed, taskId: number) =>
  of.withEnd(String(taskId), (ended) =>
    Effect.map(
      Effect.timeoutOption(ended, 1),
      Option.map(({ status }) => status)
    )
  )

describe("requests that wait for the end of a task", () => {
  it.live("learn it from an event that comes while they wait, and from one that came before", () =>
    Effect.gen(function* () {
      const of = yield* OrderFeed
      const waiting = yield* Effect.fork(of.withEnd("1", (ended) => ended))
      yield* Effect.yieldNow()
      of.task(taskOf(1, "RUNNING"), 1)
      of.task(taskOf(1, "COMPLETED"), 2)
      assert.strictEqual((yield* Fiber.join(waiting)).status, "COMPLETED")
      assert.deepStrictEqual(yield* endOf(of, 1), Option.some("COMPLETED" as const))
      of.task(taskOf(2, "RUNNING"), 3)
      assert.deepStrictEqual(yield* endOf(of, 2), Option.none())
    }).pipe(Effect.provide(layer))
  )

  it.live("learn the newest end of a parked task, and nothing of a task that ended long ago", () =>
    Effect.gen(function* () {
      const of = yield* OrderFeed
      of.task(taskOf(1, "UNKNOWN"), 1)
      of.task(taskOf(2, "COMPLETED"), 2)
      of.task(taskOf(1, "COMPLETED"), 3)
      for (let at = 0; at < 999; at++) of.task(taskOf(10 + at, "COMPLETED"), 4 + at)
      assert.deepStrictEqual(yield* endOf(of, 1), Option.some("COMPLETED" as const))
      assert.deepStrictEqual(yield* endOf(of, 2), Option.none())
      of.task(taskOf(2_000, "COMPLETED"), 2_000)
      assert.deepStrictEqual(yield* endOf(of, 1), Option.none())
    }).pipe(Effect.provide(layer))
  )
})
