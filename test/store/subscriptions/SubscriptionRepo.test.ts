import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Either, Option } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import { StrategyRepo } from "../../../src/store/strategies/StrategyRepo.ts"
import { AccountFull, type Save } from "../../../src/store/subscriptions/SubscriptionPlaces.ts"
import { SubscriptionRepo } from "../../../src/store/subscriptions/SubscriptionRepo.ts"
import { migratedDatabase } from "../../TestBackends.ts"
import { fresh, started } from "../Stores.ts"

const wanted = (token: number, more: Partial<Save> = {}): Save => ({
  instrumentToken: token,
  tradingsymbol: `SYM${token}`,
  segment: "NFO-OPT",
  requestedMode: "FULL",
  createdBy: "u1",
  ...more
})
const accounts = ["a1", "a2", "a3"]
const loads = (rows: ReadonlyArray<SubscriptionRepo.Row>) =>
  accounts.map((account) => rows.filter((row) => row.status === "active" && row.accountId === account).length)

layer(fresh(), { excludeTestServices: true })("SubscriptionRepo", (it) => {
  it.effect("TC-SUB-002 saving the same token again updates its one row and keeps the account and the creator", () =>
    Effect.gen(function* () {
      const subscriptions = yield* SubscriptionRepo
      assert.isTrue(yield* subscriptions.isEmpty)
      const first = yield* subscriptions.save(wanted(4294967295), accounts)
      assert.isTrue(first.created)
      assert.strictEqual(first.row.instrumentToken, 4294967295, "2^32-1 is a number, exactly")
      assert.strictEqual(first.row.status, "active")
      assert.strictEqual(first.row.accountId, "a1")
      assert.isFalse(yield* subscriptions.isEmpty)

      const again = yield* subscriptions.save(wanted(4294967295, { requestedMode: "LTP", createdBy: "u2", isAdmin: true }), accounts)
      assert.isFalse(again.created)
      assert.deepStrictEqual(again.row, { ...first.row, requestedMode: "LTP", updatedAt: again.row.updatedAt })
      assert.strictEqual((yield* subscriptions.list({ limit: 10, offset: 0 })).total, 1)

      const moved = yield* subscriptions.save(wanted(4294967295, { accountId: "a3" }), accounts)
      assert.strictEqual(moved.row.accountId, "a3")
      yield* subscriptions.deactivate(4294967295)
      const back = yield* subscriptions.save(wanted(4294967295, { createdBy: "u2" }), accounts)
      assert.deepInclude(back.row, { status: "active", accountId: "a3", createdBy: "u2" })
      const account = yield* subscriptions.save(wanted(4294967295), ["a1", "a2"])
      assert.strictEqual(account.row.accountId, "a1", "an account that is configured no more is given up")
    })
  )

  it.effect("BE-DAY-04 a contract with an expired one's token starts without state, and the expired one's legs do not block it", () =>
    Effect.gen(function* () {
      const subscriptions = yield* SubscriptionRepo
      const strategies = yield* StrategyRepo
      const { strategy } = yield* strategies.create("u1", { name: "old", description: null, tags: [] }, [])
      const leg = {
        instrumentToken: 4_242,
        tradingsymbol: "OLD",
        exchange: "NFO",
        direction: "SELL",
        quantity: 75,
        entryPrice: new Money.Decimal(120)
      } as const
      yield* strategies.addLeg("u1", strategy.strategyId, leg, { segment: "NFO-OPT", accounts })
      assert.strictEqual((yield* Effect.flip(subscriptions.deactivate(4_242)))._tag, "SubscriptionNeeded")
      // The exchange gives the token to another contract before the old subscription has ended.
      const fresh = wanted(4_242, { tradingsymbol: "NEW", requestedMode: "LTP", createdBy: "u2", origin: "window" })
      const { row, created } = yield* subscriptions.save(fresh, accounts)
      assert.isTrue(created)
      assert.deepInclude(row, { tradingsymbol: "NEW", requestedMode: "LTP", createdBy: "u2", origin: "window", status: "active" })
      yield* subscriptions.deactivate(4_242)
      assert.strictEqual(Option.getOrThrow(yield* subscriptions.byToken(4_242)).status, "inactive")
    })
  )

  it.effect(
    "BE-DAY-04 only a subscription that has not changed since it was read ends: a token's new contract stays, and so does what a person requested meanwhile",
    () =>
      Effect.gen(function* () {
        const subscriptions = yield* SubscriptionRepo
        const { row: expired } = yield* subscriptions.save(wanted(6_001, { tradingsymbol: "EXPIRED" }), accounts)
        const { row: other } = yield* subscriptions.save(wanted(6_002), accounts)
        yield* subscriptions.save(wanted(6_001, { tradingsymbol: "HEIR" }), accounts)
        assert.strictEqual(yield* subscriptions.end([expired, other], "no longer listed"), 1)
        assert.deepInclude(Option.getOrThrow(yield* subscriptions.byToken(6_001)), { tradingsymbol: "HEIR", status: "active" })
        assert.strictEqual(Option.getOrThrow(yield* subscriptions.byToken(6_002)).status, "inactive")

        const { row: windows } = yield* subscriptions.save(wanted(6_003, { origin: "window" }), accounts)
        yield* subscriptions.save(wanted(6_003), accounts)
        assert.isTrue(Option.isNone(yield* subscriptions.deactivate(6_003, windows)))
        const persons = Option.getOrThrow(yield* subscriptions.byToken(6_003))
        assert.deepInclude(persons, { origin: "person", status: "active" })
        assert.isTrue(Option.isSome(yield* subscriptions.deactivate(6_003, persons)))
      })
  )

  it.effect("stores an instrument without an account while none exists, and assigns one later", () =>
    Effect.gen(function* () {
      const subscriptions = yield* SubscriptionRepo
      assert.isNull((yield* subscriptions.save(wanted(77), [])).row.accountId)
      assert.isNotNull((yield* subscriptions.save(wanted(77), accounts)).row.accountId)
    })
  )

  it.effect("patches only the named fields; an unknown token gives None", () =>
    Effect.gen(function* () {
      const subscriptions = yield* SubscriptionRepo
      const { row } = yield* subscriptions.save(wanted(5), accounts)
      const patched = Option.getOrThrow(yield* subscriptions.patch(5, { requestedMode: "QUOTE" }))
      assert.deepStrictEqual(patched, { ...row, requestedMode: "QUOTE", updatedAt: patched.updatedAt })
      const moved = Option.getOrThrow(yield* subscriptions.patch(5, { accountId: "a2", status: "inactive" }))
      assert.deepInclude(moved, { requestedMode: "QUOTE", accountId: "a2", status: "inactive" })
      assert.deepStrictEqual(yield* subscriptions.byToken(5), Option.some(moved))
      assert.deepStrictEqual(yield* subscriptions.patch(123456, { status: "active" }), Option.none())
      assert.deepStrictEqual(yield* subscriptions.deactivate(123456), Option.none())
      assert.deepStrictEqual(yield* subscriptions.byToken(123456), Option.none())
    })
  )
})

