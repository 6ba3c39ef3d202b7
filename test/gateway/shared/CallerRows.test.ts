import * as SqlClient from "@effect/sql/SqlClient"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { inject } from "vitest"
import * as Migrations from "../../../src/store/Migrations.ts"
import { asUser, at, grantRole, ordinaryUser } from "../../store/owners/OrdinaryUser.ts"
import { ownedTables } from "../../store/owners/OwnedRows.ts"
import { observer, pool } from "../../store/Stores.ts"
import { freshDatabase } from "../../TestBackends.ts"
import { type Answer, ask, tokens, World, world } from "../GatewayWorld.ts"

/**
 * A database whose user is ordinary, and whose policies for the platform are gone: a statement that runs for the platform sees no user's row
 * and makes none. Its own user still looks into it as an administrator.
 */
const withoutPlatform = Effect.gen(function* () {
  const admin = inject("backends").postgres
  const user = yield* ordinaryUser(admin)
  yield* grantRole(admin, user.name)
  const url = yield* freshDatabase
  const { pathname } = new URL(url)
  yield* at(admin, `ALTER DATABASE ${pathname.slice(1)} OWNER TO ${user.name}`)
  const own = asUser(url, user)
  const policies = Effect.gen(function* () {
    yield* Migrations.up
    const sql = yield* SqlClient.SqlClient
    for (const table of yield* ownedTables) yield* sql.unsafe(`DROP POLICY platform ON ${table}`)
    // What all callers may read is also read by the platform's own tasks.
    for (const table of ["subscriptions", "subscription_windows", "backfills"])
      yield* sql.unsafe(`CREATE POLICY platform ON ${table} FOR SELECT TO pg_database_owner USING (true)`)
  })
  yield* Effect.orDie(Effect.provide(policies, pool(own)))
  return own
})

const asAdmin = <A, E>(self: Effect.Effect<A, E, SqlClient.SqlClient>) =>
  Effect.flatMap(World, ({ databaseUrl }) => {
    const url = new URL(inject("backends").postgres)
    url.pathname = new URL(databaseUrl).pathname
    return Effect.provide(self, Layer.fresh(observer(url.href)))
  })

const leg = { tradingsymbol: "NIFTY98JAN24500CE", exchange: "NFO", direction: "BUY", quantity: 75, entry_price: "120.05" }
const label = { symbol: "NSE:INFY", time: "2026-11-27T05:00:00Z", place: "bar", label: "A", text: "note", color: "#2962ff" }
const alert = {
  name: "INFY",
  on: { source: "instrument", symbol: "NSE:INFY", field: "last_price" },
  condition: "crosses_above",
  threshold: "1",
  repeat: true
}
const cancel = { kind: "cancel", account_id: "acc1", order_id: "paper-1", deadline_s: 60 }

const good = (path: string, more: Parameters<typeof ask>[1] = {}) =>
  Effect.tap(ask(path, more), ({ body, status }: Answer) =>
    Effect.sync(() => assert.isBelow(status, 300, `${more.method ?? "GET"} ${path}: ${JSON.stringify(body)}`))
  )
const post = (path: string, body: unknown, headers: Readonly<Record<string, string>> = {}) => good(path, { method: "POST", body, headers })

