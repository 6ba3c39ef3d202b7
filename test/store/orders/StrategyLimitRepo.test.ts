import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import * as OrderDecider from "../../../src/domain/orders/OrderDecider.ts"
import { OrderRepo } from "../../../src/store/orders/OrderRepo.ts"
import { SquareOffRepo } from "../../../src/store/orders/SquareOffRepo.ts"
import { StrategyLimitRepo } from "../../../src/store/orders/StrategyLimitRepo.ts"
import * as TaskNames from "../../../src/store/orders/TaskNames.ts"
import type { NewTask } from "../../../src/store/orders/TaskWrites.ts"
import { FillRepo, type NewFill } from "../../../src/store/strategies/FillRepo.ts"
import { StrategyRepo } from "../../../src/store/strategies/StrategyRepo.ts"
import { aPlace } from "../../domain/orders/APlace.ts"
import { fresh } from "../Stores.ts"
import { newTask } from "./NewTask.ts"
import { announced, once } from "./Stops.ts"

const rupees = (value: number) => new Money.Decimal(value)
const instrument = { exchange: "NFO", tradingsymbol: "T65538" }
const nowMs = Date.now()
const dayStartMs = nowMs - 60_000

/** A live task of the first strategy. */
const task = (key: string, more: Partial<NewTask> = {}) => newTask(key, { mode: "live", strategyId: 1, ...more })
const fill = (direction: "BUY" | "SELL", quantity: number, orderId: string | null = null): NewFill => ({
  ...instrument,
  instrumentToken: 65_538,
  direction,
  quantity,
  price: rupees(100),
  executedAt: new Date(nowMs),
  externalId: null,
  orderId,
  product: "NRML"
})
/** A user's strategy with a limit of its loss. */
const limited = (action: "block" | "square_off" = "square_off") =>
  Effect.gen(function* () {
    const { strategy } = yield* Effect.flatMap(StrategyRepo, (strategies) => strategies.create("u1", { name: "s" }))
    const repo = yield* StrategyLimitRepo
    yield* repo.set(
      strategy.strategyId,
      { maxPositionLots: null, maxTotalLots: null, maxLoss: rupees(500), maxOrdersPerDay: 2, action },
      "u1"
    )
    return strategy.strategyId
  })
const placed = (...keys: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const orders = yield* OrderRepo
    for (const key of keys) yield* orders.submit([task(key)])
  })
