import { readFileSync } from "node:fs"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Access from "../../src/domain/access/Access.ts"
import * as Asks from "../../src/streams/Asks.ts"
import { JetStream } from "../../src/streams/JetStream.ts"
import { ask, eventually, ready, token, World, world } from "./GatewayWorld.ts"
import { dial } from "./sockets/SocketClient.ts"

// biome-ignore lint/suspicious/noExplicitAny: a document is looked into, not typed
type Json = any
type Headers = Readonly<Record<string, string>>

interface Operation {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly declared: Json
  /** What the document declares; undefined for an operation without sign-in. */
  readonly rights: { readonly role: Access.Role; readonly scopes: ReadonlyArray<string> | undefined } | undefined
}

const rightsOf = (declared: Json): Operation["rights"] => {
  const schemes = (declared.security ?? []).flatMap((one: object) => Object.keys(one))
  if (schemes.length === 0) return undefined
  const { role, scopes } = declared["x-tarang-rights"]
  assert.strictEqual(schemes.includes("apiKey"), scopes !== undefined, declared.operationId)
  return { role, scopes }
}
const operationsOf = (document: Json): ReadonlyArray<Operation> =>
  Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
    Object.entries<Json>(methods).map(([method, declared]) => ({
      id: declared.operationId,
      method: method.toUpperCase(),
      path,
      declared,
      rights: rightsOf(declared)
    }))
  )

/** The operation's example, as another program would send it. */
const exampleOf = ({ declared, method, path: template }: Operation) => {
  const query = new URLSearchParams()
  const headers: Record<string, string> = {}
  let path = template
  for (const { name, in: place, required, example } of declared.parameters ?? []) {
    if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(template.startsWith("/accounts/") ? "acc1" : String(example)))
    else if (place === "header") headers[name] = String(example)
    else if (required === true) query.append(name, String(example))
  }
  const body = declared.requestBody?.content?.["application/json"]?.example
  return { method, path: `${path}${query.size === 0 ? "" : `?${query}`}`, headers, body }
}

const answerMsMax = 60_000
const send = (operation: Operation, credentials: Headers) =>
  Effect.flatMap(World, ({ url }) =>
    Effect.promise(async () => {
      const { body, headers, method, path } = exampleOf(operation)
      const response = await fetch(`${url}${path}`, {
        method,
        redirect: "manual",
        signal: AbortSignal.timeout(answerMsMax),
        headers: { ...headers, ...credentials, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) })
      })
      const text = await response.text()
      return { status: response.status, text }
    })
  )

const bearer = (sub: string, role: Access.Role) => Effect.map(token({ sub, role }), (jwt): Headers => ({ authorization: `Bearer ${jwt}` }))
/** A user may have 50 keys, so each test has its own maker of keys. */
const keysOf = (as: string) => {
  /** An administrator's key with these scopes. */
  const keyOf = (name: string, scopes: ReadonlyArray<string>) =>
    Effect.map(ask("/api-keys", { method: "POST", as, role: "admin", body: { name, scopes, role: "admin" } }), ({ body, status }) => {
      assert.strictEqual(status, 201, JSON.stringify(body))
      return { id: Number(body.key_id), headers: { "x-api-key": String(body.key) } as Headers }
    })
  /** A key that has ended: its successor took its place at once. */
  const expiredKey = Effect.gen(function* () {
    const { headers, id } = yield* keyOf("expired", ["*:read", "*:write"])
    const rotated = yield* ask(`/api-keys/${id}/rotate`, { method: "POST", as, role: "admin", body: { overlap_s: 0 } })
    assert.strictEqual(rotated.status, 201, JSON.stringify(rotated.body))
    yield* eventually(
      "the key has ended",
      Effect.map(ask("/auth/test", { as: null, headers }), ({ status }) => status === 401)
    )
    return headers
  })
  return { keyOf, expiredKey } as const
}