layer(world({ owners: ["u1"], database: withoutPlatform }), { excludeTestServices: true })(
  "a gateway whose own connection sees no user's rows",
  (it) => {
    it.effect("BE-SEC-02 serves strategies, legs, fills, limits and profit of their owner, and of nobody else", () =>
      Effect.gen(function* () {
        const { body: made } = yield* post("/strategies", { name: "condor", instruments: [leg] })
        const path = `/strategies/${made.strategy_id}`
        yield* good(path, { method: "PATCH", body: { name: "iron" } })
        yield* post(`${path}/instruments`, { ...leg, tradingsymbol: "NIFTY98JAN24500PE" })
        const { body: read } = yield* good(path)
        assert.strictEqual(read.instruments.length, 2)
        yield* good(`${path}/instruments/${read.instruments[0].leg_id}`, { method: "PATCH", body: { quantity: 150 } })
        yield* good(`${path}/instruments/${read.instruments[1].leg_id}`, { method: "DELETE" })
        yield* post(`${path}/fills`, { fills: [{ tradingsymbol: "INFY", exchange: "NSE", side: "BUY", quantity: 1, price: "1300" }] })
        yield* good(`${path}/pnl`)
        yield* good(`${path}/m2m`)
        const limits = { max_position_lots: 1, max_loss: "1", max_orders_per_day: 1, action: "block" }
        yield* good(`${path}/limits`, { method: "PUT", body: limits })
        assert.strictEqual((yield* good(`${path}/limits`)).body.max_loss, "1")
        yield* good(`${path}/limits`, { method: "DELETE" })
        assert.strictEqual((yield* good("/strategies")).body.total, 1)
        assert.strictEqual((yield* good("/strategies", { as: "u2" })).body.total, 0)
        for (const inner of ["", "/limits", "/pnl"]) assert.strictEqual((yield* ask(path + inner, { as: "u2" })).status, 404)
        yield* good(path, { method: "DELETE" })
      })
    )

    it.effect("BE-SEC-02 serves labels, alerts and keys of their owner, and of nobody else", () =>
      Effect.gen(function* () {
        const { body: one } = yield* post("/labels", label)
        yield* good(`/labels/${one.label_id}`, { method: "PATCH", body: { text: "other" } })
        yield* good("/marks?symbol=NSE:INFY&from=2026-11-26&to=2026-11-28&resolution=1D")
        const { body: watch } = yield* post("/alerts", alert)
        yield* good(`/alerts/${watch.alert_id}`, { method: "PATCH", body: { name: "other" } })
        yield* good(`/alerts/${watch.alert_id}/events`)
        const { body: key } = yield* post("/api-keys", { name: "n", scopes: ["fo:read"], role: "viewer", expires_in_days: 1 })
        yield* post(`/api-keys/${key.key_id}/rotate`, { overlap_s: 1 })
        for (const path of ["/labels", "/alerts", "/api-keys"]) {
          assert.isAbove((yield* good(path)).body.total, 0, path)
          assert.strictEqual((yield* good(path, { as: "u2" })).body.total, 0, path)
        }
        yield* good(`/labels/${one.label_id}`, { method: "DELETE" })
        yield* good(`/alerts/${watch.alert_id}`, { method: "DELETE" })
        yield* good(`/api-keys/${key.key_id}`, { method: "DELETE" })
      })
    )

    it.effect("BE-SEC-02 serves orders, limits, stops and figures of an account to its owners, and to nobody else", () =>
      Effect.gen(function* () {
        const { body: task } = yield* post("/orders", cancel, { "idempotency-key": "one" })
        const { body: again } = yield* post("/orders", cancel, { "idempotency-key": "one" })
        assert.strictEqual(again.task_id, task.task_id)
        assert.strictEqual((yield* good(`/orders/tasks/${task.task_id}`)).body.task_id, task.task_id)
        assert.strictEqual((yield* good("/orders/tasks")).body.total, 1)
        assert.strictEqual((yield* good("/orders/tasks", { as: "u2" })).body.total, 0)
        assert.strictEqual((yield* ask(`/orders/tasks/${task.task_id}`, { as: "u2" })).status, 404)
        assert.strictEqual((yield* good("/orders/tasks", { as: "root", role: "admin" })).body.total, 1)
        assert.strictEqual((yield* good(`/orders/tasks/${task.task_id}`, { method: "DELETE" })).body.status, "CANCELLED")
        const limits = {
          ...{ max_order_value: "500000", max_position_lots: 50, max_daily_loss: "10000", max_orders_per_day: 100 },
          ...{ price_band_percent: "5", duplicate_window_s: 2 }
        }
        yield* good("/accounts/acc1/limits", { method: "PUT", body: limits })
        assert.strictEqual((yield* good("/accounts/acc1/limits")).body.max_order_value, "500000")
        yield* good("/accounts/acc1/mode", { method: "PUT", body: { mode: "paper" } })
        yield* post("/accounts/acc1/kill", { reason: "drill" })
        assert.strictEqual((yield* good("/accounts/acc1/kill")).body.state, "killed")
        const { body: asked } = yield* post("/accounts/acc1/kill/release", {})
        yield* post("/accounts/acc1/kill/release", { release_token: asked.release_token })
        yield* good("/kill", { method: "POST", body: { reason: "drill" }, as: "root", role: "admin" })
        assert.strictEqual((yield* good("/accounts/acc1/kill")).body.state, "killed")
        for (const figures of ["orders", "trades", "positions", "holdings", "funds"]) {
          yield* good(`/accounts/acc1/${figures}`)
          assert.strictEqual((yield* ask(`/accounts/acc1/${figures}`, { as: "u2" })).status, 404)
        }
        const written = yield* asAdmin(
          Effect.flatMap(
            SqlClient.SqlClient,
            (sql) => sql<{ readonly who: string; readonly what: string }>`SELECT DISTINCT who, what FROM order_audit ORDER BY 2, 1`
          )
        )
        assert.includeDeepMembers(
          [...written],
          [
            { who: "u1", what: "accepted" },
            { who: "u1", what: "CANCELLED" },
            { who: "u1", what: "limits" },
            { who: "u1", what: "killed" },
            { who: "u1", what: "released" },
            { who: "root", what: "killed" }
          ]
        )
      })
    )

    it.effect("BE-SEC-02 serves subscriptions, windows and backfills; others read them, and only an administrator ends another's", () =>
      Effect.gen(function* () {
        yield* post("/subscriptions", { instrument_token: tokens.infy, requested_mode: "FULL" })
        const { body: all } = yield* good("/subscriptions", { as: "u2" })
        assert.isTrue(all.subscriptions.some((one: { readonly instrument_token: number }) => one.instrument_token === tokens.infy))
        const window = { underlying: "NIFTY", expiries: 1, strikes: 1, requested_mode: "FULL" }
        const { body: made } = yield* post("/subscriptions/windows", window)
        assert.strictEqual((yield* good("/subscriptions/windows", { as: "u2" })).body.total, 1)
        assert.strictEqual((yield* ask(`/subscriptions/windows/${made.window_id}`, { method: "DELETE", as: "u2" })).status, 403)
        yield* good(`/subscriptions/windows/${made.window_id}`, { method: "DELETE", as: "root", role: "admin" })
        assert.strictEqual((yield* good("/subscriptions/windows")).body.total, 0)
        const job = { symbols: ["NSE:INFY"], timeframe: "1m", from: "2026-11-20", to: "2026-11-21" }
        const { body: backfill } = yield* post("/backfills", job)
        yield* good(`/backfills/${backfill.backfill_id}/instruments`, { as: "u2" })
        assert.strictEqual((yield* ask(`/backfills/${backfill.backfill_id}`, { method: "DELETE", as: "u2" })).status, 403)
        yield* good(`/backfills/${backfill.backfill_id}`, { method: "DELETE", as: "root", role: "admin" })
        assert.strictEqual((yield* good(`/backfills/${backfill.backfill_id}`)).body.state, "cancelled")
      })
    )
  }
)