describe("StrategyLimitRepo", () => {
  it.scoped("stops a strategy once, however many ask at the same time, and only at its limit", () =>
    Effect.gen(function* () {
      const repo = yield* StrategyLimitRepo
      const strategyId = yield* limited()
      yield* placed("one")
      assert.deepStrictEqual(yield* repo.watched, [{ strategyId, owner: "u1", maxLoss: rupees(500) }])
      assert.isUndefined(yield* repo.stop({ strategyId, owner: "u1" }, new Money.Decimal("-499.99"), "test"))
      assert.isUndefined(yield* repo.stop({ strategyId, owner: "u2" }, rupees(-500), "test"))
      const ask = repo.stop({ strategyId, owner: "u1" }, rupees(-500), "test")
      yield* once(20, ask)
      assert.deepStrictEqual([yield* repo.watched, yield* announced("a1", "strategy_stop")], [[], ["stopped"]])
      const { squareOffs, stop } = yield* repo.view(strategyId)
      assert.strictEqual(stop?.reason, "its profit of -500 has reached the limit of its loss, 500")
      assert.deepStrictEqual(
        squareOffs.map(({ accountId, mode, status }) => [accountId, mode, status]),
        [["a1", "live", "running"]]
      )
      assert.isFalse(yield* repo.remove(strategyId, "u1"))
      assert.isTrue(yield* repo.release(strategyId, "u1"))
      assert.isFalse(yield* repo.release(strategyId, "u1"))
      assert.deepStrictEqual(yield* announced("a1", "strategy_stop"), ["stopped", "released"])
      assert.deepInclude(yield* ask, { action: "square_off" }, "a loss that lasts stops it again")
      assert.isTrue(yield* repo.release(strategyId, "u1"))
      assert.isTrue(yield* repo.remove(strategyId, "u1"))
      assert.deepStrictEqual(yield* repo.view(strategyId), { settings: undefined, stop: undefined, squareOffs: [] })
    }).pipe(Effect.provide(fresh()))
  )

  it.scoped("returns a strategy's exposure with its orders, and the number of orders that it sent", () =>
    Effect.gen(function* () {
      const repo = yield* StrategyLimitRepo
      const orders = yield* OrderRepo
      const strategyId = yield* limited("block")
      const candidate = { strategyId, instrument, taskId: 0, dayStartMs }
      assert.deepInclude(yield* repo.known(candidate), {
        owner: "u1",
        stopped: null,
        exposure: { net: 0, openBuy: 0, openSell: 0 },
        holds: false,
        ordersToday: 0
      })
      assert.isUndefined(yield* repo.known({ ...candidate, strategyId: strategyId + 1 }))
      yield* placed("one", "two")
      const known = yield* repo.known(candidate)
      assert.deepStrictEqual([known?.exposure.openBuy, known?.ordersToday], [300, 2])
      const [first, second] = (yield* orders.unfinished("a1")).map(({ taskId }) => taskId)
      const before = { ...candidate, taskId: first ?? 0 }
      assert.deepInclude(yield* repo.known(before), { exposure: { net: 0, openBuy: 0, openSell: 0 }, ordersToday: 0 })
      assert.deepInclude(yield* repo.known({ ...candidate, taskId: second ?? 0 }), {
        exposure: { net: 0, openBuy: 150, openSell: 0 },
        ordersToday: 1
      })

      const other = { ...aPlace(), tradingsymbol: "OTHER" }
      yield* orders.submit([task("other", { request: other, tag: "tag other" })])
      const names = (it: typeof known) => it?.held.map(({ openBuy, tradingsymbol }) => [tradingsymbol, openBuy])
      assert.deepStrictEqual(names(yield* repo.known(candidate)), [[instrument.tradingsymbol, 300]])
      yield* repo.set(strategyId, { maxPositionLots: null, maxTotalLots: 9, maxLoss: null, maxOrdersPerDay: 2, action: "block" }, "u1")
      assert.deepStrictEqual(names(yield* repo.known(candidate)), [
        [instrument.tradingsymbol, 300],
        ["OTHER", 150]
      ])

      // The second order is filled in part; a part of that is booked.
      const sql = yield* SqlClient.SqlClient
      yield* sql`UPDATE order_tasks SET status = 'COMPLETED', order_id = 'o2' WHERE task_id = ${second ?? 0}`
      const body = { tag: "tag two", transaction_type: "BUY", status: "OPEN", pending_quantity: 75 }
      yield* sql`INSERT INTO account_orders (account_id, order_id, seen_on, source, filled_quantity, body)
        VALUES ('a1', 'o2', now()::date, 'book', 75, ${JSON.stringify(body)}::jsonb)`
      yield* Effect.flatMap(FillRepo, (fills) => fills.record("u1", strategyId, [fill("BUY", 50, "o2"), fill("SELL", 10)], [], []))
      assert.deepInclude(yield* repo.known(candidate), { exposure: { net: 65, openBuy: 225, openSell: 0 }, holds: true })
      assert.strictEqual(yield* repo.strategyOfOrder("a1", "o2"), strategyId)
      assert.isNull(yield* repo.strategyOfOrder("a1", "o3"))
    }).pipe(Effect.provide(fresh()))
  )
})

