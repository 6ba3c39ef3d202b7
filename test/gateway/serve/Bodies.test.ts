import { connect as connectTcp } from "node:net"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as RequestBody from "../../../src/gateway/serve/RequestBody.ts"
import { ask, token, World, world } from "../GatewayWorld.ts"

interface Raw {
  readonly status: number
  readonly headers: string
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into any body
  readonly body: any
}

/** Writes bytes on a connection, keeps it open, and returns everything received until the server closed it. */
const exchange = (parts: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { url } = yield* World
    const { hostname, port } = new URL(url)
    return yield* Effect.async<Raw>((resume) => {
      const socket = connectTcp(Number(port), hostname, () => {
        for (const part of parts) socket.write(part)
      })
      let text = ""
      socket.setEncoding("utf8")
      socket.on("data", (more) => {
        text += more
      })
      socket.on("error", () => {}) // A server that closes while we still write resets the connection; only its earlier answer counts.
      socket.on("close", () => {
        const [head = "", ...rest] = text.split("\r\n\r\n")
        const body = rest.join("\r\n\r\n")
        resume(
          Effect.succeed({
            status: Number(head.split(" ")[1]),
            headers: head.toLowerCase(),
            body: body.startsWith("{") ? JSON.parse(body) : body
          })
        )
      })
      return Effect.sync(() => socket.destroy())
    })
  })

const post = (jwt: string, ...headers: ReadonlyArray<string>) =>
  ["POST /strategies HTTP/1.1", "host: x", `authorization: Bearer ${jwt}`, ...headers, "", ""].join("\r\n")
const json = "content-type: application/json"
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

const refusedAs = ({ status, body }: Raw, expected: number, code: string) => {
  assert.deepStrictEqual([status, body.code, body.errors], [expected, code, []], JSON.stringify(body))
  assert.isNotEmpty(body.detail)
  assert.match(body.request_id, /^[\w-]{8,}$/)
}

layer(world({ config: { HTTP_BODY_TIMEOUT: "60 seconds" } }), { excludeTestServices: true })("Bodies", (it) => {
  it.effect("BE-DAT-05 BE-SEC-08 a body that is not JSON is 415, an unreadable one 422, in the contract's form", () =>
    Effect.gen(function* () {
      const boundary = "--x\r\ncontent-disposition: form-data; name=a\r\n"
      const cases: ReadonlyArray<readonly [type: string, raw: string, status: number, code: string]> = [
        ["multipart/form-data; boundary=x", boundary, 415, "unsupported_media_type"],
        ["multipart/form-data", "x", 415, "unsupported_media_type"],
        ["application/x-www-form-urlencoded", "name=a", 415, "unsupported_media_type"],
        ["text/plain", '{"name":"a"}', 415, "unsupported_media_type"],
        ["application/jsonp", '{"name":"a"}', 415, "unsupported_media_type"],
        ["multipart/form-data; boundary=x", "", 422, "validation_error"],
        ["application/x-www-form-urlencoded", "", 422, "validation_error"],
        ["application/json", "", 422, "validation_error"],
        ["application/json; charset=utf-8", "{", 422, "validation_error"],
        ["application/json", "\u0000", 422, "validation_error"],
        ["application/json", '{"name":"a"}}', 422, "validation_error"],
        ["application/json", "[".repeat(3_000) + "]".repeat(3_000), 422, "validation_error"],
        ["application/json", `${'{"a":'.repeat(3_000)}1${"}".repeat(3_000)}`, 422, "validation_error"],
        ["application/json", `{"name":"a","tags":${"[".repeat(40_000)}`, 422, "validation_error"]
      ]
      for (const [type, raw, status, code] of cases) {
        const { status: got, body } = yield* ask("/strategies", { method: "POST", raw, headers: { "content-type": type } })
        assert.deepStrictEqual([got, body.code], [status, code], `${type} ${raw.slice(0, 20)}`)
        assert.isArray(body.errors)
      }
      const { status } = yield* ask("/strategies", { method: "POST", raw: '{"name":"[[[[ {{{{ \\" [["}' })
      assert.strictEqual(status, 201)
    })
  )

  it.effect("a missing body means the same as an empty object", () =>
    Effect.gen(function* () {
      const missing = yield* ask("/strategies", { method: "POST" })
      assert.deepStrictEqual([missing.status, missing.body.errors], [422, [{ field: "name", message: "is missing" }]])
      const { key_id } = (yield* ask("/api-keys", { method: "POST", body: { name: "k", scopes: ["strategies:read"] } })).body
      assert.strictEqual((yield* ask(`/api-keys/${key_id}/rotate`, { method: "POST" })).status, 201)
      assert.strictEqual((yield* ask("/kill/release", { method: "POST", role: "admin" })).status, 409)
    })
  )

  it.effect("brackets in strings do not count as nesting, and a body as deep as the contract's deepest is read", () =>
    Effect.sync(() => {
      assert.isFalse(RequestBody.isTooDeep(`["${"[".repeat(100)}", "\\"${"{".repeat(100)}"]`))
      assert.isFalse(RequestBody.isTooDeep(`${"[".repeat(32)}${"]".repeat(32)}`))
      assert.isTrue(RequestBody.isTooDeep("[".repeat(33)))
      assert.isFalse(RequestBody.isTooDeep("[],".repeat(1_000)))
    })
  )

  it.effect("BE-SEC-08 a chunked body over the limit is answered 413 and the connection closed", () =>
    Effect.gen(function* () {
      const jwt = yield* token()
      const parts = [post(jwt, json, "transfer-encoding: chunked"), ...Array.from({ length: 8 }, () => chunk("x".repeat(40_000)))]
      const answer = yield* exchange(parts)
      refusedAs(answer, 413, "too_large")
      assert.include(answer.headers, "connection: close")
    })
  )

  it.effect("BE-API-01 a request that the parser rejects has the error form too", () =>
    Effect.gen(function* () {
      const jwt = yield* token()
      refusedAs(yield* exchange(["NONSENSE\r\n\r\n"]), 400, "bad_request")
      refusedAs(yield* exchange([`GET /health HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(20_000)}\r\n\r\n`]), 431, "headers_too_large")
      refusedAs(yield* exchange([post(jwt, json, "content-length: x"), "{}"]), 400, "bad_request")
      refusedAs(yield* exchange([post(jwt, json, "transfer-encoding: chunked"), "zz\r\n"]), 400, "bad_request")
    })
  )
})

