import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { actions } from "../../src/contract/sockets/SocketActions.ts"
import * as Access from "../../src/domain/access/Access.ts"
import { waitMsMax } from "../Patience.ts"
import { answering, bearer, type Headers, keysOf } from "./Callers.ts"
import { ask, ready, World, world } from "./GatewayWorld.ts"
import { dial } from "./sockets/SocketClient.ts"

// biome-ignore lint/suspicious/noExplicitAny: a document is looked into, not typed
type Json = any

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

/** An account of u1's. The examples name another one, which does not exist here. */
const accountOfOwner = "acc1"
const accountOfExamples = "sim1"

/** The operation's example, as another program would send it. `account` replaces the account that it names. */
const exampleOf = ({ declared, method, path: template }: Operation, account: string) => {
  const named = (value: unknown) => (value === accountOfExamples ? account : String(value))
  const query = new URLSearchParams()
  const headers: Record<string, string> = {}
  let path = template
  for (const { name, in: place, required, example } of declared.parameters ?? []) {
    if (place === "path")
      path = path.replace(`{${name}}`, encodeURIComponent(template.startsWith("/accounts/") ? accountOfOwner : String(example)))
    else if (place === "header") headers[name] = String(example)
    else if (required === true) query.append(name, named(example))
  }
  const example = declared.requestBody?.content?.["application/json"]?.example
  const body = example?.account_id === accountOfExamples ? { ...example, account_id: account } : example
  return { method, path: `${path}${query.size === 0 ? "" : `?${query}`}`, headers, body }
}

const send = (operation: Operation, credentials: Headers, account = accountOfExamples) =>
  Effect.flatMap(World, ({ url }) =>
    Effect.promise(async () => {
      const { body, headers, method, path } = exampleOf(operation, account)
      const response = await fetch(`${url}${path}`, {
        method,
        redirect: "manual",
        signal: AbortSignal.timeout(waitMsMax),
        headers: { ...headers, ...credentials, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) })
      })
      const text = await response.text()
      return { status: response.status, text }
    })
  )

/**
 * What a name in a path means, by the path before it. `own`: one user's thing, which for another user is not there. `shared`: everybody's,
 * which only its creator or an administrator may reduce. `market`: everybody's. A new path fails until it has its line.
 */
const named: Readonly<Record<string, "own" | "shared" | "market">> = {
  "/accounts/": "own",
  "/alerts/": "own",
  "/api-keys/": "own",
  "/backfills/": "shared",
  "/labels/": "own",
  "/orders/basket/": "own",
  "/orders/dlq/": "own",
  "/orders/tasks/": "own",
  "/strategies/": "own",
  "/subscriptions/": "shared",
  "/subscriptions/windows/": "shared",
  "/calendar/corporate-actions/": "market",
  "/calendar/holidays/": "market",
  "/depth/": "market",
  "/instruments/": "market",
  "/instruments/by-symbol/": "market"
}
const meaning = ({ path }: Operation) => (path.includes("{") ? named[path.slice(0, path.indexOf("{"))] : undefined)
/** True if the operation's example names an account outside its path. To link an account is to name a new one. */
const namesAccount = (operation: Operation): boolean => {
  const { body, path } = exampleOf(operation, accountOfOwner)
  return operation.id !== "accounts.link" && (body?.account_id === accountOfOwner || path.includes(`account_id=${accountOfOwner}`))
}
/** A text in what u1 has. No answer to anybody else contains it. */
const ofOwner = "known to u1 alone"
/** No answer to anybody but an administrator even shows that another user exists. */
const reveals = (who: string, text: string): boolean =>
  who !== "the owner" && (text.includes(ofOwner) || (who !== "an administrator" && text.includes('"u1"')))
const parallel = 4