layer(fresh(), { excludeTestServices: true })("SubscriptionRepo lists", (it) => {
  it.effect("TC-SUB-003 lists by status, page by page, in the order of tokens, with the filter's total", () =>
    Effect.gen(function* () {
      const subscriptions = yield* SubscriptionRepo
      const tokens = Array.from({ length: 25 }, (_, i) => 4_000_000_000 - i * 256)
      yield* Effect.forEach(tokens, (token) => subscriptions.save(wanted(token), accounts))
      const inactive = tokens.filter((_, i) => i % 5 === 0)
      yield* Effect.forEach(inactive, (token) => subscriptions.deactivate(token))
      const sorted = tokens.toSorted((a, b) => a - b)
      const page = (status: "active" | "inactive" | undefined, limit: number, offset: number) =>
        Effect.map(subscriptions.list({ status, limit, offset }), ({ rows, total }) => ({
          tokens: rows.map((row) => row.instrumentToken),
          total
        }))
      assert.deepStrictEqual(yield* page(undefined, 10, 0), { tokens: sorted.slice(0, 10), total: 25 })
      assert.deepStrictEqual(yield* page(undefined, 10, 20), { tokens: sorted.slice(20), total: 25 })
      assert.deepStrictEqual(yield* page("inactive", 3, 1), {
        tokens: inactive.toSorted((a, b) => a - b).slice(1, 4),
        total: 5
      })
      assert.deepStrictEqual(yield* page("active", 10, 1000), { tokens: [], total: 20 })
      const active = yield* subscriptions.active
      assert.deepStrictEqual(
        active.map((row) => row.instrumentToken),
        sorted.filter((token) => !inactive.includes(token))
      )
    })
  )
})