layer(world({ config: { HTTP_BODY_TIMEOUT: "1 second" } }), { excludeTestServices: true })("Slow bodies", (it) => {
  it.effect("BE-SEC-08 a body that stalls is answered 408 and the connection closed", () =>
    Effect.gen(function* () {
      const jwt = yield* token()
      refusedAs(yield* exchange([post(jwt, json, "content-length: 100"), '{"name":']), 408, "request_timeout")
      refusedAs(yield* exchange([post(jwt, json, "transfer-encoding: chunked"), chunk('{"name":')]), 408, "request_timeout")
    })
  )
})

layer(world({ config: { ALLOWED_ORIGINS: "https://charts.example.com,https://desk.example.com" } }), { excludeTestServices: true })(
  "Origins",
  (it) => {
    const origin = "https://desk.example.com"

    it.effect("BE-API-03 an allowed origin is named in answers and preflights, another one is not", () =>
      Effect.gen(function* () {
        for (const path of ["/strategies", "/udf/config", "/nowhere"]) {
          const answer = yield* ask(path, { headers: { origin } })
          assert.strictEqual(answer.headers.get("access-control-allow-origin"), origin, path)
          assert.strictEqual(answer.headers.get("access-control-allow-credentials"), "true")
          assert.strictEqual(answer.headers.get("access-control-expose-headers"), "retry-after,x-request-id")
          assert.include(answer.headers.get("vary") ?? "", "Origin")
          const other = yield* ask(path, { headers: { origin: "https://evil.example.com" } })
          assert.isNull(other.headers.get("access-control-allow-origin"), path)
        }
        const wanted = { origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization" }
        const preflight = yield* ask("/strategies", { method: "OPTIONS", as: null, headers: wanted })
        assert.strictEqual(preflight.status, 204)
        assert.strictEqual(preflight.headers.get("access-control-allow-origin"), origin)
        assert.include(preflight.headers.get("access-control-allow-methods") ?? "", "PATCH")
        assert.include(preflight.headers.get("access-control-allow-headers") ?? "", "authorization")
        assert.strictEqual(preflight.headers.get("access-control-max-age"), "600")
        const refused = yield* ask("/strategies", {
          method: "OPTIONS",
          as: null,
          headers: { ...wanted, origin: "https://evil.example.com" }
        })
        assert.isNull(refused.headers.get("access-control-allow-origin"))
        // The page must be able to read a refusal too.
        const unauthenticated = yield* ask("/strategies", { as: null, headers: { origin } })
        assert.deepStrictEqual([unauthenticated.status, unauthenticated.headers.get("access-control-allow-origin")], [401, origin])
      })
    )

    it.effect("BE-SEC-08 a WebSocket's page must be of an allowed origin or our own; programs send none", () =>
      Effect.gen(function* () {
        const jwt = yield* token()
        const { url } = yield* World
        const { host } = new URL(url)
        const handshake = (from: string | undefined) =>
          exchange([
            [
              `GET /ws/ticks?token=${jwt} HTTP/1.1`,
              `host: ${host}`,
              "connection: upgrade",
              "upgrade: websocket",
              "sec-websocket-version: 13",
              // Without a key the handshake goes no further. The checks of this test come before it.
              ...(from === undefined ? [] : [`origin: ${from}`]),
              "",
              ""
            ].join("\r\n")
          ])
        refusedAs(yield* handshake("https://evil.example.com"), 403, "forbidden")
        refusedAs(yield* handshake("null"), 403, "forbidden")
        for (const from of [origin, `http://${host}`, undefined]) assert.strictEqual((yield* handshake(from)).status, 400, from)
      })
    )
  }
)

layer(world(), { excludeTestServices: true })("UDF", (it) => {
  it.effect("BE-SEC-01 without credentials a TradingView front end starts and reports why it has no data", () =>
    Effect.gen(function* () {
      for (const path of [
        "config",
        "symbols?symbol=NIFTY",
        "history?symbol=NIFTY&resolution=1&from=1&to=2",
        "search?query=N",
        "quotes?symbols=N"
      ]) {
        const { status, body } = yield* ask(`/udf/${path}`, { as: null })
        assert.strictEqual(status, 401)
        assert.deepInclude(body, { s: "error", errmsg: "Authentication required", detail: "Authentication required", code: "unauthorized" })
        // The datafeed bundle ignores the status, and without this one field its start throws and never ends.
        assert.isTrue(body.supports_search)
      }
    })
  )

  it.effect("BE-API-03 without a configured origin no page of another origin may read, and OPTIONS is no method", () =>
    Effect.gen(function* () {
      const answer = yield* ask("/strategies", { headers: { origin: "https://desk.example.com" } })
      assert.isNull(answer.headers.get("access-control-allow-origin"))
      assert.strictEqual((yield* ask("/strategies", { method: "OPTIONS", as: null })).status, 405)
    })
  )
})
