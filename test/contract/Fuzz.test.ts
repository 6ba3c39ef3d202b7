import * as SqlClient from "@effect/sql/SqlClient"
import { assert, layer } from "@effect/vitest"
import { Ajv2020 } from "ajv/dist/2020.js"
import addFormats from "ajv-formats"
import { Effect } from "effect"
import { BarRepo } from "../../src/store/history/BarRepo.ts"
import * as Asks from "../../src/streams/Asks.ts"
import { JetStream } from "../../src/streams/JetStream.ts"
import { token, tokens, World, world } from "../gateway/GatewayWorld.ts"

/** `npm run fuzz` sends 25,000 requests. Seed and number reproduce a run. */
const requests = Number(process.env["FUZZ_REQUESTS"] ?? 600)
const seed = Number(process.env["FUZZ_SEED"] ?? 1)
const answerMsMax = 20_000
const parallel = 8

// biome-ignore lint/suspicious/noExplicitAny: a document is looked into, not typed
type Json = any

/** mulberry32: small, seeded, good enough for choosing. */
const random = (from: number) => {
  let state = from
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (count: number): number => Math.floor(next() * count)
  return {
    next,
    below,
    pick: <A>(all: ReadonlyArray<A>): A => all[below(all.length)] as A,
    chance: (share: number): boolean => next() < share
  }
}
type Random = ReturnType<typeof random>

/** Strings that some system once treated as more than data. */
const hostile = [
  "",
  " ",
  "0",
  "-1",
  "1e309",
  "NaN",
  "null",
  "true",
  "99999999999999999999",
  "2147483648",
  "9007199254740993",
  "1.5",
  "'; DROP TABLE strategies; --",
  "1 OR 1=1",
  "../../../../etc/passwd",
  "..%2f..%2f",
  "$(reboot)",
  "`id`",
  '{"$gt":""}',
  "<script>alert(1)</script>",
  "%00",
  "\u0000",
  "\ud800",
  "\u202e",
  "é".repeat(300),
  "x".repeat(5_000),
  "2026-02-30",
  "0000-01-01",
  "9999-12-31T23:59:59Z",
  "-000001-01-01",
  "1969-12-31",
  "M&M",
  "NSE:NIFTY",
  "NIFTY 50",
  "__proto__",
  "constructor"
] as const
const numbers = [0, -0, -1, 1, 0.1, 1e-9, 1e21, 1e308, -1e308, 2 ** 31, 2 ** 53, 2 ** 53 + 2, -(2 ** 63), 42.5] as const
/** Names that exist, so that some requests reach the depths of the handlers. */
const known: Readonly<Record<string, ReadonlyArray<string>>> = {
  symbol: ["NIFTY", "BANKNIFTY", "NSE:INFY", "NIFTY 50"],
  symbols: ["NIFTY,NSE:INFY"],
  exchange: ["NSE", "NFO"],
  tradingsymbol: ["INFY", "NIFTY98JAN24500CE"],
  expiry: ["2098-01-30", "2026-11-24"],
  token: [tokens.nifty, tokens.call, tokens.infy].map(String),
  instrument_token: [tokens.nifty, tokens.call, tokens.infy].map(String),
  id: ["1", "2", "3"],
  leg_id: ["1", "2"],
  from: ["2026-11-20", "1763600000"],
  to: ["2026-11-21", "1763700000"],
  resolution: ["1", "5", "1D"],
  countback: ["10", "300"]
}

const anyValue = (r: Random, depth = 0): Json => {
  const kind = r.below(depth > 2 ? 5 : 8)
  if (kind === 0) return null
  if (kind === 1) return r.chance(0.5)
  if (kind <= 3) return r.pick(numbers)
  if (kind === 4) return r.pick(hostile)
  if (kind === 5) return Array.from({ length: r.below(4) }, () => anyValue(r, depth + 1))
  return Object.fromEntries(Array.from({ length: r.below(4) }, () => [r.pick(hostile), anyValue(r, depth + 1)]))
}