layer(fresh(), { excludeTestServices: true })("SubscriptionRepo concurrency", (it) => {
  it.effect("TC-SUB-002 sixty concurrent saves of forty tokens make forty rows, spread evenly over the accounts", () =>
    Effect.gen(function* () {
      const subscriptions = yield* SubscriptionRepo
      const tokens = Array.from({ length: 60 }, (_, i) => 1000 + (i % 40))
      const saved = yield* Effect.forEach(tokens, (token) => subscriptions.save(wanted(token), accounts), { concurrency: "unbounded" })
      assert.strictEqual(saved.filter(({ created }) => created).length, 40)
      const rows = yield* subscriptions.active
      assert.strictEqual(rows.length, 40)
      assert.deepStrictEqual(
        loads(rows).toSorted((a, b) => a - b),
        [13, 13, 14]
      )
      // Inactive rows do not count, so the account that lost instruments gets the next ones.
      const lost = rows.filter((row) => row.accountId === "a2").slice(0, 6)
      yield* Effect.forEach(lost, (row) => subscriptions.deactivate(row.instrumentToken))
      yield* Effect.forEach([1, 2, 3, 4, 5], (token) => subscriptions.save(wanted(token), accounts), { concurrency: "unbounded" })
      assert.deepStrictEqual(
        yield* Effect.forEach([1, 2, 3, 4, 5], (token) =>
          Effect.map(subscriptions.byToken(token), (row) => Option.getOrThrow(row).accountId)
        ),
        Array(5).fill("a2")
      )
    })
  )

  it.effect("if a leg is added while its instrument is being deactivated, the instrument ends active", () =>
    Effect.gen(function* () {
      const subscriptions = yield* SubscriptionRepo
      const strategies = yield* StrategyRepo
      const { strategyId } = (yield* strategies.create("u1", { name: "race" })).strategy
      const outcomes = yield* Effect.forEach(
        Array.from({ length: 20 }, (_, i) => 50_000 + i),
        (token) =>
          Effect.gen(function* () {
            yield* subscriptions.save(wanted(token), accounts)
            const leg = {
              instrumentToken: token,
              tradingsymbol: "X",
              exchange: "NFO",
              direction: "BUY",
              quantity: 1,
              entryPrice: Money.zero
            } as const
            const add = strategies.addLeg("u1", strategyId, leg, { segment: "NFO-OPT", accounts })
            yield* Effect.all([add, Effect.either(subscriptions.deactivate(token))], { concurrency: 2 })
            return Option.getOrThrow(yield* subscriptions.byToken(token)).status
          })
      )
      assert.deepStrictEqual(outcomes, Array(20).fill("active"))
    })
  )
})

layer(fresh(), { excludeTestServices: true })("SubscriptionRepo at its limit", (it) => {
  it.effect("an account takes no more active instruments than its connections carry, and keeps those it has", () =>
    Effect.gen(function* () {
      const subscriptions = yield* SubscriptionRepo
      const instrumentsMax = 3_000
      const all = Array.from({ length: instrumentsMax }, (_, at) => wanted(at + 1, { createdBy: `u${at % 3}` }))
      assert.strictEqual(yield* subscriptions.addAll(all, ["a1"]), instrumentsMax)
      /** The account that was full; null if all were. */
      const fullOf = <A, E>(attempt: Effect.Effect<A, E>) =>
        Effect.map(Effect.flip(attempt), (error) => (error instanceof AccountFull ? error.account : String(error)))
      assert.strictEqual(yield* fullOf(subscriptions.save(wanted(9_001, { accountId: "a1" }), accounts)), "a1")
      assert.strictEqual(yield* fullOf(subscriptions.save(wanted(9_001), ["a1"])), null)
      assert.isTrue(Option.isNone(yield* subscriptions.byToken(9_001)))
      assert.strictEqual(
        (yield* subscriptions.save(wanted(7, { requestedMode: "LTP", accountId: "a1", isAdmin: true }), ["a1"])).row.requestedMode,
        "LTP"
      )

      assert.strictEqual((yield* subscriptions.save(wanted(9_001), accounts)).row.accountId, "a2")
      assert.strictEqual(yield* fullOf(subscriptions.patch(9_001, { accountId: "a1" })), "a1")
      yield* subscriptions.deactivate(9_001)
      yield* subscriptions.patch(9_001, { accountId: "a1" })
      assert.strictEqual(yield* fullOf(subscriptions.patch(9_001, { status: "active" })), "a1")
      assert.strictEqual((yield* subscriptions.save(wanted(9_001), accounts)).row.accountId, "a2", "its own account is full meanwhile")

      // Two concurrent saves for the one free place.
      yield* subscriptions.deactivate(1)
      const both = yield* Effect.all(
        [9_101, 9_102].map((token) => Effect.either(subscriptions.save(wanted(token), ["a1"]))),
        { concurrency: 2 }
      )
      assert.deepStrictEqual(both.map(({ _tag }) => _tag).sort(), ["Left", "Right"])
    })
  )
})

