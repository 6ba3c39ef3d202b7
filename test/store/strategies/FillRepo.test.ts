import { SqlClient } from "@effect/sql"
import { assert, layer } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import { quantityMax } from "../../../src/domain/strategy/Position.ts"
import * as Fills from "../../../src/store/strategies/FillRepo.ts"
import { FillRepo } from "../../../src/store/strategies/FillRepo.ts"
import { StrategyRepo } from "../../../src/store/strategies/StrategyRepo.ts"
import { SubscriptionRepo } from "../../../src/store/subscriptions/SubscriptionRepo.ts"
import { fresh } from "../Stores.ts"

const money = (text: string) => new Money.Decimal(text)
const accounts = ["a1", "a2"]
const at = (minute: number) => new Date(Date.UTC(2026, 7, 19, 4, minute))
const fill = (token: number, more: Partial<Fills.NewFill> = {}): Fills.NewFill => ({
  instrumentToken: token,
  tradingsymbol: `SYM${token}`,
  exchange: "NFO",
  direction: "BUY",
  quantity: 65,
  price: money("120.05"),
  executedAt: at(0),
  externalId: null,
  orderId: null,
  product: null,
  ...more
})
const instrument = (token: number): Fills.Instrument => ({ instrumentToken: token, tradingsymbol: `SYM${token}`, segment: "NFO-OPT" })
const rows = Effect.flatMap(SqlClient.SqlClient, (sql) => Effect.map(sql`SELECT 1 FROM strategy_fills`, (found) => found.length))
const strategy = (owner: string) =>
  Effect.map(
    Effect.flatMap(StrategyRepo, (strategies) => strategies.create(owner, { name: "s" })),
    ({ strategy }) => strategy
  )

