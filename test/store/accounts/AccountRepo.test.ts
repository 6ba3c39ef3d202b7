import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Redacted } from "effect"
import { AccountRepo, accountsPerUserMax } from "../../../src/store/accounts/AccountRepo.ts"
import { LoginRepo, statesMax } from "../../../src/store/accounts/LoginRepo.ts"
import { OrderAccounts } from "../../../src/store/orders/OrderAccounts.ts"
import { Outbox } from "../../../src/store/orders/Outbox.ts"
import { fresh } from "../Stores.ts"

const account = (accountId: string, owner = "u1") => ({
  accountId,
  owner,
  userId: "AB1",
  apiKey: `k ${accountId}`,
  apiSecret: `s ${accountId}`
})
const why = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.either(effect), Either.match({ onLeft: (error) => error, onRight: () => null }))
const seal = () => Effect.succeed("sealed")

describe("AccountRepo", () => {
  it.scoped("links an id once, within a user's limit, always in paper mode, and removes it with its secrets", () =>
    Effect.gen(function* () {
      const repo = yield* AccountRepo
      const orders = yield* OrderAccounts
      const logins = yield* LoginRepo
      const sql = yield* SqlClient.SqlClient
      const both = yield* Effect.all([Effect.either(repo.link(account("a"))), Effect.either(repo.link(account("a", "u2")))], {
        concurrency: 2
      })
      assert.strictEqual(both.filter(Either.isRight).length, 1)
      const owner = (yield* repo.linked)[0]?.owner ?? ""
      yield* orders.setMode("a", "live", owner)
      yield* logins.begin("hash", "a", owner)
      const { number } = yield* logins.receive("hash", seal)
      yield* logins.done("a", number, "sealed token", new Date(5))
      assert.strictEqual((yield* repo.sessions).length, 1)

      assert.isTrue(yield* repo.remove("a", owner))
      assert.isFalse(yield* repo.remove("a", owner))
      assert.deepStrictEqual([yield* repo.linked, yield* repo.sessions], [[], []])
      assert.deepStrictEqual(yield* sql`SELECT api_key, api_secret FROM accounts`, [{ api_key: "", api_secret: "" }])
      assert.strictEqual((yield* orders.settings("a")).mode, "paper")
      const other = owner === "u1" ? "u2" : "u1"
      assert.deepInclude(yield* why(repo.link(account("a", other))), { _tag: "NotLinked", why: "taken" })
      yield* repo.link(account("a", owner))
      for (let at = 1; at < accountsPerUserMax; at++) yield* repo.link(account(`a${at}`, owner))
      assert.deepInclude(yield* why(repo.link(account("more", owner))), { _tag: "NotLinked", why: "own" })
      yield* repo.link(account("more", other))
    }).pipe(Effect.provide(fresh()))
  )

  it.scoped("replaces a sealed secret only while it is the one that was read", () =>
    Effect.gen(function* () {
      const repo = yield* AccountRepo
      yield* repo.link(account("a"))
      yield* repo.reseal({ accountId: "a", field: "api_key", from: "k a", to: "new" })
      yield* repo.reseal({ accountId: "a", field: "api_key", from: "k a", to: "late" })
      assert.strictEqual(Redacted.value((yield* repo.linked)[0]?.apiKey ?? Redacted.make("")), "new")
    }).pipe(Effect.provide(fresh()))
  )
})

describe("LoginRepo", () => {
  it.scoped("takes a state once and gives a waiting token to one process; after a newer login an older result is ignored", () =>
    Effect.gen(function* () {
      const logins = yield* LoginRepo
      yield* logins.begin("h1", "a", "u1")
      const received = yield* Effect.all(
        Array.from({ length: 5 }, () => Effect.either(logins.receive("h1", seal))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(received.filter(Either.isRight).length, 1)
      assert.strictEqual((yield* logins.waiting).length, 1)
      const taken = yield* Effect.all(
        Array.from({ length: 5 }, () => logins.take("a", 1)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(taken.filter((one) => one).length, 1)
      assert.deepStrictEqual(yield* logins.waiting, [])
      yield* logins.putBack("a", 1)
      assert.isTrue(yield* logins.take("a", 1))

      yield* logins.begin("h2", "a", "u1")
      assert.strictEqual((yield* logins.receive("h2", seal)).number, 2)
      yield* logins.done("a", 1, "sealed token", new Date(5))
      assert.strictEqual((yield* logins.waiting)[0]?.number, 2)
      yield* logins.refused("a", 2, "wrong user")
      const outcome = yield* logins.outcome("a")
      assert.deepInclude(outcome._tag === "Some" ? outcome.value : {}, { number: 2, isWaiting: false, failure: "wrong user" })
    }).pipe(Effect.provide(fresh()))
  )

  it.scoped("keeps the newest logins that wait for their callback, and none if the token cannot be sealed", () =>
    Effect.gen(function* () {
      const logins = yield* LoginRepo
      for (let at = 0; at <= statesMax; at++) yield* logins.begin(`h${at}`, "a", "u1")
      assert.deepInclude(yield* why(logins.receive("h0", seal)), { _tag: "NoSuchLogin" })
      assert.strictEqual(yield* why(logins.receive("h1", () => Effect.fail("no keys"))), "no keys")
      assert.deepStrictEqual(yield* logins.waiting, [])
      // The state can still be used afterwards.
      assert.strictEqual((yield* logins.receive("h1", seal)).number, 1)
    }).pipe(Effect.provide(fresh()))
  )

  it.scoped("announces an event once for each time that it is about", () =>
    Effect.gen(function* () {
      const logins = yield* LoginRepo
      const outbox = yield* Outbox
      const soon = (about: number) =>
        logins.announce({ accountId: "a", kind: "expires_soon", about: new Date(about), message: "soon", detail: { token_dies_at: null } })
      const asked = yield* Effect.all([soon(5), soon(5), soon(5)], { concurrency: "unbounded" })
      assert.strictEqual(asked.filter((one) => one).length, 1)
      assert.deepStrictEqual([yield* soon(4), yield* soon(5), yield* soon(6)], [false, false, true])
      assert.strictEqual((yield* outbox.waiting("a", 10)).length, 2)
      assert.deepStrictEqual(yield* outbox.accounts, ["a"])
    }).pipe(Effect.provide(fresh()))
  )
})
