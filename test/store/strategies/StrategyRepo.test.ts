import { SqlClient } from "@effect/sql"
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Either, FastCheck, Fiber, Layer, Option } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import * as Limits from "../../../src/domain/strategy/Limits.ts"
import * as Postgres from "../../../src/store/Postgres.ts"
import { CandleRepo } from "../../../src/store/strategies/CandleRepo.ts"
import { StrategyRepo } from "../../../src/store/strategies/StrategyRepo.ts"
import { AccountCapacity } from "../../../src/store/subscriptions/AccountCapacity.ts"
import { SubscriptionRepo } from "../../../src/store/subscriptions/SubscriptionRepo.ts"
import { until } from "../../streams/Nats.ts"
import { fresh, isLockAwaited } from "../Stores.ts"

const money = (text: string) => new Money.Decimal(text)
const leg = (token: number, more: Partial<StrategyRepo.NewLeg> = {}): StrategyRepo.NewLeg => ({
  instrumentToken: token,
  tradingsymbol: `SYM${token}`,
  exchange: "NFO",
  direction: "BUY",
  quantity: 65,
  entryPrice: money("120.05"),
  ...more
})
const subscribe = { segment: "NFO-OPT", accounts: ["a1", "a2"] }
const page = { limit: 100, offset: 0 }
const notThere = [0, -1, 99_999, Number.MAX_SAFE_INTEGER, 2 ** 60, 1e300]
const rowsOf = (table: string) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => Effect.map(sql`SELECT 1 FROM ${sql(table)}`, (rows) => rows.length))