layer(fresh(), { excludeTestServices: true })("FillRepo", (it) => {
  it.effect("keeps fills digit for digit and lists them in the order of execution, equal times in the order of arrival", () =>
    Effect.gen(function* () {
      const fills = yield* FillRepo
      const { strategyId } = yield* strategy("u1")
      const prices = ["0", "0.05", "999999999.99", "0.0000000001", "99999999999999999999.9999999999"]
      const given = [
        fill(2, { executedAt: at(5), price: money(prices[0] ?? "") }),
        fill(1, { executedAt: at(1), direction: "SELL", price: money(prices[1] ?? ""), externalId: "t-1" }),
        fill(3, { executedAt: at(5), quantity: quantityMax, price: money(prices[2] ?? "") }),
        fill(4, { executedAt: at(0), quantity: 1, price: money(prices[3] ?? "") }),
        fill(5, { executedAt: at(6), price: money(prices[4] ?? "") })
      ]
      assert.deepStrictEqual(yield* fills.record("u1", strategyId, given, [], accounts), Option.some({ recorded: 5, duplicates: 0 }))
      const listed = yield* fills.list("u1", strategyId)
      const order = [3, 1, 0, 2, 4]
      assert.deepStrictEqual(
        listed.map(({ fillId: _, strategyId: of, ...rest }) => [of, rest]),
        order.map((index) => [strategyId, given[index]])
      )
      assert.deepStrictEqual(
        listed.map(({ price }) => Money.format(price)),
        order.map((index) => prices[index])
      )
      assert.deepStrictEqual(yield* fills.ofStrategy(strategyId), listed)
    })
  )

  it.effect("a repeated import records each external id of a strategy once", () =>
    Effect.gen(function* () {
      const fills = yield* FillRepo
      const { strategyId } = yield* strategy("u2")
      const other = yield* strategy("u2")
      const batch = [fill(1, { externalId: "x" }), fill(1, { externalId: "y" }), fill(1, { externalId: "x", quantity: 1 }), fill(1)]
      assert.deepStrictEqual(yield* fills.record("u2", strategyId, batch, [], accounts), Option.some({ recorded: 3, duplicates: 1 }))
      assert.deepStrictEqual(
        yield* fills.record("u2", strategyId, batch.slice(0, 3), [], accounts),
        Option.some({ recorded: 0, duplicates: 3 })
      )
      assert.strictEqual((yield* fills.list("u2", strategyId))[0]?.quantity, 65, "the first one stands")
      assert.deepStrictEqual(
        yield* fills.record("u2", other.strategyId, batch.slice(0, 1), [], accounts),
        Option.some({ recorded: 1, duplicates: 0 })
      )
      const many = Array.from({ length: 8 }, () => fills.record("u2", strategyId, [fill(2, { externalId: "same" })], [], accounts))
      const answers = yield* Effect.all(many, { concurrency: "unbounded" })
      assert.strictEqual(
        answers.map(Option.getOrThrow).reduce((sum, { recorded }) => sum + recorded, 0),
        1
      )
    })
  )

  it.effect("BE-SEC-02 no user can read or add to another user's fills, and impossible ids find nothing", () =>
    Effect.gen(function* () {
      const fills = yield* FillRepo
      const { strategyId } = yield* strategy("owner")
      yield* fills.record("owner", strategyId, [fill(1)], [], accounts)
      const before = yield* rows
      assert.deepStrictEqual(yield* fills.record("thief", strategyId, [fill(1)], [instrument(1)], accounts), Option.none())
      assert.deepStrictEqual(yield* fills.list("thief", strategyId), [])
      for (const id of [0, -1, 99_999, Number.MAX_SAFE_INTEGER, 2 ** 60, 1e300]) {
        assert.deepStrictEqual(yield* fills.record("owner", id, [fill(1)], [], accounts), Option.none())
        assert.deepStrictEqual(yield* fills.list("owner", id), [])
      }
      assert.strictEqual(yield* rows, before)
    })
  )

  it.effect("an instrument with an open position is subscribed and protected; one without is not", () =>
    Effect.gen(function* () {
      const fills = yield* FillRepo
      const subscriptions = yield* SubscriptionRepo
      const { strategyId } = yield* strategy("u3")
      const batch = [fill(700), fill(701), fill(701, { direction: "SELL" }), fill(702)]
      yield* fills.record("u3", strategyId, batch, [instrument(700), instrument(701)], accounts)
      const made = Option.getOrThrow(yield* subscriptions.byToken(700))
      assert.deepInclude(made, { status: "active", requestedMode: "FULL", segment: "NFO-OPT", createdBy: "u3" })
      assert.include(accounts, made.accountId)
      assert.deepStrictEqual(yield* subscriptions.byToken(701), Option.none())
      assert.deepStrictEqual(yield* subscriptions.byToken(702), Option.none(), "not named, so it cannot be streamed")

      const error = yield* Effect.flip(subscriptions.deactivate(700))
      assert.deepInclude(error, { _tag: "SubscriptionNeeded", token: 700, strategies: [strategyId] })
      yield* fills.record("u3", strategyId, [fill(700, { direction: "SELL", quantity: 60 })], [instrument(700)], accounts)
      assert.strictEqual((yield* Effect.flip(subscriptions.deactivate(700)))._tag, "SubscriptionNeeded")
      yield* fills.record("u3", strategyId, [fill(700, { direction: "SELL", quantity: 5 })], [instrument(700)], accounts)
      assert.strictEqual(Option.getOrThrow(yield* subscriptions.deactivate(700)).status, "inactive")
    })
  )

  it.effect("BE-DB-01 a batch is recorded completely or not at all, and never beyond a strategy's limit", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const fills = yield* FillRepo
      const { strategyId } = yield* strategy("u4")
      const before = yield* rows
      const bad: ReadonlyArray<Fills.NewFill> = [
        fill(1, { quantity: 0 }),
        fill(1, { quantity: quantityMax + 1 }),
        fill(1, { price: money("-1") })
      ]
      for (const one of bad) {
        const error = yield* Effect.flip(fills.record("u4", strategyId, [fill(1), one], [instrument(1)], accounts))
        assert.strictEqual(error._tag, "StoreInvalid")
      }
      const range = yield* Effect.flip(fills.record("u4", strategyId, [fill(1, { price: money("1e20") })], [], accounts))
      assert.deepInclude(range, { _tag: "StoreInvalid", constraint: "numeric_value_out_of_range" })
      assert.strictEqual(yield* rows, before)

      yield* sql`INSERT INTO strategy_fills (strategy_id, instrument_token, tradingsymbol, exchange, side, quantity, price, executed_at)
        SELECT ${strategyId}, 1, 'SYM1', 'NFO', 'BUY', 1, 1, now() FROM generate_series(1, ${Fills.fillsMax - 1})`
      const full = yield* Effect.flip(fills.record("u4", strategyId, [fill(1), fill(1)], [], accounts))
      assert.deepInclude(full, { _tag: "TooManyFills", strategyId })
      assert.strictEqual(yield* rows, before + Fills.fillsMax - 1)
      assert.deepStrictEqual(yield* fills.record("u4", strategyId, [fill(1)], [], accounts), Option.some({ recorded: 1, duplicates: 0 }))
    })
  )

  it.effect("a strategy's newest fill changes with each recorded fill, and disappears with the strategy", () =>
    Effect.gen(function* () {
      const fills = yield* FillRepo
      const strategies = yield* StrategyRepo
      const { strategyId } = yield* strategy("u5")
      const newest = Effect.map(fills.newest, (all) => all.find((one) => one.strategyId === strategyId)?.fillId)
      assert.isUndefined(yield* newest)
      yield* fills.record("u5", strategyId, [fill(1, { executedAt: at(9) })], [], accounts)
      const first = yield* newest
      yield* fills.record("u5", strategyId, [fill(1, { executedAt: at(1) })], [], accounts)
      assert.isAbove((yield* newest) ?? 0, first ?? 0)
      assert.isTrue(yield* strategies.remove("u5", strategyId))
      assert.isUndefined(yield* newest)
      assert.deepStrictEqual(yield* fills.ofStrategy(strategyId), [])
    })
  )
})
