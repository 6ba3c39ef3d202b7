import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
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
import { fresh } from "../Stores.ts"
import { newTask as task } from "./NewTask.ts"
import { announced, once } from "./Stops.ts"

const nowMs = Date.now()
const dayStartMs = nowMs - 3_600_000
const loss = (text: string) => new Money.Decimal(text)

const limited = (lossAction: "block" | "square_off" | null = "square_off") =>
  Effect.flatMap(OrderAccounts, (accounts) =>
    accounts.setLimits("a1", { ...Gate.unlimited, maxDailyLoss: loss("500.5"), lossAction }, "u1")
  )
describe("AccountStopRepo", () => {
  it.scoped("stops an account once, however many ask at the same time, and only at its limit", () =>
    Effect.gen(function* () {
      const repo = yield* AccountStopRepo
      yield* limited(null)
      assert.isUndefined(yield* repo.watched("a1"), "the limit only refuses orders")
      assert.isUndefined(yield* repo.stop("a1", "paper", loss("-900"), "test"))
      yield* limited()
      assert.deepStrictEqual(yield* repo.watched("a1"), { mode: "paper", maxDailyLoss: loss("500.5") })
      assert.isUndefined(yield* repo.stop("a1", "paper", loss("-500.49"), "test"))
      assert.isUndefined(yield* repo.stop("a1", "live", loss("-900"), "test"), "the account has another mode")
      yield* once(20, repo.stop("a1", "paper", loss("-500.5"), "test"))
      const stop = yield* repo.open("a1")
      assert.deepInclude(stop, {
        action: "square_off",
        mode: "paper",
        reason: "its profit of -500.5 today has reached the limit of its loss, 500.5",
        status: "running",
        rounds: 0
      })
      assert.isUndefined(yield* repo.watched("a1"))
      assert.deepStrictEqual(yield* announced("a1", "account_stop"), ["stopped"])
      const orders = yield* OrderRepo
      const ahead = yield* orders.ahead({
        accountId: "a1",
        mode: "paper",
        kind: "place",
        termsHash: "t1",
        modifiedId: null,
        madeBy: null,
        taskId: 0,
        basketId: null,
        nowMs,
        dayStartMs
      })
      assert.strictEqual(ahead.lossStop, stop?.reason)
    }).pipe(Effect.provide(fresh()))
  )

  it.scoped("is released in two steps, with the newest token and within its time", () =>
    Effect.gen(function* () {
      const repo = yield* AccountStopRepo
      const squareOffs = yield* SquareOffRepo
      assert.isFalse(yield* repo.askRelease("a1", "one", nowMs + 60_000, "u1"))
      yield* limited()
      yield* repo.stop("a1", "paper", loss("-501"), "test")
      assert.isFalse(yield* repo.release("a1", "one", nowMs, "u1"), "nobody asked")
      assert.isTrue(yield* repo.askRelease("a1", "one", nowMs + 60_000, "u1"))
      assert.isTrue(yield* repo.askRelease("a1", "two", nowMs + 60_000, "u1"))
      assert.isFalse(yield* repo.release("a1", "one", nowMs, "u1"), "another token is newer")
      assert.isFalse(yield* repo.release("a1", "two", nowMs + 60_000, "u1"), "too late")
      assert.lengthOf(yield* squareOffs.open("a1"), 1)
      assert.isTrue(yield* repo.release("a1", "two", nowMs, "u1"))
      assert.isFalse(yield* repo.release("a1", "two", nowMs, "u1"), "the second time")
      assert.isUndefined(yield* repo.open("a1"))
      assert.deepStrictEqual([yield* squareOffs.open("a1"), yield* announced("a1", "account_stop")], [[], ["stopped", "released"]])
      assert.isDefined(yield* repo.stop("a1", "paper", loss("-501"), "test"), "a loss that lasts stops it again")
    }).pipe(Effect.provide(fresh()))
  )
})