layer(fresh({ KITE_CONNECTION_INSTRUMENTS: "2" }), { excludeTestServices: true })("SubscriptionRepo with small connections", (it) => {
  it.effect("an account takes as many instruments as its two connections carry, for subscriptions and legs", () =>
    Effect.gen(function* () {
      const subscriptions = yield* SubscriptionRepo
      const strategies = yield* StrategyRepo
      const saved = yield* subscriptions.saveAll(
        [1, 2, 3, 4, 5].map((token) => wanted(token)),
        ["a1"]
      )
      assert.deepStrictEqual(saved.map(Either.match({ onLeft: ({ _tag }) => _tag, onRight: ({ row }) => row.accountId })), [
        "a1",
        "a1",
        "a1",
        "a1",
        "AccountFull"
      ])
      const fullOf = <A, E>(attempt: Effect.Effect<A, E>) =>
        Effect.map(Effect.flip(attempt), (error) => (error instanceof AccountFull ? [error.account, error.instrumentsMax] : String(error)))
      assert.deepStrictEqual(yield* fullOf(subscriptions.save(wanted(6, { accountId: "a1" }), ["a1"])), ["a1", 4])
      const leg = {
        instrumentToken: 7,
        tradingsymbol: "SYM7",
        exchange: "NFO",
        direction: "BUY",
        quantity: 1,
        entryPrice: Money.zero
      } as const
      const legs = [{ leg, subscribe: { segment: "NFO-OPT", accounts: ["a1"] } }]
      assert.deepStrictEqual(yield* fullOf(strategies.create("u1", { name: "one" }, legs)), [null, 4])
    })
  )
})

describe("SubscriptionRepo over restarts", () => {
  it.live("TC-REG-020 TC-REG-021 fifty subscriptions keep their attributes and account over three restarts", () =>
    Effect.gen(function* () {
      const url = yield* migratedDatabase
      const start = <A, E>(body: Effect.Effect<A, E, SubscriptionRepo>) => Effect.scoped(Effect.provide(body, started(url)))
      const modes = ["FULL", "QUOTE", "LTP"] as const
      const before = yield* start(
        Effect.gen(function* () {
          const subscriptions = yield* SubscriptionRepo
          yield* Effect.forEach(
            Array.from({ length: 50 }, (_, i) => i),
            (i) => subscriptions.save(wanted(4_294_967_295 - i, { requestedMode: modes[i % 3]!, createdBy: `u${i % 4}` }), accounts)
          )
          yield* Effect.forEach([0, 7, 49], (i) => subscriptions.deactivate(4_294_967_295 - i))
          return yield* subscriptions.list({ limit: 1000, offset: 0 })
        })
      )
      assert.strictEqual(before.total, 50)
      assert.strictEqual(before.rows.filter((row) => row.status === "active").length, 47)
      for (let restart = 1; restart <= 3; restart++) {
        const after = yield* start(Effect.flatMap(SubscriptionRepo, (subscriptions) => subscriptions.list({ limit: 1000, offset: 0 })))
        assert.deepStrictEqual(after, before, `after restart ${restart}`)
      }
    }).pipe(Effect.scoped)
  )
})