layer(fresh(), { excludeTestServices: true })("StrategyRepo", (it) => {
  it.effect("creates, reads, changes and lists the strategies of one user, in the order of ids", () =>
    Effect.gen(function* () {
      const strategies = yield* StrategyRepo
      const plain = (yield* strategies.create("u1", { name: "straddle" })).strategy
      assert.deepInclude(plain, { owner: "u1", name: "straddle", description: null, tags: [], status: "active" })
      assert.instanceOf(plain.createdAt, Date)
      const full = (yield* strategies.create("u1", { name: "condor", description: "d", tags: ['a,"b"', "{c}", ""] })).strategy
      assert.deepStrictEqual(full.tags, ['a,"b"', "{c}", ""])
      assert.deepStrictEqual(yield* strategies.byId("u1", full.strategyId), Option.some({ strategy: full, legs: [] }))
      assert.deepStrictEqual(yield* strategies.list("u1", page), { rows: [plain, full], total: 2 })
      assert.deepStrictEqual(yield* strategies.list("u1", { limit: 1, offset: 1 }), { rows: [full], total: 2 })

      const renamed = Option.getOrThrow(yield* strategies.update("u1", full.strategyId, { name: "fly", status: "archived" }))
      assert.deepStrictEqual(renamed, { ...full, name: "fly", status: "archived", updatedAt: renamed.updatedAt })
      assert.isAtLeast(renamed.updatedAt.getTime(), full.updatedAt.getTime())
      const cleared = Option.getOrThrow(yield* strategies.update("u1", full.strategyId, { description: null, tags: [] }))
      assert.deepInclude(cleared, { name: "fly", description: null, tags: [] })
    })
  )

  it.effect("an id without a strategy gives None, even an impossible number", () =>
    Effect.gen(function* () {
      const strategies = yield* StrategyRepo
      for (const id of notThere) {
        assert.deepStrictEqual(yield* strategies.byId("u1", id), Option.none(), String(id))
        assert.deepStrictEqual(yield* strategies.legs("u1", id), Option.none())
        assert.deepStrictEqual(yield* strategies.update("u1", id, { name: "x" }), Option.none())
        assert.deepStrictEqual(yield* strategies.addLeg("u1", id, leg(1), subscribe), Option.none())
        assert.isFalse(yield* strategies.removeLeg("u1", id, 1))
        assert.isFalse(yield* strategies.remove("u1", id))
      }
      assert.strictEqual(yield* rowsOf("subscriptions"), 0, "a leg of no strategy subscribes nothing")
    })
  )

  it.effect("user A cannot see, change or remove user B's strategies by any operation", () =>
    Effect.gen(function* () {
      const strategies = yield* StrategyRepo
      const candles = yield* CandleRepo
      const { strategyId } = (yield* strategies.create("b", { name: "mine", tags: ["t"] })).strategy
      const added = Option.getOrThrow(yield* strategies.addLeg("b", strategyId, leg(256265), subscribe))
      const minute = new Date("2026-08-19T03:45:00Z")
      yield* candles.save([{ strategyId, minute, open: money("1"), high: money("1"), low: money("1"), close: money("1"), totalPnl: null }])
      const before = yield* strategies.byId("b", strategyId)

      assert.deepStrictEqual(yield* strategies.byId("a", strategyId), Option.none())
      assert.deepStrictEqual(yield* strategies.legs("a", strategyId), Option.none())
      assert.deepStrictEqual(yield* strategies.list("a", page), { rows: [], total: 0 })
      assert.deepStrictEqual(yield* strategies.update("a", strategyId, { name: "stolen" }), Option.none())
      assert.deepStrictEqual(yield* strategies.addLeg("a", strategyId, leg(1), subscribe), Option.none())
      assert.isFalse(yield* strategies.removeLeg("a", strategyId, added.legId))
      assert.isFalse(yield* strategies.remove("a", strategyId))
      assert.deepStrictEqual(yield* candles.range({ owner: "a", strategyId, intervalMinutes: 1, gridOpenMs: 0, ...page }), {
        candles: [],
        total: 0
      })
      assert.deepStrictEqual(yield* strategies.byId("b", strategyId), before)
      assert.strictEqual((yield* candles.range({ owner: "b", strategyId, intervalMinutes: 1, gridOpenMs: 0, ...page })).total, 1)

      const other = (yield* strategies.create("b", { name: "other" })).strategy
      assert.isFalse(yield* strategies.removeLeg("b", other.strategyId, added.legId), "nor through another strategy of the same owner")
    })
  )

  it.effect(
    "a leg subscribes its instrument in FULL, leaves an active subscription as it is, and protects it until the leg or the strategy is removed",
    () =>
      Effect.gen(function* () {
        const strategies = yield* StrategyRepo
        const subscriptions = yield* SubscriptionRepo
        const { strategyId } = (yield* strategies.create("u2", { name: "s" })).strategy
        const first = Option.getOrThrow(yield* strategies.addLeg("u2", strategyId, leg(500), subscribe))
        const made = Option.getOrThrow(yield* subscriptions.byToken(500))
        assert.deepInclude(made, { status: "active", requestedMode: "FULL", segment: "NFO-OPT", createdBy: "u2" })
        assert.include(subscribe.accounts, made.accountId)

        yield* subscriptions.save(
          { instrumentToken: 501, tradingsymbol: "SYM501", segment: "NFO-OPT", requestedMode: "QUOTE", accountId: "a2", createdBy: "u1" },
          ["a1", "a2"]
        )
        yield* strategies.addLeg("u2", strategyId, leg(501), subscribe)
        assert.deepInclude(Option.getOrThrow(yield* subscriptions.byToken(501)), {
          requestedMode: "QUOTE",
          accountId: "a2",
          createdBy: "u1"
        })

        for (const refusal of [subscriptions.deactivate(500), subscriptions.patch(500, { status: "inactive" })]) {
          const error = yield* Effect.flip(refusal)
          assert.strictEqual(error._tag, "SubscriptionNeeded")
          if (error._tag === "SubscriptionNeeded") assert.deepStrictEqual([error.token, error.strategies], [500, [strategyId]])
        }
        assert.isTrue(Option.isSome(yield* subscriptions.patch(500, { requestedMode: "LTP" })), "anything else may change")
        assert.isTrue(yield* strategies.removeLeg("u2", strategyId, first.legId))
        assert.isFalse(yield* strategies.removeLeg("u2", strategyId, first.legId))
        assert.strictEqual(Option.getOrThrow(yield* subscriptions.byToken(500)).status, "active", "the subscription itself stays")
        assert.strictEqual(Option.getOrThrow(yield* subscriptions.deactivate(500)).status, "inactive")

        assert.isTrue(yield* strategies.remove("u2", strategyId))
        assert.strictEqual(Option.getOrThrow(yield* subscriptions.deactivate(501)).status, "inactive")
      })
  )

  it.effect("removing a strategy removes its legs and candles, and no others", () =>
    Effect.gen(function* () {
      const strategies = yield* StrategyRepo
      const candles = yield* CandleRepo
      const [legsBefore, candlesBefore] = [yield* rowsOf("strategy_legs"), yield* rowsOf("strategy_m2m_candles")]
      const { strategyId } = (yield* strategies.create("u4", { name: "gone" })).strategy
      yield* strategies.addLeg("u4", strategyId, leg(1), subscribe)
      yield* strategies.addLeg("u4", strategyId, leg(1, { direction: "SELL" }), subscribe)
      const one = money("1")
      const candle = { strategyId, minute: new Date(60_000), open: one, high: one, low: one, close: one, totalPnl: null }
      assert.strictEqual(yield* candles.save([candle]), 1)
      assert.isTrue(yield* strategies.remove("u4", strategyId))
      assert.isFalse(yield* strategies.remove("u4", strategyId))
      assert.strictEqual(yield* rowsOf("strategy_legs"), legsBefore)
      assert.strictEqual(yield* rowsOf("strategy_m2m_candles"), candlesBefore)
      assert.strictEqual(yield* candles.save([candle]), 0, "a candle that comes late finds no strategy and is no error")
    })
  )

  it.effect("BE-DB-01 a leg and its subscription are stored together or not at all", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const strategies = yield* StrategyRepo
      const { strategyId } = (yield* strategies.create("u5", { name: "atomic" })).strategy
      const before = [yield* rowsOf("strategy_legs"), yield* rowsOf("subscriptions"), yield* strategies.byId("u5", strategyId)]
      const after = Effect.gen(function* () {
        return [yield* rowsOf("strategy_legs"), yield* rowsOf("subscriptions"), yield* strategies.byId("u5", strategyId)]
      })
      yield* sql`ALTER TABLE subscriptions ADD CONSTRAINT refuse CHECK (tradingsymbol <> 'REFUSED')`
      const error = yield* Effect.flip(strategies.addLeg("u5", strategyId, leg(900, { tradingsymbol: "REFUSED" }), subscribe))
      assert.deepInclude(error, { _tag: "StoreInvalid", constraint: "refuse" })
      assert.deepStrictEqual(yield* after, before)
      const range = yield* Effect.flip(strategies.addLeg("u5", strategyId, leg(901, { entryPrice: money("1e20") }), subscribe))
      assert.deepInclude(range, { _tag: "StoreInvalid", constraint: "numeric_value_out_of_range" })
      assert.deepStrictEqual(yield* after, before)
      const nul = yield* Effect.flip(strategies.create("u5", { name: "a\0b" }))
      assert.strictEqual(nul._tag, "StoreInvalid")
      const empty = yield* Effect.flip(strategies.create("u5", { name: "" }))
      assert.strictEqual(empty._tag, "StoreInvalid")
    })
  )

  it.effect("BE-FIN-07 entry prices and quantities come back digit for digit: 999999999.99 and beyond", () =>
    Effect.gen(function* () {
      const strategies = yield* StrategyRepo
      const { strategyId } = (yield* strategies.create("u6", { name: "digits" })).strategy
      const known = ["0", "0.05", "999999999.99", "9999999999.99", "0.0000000001", "90071992547409.93", "99999999999999999999.9999999999"]
      const drawn = FastCheck.sample(
        FastCheck.tuple(FastCheck.bigInt({ min: 0n, max: 10n ** 30n - 1n }), FastCheck.integer({ min: 0, max: 10 })).map(
          ([digits, places]) => Money.format(money(digits.toString()).div(money("10").pow(places)))
        ),
        { numRuns: 20, seed: 1 }
      ).filter((text) => money(text).lt("1e20"))
      for (const text of [...known, ...drawn]) {
        const added = Option.getOrThrow(yield* strategies.addLeg("u6", strategyId, leg(1, { entryPrice: money(text) }), subscribe))
        assert.strictEqual(Money.format(added.entryPrice), text)
      }
      yield* strategies.addLeg("u6", strategyId, leg(1, { quantity: Number.MAX_SAFE_INTEGER }), subscribe)
      const legs = Option.getOrThrow(yield* strategies.legs("u6", strategyId))
      assert.deepStrictEqual(
        legs.slice(0, -1).map((it) => Money.format(it.entryPrice)),
        [...known, ...drawn]
      )
      assert.strictEqual(legs.at(-1)?.quantity, Number.MAX_SAFE_INTEGER)
    })
  )

  it.effect("lists the strategies of all users with their legs, for the director", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const strategies = yield* StrategyRepo
      yield* sql`DELETE FROM strategies`
      const a = (yield* strategies.create("u7", { name: "a" })).strategy
      const b = (yield* strategies.create("u8", { name: "b" })).strategy
      const first = Option.getOrThrow(yield* strategies.addLeg("u8", b.strategyId, leg(1), subscribe))
      const second = Option.getOrThrow(yield* strategies.addLeg("u8", b.strategyId, leg(2), subscribe))
      const all = yield* strategies.all
      assert.deepStrictEqual(
        all.map(({ strategy, legs }) => [strategy.strategyId, legs]),
        [
          [a.strategyId, []],
          [b.strategyId, [first, second]]
        ]
      )
    })
  )

  it.effect("a reader that follows all strategies gets the same object for what has not changed, and each change once", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const strategies = yield* StrategyRepo
      yield* sql`DELETE FROM strategies`
      const kept = (yield* strategies.create("u7", { name: "kept" }, [{ leg: leg(1), subscribe }])).strategy
      const changing = (yield* strategies.create("u8", { name: "changing" })).strategy
      const follow = strategies.follow()
      let before = yield* follow
      assert.deepStrictEqual(before, yield* strategies.all)
      const again = yield* follow
      assert.isTrue(again.every((one, nth) => one === before[nth]))
      const added = Option.getOrThrow(yield* strategies.addLeg("u8", changing.strategyId, leg(2), subscribe))
      const changes: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
        Effect.void,
        strategies.changeLeg("u8", changing.strategyId, added.legId, { quantity: 130 }),
        strategies.update("u8", changing.strategyId, { status: "archived" }),
        // Somebody corrects a leg by hand: no time of the strategy changes.
        sql`UPDATE strategy_legs SET quantity = 5 WHERE leg_id = ${added.legId}`,
        strategies.removeLeg("u8", changing.strategyId, added.legId),
        strategies.remove("u8", changing.strategyId),
        strategies.create("u9", { name: "new" })
      ]
      for (const [nth, change] of changes.entries()) {
        yield* change
        const now = yield* follow
        assert.deepStrictEqual(now, yield* strategies.all, `change ${nth}`)
        assert.notDeepEqual(now, before, `change ${nth}`)
        assert.strictEqual(now[0], before[0])
        assert.strictEqual(now[0]?.strategy.strategyId, kept.strategyId)
        before = now
      }
    })
  )

  it.effect("two gateways that create a user's last strategy at once create one, and other users do not wait", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const otherProcess = Layer.fresh(StrategyRepo.Default).pipe(Layer.provide(Layer.succeed(AccountCapacity, 3_000)))
      const [here, there] = [yield* StrategyRepo, yield* Effect.provide(StrategyRepo, otherProcess)]
      const max = Limits.strategiesPerUserMax
      yield* sql`INSERT INTO strategies (owner, name, tags) SELECT 'full', 's', '{}' FROM generate_series(2, ${max})`
      const [isCreated, mayCommit] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const create = (at: StrategyRepo, owner: string) => Effect.either(at.create(owner, { name: "last" }))
      const first = yield* Effect.all([create(here, "full"), Deferred.succeed(isCreated, undefined), Deferred.await(mayCommit)]).pipe(
        Postgres.transaction(sql),
        Effect.fork
      )
      yield* Deferred.await(isCreated)
      assert.isTrue(Either.isRight(yield* create(there, "other")))
      const second = yield* Effect.fork(create(there, "full"))
      const isEnded = Effect.map(Fiber.poll(second), Option.isSome)
      yield* until("the second one waits, or has not waited", () =>
        Effect.zipWith(isLockAwaited, isEnded, (waits, ended) => waits || ended)
      )
      yield* Deferred.succeed(mayCommit, undefined)
      assert.isTrue(Either.isRight((yield* Fiber.join(first))[0]))
      assert.deepInclude(yield* Effect.flip(Effect.flatten(Fiber.join(second))), { _tag: "LimitReached", what: "strategies", max })
      assert.strictEqual((yield* here.list("full", page)).total, max)
    })
  )
})
