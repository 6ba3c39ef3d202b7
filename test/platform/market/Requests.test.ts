import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import WebSocket from "ws"
import { documentedSockets } from "../../DocumentedSockets.ts"
import { exampleOf, type Json, jsonBody, type Operation, operationsOf, send } from "../Operations.ts"
import { ask, eventually, type Running, start, token, world } from "../PlatformWorld.ts"

class Platform extends Context.Tag("test/Platform")<
  Platform,
  { readonly running: Running; readonly document: Json; readonly operations: ReadonlyArray<Operation> }
>() {}

const PlatformLive = Layer.scoped(
  Platform,
  Effect.gen(function* () {
    const { config } = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 12 })
    const running = yield* start({ ...config, SEED_USER: "demo" })
    yield* eventually("a mark of the demo strategy", ask(running, "/strategies/1"), ({ body }) => body.latest?.complete === true)
    yield* eventually("a chain", ask(running, "/fo/expiries?symbol=NIFTY"), ({ body }) => body.expiries?.length > 0)
    // A new account is on paper, and the broker answers for a live one.
    const live = { method: "PUT", body: { mode: "live", confirm: "sim1" } }
    assert.strictEqual((yield* ask(running, "/accounts/sim1/mode", live)).status, 200)
    const { body: document } = yield* ask(running, "/openapi.json")
    const operations = operationsOf(document)
    return { running, document, operations }
  })
)

const resolve = (document: Json, schema: Json): Json =>
  schema.$ref !== undefined
    ? { ...document.components.schemas[schema.$ref.split("/").at(-1)], ...schema, $ref: undefined }
    : schema.allOf !== undefined
      ? { ...resolve(document, schema.allOf[0]), ...schema, allOf: undefined }
      : schema.anyOf !== undefined
        ? resolve(document, schema.anyOf[0])
        : schema

/** Texts of a query that a schema does not take. */
const wrongTexts = (schema: Json): ReadonlyArray<string> => [
  ...(schema.enum === undefined ? [] : ["nonsense"]),
  ...(schema.type === "integer" ? ["1.5", "9".repeat(30), "nonsense"] : []),
  ...(schema.type === "number" ? ["nonsense", "1e309"] : []),
  ...(schema.type === "boolean" ? ["nonsense"] : []),
  ...(schema.minimum === undefined ? [] : [String(schema.minimum - 1)]),
  ...(schema.maximum === undefined ? [] : [String(schema.maximum + 1)]),
  ...(schema.maxLength === undefined ? [] : ["x".repeat(schema.maxLength + 1)]),
  ...(schema.format === "date" || schema.pattern !== undefined ? ["2026-02-30", "nonsense"] : [])
]

/** Values of a body's field that a schema does not take. */
const wrongValues = (schema: Json): ReadonlyArray<unknown> => [
  { nonsense: true },
  ...(schema.type === "string" ? [1] : ["nonsense", 1e300]),
  ...(schema.enum === undefined ? [] : ["nonsense"]),
  ...(schema.type === "integer" ? [1.5, 2 ** 53] : []),
  ...(schema.minimum === undefined ? [] : [schema.minimum - 1]),
  ...(schema.maximum === undefined ? [] : [schema.maximum * 2 + 1]),
  ...(schema.maxLength === undefined ? [] : ["x".repeat(schema.maxLength + 1)]),
  ...(schema.format === "date" ? ["2026-02-30"] : [])
]

/** The example's body with one mistake each: every field, down to the first entry of a list, and one that nobody knows. */
const wrongBodies = (
  document: Json,
  schema: Json,
  body: Json,
  path: string
): ReadonlyArray<{ readonly field: string; readonly body: Json }> => {
  const at = (name: string | number) => (path === "" ? String(name) : `${path}.${name}`)
  const found = [{ field: at("nonsense"), body: { ...body, nonsense: 1 } }]
  for (const [name, one] of Object.entries<Json>(schema.properties ?? {})) {
    const of = resolve(document, one)
    for (const value of wrongValues(of)) found.push({ field: at(name), body: { ...body, [name]: value } })
    const items = of.items === undefined ? undefined : resolve(document, of.items)
    if (items?.properties === undefined || body[name]?.[0] === undefined) continue
    for (const inner of wrongBodies(document, items, body[name][0], `${at(name)}.0`))
      found.push({ field: inner.field, body: { ...body, [name]: [inner.body] } })
  }
  return found
}