describe("the square-off of an account", () => {
  it.scoped("saves a round once, and only if no task of the account is newer than the look", () =>
    Effect.gen(function* () {
      const repo = yield* SquareOffRepo
      const orders = yield* OrderRepo
      yield* limited()
      yield* orders.submit([task("one"), task("two", { accountId: "a2", tag: "t" })])
      yield* Effect.flatMap(AccountStopRepo, (stops) => stops.stop("a1", "paper", loss("-501"), "test"))
      const [stored] = yield* repo.open("a1")
      assert.deepInclude(stored, { scope: "account", strategyId: null, owner: TaskNames.accountStopOwner, rounds: 0 })
      const of = stored!
      const tasks = yield* repo.tasks(of, dayStartMs)
      assert.deepStrictEqual(
        tasks.map(({ key }) => key),
        ["one"]
      )
      const name = TaskNames.accountStopId(of.stopId)
      const key = TaskNames.squareOffKey(name, 1, 0)
      assert.isTrue(TaskNames.isOfAccountStop(key) && TaskNames.isOfStop(key) && TaskNames.isOfThisStop(key, name))
      assert.isFalse(TaskNames.isOfAccountStop(TaskNames.squareOffKey(of.stopId, 1, 0)) || TaskNames.isOfThisStop(key, of.stopId))
      const stops = [key, TaskNames.squareOffKey(of.stopId, 1, 0), TaskNames.stopCancelKey(7, "o1"), "stop › ?", "one"].map(
        TaskNames.stopOf
      )
      const { stopId } = of
      assert.deepStrictEqual(stops, [
        { scope: "account", stopId },
        { scope: "strategy", stopId },
        { scope: "strategy", stopId: 7 },
        null,
        null
      ])
      const newestTaskId = yield* repo.newest(of)
      const change = { status: "running", message: "closing", epoch: 5, newestTaskId, round: [task(key, { tag: "c" })] } as const
      yield* orders.submit([task("by hand", { tag: "h" })])
      assert.isUndefined(yield* repo.save(of, change, "test"), "the account has a task that the look did not know")
      const known = { ...change, newestTaskId: yield* repo.newest(of) }
      assert.lengthOf(yield* once(10, repo.save(of, known, "test")), 1)
      const sql = yield* SqlClient.SqlClient
      yield* sql`UPDATE order_tasks SET created_at = now() - interval '2 days' WHERE idempotency_key = 'one'`
      const open = (yield* repo.tasks(of, dayStartMs)).map((it) => it.key)
      assert.deepStrictEqual(open, ["one", "by hand", key], "a task that has not ended counts whatever its age")
      yield* sql`UPDATE order_tasks SET status = 'COMPLETED'`
      assert.deepStrictEqual(
        (yield* repo.tasks(of, dayStartMs)).map((it) => it.key),
        ["by hand", key]
      )
    }).pipe(Effect.provide(fresh()))
  )

  it.scoped("comes before those of strategies, which afterwards do not hold the positions that it closed", () =>
    Effect.gen(function* () {
      const repo = yield* SquareOffRepo
      const orders = yield* OrderRepo
      const limits = yield* StrategyLimitRepo
      const sql = yield* SqlClient.SqlClient
      const { strategy } = yield* Effect.flatMap(StrategyRepo, (strategies) => strategies.create("u1", { name: "s" }))
      const { strategyId } = strategy
      yield* limits.set(
        strategyId,
        { maxPositionLots: null, maxTotalLots: null, maxLoss: loss("1"), maxOrdersPerDay: null, action: "square_off" },
        "u1"
      )
      const shares = { ...aPlace(), product: "CNC" } as const
      yield* orders.submit([task("own", { strategyId }), task("shares", { strategyId, request: shares, tag: "s" })])
      yield* sql`UPDATE order_tasks SET status = 'COMPLETED', order_id = 'o-' || task_id`
      yield* limits.stop({ strategyId, owner: "u1" }, loss("-1"), "test")
      const [ofStrategy] = yield* repo.open("a1")
      assert.deepInclude(ofStrategy, { scope: "strategy", strategyId })
      const keys = Effect.map(repo.tasks(ofStrategy!, dayStartMs), (all) => all.map(({ key }) => key))
      assert.deepStrictEqual(yield* keys, ["own", "shares"])

      yield* limited()
      yield* Effect.flatMap(AccountStopRepo, (stops) => stops.stop("a1", "paper", loss("-501"), "test"))
      const [ofAccount, ...others] = yield* repo.open("a1")
      assert.deepStrictEqual([ofAccount?.scope, others.length], ["account", 0])
      const newestTaskId = yield* repo.newest(ofAccount!)
      const change = { status: "running", message: null, epoch: 1, newestTaskId, round: [] } as const
      assert.isUndefined(yield* repo.save(ofStrategy!, change, "test"), "the account's own comes first")
      assert.isDefined(yield* repo.save(ofAccount!, { ...change, round: [task("close", { tag: "c" })] }, "test"))
      const [after] = yield* repo.open("a1")
      yield* repo.save(after!, { ...change, status: "done" }, "test")
      const [next] = yield* repo.open("a1")
      assert.deepInclude(next, { scope: "strategy", strategyId })
      assert.deepStrictEqual(yield* keys, ["shares"], "shares for delivery were left alone")
      yield* orders.submit([task("later", { strategyId, tag: "l" })])
      assert.deepStrictEqual(yield* keys, ["shares", "later"])
    }).pipe(Effect.provide(fresh()))
  )
})