/** A value that matches a schema, with a share of its parts wrong. */
const valueOf = (r: Random, document: Json, schema: Json, name: string, wrong: number): Json => {
  if (r.chance(wrong)) return anyValue(r)
  if (schema.$ref !== undefined) {
    const target = schema.$ref
      .slice(2)
      .split("/")
      .reduce((node: Json, key: string) => node[key], document)
    return valueOf(r, document, target, name, wrong)
  }
  if (schema.enum !== undefined) return r.pick(schema.enum)
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined) return valueOf(r, document, r.pick(choices), name, wrong)
  const names = known[name]
  switch (schema.type) {
    case "object": {
      const all = Object.entries(schema.properties ?? {})
      const kept = all.filter(([key]) => (schema.required ?? []).includes(key) || r.chance(0.6))
      const made = kept.filter(() => !r.chance(wrong / 2)).map(([key, one]) => [key, valueOf(r, document, one, key, wrong)])
      if (r.chance(wrong / 2)) made.push([r.pick(hostile), anyValue(r)])
      return Object.fromEntries(made)
    }
    case "array":
      return Array.from({ length: r.below(4) }, () => valueOf(r, document, schema.items ?? {}, name, wrong))
    case "integer":
      return names === undefined ? r.below(r.chance(0.5) ? 5 : 100_000) : Number(r.pick(names))
    case "number":
      return r.chance(0.5) ? r.below(100) / 100 : r.below(30_000)
    case "boolean":
      return r.chance(0.5)
    case "null":
      return null
    default:
      if (names !== undefined) return r.pick(names)
      if (schema.format === "date") return "2026-11-24"
      if (schema.format === "date-time") return "2026-11-20T09:15:00Z"
      return r.chance(0.5) ? String(r.below(1_000)) : "text"
  }
}

interface Operation {
  readonly method: string
  readonly path: string
  readonly declared: Json
}
interface Request {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly body?: string
  readonly operation: Operation | undefined
}

const requestOf = (r: Random, document: Json, operations: ReadonlyArray<Operation>, jwt: string): Request => {
  const operation = r.pick(operations)
  const wrong = r.pick([0, 0, 0.1, 0.5])
  const text = (schema: Json, name: string) => {
    const value = valueOf(r, document, schema, name, wrong)
    return typeof value === "string" ? value : JSON.stringify(value)
  }
  const encode = (value: string) => encodeURIComponent(value.replace(/\p{Surrogate}/gu, "\ufffd"))
  const query: Array<string> = []
  let { path } = operation
  for (const { name, in: place, schema, required } of operation.declared.parameters ?? []) {
    if (place === "path") path = path.replace(`{${name}}`, encode(text(schema, name)) || "%20")
    else if (place === "query" && (required === true || r.chance(0.6)) && !r.chance(wrong / 4))
      query.push(`${name}=${encode(text(schema, name))}`)
  }
  if (r.chance(wrong / 4)) query.push(`${encode(r.pick(hostile))}=${encode(r.pick(hostile))}`)
  const headers: Record<string, string> = r.chance(0.95)
    ? { authorization: `Bearer ${jwt}` }
    : r.chance(0.5)
      ? { "x-api-key": "nonsense" }
      : {}
  const url = `${path}${query.length === 0 ? "" : `?${query.join("&")}`}`
  const schema = operation.declared.requestBody?.content?.["application/json"]?.schema
  if (schema === undefined) {
    if (!r.chance(0.03)) return { method: operation.method, url, headers, operation }
    const method = r.pick(["PUT", "POST", "DELETE", "PATCH"])
    return { method, url, headers, operation: operations.find((one) => one.path === operation.path && one.method === method) }
  }
  const value = JSON.stringify(valueOf(r, document, schema, "", wrong)) ?? ""
  const body = r.chance(wrong / 5) ? r.pick([`${value}}`, value.slice(1), "[".repeat(3_000), "x".repeat(300_000), "\u0000"]) : value
  headers["content-type"] = r.chance(wrong / 5)
    ? r.pick(["text/plain", "multipart/form-data; boundary=x", "application/xml"])
    : "application/json"
  return { method: operation.method, url, headers, body, operation }
}