describe("SquareOffRepo", () => {
  it.scoped("saves a round of closing orders once: never for an older look, an older owner, or a released stop", () =>
    Effect.gen(function* () {
      const limits = yield* StrategyLimitRepo
      const repo = yield* SquareOffRepo
      const strategyId = yield* limited()
      yield* placed("one")
      yield* limits.stop({ strategyId, owner: "u1" }, rupees(-500), "test")
      const [stored] = yield* repo.open("a1")
      assert.deepInclude(stored, { strategyId, owner: "u1", rounds: 0, revision: 0, status: "running" })
      const of = stored!
      const [one] = yield* repo.tasks(of, dayStartMs)
      const key = (round: number) => TaskNames.squareOffKey(of.stopId, round, 0)
      const round = (number: number) => [task(key(number))]
      const change = { status: "running", message: "closing", epoch: 5, newestTaskId: one?.taskId ?? 0, round: round(1) } as const
      assert.isUndefined(yield* repo.save(of, { ...change, newestTaskId: 0 }, "test"), "the strategy has a task that the look did not know")
      assert.lengthOf(yield* once(10, repo.save(of, change, "test")), 1)
      const [after] = yield* repo.open("a1")
      assert.deepInclude(after, { rounds: 1, revision: 1, epoch: 5, message: "closing" })
      const next = { ...change, newestTaskId: Number.MAX_SAFE_INTEGER, round: round(2) }
      assert.isUndefined(yield* repo.save(after!, { ...next, epoch: 4 }, "test"), "epoch 4 was replaced by epoch 5")
      assert.isUndefined(yield* repo.save(of, next, "test"), "the revision has moved on")
      assert.isTrue(TaskNames.isOfStop(key(1)) && TaskNames.isOfThisStop(key(1), of.stopId) && !TaskNames.isOfThisStop(key(1), 12))

      yield* limits.release(strategyId, "u1")
      assert.isUndefined(yield* repo.save(after!, next, "test"), "the stop was released")
      assert.deepStrictEqual(yield* repo.open("a1"), [])
      assert.deepStrictEqual(
        (yield* repo.tasks(of, dayStartMs)).map((it) => it.key),
        ["one", key(1)]
      )
    }).pipe(Effect.provide(fresh()))
  )

  it.scoped("returns what the strategy's orders traded, and what of it today", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const repo = yield* SquareOffRepo
      yield* limited()
      yield* placed("one")
      yield* sql`UPDATE order_tasks SET status = 'COMPLETED', order_id = 'o1'`
      const body = { ...instrument, product: "MIS", transaction_type: "SELL", fill_timestamp: new Date(nowMs).toISOString() }
      for (const [trade, quantity] of [
        ["t1", 50],
        ["t2", 25]
      ] as const)
        yield* sql`INSERT INTO account_trades (account_id, order_id, trade_id, seen_on, quantity, body)
          VALUES ('a1', 'o1', ${trade}, now()::date, ${quantity}, ${JSON.stringify(body)}::jsonb)`
      const of = { strategyId: 1, accountId: "a1", mode: "live" } as const
      const traded = { ...instrument, orderId: "o1", tag: "tag one", product: "MIS", side: "SELL", quantity: 75 } as const
      assert.deepStrictEqual(yield* repo.trades(of, dayStartMs), [{ ...traded, isToday: true }])
      assert.deepStrictEqual(yield* repo.trades(of, nowMs + 1), [{ ...traded, isToday: false }])
      assert.deepStrictEqual(yield* repo.trades({ ...of, mode: "paper" }, dayStartMs), [])
    }).pipe(Effect.provide(fresh()))
  )
})

describe("the row of a task that a stop cancels", () => {
  it.scoped("names the order, so that each order is cancelled once", () =>
    Effect.gen(function* () {
      const repo = yield* SquareOffRepo
      const orders = yield* OrderRepo
      yield* limited()
      const request = { kind: "cancel", variety: "regular", order_id: "o9" } as const
      yield* orders.submit([task(TaskNames.stopCancelKey(1, "o9"), { request, intent: { ...task("x").intent, kind: "cancel" } })])
      const [stored] = yield* orders.unfinished("a1")
      yield* orders.save(stored!, OrderDecider.decide(OrderDecider.defaults)(stored!.task, OrderDecider.Input.Cancel({ nowMs }))[0], {
        who: "u1",
        epoch: null
      })
      const [found] = yield* repo.tasks({ strategyId: 1, accountId: "a1", mode: "live" }, dayStartMs)
      assert.deepInclude(found, { kind: "cancel", orderId: "o9", status: "CANCELLED" })
    }).pipe(Effect.provide(fresh()))
  )
})