/** Stands in for the engine: without it some requests would wait for an answer. */
const answering = Effect.gen(function* () {
  const { engine } = yield* World
  const served = [
    Asks.serve(Asks.fetchHistory, () => Effect.fail(new Error("no broker")), 4),
    Asks.serve(Asks.refreshInstruments, () => Effect.succeed({ trade_date: "2026-11-24", instruments: 7 }), 4)
  ]
  for (const one of served) yield* Effect.forkScoped(Effect.provideService(one, JetStream, engine))
  yield* Effect.promise(() => engine.nc.flush())
})

/** The paths in the table of docs/api.md. */
const sockets = (): ReadonlyArray<string> => {
  const lines = readFileSync("docs/api.md", "utf8").split("\n")
  const rows = lines.slice(lines.findIndex((line) => line.startsWith("| path | first message")) + 2)
  return rows.slice(0, rows.indexOf("")).map((row) => row.split("`")[1] ?? row)
}

/** What belongs to one user, by the beginning of its path. For another user it is not there. */
const owned = /^\/(?:strategies|labels|alerts|api-keys|accounts|orders\/(?:tasks|dlq))\/\{/
/** Only its creator or an administrator may reduce what is shared. */
const ofCreator: ReadonlySet<string> = new Set(["subscriptions.change", "subscriptions.deactivate", "windows.remove"])
const parallel = 4

const patient = { DATABASE_CONNECT_TIMEOUT: "20 seconds", DATABASE_QUERY_TIMEOUT: "20 seconds" }
layer(world({ hasStoredKeys: true, owners: ["u1"], config: patient }), { excludeTestServices: true })("who may", (it) => {
  const operations = Effect.map(ask("/openapi.json", { as: null }), ({ body }) => operationsOf(body))

  it.scoped(
    "BE-SEC-01 BE-SEC-02 BE-SEC-03 BE-SEC-04 every operation answers each kind of caller as the document declares",
    () =>
      Effect.gen(function* () {
        yield* ready
        yield* answering
        const all = yield* operations
        const { expiredKey, keyOf } = keysOf("root")
        const wrong: Array<string> = []
        let tried = 0
        const expect = (operation: Operation, who: string, credentials: Headers, isRight: (status: number, text: string) => boolean) =>
          Effect.map(send(operation, credentials), ({ status, text }) => {
            tried++
            if (!isRight(status, text))
              wrong.push(`${who}: ${operation.id} ${operation.method} ${operation.path}: ${status} ${text.slice(0, 200)}`)
          })
        const every = (
          of: ReadonlyArray<Operation>,
          check: (operation: Operation, rights: NonNullable<Operation["rights"]>) => Effect.Effect<void, never, World>
        ) =>
          Effect.forEach(of, (operation) => (operation.rights === undefined ? Effect.void : check(operation, operation.rights)), {
            concurrency: parallel,
            discard: true
          })
        const refused = (reason: string) => (status: number, text: string) =>
          status === 403 && JSON.parse(text).errors?.[0]?.message === reason
        const admitted = (status: number) => status !== 401 && status !== 403
        // Something of u1's, which the examples name.
        const strategy = yield* ask("/strategies", { method: "POST", body: { name: "mine" } })
        const label = yield* ask("/labels", { method: "POST", body: { symbol: "NIFTY", time: "2026-11-24T03:45:00Z", text: "mine" } })
        assert.deepStrictEqual([strategy.body.strategy_id, label.body.label_id], [1, 1])
        const owner = yield* bearer("u1", "trader")
        const alert = all.find(({ id }) => id === "alerts.create")
        if (alert !== undefined) assert.strictEqual((yield* send(alert, owner)).status, 201)
        const [viewer, trader, admin] = [yield* bearer("v1", "viewer"), yield* bearer("t1", "trader"), yield* bearer("root", "admin")]
        const expired = yield* expiredKey
        const scopes = [...new Set(all.flatMap(({ rights }) => rights?.scopes ?? []))].sort()
        const lacking = new Map<string, Headers>()
        for (const scope of scopes)
          lacking.set(
            scope,
            (yield* keyOf(
              `all but ${scope}`,
              scopes.filter((one) => one !== scope)
            )).headers
          )

        // First the refusals, which change nothing.
        yield* every(all, (operation) => expect(operation, "nobody", {}, (status) => status === 401))
        yield* every(all, (operation) => expect(operation, "an expired key", expired, (status) => status === 401))
        yield* every(all, (operation, { scopes: needed }) => {
          const scope = needed?.[0]
          if (needed === undefined)
            return expect(operation, "a key", lacking.values().next().value ?? {}, refused("needs a sign-in: a key cannot manage keys"))
          const who = `a key without ${scope}`
          return scope === undefined
            ? expect(operation, "a key of any scope", lacking.values().next().value ?? {}, admitted)
            : expect(operation, who, lacking.get(scope) ?? {}, refused(`needs the scope ${scope}`))
        })
        for (const [role, credentials] of [
          ["viewer", viewer],
          ["trader", trader]
        ] as const)
          yield* every(
            all.filter(({ rights }) => rights !== undefined && !Access.isAtMost(rights.role, role)),
            (operation, { role: least }) => expect(operation, `a ${role}`, credentials, refused(`needs the role ${least}`))
          )
        // Then what is allowed. Another user's things are not there.
        yield* every(
          all.filter(({ rights }) => rights?.role === "viewer"),
          (operation) => expect(operation, "a viewer", viewer, admitted)
        )
        yield* every(
          all.filter(({ rights }) => rights?.role !== "admin"),
          (operation) =>
            expect(operation, "another user", trader, (status) =>
              owned.test(operation.path) ? status === 404 : admitted(status) || (ofCreator.has(operation.id) && status === 403)
            )
        )
        const isThere = ({ method, path }: Operation) => method === "GET" && path.startsWith("/strategies/{")
        yield* every(all.filter(isThere), (operation) =>
          expect(operation, "the owner", owner, (status) => admitted(status) && status !== 404)
        )
        yield* every(all, (operation) => expect(operation, "an administrator", admin, admitted))
        assert.deepStrictEqual(wrong, [])
        assert.isAbove(tried, all.length * 5)
      }),
    600_000
  )

  it.scoped(
    "BE-SEC-01 BE-SEC-03 BE-SEC-04 every WebSocket accepts and refuses each kind of caller at the handshake",
    () =>
      Effect.gen(function* () {
        yield* ready
        const { expiredKey, keyOf } = keysOf("other-root")
        const expired = yield* expiredKey
        for (const path of sockets()) {
          const need = Access.needOf("GET", path)
          const [scope = ""] = Access.keyScopes(need) ?? []
          const status = (headers: Headers) =>
            Effect.map(dial(path, { headers }), (dialed) => [dialed.status, dialed.body.errors?.[0]?.message])
          const others = ["fo:read", "fo:write", "orders:read"].filter((one) => one !== scope)
          const lacks = yield* keyOf(`not for ${path}`, others)
          const has = yield* keyOf(`for ${path}`, [scope])
          assert.strictEqual((yield* status({}))[0], 401, path)
          assert.strictEqual((yield* status(expired))[0], 403, path)
          assert.deepStrictEqual(yield* status(lacks.headers), [403, `needs the scope ${scope}`], path)
          assert.strictEqual((yield* status(has.headers))[0], 101, path)
          const viewer = Access.isAtMost(need.role, "viewer") ? [101, undefined] : [403, "needs the role trader"]
          assert.deepStrictEqual(yield* status(yield* bearer("v1", "viewer")), viewer, path)
          for (const role of ["trader", "admin"] as const)
            assert.strictEqual((yield* status(yield* bearer("t1", role)))[0], 101, `${role} ${path}`)
        }
      }),
    120_000
  )
})