/** The problem with an answer; undefined if it matches the contract. */
const checker = (document: Json) => {
  const ajv = new Ajv2020({ strict: false, allErrors: false })
  addFormats.default(ajv)
  ajv.addSchema(document, "document")
  const escaped = (part: string) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))
  const validate = (pointer: ReadonlyArray<string>, body: unknown): string | undefined => {
    const check = ajv.getSchema(`document#/${pointer.map(escaped).join("/")}`)
    if (check === undefined) return `no schema at ${pointer.join(" ")}`
    return check(body) === true ? undefined : JSON.stringify(check.errors?.[0])
  }
  return ({ operation }: Request, status: number, type: string, text: string): string | undefined => {
    // A health report `down` is a valid answer: its probes wait for two seconds at most.
    const isHealth = operation?.path.startsWith("/health") === true
    if (status >= 500 && !(status === 503 && isHealth)) return `${status} ${text.slice(0, 200)}`
    const isJson = type.startsWith("application/json")
    const body = isJson ? JSON.parse(text) : text
    if (operation === undefined || status === 404 || status === 405) {
      const wrong = validate(["components", "schemas", "Problem"], body)
      // A hostile name may change the path, so the answer is checked against the resulting path.
      return wrong !== undefined && operation === undefined && status < 400 ? undefined : wrong
    }
    const response = operation.declared.responses[String(status)]
    if (response === undefined) return `${status} is not declared: ${text.slice(0, 200)}`
    // An answer that declares no content has none.
    if (response.content === undefined) return text === "" ? undefined : `a body that is not declared: ${text.slice(0, 200)}`
    if (!isJson) return Object.keys(response.content).some((one) => type.startsWith(one.split(";")[0] ?? "")) ? undefined : `type ${type}`
    return validate(
      ["paths", operation.path, operation.method.toLowerCase(), "responses", String(status), "content", "application/json", "schema"],
      body
    )
  }
}

const tables = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql`SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1`
)

layer(world(), { excludeTestServices: true })("Fuzzing", (it) => {
  it.effect(
    `BE-DAT-04 BE-DAT-05 BE-API-01 ${requests} seeded requests get answers by the contract: none 5xx, none late, none of another form`,
    () =>
      Effect.gen(function* () {
        const { url, engine } = yield* World
        const repo = yield* BarRepo
        const jwt = yield* token({ sub: "fuzz" })
        // Stands in for the engine: without it history and refreshes would wait for an answer.
        const history = Asks.serve(
          Asks.fetchHistory,
          ({ exchange, instrument_token, tradingsymbol, minutes }) =>
            Effect.as(Effect.orDie(repo.markFetched({ exchange, instrumentToken: instrument_token, tradingsymbol, minutes }, [])), {
              bars: 0
            }),
          4
        )
        const instruments = Asks.serve(Asks.refreshInstruments, () => Effect.succeed({ trade_date: "2026-11-24", instruments: 7 }), 4)
        for (const served of [history, instruments]) yield* Effect.forkScoped(Effect.provideService(served, JetStream, engine))
        const document: Json = yield* Effect.promise(() => fetch(`${url}/openapi.json`).then((answer) => answer.json()))
        const operations = Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
          Object.entries<Json>(methods).map(([method, declared]): Operation => ({ method: method.toUpperCase(), path, declared }))
        )
        const check = checker(document)
        const before = yield* tables
        const wrong: Array<string> = []
        const statuses = new Map<number, number>()
        const send = (number: number) =>
          Effect.promise(async () => {
            // Each request has a separate generator, so that it is reproducible independently of the others.
            const request = requestOf(random(seed * 1_000_003 + number), document, operations, jwt)
            const said = `#${number} ${request.method} ${request.url.slice(0, 200)} ${request.body?.slice(0, 200) ?? ""}`
            try {
              const answer = await fetch(`${url}${request.url}`, {
                method: request.method,
                headers: request.headers,
                ...(request.body === undefined ? {} : { body: request.body }),
                signal: AbortSignal.timeout(answerMsMax)
              })
              const text = await answer.text()
              statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
              const found = check(request, answer.status, answer.headers.get("content-type") ?? "", text)
              if (found !== undefined) wrong.push(`${said}\n  ${found}`)
            } catch (error) {
              wrong.push(`${said}\n  ${error instanceof Error ? `${error.message} ${String(error.cause ?? "")}` : String(error)}`)
            }
          })
        yield* Effect.forEach(
          Array.from({ length: requests }, (_, at) => at),
          send,
          { concurrency: parallel, discard: true }
        )
        assert.strictEqual(wrong.length, 0, `${wrong.length} of ${requests}, seed ${seed}:\n${wrong.slice(0, 10).join("\n")}`)
        // The run is useful only if it reaches both handlers and refusals.
        for (const status of [200, 401, 404, 422]) assert.isAbove(statuses.get(status) ?? 0, 0, `${status} in ${[...statuses]}`)
        assert.deepStrictEqual(yield* tables, before)
      }).pipe(Effect.scoped),
    Math.max(120_000, requests * 400)
  )
})
