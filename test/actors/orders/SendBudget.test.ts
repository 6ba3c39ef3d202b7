import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, TestClock } from "effect"
import * as SendBudget from "../../../src/actors/orders/SendBudget.ts"
import { RuleBook } from "../../../src/settings/RuleBook.ts"
import { OrderRepo } from "../../../src/store/orders/OrderRepo.ts"

const startMs = Date.parse("2026-08-03T04:00:00Z")
/** The rulebook's limit of orders in a second. */
const perSecond = 10

/** A budget over attempts that are kept here instead of in Postgres. */
const world = Effect.gen(function* () {
  yield* TestClock.setTime(startMs)
  const attempts: Array<number> = []
  let reads = 0
  const sent: OrderRepo["sent"] = (_account, _mode, nowMs) =>
    Effect.sync(() => {
      reads++
      const within = (ms: number) => attempts.filter((atMs) => atMs > nowMs - ms).length
      return { second: within(1_000), minute: within(60_000), day: attempts.length }
    })
  const repo = Layer.succeed(OrderRepo, { sent } as OrderRepo)
  const budget = yield* SendBudget.make("a1", "live").pipe(Effect.provide([repo, RuleBook.Default]))
  const attempt = Effect.map(Clock.currentTimeMillis, (nowMs) => void attempts.push(nowMs))
  /** As the gate counts, before a task takes its turn. */
  const counted = Effect.gen(function* () {
    const mark = budget.mark()
    const { minute, second } = yield* sent("a1", "live", yield* Clock.currentTimeMillis, 0)
    return { minute, second, mark }
  })
  return { attempt, attempts, budget, counted, reads: () => reads }
})

describe("The broker's limits of orders", () => {
  it.effect("the gate's count of orders holds for one turn, and is read again once another turn has saved an attempt", () =>
    Effect.gen(function* () {
      const { attempt, attempts, budget, counted, reads } = yield* world
      const deadlineAtMs = startMs + 60_000
      const older = yield* counted
      yield* budget.inTurn(deadlineAtMs, yield* counted, attempt)
      assert.strictEqual(reads(), 2, "the turn asked nobody")
      yield* budget.inTurn(deadlineAtMs, older, attempt)
      assert.strictEqual(reads(), 3, "an attempt was saved since")
      yield* budget.inTurn(deadlineAtMs, null, attempt)
      assert.strictEqual(reads(), 4)
      assert.strictEqual(attempts.length, 3)
    })
  )

  it.effect("a count that was read while another attempt was being saved is read again", () =>
    Effect.gen(function* () {
      const { attempt, budget, counted, reads } = yield* world
      const saving = yield* Effect.makeLatch(false)
      const slow = yield* Effect.fork(budget.inTurn(startMs + 60_000, null, Effect.zipRight(saving.await, attempt)))
      yield* Effect.yieldNow()
      const meanwhile = yield* counted
      yield* saving.open
      yield* Fiber.join(slow)
      yield* budget.inTurn(startMs + 60_000, meanwhile, attempt)
      assert.strictEqual(reads(), 3)
    })
  )

  it.effect("tasks that were all counted at one moment send no more than the limit in any second", () =>
    Effect.gen(function* () {
      const { attempt, attempts, budget, counted } = yield* world
      const first = yield* counted
      const all = yield* Effect.fork(
        Effect.forEach(Array.from({ length: 3 * perSecond }), () => budget.inTurn(startMs + 60_000, first, attempt), {
          concurrency: "unbounded"
        })
      )
      for (let turn = 0; turn < 100; turn++) yield* TestClock.adjust(50)
      yield* Fiber.join(all)
      assert.strictEqual(attempts.length, 3 * perSecond)
      for (const atMs of attempts) assert.isAtMost(attempts.filter((it) => it >= atMs && it < atMs + 1_000).length, perSecond)
    })
  )
})