/** They name a thing that a platform that just started does not have, an order or a backfill that may be done already, or a stop. */
const ofTask: ReadonlySet<string> = new Set([
  "orders.basketOf",
  "orders.task",
  "orders.cancelTask",
  "orders.retry",
  "apiKeys.get",
  "backfills.get",
  "backfills.instruments",
  "backfills.cancel",
  "alerts.get",
  "alerts.events",
  "strategyLimits.release",
  "accounts.releaseLimits"
])

/** They need an account that waits for a person, and the answer of its broker. */
const ofLogin: ReadonlySet<string> = new Set(["kite.login", "kite.callback"])
/** Its checksum needs the secret of the account, which no example has. The broker may add fields to its body. */
const postback = "postback.take"

/** Any text or number is an id there, and any object a method's parameters. */
const ofProtocol = ({ id }: Operation, field: string): boolean => id === "mcp.message" && ["id", "params", "method"].includes(field)

/** What ends something comes last, and what contains the others at the very end. A stop of orders would refuse a changed trigger. */
const rankOf = ({ id, method }: Operation): number =>
  id === "strategies.remove" ? 4 : id === "orders.changeGtt" ? 0 : ["GET", "POST", "PUT", "DELETE"].indexOf(method.replace("PATCH", "PUT"))

layer(PlatformLive, { excludeTestServices: true })("Requests of /openapi.json", (it) => {
  it.effect("every parameter and every body has an example", () =>
    Effect.gen(function* () {
      const { operations } = yield* Platform
      const missing = operations.flatMap((operation) => [
        ...(operation.declared.parameters ?? [])
          // Only days after today and before the legs' expiry are right there, so no written one is.
          .filter(
            ({ name, example }: Json) =>
              example === undefined && !["positions.payoff date", "positions.scenario dates"].includes(`${operation.id} ${name}`)
          )
          .map(({ name }: Json) => `${operation.id}: ${name}`),
        ...(operation.declared.requestBody !== undefined && jsonBody(operation)?.example === undefined ? [`${operation.id}: body`] : [])
      ])
      assert.deepStrictEqual(missing, [], "examples are in src/gateway/serve/Examples.ts")
    })
  )

  it.effect(
    "BE-API-01 every operation's example is answered 2xx on a running platform, or with a declared 404 for an expiry, a task or a login that is not there",
    () =>
      Effect.gen(function* () {
        const { running, operations } = yield* Platform
        const headers = { authorization: `Bearer ${yield* token("demo", "admin")}` }
        const wrong: Array<string> = []
        for (const operation of operations.toSorted((a, b) => rankOf(a) - rankOf(b)))
          for (const withOptional of operation.method === "GET" ? [true, false] : [true]) {
            const request = exampleOf(operation, withOptional)
            const { status, text } = yield* send(running.url, request, headers)
            const isExpiry = (operation.declared.parameters ?? []).some(({ name }: Json) => name === "expiry")
            const isDeclared =
              (status === 404 && isExpiry) ||
              ([404, 409].includes(status) && (ofTask.has(operation.id) || ofLogin.has(operation.id))) ||
              (status === 403 && operation.id === postback)
            const isRight = (status >= 200 && status < 300) || isDeclared
            if (!isRight || operation.declared.responses[status] === undefined)
              wrong.push(`${operation.id} ${request.method} ${request.url}: ${status} ${text.slice(0, 300)}`)
          }
        assert.deepStrictEqual(wrong, [])
      })
  )

  it.effect("BE-API-01 every path refuses other methods with 405 and Allow, and what is not there with 404, in one form", () =>
    Effect.gen(function* () {
      const { running, operations } = yield* Platform
      const headers = { authorization: `Bearer ${yield* token("demo", "admin")}` }
      const wrong: Array<string> = []
      for (const path of new Set(operations.map((one) => one.path))) {
        const of = operations.filter((one) => one.path === path)
        const { url } = exampleOf(of[0] as Operation, false)
        for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"].filter((name) => !of.some((one) => one.method === name))) {
          const { status, text, allow } = yield* send(running.url, { method, url, body: undefined }, headers)
          const problem = JSON.parse(text)
          const allowed = of.map((one) => one.method).every((name) => allow.split(", ").includes(name))
          if (status !== 405 || problem.code !== "method_not_allowed" || !allowed)
            wrong.push(`${method} ${url}: ${status} ${allow} ${text}`)
        }
        for (const one of of.filter(({ declared }) => declared.parameters?.some(({ in: place }: Json) => place === "path"))) {
          const absent = one.path.replace("/{exchange}/{tradingsymbol}", "/NSE/NOSUCH").replaceAll(/\{\w+\}/g, "999999999")
          const { status, text } = yield* send(running.url, { ...exampleOf(one, false), url: absent }, headers)
          if (status !== 404 || JSON.parse(text).code !== "not_found") wrong.push(`${one.method} ${absent}: ${status} ${text}`)
        }
      }
      assert.deepStrictEqual(wrong, [])
    })
  )

  it.effect(
    "BE-SEC-01 every operation but health, metrics and the broker's callback and postback, and every WebSocket, refuses the unauthenticated with 401",
    () =>
      Effect.gen(function* () {
        const { running, operations } = yield* Platform
        const open: Array<string> = []
        const wrong: Array<string> = []
        for (const operation of operations)
          for (const headers of [{}, { authorization: "Bearer nonsense" }, { "x-api-key": "nonsense" }] as ReadonlyArray<
            Record<string, string>
          >) {
            const { status, text } = yield* send(running.url, exampleOf(operation, true), headers)
            if ((operation.declared.security ?? []).length === 0) open.push(operation.path)
            else if (status !== 401 || JSON.parse(text).code !== "unauthorized")
              wrong.push(`${operation.id} ${JSON.stringify(headers)}: ${status} ${text}`)
          }
        assert.deepStrictEqual(wrong, [])
        const expected = ["/health", "/health/live", "/health/ready", "/kite/callback", "/kite/postback", "/metrics"]
        assert.deepStrictEqual([...new Set(open)].sort(), expected)
        // Without a token 401; one that is not ours 403 (docs/api.md).
        for (const path of documentedSockets())
          for (const [query, status] of [
            ["", 401],
            ["?token=nonsense", 403]
          ] as const) {
            const upgrade = yield* Effect.promise(
              () =>
                new Promise<number | undefined>((resolve, reject) => {
                  const socket = new WebSocket(`${running.url.replace("http", "ws")}${path}${query}`)
                  socket.once("unexpected-response", (_, response) => resolve(response.statusCode))
                  socket.once("open", () => resolve(101))
                  socket.once("error", reject)
                })
            )
            assert.strictEqual(upgrade, status, path)
          }
        for (const path of ["/docs", "/openapi.json", "/asyncapi.json"])
          assert.strictEqual((yield* send(running.url, { method: "GET", url: path, body: undefined }, {})).status, 200, path)
      })
  )

  it.effect("BE-SEC-02 every operation on another user's strategy answers as on one that is not there", () =>
    Effect.gen(function* () {
      const { running, operations } = yield* Platform
      const owner = { authorization: `Bearer ${yield* token()}` }
      const other = { authorization: `Bearer ${yield* token("other")}` }
      const created = yield* send(running.url, { method: "POST", url: "/strategies", body: { name: "mine" } }, owner)
      const { strategy_id: id } = JSON.parse(created.text)
      const of = operations.filter((one) => one.path.startsWith("/strategies/{id}"))
      assert.isAtLeast(of.length, 12)
      for (const operation of of) {
        const answers: Array<unknown> = []
        for (const strategy of [id, id + 1_000_000]) {
          const request = exampleOf(operation, true)
          const { status, text } = yield* send(
            running.url,
            { ...request, url: request.url.replace("/strategies/1", `/strategies/${strategy}`) },
            other
          )
          const { request_id, ...problem } = JSON.parse(text)
          answers.push([status, JSON.stringify(problem).replaceAll(String(strategy), "N")])
        }
        assert.deepStrictEqual(answers[0], answers[1], operation.id)
        assert.strictEqual((answers[0] as [number])[0], 404, operation.id)
      }
      const { text } = yield* send(running.url, { method: "GET", url: "/strategies", body: undefined }, other)
      assert.strictEqual(JSON.parse(text).total, 0)
      const { status } = yield* send(running.url, { method: "GET", url: `/strategies/${id}`, body: undefined }, owner)
      assert.strictEqual(status, 200)
    })
  )

  it.effect("BE-DAT-05 in every body and filter a wrong kind, enum, length, date, size or unknown field is 422 with the field named", () =>
    Effect.gen(function* () {
      const { running, document, operations } = yield* Platform
      const headers = { authorization: `Bearer ${yield* token("demo", "admin")}` }
      let tried = 0
      const wrong: Array<string> = []
      const expect = (operation: Operation, field: string, request: ReturnType<typeof exampleOf>) =>
        Effect.gen(function* () {
          tried++
          const { status, text } = yield* send(running.url, request, headers)
          // A number that no instrument can have is one that is not there.
          if (field === "instrument_token" && request.body === undefined && status === 404) return
          const named =
            status === 422 &&
            JSON.parse(text).errors.some((one: { field: string }) => one.field === field || one.field.startsWith(`${field}.`))
          if (!named)
            wrong.push(
              `${operation.id} ${field} ${request.url.slice(0, 100)} ${JSON.stringify(request.body)?.slice(0, 150)}: ${status} ${text.slice(0, 200)}`
            )
        })
      for (const operation of operations) {
        const example = exampleOf(operation, false)
        // TradingView's own form answers 200 with what is wrong in it (docs/api.md).
        if (operation.path.startsWith("/udf/")) continue
        for (const { name, in: place, schema } of operation.declared.parameters ?? []) {
          if (place !== "query") continue
          const url = new URL(example.url, running.url)
          for (const value of wrongTexts(resolve(document, schema))) {
            url.searchParams.set(name, value)
            yield* expect(operation, name, { ...example, url: `${url.pathname}${url.search}` })
          }
        }
        const schema = jsonBody(operation)?.schema
        if (schema === undefined) continue
        for (const { field, body } of wrongBodies(document, schema, example.body, ""))
          if (!(operation.id === postback && field === "nonsense") && !ofProtocol(operation, field))
            yield* expect(operation, field, { ...example, body })
      }
      assert.deepStrictEqual(wrong, [])
      assert.isAbove(tried, 150)
    })
  )

  it.effect("every scheme of the document is one that the server takes", () =>
    Effect.gen(function* () {
      const { running, document, operations } = yield* Platform
      const jwt = yield* token()
      const bearer = { authorization: `Bearer ${jwt}` }
      const made = yield* send(running.url, { method: "POST", url: "/api-keys", body: { name: "schemes", scopes: ["fo:read"] } }, bearer)
      const apiKey = { "x-api-key": String(JSON.parse(made.text).key) }
      const credentials: Readonly<Record<string, Record<string, string>>> = { bearer, apiKey }
      const schemes = Object.keys(document.components.securitySchemes)
      for (const scheme of schemes) {
        const { status } = yield* send(running.url, { method: "GET", url: "/auth/test", body: undefined }, credentials[scheme] ?? {})
        assert.strictEqual(status, 200, scheme)
      }
      const named = operations.flatMap(({ declared }) => (declared.security ?? []).flatMap((one: object) => Object.keys(one)))
      assert.deepStrictEqual([...new Set(named)], schemes)
    })
  )
})
