import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { subscriptionsPerUserMax } from "../../../src/store/subscriptions/SubscriptionPlaces.ts"
import { SubscriptionRepo } from "../../../src/store/subscriptions/SubscriptionRepo.ts"
import { accountIds, ask, eventually, tokens, World, world } from "../GatewayWorld.ts"

const post = (body: unknown, as = "u1", role = "user") => ask("/subscriptions", { method: "POST", as, role, body })

/** Sends a request and checks that the engine is notified once. The request's id separates it from late messages of other tests. */
const announced = (requestId: string, path: string, request: Parameters<typeof ask>[1]) =>
  Effect.gen(function* () {
    const { engine } = yield* World
    const heard: Array<string> = []
    const watch = engine.nc.subscribe("ctl.changed.subscriptions", {
      callback: (_, message) => void heard.push(message.json<{ request_id: string }>().request_id)
    })
    yield* Effect.promise(() => engine.nc.flush())
    const answer = yield* ask(path, { ...request, headers: { "x-request-id": requestId } })
    yield* eventually(
      "the engine hears of the change",
      Effect.sync(() => heard.includes(requestId))
    )
    watch.unsubscribe()
    assert.strictEqual(heard.filter((id) => id === requestId).length, 1)
    return answer
  })

layer(world(), { excludeTestServices: true })("Subscriptions", (it) => {
  it.effect("TC-REG-001 GET /subscriptions has exactly the fields of the contract", () =>
    Effect.gen(function* () {
      yield* post({ instrument_token: tokens.nifty, requested_mode: "FULL" })
      const { status, body } = yield* ask("/subscriptions")
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(Object.keys(body).sort(), ["limit", "offset", "subscriptions", "total"])
      const row = body.subscriptions.find((one: { instrument_token: number }) => one.instrument_token === tokens.nifty)
      assert.deepStrictEqual(
        { ...row, created_at: typeof row.created_at, updated_at: typeof row.updated_at },
        {
          instrument_token: tokens.nifty,
          tradingsymbol: "NIFTY 50",
          segment: "INDICES",
          status: "active",
          requested_mode: "FULL",
          account_id: row.account_id,
          created_at: "string",
          updated_at: "string"
        }
      )
      assert.include(accountIds, row.account_id)
      for (const at of [row.created_at, row.updated_at]) assert.strictEqual(new Date(at).toISOString(), at)
    })
  )

  it.effect("TC-REG-002 POST /subscriptions answers exactly message and instrument_token", () =>
    Effect.gen(function* () {
      const { status, body } = yield* post({ instrument_token: tokens.infy, requested_mode: "QUOTE" })
      assert.strictEqual(status, 200)
      assert.deepStrictEqual(body, { message: "Subscription created", instrument_token: tokens.infy })
    })
  )

  it.effect("TC-SUB-001 POST creates an active subscription with an account, and notifies the engine", () =>
    Effect.gen(function* () {
      yield* announced("tc-sub-001", "/subscriptions", { method: "POST", body: { instrument_token: tokens.call, requested_mode: "FULL" } })
      const { body } = yield* ask(`/subscriptions/${tokens.call}`)
      assert.deepInclude(body, { status: "active", tradingsymbol: "NIFTY98JAN24500CE", requested_mode: "FULL" })
      assert.include(accountIds, body.account_id)
    })
  )

  it.effect("TC-SUB-002 the same token again updates and never duplicates", () =>
    Effect.gen(function* () {
      yield* post({ instrument_token: tokens.put, requested_mode: "LTP", account_id: "acc2" })
      const before = (yield* ask("/subscriptions")).body.total
      const again = yield* post({ instrument_token: tokens.put, requested_mode: "FULL" })
      assert.strictEqual(again.status, 200)
      assert.strictEqual((yield* ask("/subscriptions")).body.total, before)
      assert.deepInclude((yield* ask(`/subscriptions/${tokens.put}`)).body, { requested_mode: "FULL", account_id: "acc2" })
    })
  )

  it.effect("TC-SUB-003 lists by status and by page, in one order", () =>
    Effect.gen(function* () {
      for (const token of [tokens.nifty, tokens.call, tokens.put, tokens.farCall])
        yield* post({ instrument_token: token, requested_mode: "FULL" })
      yield* ask(`/subscriptions/${tokens.farCall}`, { method: "DELETE" })
      const tokensOf = (body: { subscriptions: ReadonlyArray<{ instrument_token: number }> }) =>
        body.subscriptions.map(({ instrument_token }) => instrument_token)
      const all = (yield* ask("/subscriptions")).body
      assert.deepStrictEqual(
        tokensOf(all),
        [...tokensOf(all)].sort((a, b) => a - b)
      )
      const active = (yield* ask("/subscriptions?status=active")).body
      const inactive = (yield* ask("/subscriptions?status=inactive")).body
      assert.deepStrictEqual(tokensOf(inactive), [tokens.farCall])
      assert.strictEqual(active.total + inactive.total, all.total)
      const page = (yield* ask("/subscriptions?status=active&limit=2&offset=1")).body
      assert.deepStrictEqual([tokensOf(page), page.total, page.limit, page.offset], [tokensOf(active).slice(1, 3), active.total, 2, 1])
      assert.deepStrictEqual(tokensOf((yield* ask("/subscriptions?offset=100000")).body), [])
    })
  )

  it.effect("TC-SUB-004 DELETE deactivates and keeps the row, and notifies the engine", () =>
    Effect.gen(function* () {
      yield* post({ instrument_token: tokens.future, requested_mode: "FULL" })
      const account = (yield* ask(`/subscriptions/${tokens.future}`)).body.account_id
      const removed = yield* announced("tc-sub-004", `/subscriptions/${tokens.future}`, { method: "DELETE" })
      assert.deepStrictEqual([removed.status, removed.body], [200, { message: "Subscription deactivated" }])
      assert.strictEqual((yield* ask(`/subscriptions/${tokens.future}`)).body.status, "inactive")
      yield* post({ instrument_token: tokens.future, requested_mode: "FULL" })
      assert.deepInclude((yield* ask(`/subscriptions/${tokens.future}`)).body, { status: "active", account_id: account })
    })
  )

  it.effect("the creator or an admin changes a subscription; others may only add to it", () =>
    Effect.gen(function* () {
      const path = `/subscriptions/${tokens.infy}`
      yield* post({ instrument_token: tokens.infy, requested_mode: "QUOTE" }, "owner")
      yield* ask(path, { method: "PATCH", role: "admin", body: { status: "inactive" } })
      yield* post({ instrument_token: tokens.infy, requested_mode: "QUOTE", account_id: "acc1" }, "owner")
      const forbidden = [
        yield* ask(path, { method: "PATCH", as: "other", body: { requested_mode: "LTP" } }),
        yield* ask(path, { method: "DELETE", as: "other" }),
        yield* post({ instrument_token: tokens.infy, requested_mode: "LTP" }, "other"),
        yield* post({ instrument_token: tokens.infy, requested_mode: "QUOTE", account_id: "acc2" }, "other")
      ]
      for (const { status, body } of forbidden) assert.deepStrictEqual([status, body.detail], [403, "Forbidden"])
      assert.deepInclude((yield* ask(path)).body, { status: "active", requested_mode: "QUOTE", account_id: "acc1" })
      assert.strictEqual((yield* post({ instrument_token: tokens.infy, requested_mode: "FULL" }, "other")).status, 200)
      const moved = yield* ask(path, { method: "PATCH", as: "owner", body: { account_id: "acc2", requested_mode: "LTP" } })
      assert.deepInclude(moved.body, { instrument_token: tokens.infy, account_id: "acc2", requested_mode: "LTP", status: "active" })
      assert.strictEqual((yield* ask(path, { method: "DELETE", as: "admin", role: "admin" })).status, 200)
    })
  )

  it.effect("a leg keeps its instrument subscribed: 409 until it is removed, without naming its owner", () =>
    Effect.gen(function* () {
      const made = yield* ask("/strategies", { method: "POST", as: "secretive", body: { name: "condor" } })
      const legs = `/strategies/${made.body.strategy_id}/instruments`
      const leg = yield* ask(legs, {
        method: "POST",
        as: "secretive",
        body: { tradingsymbol: "NIFTY99DEC24500CE", exchange: "NFO", direction: "SELL", quantity: 75, entry_price: "10.05" }
      })
      assert.strictEqual(leg.status, 201)
      const path = `/subscriptions/${tokens.farCall}`
      assert.deepInclude((yield* ask(path)).body, { status: "active" })
      for (const attempt of [
        ask(path, { method: "DELETE", role: "admin" }),
        ask(path, { method: "PATCH", role: "admin", body: { status: "inactive" } })
      ]) {
        const refused = yield* attempt
        assert.deepStrictEqual([refused.status, refused.body.detail], [409, "Subscription is needed by a strategy"])
      }
      yield* ask(`${legs}/${leg.body.leg_id}`, { method: "DELETE", as: "secretive" })
      assert.strictEqual((yield* ask(path, { method: "DELETE", role: "admin" })).status, 200)
    })
  )

  it.effect("reload notifies the engine and counts the active subscriptions", () =>
    Effect.gen(function* () {
      const { body, status } = yield* ask("/subscriptions/reload", { method: "POST" })
      const active = (yield* ask("/subscriptions?status=active")).body.total
      assert.deepStrictEqual([status, body], [200, { message: "Reload requested", active_subscriptions: active }])
    })
  )

  it.effect("BE-DAT-05 values that are out of range, unknown or missing get 422 or 404 with the field", () =>
    Effect.gen(function* () {
      const good = { instrument_token: tokens.nifty, requested_mode: "FULL" }
      const fields: ReadonlyArray<readonly [unknown, string]> = [
        [{ ...good, instrument_token: "12" }, "instrument_token"],
        [{ ...good, instrument_token: 1.5 }, "instrument_token"],
        [{ ...good, instrument_token: 1e300 }, "instrument_token"],
        [{ instrument_token: tokens.nifty }, "requested_mode"],
        [{ ...good, requested_mode: "full" }, "requested_mode"],
        [{ ...good, account_id: "nobody" }, "account_id"],
        [{ ...good, account_id: 7 }, "account_id"],
        [{ ...good, account_id: "a\u0000b" }, "account_id"],
        [{ ...good, extra: 1 }, "extra"],
        [[], ""],
        [null, ""]
      ]
      for (const [body, field] of fields) {
        const answer = yield* post(body)
        assert.strictEqual(answer.status, 422, JSON.stringify(body))
        assert.match(answer.body.detail, /^Validation error: /)
        assert.include(
          answer.body.errors.map((error: { field: string }) => error.field),
          field,
          JSON.stringify(answer.body)
        )
      }
      for (const token of [0, -5, 99_999_999, 2 ** 40, 2 ** 53 - 1]) {
        const answer = yield* post({ ...good, instrument_token: token })
        assert.deepStrictEqual([answer.status, answer.body.detail], [404, "Instrument not found"], String(token))
      }
      for (const id of ["0", "-1", "99999", "9".repeat(40), "9".repeat(100)]) {
        for (const method of ["GET", "DELETE"]) {
          const answer = yield* ask(`/subscriptions/${id}`, { method })
          assert.deepStrictEqual([answer.status, answer.body.detail], [404, "Subscription not found"], `${method} ${id}`)
        }
      }
      for (const id of ["abc", "1.5", "1e3", "%20", "0x10"]) assert.strictEqual((yield* ask(`/subscriptions/${id}`)).status, 422, id)
      for (const query of [
        "status=gone",
        "limit=0",
        "limit=1001",
        "limit=1e2",
        "offset=-1",
        "offset=99999999999",
        "limit=1&limit=2",
        "x=1"
      ]) {
        const answer = yield* ask(`/subscriptions?${query}`)
        assert.deepStrictEqual([answer.status, answer.body.errors[0].field], [422, query.split("=")[0]], query)
      }
    })
  )

  it.effect("BE-DAT-04 injection strings are data: never a 500, and the tables survive", () =>
    Effect.gen(function* () {
      const nasty = [
        "'; DROP TABLE subscriptions; --",
        '{"$gt":""}',
        "../../etc/passwd",
        "$(rm -rf /)",
        "%00",
        "\u0000",
        "\ud800",
        "{{7*7}}",
        "a".repeat(5_000)
      ]
      for (const text of nasty) {
        const answers = [
          yield* post({ instrument_token: tokens.nifty, requested_mode: "FULL", account_id: text }),
          yield* ask(`/subscriptions?status=${encodeURIComponent(text.replace("\ud800", "?"))}`),
          yield* ask(`/subscriptions/${encodeURIComponent(text.replace("\ud800", "?"))}`),
          yield* ask(`/fo/expiries?symbol=${encodeURIComponent(text.replace("\ud800", "?"))}`),
          yield* ask("/strategies", { method: "POST", body: { name: text, tags: [text] } })
        ]
        for (const { status, body } of answers) assert.isBelow(status, 500, `${text}: ${JSON.stringify(body)}`)
      }
      const sql = yield* PgClient.PgClient
      assert.strictEqual((yield* sql`SELECT to_regclass('subscriptions') IS NOT NULL AS stands`)[0]?.["stands"], true)
      const kept = yield* ask("/strategies?limit=1000")
      assert.isTrue(kept.body.strategies.some(({ name }: { name: string }) => name === nasty[0]))
    })
  )

  it.effect("POST /subscriptions/batch saves many at once, and gives the reason for each refused one", () =>
    Effect.gen(function* () {
      const batch = (subscriptions: ReadonlyArray<object>, as = "u1") =>
        ask("/subscriptions/batch", { method: "POST", as, body: { subscriptions } })
      const sql = yield* PgClient.PgClient
      yield* sql`DELETE FROM subscriptions`
      yield* post({ instrument_token: tokens.infy, requested_mode: "FULL" })
      const full = (instrument_token: number) => ({ instrument_token, requested_mode: "FULL" })
      const { status, body } = yield* batch([
        full(tokens.call),
        full(tokens.put),
        full(tokens.infy),
        full(999_999_999),
        { ...full(tokens.nifty), account_id: "nobody" }
      ])
      assert.deepStrictEqual(
        [status, body],
        [
          200,
          {
            created: 2,
            updated: 1,
            refused: [
              { instrument_token: 999_999_999, message: "Instrument not found" },
              { instrument_token: tokens.nifty, message: "account_id: no such account" }
            ]
          }
        ]
      )
      const { body: list } = yield* ask("/subscriptions?status=active")
      assert.strictEqual(list.total, 3)
      const shallower = yield* batch([{ instrument_token: tokens.infy, requested_mode: "LTP" }], "mallory")
      assert.deepStrictEqual(shallower.body, { created: 0, updated: 0, refused: [{ instrument_token: tokens.infy, message: "Forbidden" }] })
      const none = yield* batch([])
      assert.deepStrictEqual([none.status, none.body.errors[0].field], [422, "subscriptions"])
    })
  )

  it.effect("BE-ISO-01 one user has a named maximum of subscriptions, and other users are not affected", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      yield* sql`DELETE FROM subscriptions`
      const subscriptions = yield* SubscriptionRepo
      const filler = { tradingsymbol: "X", segment: "NFO-OPT", requestedMode: "LTP", createdBy: "u1" } as const
      yield* subscriptions.addAll(
        Array.from({ length: subscriptionsPerUserMax }, (_, at) => ({ ...filler, instrumentToken: 10_000_000 + at })),
        ["acc1", "acc2"]
      )
      const one = { instrument_token: tokens.nifty, requested_mode: "FULL" } as const
      const message = `a user has at most ${subscriptionsPerUserMax} subscriptions`
      const refused = yield* post(one)
      assert.deepStrictEqual([refused.status, refused.body.errors], [422, [{ field: "instrument_token", message }]])
      const batch = yield* ask("/subscriptions/batch", { method: "POST", body: { subscriptions: [one] } })
      assert.deepStrictEqual(batch.body, { created: 0, updated: 0, refused: [{ instrument_token: tokens.nifty, message }] })
      const other = yield* ask("/subscriptions", { method: "POST", body: one, as: "u2" })
      assert.strictEqual(other.status, 200)
      // One that ends makes room for one, and the ended one may return only when there is room.
      yield* subscriptions.deactivate(10_000_000)
      assert.strictEqual((yield* post({ ...one, instrument_token: tokens.infy })).status, 200)
      const returns = yield* ask("/subscriptions/10000000", { method: "PATCH", body: { status: "active" } })
      assert.deepStrictEqual([returns.status, returns.body.errors], [422, [{ field: "instrument_token", message }]])
    })
  )

  it.effect("a subscription that no account can stream is refused with advice", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      yield* sql`DELETE FROM subscriptions`
      const subscriptions = yield* SubscriptionRepo
      const filler = { tradingsymbol: "X", segment: "NFO-OPT", requestedMode: "LTP", createdBy: "others" } as const
      const fill = (from: number, account: string) =>
        subscriptions.addAll(
          Array.from({ length: 3_000 }, (_, at) => ({ ...filler, instrumentToken: from + at })),
          [account]
        )
      yield* fill(10_000_000, "acc1")
      const named = yield* post({ instrument_token: tokens.nifty, requested_mode: "FULL", account_id: "acc1" })
      assert.deepStrictEqual(
        [named.status, named.body.code, named.body.errors],
        [
          422,
          "validation_error",
          [
            {
              field: "account_id",
              message: "account acc1 streams 3000 instruments, the most it can: deactivate some, or name another account"
            }
          ]
        ]
      )
      assert.strictEqual((yield* post({ instrument_token: tokens.nifty, requested_mode: "FULL" })).status, 200)
      yield* fill(20_000_000, "acc2")
      const none = yield* post({ instrument_token: tokens.infy, requested_mode: "FULL" })
      assert.deepStrictEqual(
        [none.status, none.body.errors[0].message],
        [422, "every account streams 3000 instruments, the most it can: deactivate some, or add an account"]
      )
      const batch = yield* ask("/subscriptions/batch", {
        method: "POST",
        body: { subscriptions: [tokens.infy, tokens.nifty].map((token) => ({ instrument_token: token, requested_mode: "FULL" })) }
      })
      assert.deepInclude(batch.body, { created: 0, updated: 1 })
      assert.deepStrictEqual(
        batch.body.refused.map((one: { instrument_token: number }) => one.instrument_token),
        [tokens.infy]
      )
      const moved = yield* ask(`/subscriptions/${tokens.nifty}`, { method: "PATCH", body: { account_id: "acc1" } })
      assert.deepStrictEqual([moved.status, moved.body.errors[0].field], [422, "account_id"])
      yield* sql`DELETE FROM subscriptions`
    })
  )
})
