import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import * as Gate from "../../../src/domain/orders/Gate.ts"
import { AccountStopRepo } from "../../../src/store/orders/AccountStopRepo.ts"
import { OrderAccounts } from "../../../src/store/orders/OrderAccounts.ts"
import { OrderRepo } from "../../../src/store/orders/OrderRepo.ts"
import { SquareOffRepo } from "../../../src/store/orders/SquareOffRepo.ts"
import { StrategyLimitRepo } from "../../../src/store/orders/StrategyLimitRepo.ts"
import * as TaskNames from "../../../src/store/orders/TaskNames.ts"
import { StrategyRepo } from "../../../src/store/strategies/StrategyRepo.ts"
import { aPlace } from "../../domain/orders/APlace.ts"
import { newTask } from "../../store/orders/NewTask.ts"
import { accepted, services, tooMany, world } from "./ADesk.ts"

const loss = new Money.Decimal(-500)
const maxLoss = loss.negated()
const intent = { kind: "place", isLimit: false, unknown: "park", deadlineAtMs: Date.now() + 3_600_000 } as const

/** Stops account a1 because of its loss. Returns the release. */
const accountStop = Effect.gen(function* () {
  const accounts = yield* OrderAccounts
  const stops = yield* AccountStopRepo
  yield* accounts.setMode("a1", "live", "u1")
  yield* accounts.setLimits("a1", { ...Gate.unlimited, maxDailyLoss: maxLoss, lossAction: "square_off" }, "u1")
  yield* stops.stop("a1", "live", loss, "test")
  return Effect.zipRight(stops.askRelease("a1", "t", Date.now() + 60_000, "u1"), stops.release("a1", "t", Date.now(), "u1"))
})
/** Stops a strategy with an order in account a1 because of its loss. Returns the release. */
const strategyStop = Effect.gen(function* () {
  const { strategy } = yield* Effect.flatMap(StrategyRepo, (strategies) => strategies.create("u1", { name: "s" }))
  const { strategyId } = strategy
  const limits = yield* StrategyLimitRepo
  yield* Effect.flatMap(OrderRepo, (orders) => orders.submit([newTask("own", { mode: "live", strategyId })]))
  yield* limits.set(strategyId, { maxPositionLots: null, maxTotalLots: null, maxLoss, maxOrdersPerDay: null, action: "square_off" }, "u1")
  yield* limits.stop({ strategyId, owner: "u1" }, loss, "test")
  return limits.release(strategyId, "u1")
})

const cases = [
  { scope: "account", stop: accountStop, nameOf: TaskNames.accountStopId },
  { scope: "strategy", stop: strategyStop, nameOf: (stopId: number) => stopId }
] as const

describe("A released stop", () => {
  for (const { nameOf, scope, stop } of cases)
    it.scoped(`of an ${scope === "account" ? "account" : "account's strategy"} sends no more closing orders`, () =>
      Effect.gen(function* () {
        const { answers, repo, run, sent } = yield* world
        const release = yield* stop
        const squareOffs = yield* SquareOffRepo
        const [square] = yield* squareOffs.open("a1")
        const { stopId, strategyId } = square!
        const closing = (at: number) => {
          const key = TaskNames.squareOffKey(nameOf(stopId), 1, at)
          return newTask(key, { mode: "live", strategyId, intent, request: aPlace({ transaction_type: "SELL" }) })
        }
        const round = [closing(0), closing(1), closing(2), closing(3)]
        const look = { status: "running", message: null, epoch: 1, newestTaskId: Number.MAX_SAFE_INTEGER, round } as const
        const made = (yield* squareOffs.save(square!, look, "test")) ?? []
        const [done, retrying, pending, sending] = made.map(({ taskId }) => taskId) as [number, number, number, number]

        // The stop is released while the last order's request is on its way.
        answers.push(Effect.succeed(accepted), Effect.succeed(tooMany), Effect.as(Effect.orDie(release), tooMany))
        assert.deepStrictEqual(yield* run(done), { status: "COMPLETED", error: null, attempts: 1 })
        assert.deepInclude(yield* run(retrying), { status: "RETRYING", attempts: 1 })
        assert.deepInclude(yield* run(sending), { status: "RETRYING", attempts: 1 })
        const errorOf = (taskId: number) => Effect.map(repo.byId(taskId), (it) => [it?.task.status, it?.task.error?.type])
        assert.deepStrictEqual(
          yield* Effect.forEach([retrying, pending], errorOf),
          [
            ["CANCELLED", "stop_released"],
            ["CANCELLED", "stop_released"]
          ],
          "the release cancels what was not sent"
        )

        yield* TestClock.adjust("1 minute")
        for (const taskId of [retrying, pending]) yield* run(taskId)
        assert.deepStrictEqual(yield* run(sending), { status: "DEAD_LETTER", error: "stop_released", attempts: 1 })
        assert.deepInclude(yield* run(done), { status: "COMPLETED" }, "what was sent stays")
        assert.lengthOf(sent, 3, "no order was sent after the release")
      }).pipe(Effect.provide(services()))
    )
})