layer(world({ hasStoredKeys: true, owners: ["u1"] }), { excludeTestServices: true })("who may", (it) => {
  const operations = Effect.map(ask("/openapi.json", { as: null }), ({ body }) => operationsOf(body))

  it.scoped(
    "BE-SEC-01 BE-SEC-02 BE-SEC-03 BE-SEC-04 every operation answers each kind of caller as the document declares",
    () =>
      Effect.gen(function* () {
        yield* ready
        yield* answering
        const all = yield* operations
        assert.deepStrictEqual(
          all.filter((operation) => operation.path.includes("{") && meaning(operation) === undefined).map(({ path }) => path),
          [],
          "a path that the table does not name"
        )
        const { expiredKey, keyOf, revokedKey } = keysOf("root")
        const wrong: Array<string> = []
        let tried = 0
        const expect = (
          operation: Operation,
          who: string,
          credentials: Headers,
          isRight: (status: number, text: string) => boolean,
          account?: string
        ) =>
          Effect.map(send(operation, credentials, account), ({ status, text }) => {
            tried++
            if (!isRight(status, text) || reveals(who, text))
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
        const strategy = yield* ask("/strategies", { method: "POST", body: { name: ofOwner } })
        const label = yield* ask("/labels", { method: "POST", body: { symbol: "NIFTY", time: "2026-11-24T03:45:00Z", text: ofOwner } })
        assert.deepStrictEqual([strategy.body.strategy_id, label.body.label_id], [1, 1])
        const owner = yield* bearer("u1", "trader")
        const backfill = { symbols: ["INFY"], timeframe: "day", from: "2026-08-17", to: "2026-08-21" }
        assert.strictEqual((yield* ask("/backfills", { method: "POST", body: backfill })).status, 202)
        const alert = all.find(({ id }) => id === "alerts.create")
        if (alert !== undefined) {
          const { body } = exampleOf(alert, accountOfOwner)
          assert.strictEqual((yield* ask("/alerts", { method: "POST", body: { ...body, name: ofOwner } })).status, 201)
        }
        const [viewer, trader, admin] = [yield* bearer("v1", "viewer"), yield* bearer("t1", "trader"), yield* bearer("root", "admin")]
        const [expired, revoked] = [yield* expiredKey, yield* revokedKey]
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
        yield* every(all, (operation) => expect(operation, "a revoked key", revoked, (status) => status === 401))
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
          (operation) => {
            const kind = meaning(operation)
            const isNotThere = (status: number) => status === 404 || (namesAccount(operation) && status === 422)
            return expect(
              operation,
              "another user",
              trader,
              (status) => {
                if (kind === "own" || namesAccount(operation)) return isNotThere(status)
                return admitted(status) || (kind === "shared" && operation.method !== "GET" && status === 403)
              },
              accountOfOwner
            )
          }
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
        const { expiredKey, keyOf, revokedKey } = keysOf("other-root")
        const [expired, revoked] = [yield* expiredKey, yield* revokedKey]
        for (const path of Object.keys(actions)) {
          const need = Access.needOf("GET", path)
          const [scope = ""] = Access.keyScopes(need) ?? []
          const status = (headers: Headers) =>
            Effect.map(dial(path, { headers }), (dialed) => [dialed.status, dialed.body.errors?.[0]?.message])
          const others = ["fo:read", "fo:write", "orders:read"].filter((one) => one !== scope)
          const lacks = yield* keyOf(`not for ${path}`, others)
          const has = yield* keyOf(`for ${path}`, [scope])
          assert.strictEqual((yield* status({}))[0], 401, path)
          for (const ended of [expired, revoked]) assert.strictEqual((yield* status(ended))[0], 403, path)
          assert.deepStrictEqual(yield* status(lacks.headers), [403, `needs the scope ${scope}`], path)
          assert.strictEqual((yield* status(has.headers))[0], 101, path)
          const viewer = Access.isAtMost(need.role, "viewer") ? [101, undefined] : [403, "needs the role trader"]
          assert.deepStrictEqual(yield* status(yield* bearer("v1", "viewer")), viewer, path)
          for (const role of ["trader", "admin"] as const)
            assert.strictEqual((yield* status(yield* bearer("t1", role)))[0], 101, `${role} ${path}`)
        }
      }),
    600_000
  )
})
