import * as SqlClient from "@effect/sql/SqlClient"
import { assert, it as effect, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { connect, type NatsConnection } from "nats"
import { migratedDatabase, natsServer } from "../../TestBackends.ts"
import { type Answer, ask, eventually, metric, ready, token, World, world } from "../GatewayWorld.ts"
import { dial } from "../sockets/SocketClient.ts"

const create = (body: object = {}, more: { readonly as?: string; readonly role?: string } = {}) =>
  ask("/api-keys", { method: "POST", body: { name: "notebook", scopes: ["strategies:read"], ...body }, ...more })
const withKey = (key: string, path: string, more: { readonly method?: string; readonly body?: unknown } = {}) =>
  ask(path, { as: null, headers: { "x-api-key": key }, ...more })
const statusOf = (answer: Answer) => [answer.status, answer.body.code]

layer(world({ hasStoredKeys: true }), { excludeTestServices: true })("API keys", (it) => {
  it.effect("BE-SEC-03 a key is shown once, stored only as a hash, and signs its owner in", () =>
    Effect.gen(function* () {
      yield* ready
      const made = yield* create({ scopes: ["strategies:read", "strategies:write", "strategies:read"] })
      assert.strictEqual(made.status, 201)
      const { key, key_id, prefix } = made.body
      assert.match(key, /^tk_[A-Za-z0-9-]{16}_[A-Za-z0-9_-]{43}$/)
      assert.isTrue(key.startsWith(`${prefix}_`))
      assert.deepInclude(made.body, { name: "notebook", role: "trader", status: "active", revoked_at: null, last_used_at: null })
      assert.deepStrictEqual(made.body.scopes, ["strategies:read", "strategies:write"])
      assert.deepInclude((yield* withKey(key, "/auth/test")).body, { user_id: "u1", role: "trader" })
      const list = yield* ask("/api-keys")
      const one = yield* ask(`/api-keys/${key_id}`)
      assert.deepStrictEqual(list.body.keys, [one.body])
      assert.notInclude(JSON.stringify([list.body, one.body]), key.slice(prefix.length + 1))
      assert.isString(one.body.last_used_at)
      const sql = yield* SqlClient.SqlClient
      const rows = JSON.stringify(yield* sql`SELECT * FROM api_keys`)
      assert.notInclude(rows, key.slice(prefix.length + 1))
      const { logs } = yield* World
      assert.notInclude(logs.map(({ text }) => text).join("\n"), key.slice(prefix.length + 1))
    })
  )

  it.effect("BE-SEC-03 a key may do what its scopes name; other requests are 403 and name the scope", () =>
    Effect.gen(function* () {
      yield* ready
      const { key } = (yield* create()).body
      assert.strictEqual((yield* withKey(key, "/strategies")).status, 200)
      const write = yield* withKey(key, "/strategies", { method: "POST", body: { name: "x" } })
      assert.deepStrictEqual([...statusOf(write), write.body.errors[0].message], [403, "forbidden", "needs the scope strategies:write"])
      assert.deepStrictEqual(statusOf(yield* withKey(key, "/labels")), [403, "forbidden"])
      assert.deepStrictEqual(statusOf(yield* withKey(key, "/api-keys")), [403, "forbidden"])
      const stream = yield* dial("/strategies/stream", { headers: { "x-api-key": key } })
      assert.strictEqual(stream.status, 101)
      assert.strictEqual((yield* dial("/ws/ticks", { headers: { "x-api-key": key } })).status, 403)
      assert.strictEqual((yield* dial("/ws/ticks", { headers: { "x-api-key": `${key}x` } })).status, 403)
    }).pipe(Effect.scoped)
  )

  it.effect("BE-SEC-03 an expired key is refused, and its WebSocket is closed", () =>
    Effect.gen(function* () {
      yield* ready
      const { key, key_id } = (yield* create()).body
      const { client } = yield* dial("/strategies/stream", { headers: { "x-api-key": key } })
      const sql = yield* SqlClient.SqlClient
      yield* sql`UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE key_id = ${key_id}`
      // Any change of any key makes the gateway read the rows again.
      yield* ask(`/api-keys/${(yield* create()).body.key_id}`, { method: "DELETE" })
      yield* eventually(
        "the key is refused",
        Effect.map(withKey(key, "/strategies"), ({ status }) => status === 401)
      )
      assert.strictEqual(yield* client?.closeCode ?? Effect.succeed(0), 4401)
      assert.strictEqual((yield* ask(`/api-keys/${key_id}`)).body.status, "expired")
      assert.strictEqual((yield* ask(`/api-keys/${key_id}/rotate`, { method: "POST", body: {} })).status, 409)
    }).pipe(Effect.scoped)
  )

  it.effect("BE-SEC-03 a rotated key works beside its successor until the overlap is over", () =>
    Effect.gen(function* () {
      yield* ready
      const old = (yield* create({ role: "viewer" })).body
      const fresh = (yield* ask(`/api-keys/${old.key_id}/rotate`, { method: "POST", body: { overlap_s: 3_600 } })).body
      assert.notStrictEqual(fresh.key, old.key)
      assert.deepInclude(fresh, { name: "notebook", role: "viewer", status: "active", scopes: ["strategies:read"] })
      for (const { key } of [old, fresh]) assert.strictEqual((yield* withKey(key, "/strategies")).status, 200)
      const replaced = (yield* ask(`/api-keys/${old.key_id}`)).body
      assert.strictEqual(replaced.replaced_by, fresh.key_id)
      assert.isBelow(Date.parse(replaced.expires_at), Date.parse(old.expires_at))
      const last = (yield* ask(`/api-keys/${fresh.key_id}/rotate`, { method: "POST", body: { overlap_s: 0 } })).body
      yield* eventually(
        "the key without overlap is refused",
        Effect.map(withKey(fresh.key, "/strategies"), ({ status }) => status === 401)
      )
      assert.strictEqual((yield* withKey(last.key, "/strategies")).status, 200)
    })
  )

  it.effect("BE-SEC-03 a key never does more than its maker, and its owner alone sees and ends it", () =>
    Effect.gen(function* () {
      yield* ready
      assert.strictEqual((yield* create({ role: "admin" })).body.errors[0].field, "role")
      assert.strictEqual((yield* create({}, { as: "boss", role: "admin" })).body.role, "trader")
      assert.strictEqual((yield* create({ role: "admin" }, { as: "boss", role: "admin" })).body.role, "admin")
      const viewer = yield* create({}, { as: "reader", role: "viewer" })
      assert.deepStrictEqual([viewer.status, viewer.body.errors[0].message], [403, "needs the role trader"])
      const { key_id } = (yield* create({}, { as: "owner" })).body
      for (const [method, path] of [
        ["GET", `/api-keys/${key_id}`],
        ["DELETE", `/api-keys/${key_id}`],
        ["POST", `/api-keys/${key_id}/rotate`]
      ] as const) {
        const answer = yield* ask(path, { method, as: "thief", ...(method === "POST" ? { body: {} } : {}) })
        assert.deepStrictEqual([answer.status, answer.body.detail], [404, "API key not found"], path)
      }
      assert.strictEqual((yield* ask("/api-keys", { as: "thief" })).body.total, 0)
      const wrong = yield* create({ scopes: ["nonsense:read"] })
      assert.deepStrictEqual([wrong.status, wrong.body.errors[0].field], [422, "scopes.0"])
      assert.strictEqual((yield* create({ scopes: ["strategies"] })).status, 422)
    })
  )

  it.effect("a key is hashed once; later requests are recognised without a hash, and a wrong secret is refused", () =>
    Effect.gen(function* () {
      yield* ready
      const { key } = (yield* create()).body
      yield* withKey(key, "/strategies")
      const hashed = 'api_key_checks_total{result="hashed"}'
      const before = yield* metric(hashed)
      for (let n = 0; n < 20; n++) assert.strictEqual((yield* withKey(key, "/strategies")).status, 200)
      assert.strictEqual(yield* metric(hashed), before)
      const forged = `${key.slice(0, -1)}${key.endsWith("A") ? "B" : "A"}`
      for (let n = 0; n < 3; n++) assert.strictEqual((yield* withKey(forged, "/strategies")).status, 401)
      assert.strictEqual(yield* metric(hashed), before)
      assert.strictEqual((yield* withKey("nonsense", "/strategies")).status, 401)
    })
  )

  it.effect("BE-SEC-04 a viewer reads and computes, and every change is 403", () =>
    Effect.gen(function* () {
      yield* ready
      const viewer = { as: "reader", role: "viewer" }
      assert.strictEqual((yield* ask("/strategies", viewer)).status, 200)
      const leg = { type: "EQ", direction: "BUY", quantity: 1, entry_price: "1" }
      assert.strictEqual((yield* ask("/fo/payoff", { ...viewer, method: "POST", body: { spot: 100, legs: [leg] } })).status, 200)
      const created = yield* ask("/strategies", { ...viewer, method: "POST", body: { name: "x" } })
      assert.deepStrictEqual([...statusOf(created), created.body.errors[0].message], [403, "forbidden", "needs the role trader"])
      const jwt = yield* token({ sub: "reader", role: "viewer" })
      assert.strictEqual((yield* dial(`/strategies/stream?token=${jwt}`)).status, 101)
      assert.strictEqual((yield* dial(`/indicators/stream?token=${jwt}`)).status, 403)
      assert.strictEqual((yield* dial(`/indicators/stream/session?token=${jwt}`)).status, 101)
    }).pipe(Effect.scoped)
  )
})

/** How a key is revoked at one of two gateways, by its number. */
const revocations: Readonly<Record<string, (keyId: number) => Effect.Effect<void, unknown, World | SqlClient.SqlClient>>> = {
  "that one gateway revokes": (keyId: number) =>
    Effect.map(ask(`/api-keys/${keyId}`, { method: "DELETE" }), ({ body }) => assert.strictEqual(body.status, "revoked")),
  "whose revocation is not announced": (keyId: number) =>
    Effect.flatMap(SqlClient.SqlClient, (sql) => Effect.asVoid(sql`UPDATE api_keys SET revoked_at = now() WHERE key_id = ${keyId}`))
}
for (const [which, revoke] of Object.entries(revocations)) {
  effect.scopedLive(`BE-SEC-03 a key ${which} ends at every gateway: its requests, its WebSockets and its connections to NATS`, () =>
    Effect.gen(function* () {
      const nats = yield* natsServer
      const database = yield* migratedDatabase
      const options = { hasStoredKeys: true, hasNatsUsers: true, nats: Effect.succeed(nats), database: Effect.succeed(database) }
      const gateway = Layer.build(world(options))
      const [one, two] = [yield* gateway, yield* gateway]
      yield* Effect.provide(ready, one)
      yield* Effect.provide(ready, two)
      const { key, key_id } = (yield* Effect.provide(create(), one)).body
      assert.strictEqual((yield* Effect.provide(withKey(key, "/strategies"), two)).status, 200)
      const { client } = yield* Effect.provide(dial("/strategies/stream", { headers: { "x-api-key": key } }), two)
      const nc = yield* eventually(
        "NATS admits the key",
        Effect.tryPromise(() => connect({ servers: nats.url, user: "u1", pass: key, reconnect: false })).pipe(
          Effect.map((nc): NatsConnection | undefined => nc),
          Effect.catchAll(() => Effect.succeed(undefined))
        )
      )
      yield* Effect.provide(revoke(key_id), one)
      for (const [name, each] of [
        ["the other gateway", two],
        ["the first gateway", one]
      ] as const)
        yield* eventually(
          `${name} refuses it`,
          Effect.map(Effect.provide(withKey(key, "/strategies"), each), ({ status }) => status === 401)
        )
      assert.strictEqual(yield* client?.closeCode ?? Effect.succeed(0), 4401)
      yield* Effect.promise(() => nc.closed())
      const again = yield* Effect.promise(() =>
        connect({ servers: nats.url, user: "u1", pass: key, reconnect: false }).then(
          () => "admitted",
          ({ code }: { readonly code: string }) => code
        )
      )
      assert.strictEqual(again, "AUTHORIZATION_VIOLATION")
    })
  )
}
