import { createHash } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Metric, Redacted, TestClock } from "effect"
import { Login } from "../../src/broker/Account.ts"
import * as KiteClient from "../../src/broker/KiteClient.ts"
import * as KiteRest from "../../src/broker/KiteRest.ts"
import * as Metrics from "../../src/broker/Metrics.ts"
import { stepped } from "../SteppedClock.ts"
import { accessToken, account, canary, captureLogs, httpServer, leaks, sessionOf } from "./KiteServer.ts"

const restOf = (root: string, options: { readonly login?: Login; readonly accountId?: string; readonly timeoutMs?: number } = {}) =>
  Effect.gen(function* () {
    const settings = { requestTimeoutMs: options.timeoutMs ?? KiteClient.defaults.requestTimeoutMs }
    const client = yield* KiteClient.make(account({ root, ...options }), settings)
    const session = yield* sessionOf(client)
    return { session, rest: KiteRest.make(session) }
  })

const json = (response: ServerResponse, status: number, body: unknown) =>
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
const refusal = (errorType: string, message: string) => ({ status: "error", message, error_type: errorType, data: null })
const profile = {
  user_id: "AB1234",
  user_name: "A B",
  broker: "ZERODHA",
  exchanges: ["NSE", "NFO"],
  products: ["NRML"],
  avatar_url: null,
  meta: { demat_consent: "physical" }
}
const dump = `instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange
408065,1594,INFY,INFOSYS,0.0,,0.0,0.05,1,EQ,NSE,NSE
12683010,49543,NIFTY26AUG24500CE,NIFTY,0.0,2026-08-25,24500.0,0.05,75,CE,NFO-OPT,NFO
bad,49543,X,NIFTY,0.0,2026-08-25,24500.0,0.05,75,CE,NFO-OPT,NFO
`
const quote = {
  instrument_token: 408065,
  timestamp: "2021-06-08 15:45:56",
  last_trade_time: "2021-06-08 00:15:52",
  last_price: 1412.95,
  last_quantity: 5,
  buy_quantity: 0,
  sell_quantity: 5191,
  volume: 7360198,
  average_price: 1412.47,
  oi: 3_000_000_000,
  oi_day_high: 0,
  oi_day_low: 0,
  ohlc: { open: 1396, high: 1421.75, low: 1395.55, close: 1389.65 },
  depth: { buy: [{ price: 0, quantity: 0, orders: 0 }], sell: [{ price: 1412.95, quantity: 5191, orders: 13 }] }
}

/** A server with one handler per path, which records its requests. */
const kite = (routes: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>>) =>
  Effect.gen(function* () {
    const asked: Array<{
      readonly method: string
      readonly url: URL
      readonly headers: IncomingMessage["headers"]
      readonly body: string
    }> = []
    const server = yield* httpServer((request, response) => {
      const url = new URL(request.url ?? "/", "http://kite")
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        asked.push({ method: request.method ?? "", url, headers: request.headers, body: Buffer.concat(chunks).toString() })
        const route = routes[url.pathname]
        if (route === undefined) json(response, 404, refusal("GeneralException", "Route not found"))
        else route(request, response)
      })
    })
    return { ...server, asked }
  })

describe("KiteRest", () => {
  it.scopedLive("reads profile, instruments and quotes through kiteconnect at another root, with the account's token", () =>
    Effect.gen(function* () {
      const server = yield* kite({
        "/user/profile": (_, response) => json(response, 200, { status: "success", data: profile }),
        "/instruments": (_, response) =>
          response.writeHead(200, { "content-type": "text/csv", "content-encoding": "gzip" }).end(gzipSync(dump)),
        "/instruments/NFO": (_, response) => response.writeHead(200, { "content-type": "text/csv; charset=utf-8" }).end(dump),
        "/quote": (_, response) => json(response, 200, { status: "success", data: { "NSE:INFY": quote } }),
        "/quote/ohlc": (_, response) => json(response, 200, { status: "success", data: { "NSE:INFY": quote } }),
        "/quote/ltp": (_, response) => json(response, 200, { status: "success", data: { "NSE:INFY": quote } })
      })
      const { rest } = yield* restOf(server.url)
      assert.strictEqual((yield* rest.profile).user_id, "AB1234")
      assert.strictEqual(server.asked[0]?.headers.authorization, `token ${canary.apiKey}:${canary.accessToken}`)
      assert.strictEqual(server.asked[0]?.headers["x-kite-version"], "3")
      const all = yield* rest.instruments()
      assert.deepStrictEqual(
        all.instruments.map((row) => [row.token, row.tradingsymbol, row.expiry, row.strike]),
        [
          [408065, "INFY", null, 0],
          [12683010, "NIFTY26AUG24500CE", "2026-08-25", 2_450_000]
        ]
      )
      assert.deepStrictEqual(
        all.rejected.map((row) => row.line),
        [4]
      )
      assert.strictEqual((yield* rest.instruments("NFO")).instruments.length, 2)
      const quotes = yield* rest.quote(["NSE:INFY", "NSE:M&M"])
      assert.deepStrictEqual(server.asked.at(-1)?.url.searchParams.getAll("i"), ["NSE:INFY", "NSE:M&M"])
      assert.strictEqual(quotes["NSE:INFY"]?.timestamp?.toISOString(), "2021-06-08T10:15:56.000Z")
      assert.strictEqual(quotes["NSE:INFY"]?.last_trade_time?.toISOString(), "2021-06-07T18:45:52.000Z")
      assert.strictEqual(quotes["NSE:INFY"]?.oi, 3_000_000_000)
      assert.strictEqual((yield* rest.ohlc(["NSE:INFY"]))["NSE:INFY"]?.ohlc.close, 1389.65)
      assert.strictEqual((yield* rest.ltp(["NSE:INFY"]))["NSE:INFY"]?.last_price, 1412.95)
      assert.deepStrictEqual(yield* rest.ltp([]), {})
    })
  )

  it.scopedLive("asking for more quotes than one call allows fails with TooManyInstruments, without a call", () =>
    Effect.gen(function* () {
      const server = yield* kite({})
      const { rest } = yield* restOf(server.url)
      const error = yield* Effect.flip(rest.quote(Array.from({ length: 501 }, (_, at) => `NSE:S${at}`)))
      assert.strictEqual(error._tag, "TooManyInstruments")
      assert.strictEqual(server.asked.length, 0)
    })
  )

  it.scopedLive("TC-ERR-022 bad credentials fail with Invalid API credentials, and another account of the process still works", () =>
    Effect.gen(function* () {
      const bad = yield* kite({
        "/connect/login": (_, response) => response.writeHead(302, { location: "/done?request_token=r1&status=success" }).end(),
        "/session/token": (_, response) => json(response, 403, refusal("TokenException", "Invalid `checksum`.")),
        "/user/profile": (_, response) => json(response, 403, refusal("TokenException", "Incorrect `api_key` or `access_token`."))
      })
      const good = yield* kite({ "/user/profile": (_, response) => json(response, 200, { status: "success", data: profile }) })
      const stored = yield* restOf(bad.url, { accountId: "STORED" })
      const auto = yield* restOf(bad.url, { accountId: "AUTO", login: Login.Auto() })
      const absent = yield* restOf(bad.url, { accountId: "ABSENT", login: Login.Absent() })
      const other = yield* restOf(good.url, { accountId: "OTHER" })
      for (const { rest } of [stored, auto, absent]) {
        const error = yield* Effect.flip(rest.profile)
        assert.strictEqual(error._tag, "InvalidCredentials")
        assert.match(
          error.message,
          /^Invalid API credentials: account (STORED|AUTO|ABSENT), login: |^Invalid API credentials: account AUTO, session: /
        )
        assert.include(Cause.pretty(Cause.fail(error)), "Invalid API credentials")
      }
      assert.strictEqual((yield* other.rest.profile).user_id, "AB1234")
    })
  )

  it.scopedLive(
    "TC-ERR-023 an unparsable answer is logged with a bounded excerpt, the call fails with UnparsableResponse, and the next call works",
    () => {
      const logs = captureLogs()
      return Effect.gen(function* () {
        let turn = 0
        const long = `<html>${"x".repeat(100_000)}</html>`
        const answers: ReadonlyArray<(response: ServerResponse) => void> = [
          (response) => response.writeHead(200, { "content-type": "text/html" }).end(long),
          (response) => response.writeHead(200, { "content-type": "application/json" }).end('{"status":"success","data":{"user_id"'),
          (response) => json(response, 200, { status: "success", data: { user_id: 7 } }),
          (response) => response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" }).end("no gzip"),
          (response) => response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad Gateway</h1>"),
          (response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
          (response) => json(response, 200, { status: "success", data: profile })
        ]
        const server = yield* kite({ "/user/profile": (_, response) => answers[turn++]?.(response) })
        const { rest } = yield* restOf(server.url)
        const statuses: Array<number> = []
        for (let at = 0; at < answers.length - 1; at++) {
          const error = yield* Effect.flip(rest.profile)
          assert.strictEqual(error._tag, "UnparsableResponse", `answer ${at}: ${error.message}`)
          assert.isBelow(error.message.length, 500)
          if (error._tag === "UnparsableResponse") statuses.push(error.status)
        }
        assert.deepStrictEqual(statuses, [200, 200, 200, 200, 502, 302])
        assert.strictEqual((yield* rest.profile).user_id, "AB1234")
        const logged = logs.lines.filter((line) => line.includes("unparsable answer"))
        assert.strictEqual(logged.length, 6)
        assert.isTrue(logged.every((line) => line.length < 1_000))
        assert.include(logged[0]!, "<html>xxx")
        assert.include(logged[0]!, "(100013 characters)")
      }).pipe(Effect.provide(logs.layer))
    }
  )

  it.scopedLive("an answer beyond the size limit and an answer that ends early are UnparsableResponse", () =>
    Effect.gen(function* () {
      let next: (response: ServerResponse) => void = (response) =>
        response.writeHead(200, { "content-type": "application/json" }).end("x".repeat(KiteClient.answerBytesMax + 1))
      const server = yield* kite({ "/user/profile": (_, response) => next(response) })
      const { rest } = yield* restOf(server.url)
      const long = yield* Effect.flip(rest.profile)
      assert.deepInclude(long, { _tag: "UnparsableResponse", status: 0 })
      assert.include(long.message, `longer than ${KiteClient.answerBytesMax} bytes`)
      next = (response) => {
        response.writeHead(200, { "content-type": "application/json", "content-length": "1000" })
        response.write('{"status":"succ', () => response.destroy())
      }
      const broken = yield* Effect.flip(rest.profile)
      assert.include(["UnparsableResponse", "KiteUnreachable"], broken._tag)
    })
  )

  it.scopedLive("TC-ERR-031 the error of a call or a login names the host that cannot be resolved", () =>
    Effect.gen(function* () {
      for (const login of [accessToken(), Login.Auto()]) {
        const { rest } = yield* restOf("http://no-such-host.invalid", { login })
        const error = yield* Effect.flip(rest.profile)
        assert.strictEqual(error._tag, "HostNotResolved")
        assert.match(error.message, /^Failed to resolve hostname no-such-host\.invalid /)
      }
    })
  )

  it.scopedLive("Kite's errors keep their type and their HTTP status", () =>
    Effect.gen(function* () {
      let next: (response: ServerResponse) => void = () => {}
      const server = yield* kite({ "/user/profile": (_, response) => next(response) })
      const { rest } = yield* restOf(server.url)
      const answer = (status: number, body: unknown) => {
        next = (response) => json(response, status, body)
        return Effect.flip(rest.profile)
      }
      const input = yield* answer(400, refusal("InputException", "Invalid `i`"))
      assert.deepInclude(input, { _tag: "KiteRefused", status: 400, errorType: "InputException", reason: "Invalid `i`" })
      const unknown = yield* answer(500, refusal("SurpriseException", "?"))
      assert.deepInclude(unknown, { _tag: "KiteRefused", status: 500, errorType: "GeneralException" })
      // An error envelope with status 200 is still an error.
      assert.deepInclude(yield* answer(200, refusal("DataException", "?")), {
        _tag: "KiteRefused",
        status: 200,
        errorType: "DataException"
      })
      assert.deepInclude(yield* answer(503, refusal("NetworkException", "OMS down")), {
        _tag: "KiteRefused",
        status: 503,
        errorType: "NetworkException"
      })
      next = (response) => response.writeHead(429, { "content-type": "text/plain", "retry-after": "2" }).end("slow down")
      assert.deepInclude(yield* Effect.flip(rest.profile), { _tag: "RateLimited", status: 429, retryAfterMs: 2_000 })
      next = (response) => response.destroy()
      assert.deepInclude(yield* Effect.flip(rest.profile), { _tag: "KiteUnreachable", code: "ECONNRESET" })
      server.stop()
      assert.deepInclude(yield* Effect.flip(rest.profile), { _tag: "KiteUnreachable", code: "ECONNREFUSED" })
    })
  )

  it.scoped("TC-ERR-021 a call to a server that never answers fails after ten seconds", () =>
    Effect.gen(function* () {
      const server = yield* kite({ "/user/profile": () => {} })
      const { rest } = yield* restOf(server.url)
      const fiber = yield* Effect.fork(Effect.flip(rest.profile))
      yield* TestClock.adjust("9999 millis")
      assert.isNull(fiber.unsafePoll())
      yield* TestClock.adjust("1 millis")
      const error = yield* fiber
      assert.deepInclude(error, { _tag: "KiteTimeout", afterMs: 10_000 })
    })
  )

  it.scoped("calls stay within Kite's rates: ten per second, one quote call per second", () =>
    Effect.gen(function* () {
      const server = yield* kite({})
      const client = yield* KiteClient.make(account({ root: server.url }))
      const started: Array<number> = []
      const call = (family: "quote" | "other") =>
        client.send({
          op: "rate",
          token: null,
          family,
          // The call is counted when it would be sent; its answer does not matter here.
          run: () => {
            started.push(1)
            return Promise.reject(new Error("not sent"))
          },
          read: KiteClient.csv
        })
      const burst = (family: "quote" | "other") =>
        Effect.forEach(Array.from({ length: 25 }), () => Effect.exit(call(family)), { concurrency: "unbounded" })
      const others = yield* Effect.fork(burst("other"))
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(started.length, 10)
      yield* TestClock.adjust("1 seconds")
      assert.isAtMost(started.length, 20)
      assert.isAtLeast(started.length, 18)
      yield* Fiber.interrupt(others)
      const before = started.length
      const quotes = yield* Effect.fork(burst("quote"))
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(started.length, before + 1)
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(started.length, before + 2)
      yield* Fiber.interrupt(quotes)
      // Somebody sets the machine's clock back: the next call does not wait for an hour.
      const setBack = stepped(yield* Effect.clock, () => -3_600_000)
      yield* Effect.fork(Effect.withClock(Effect.exit(call("quote")), setBack))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(started.length, before + 3)
    })
  )

  it.scopedLive("an account with automatic login logs in once for all callers, and once more when its token is refused", () =>
    Effect.gen(function* () {
      let logins = 0
      let valid = "t1"
      const server = yield* kite({
        "/connect/login": (_, response) =>
          response.writeHead(302, { location: `http://elsewhere/?request_token=r${++logins}&status=success` }).end(),
        "/session/token": (_, response) =>
          json(response, 200, {
            status: "success",
            data: { user_id: "AB1234", access_token: `t${logins}`, login_time: "2021-01-01 16:15:14" }
          }),
        "/user/profile": (request, response) =>
          request.headers.authorization === `token ${canary.apiKey}:${valid}`
            ? json(response, 200, { status: "success", data: profile })
            : json(response, 403, refusal("TokenException", "Token is invalid or has expired."))
      })
      const { rest, session } = yield* restOf(server.url, { login: Login.Auto() })
      yield* Effect.all(
        Array.from({ length: 5 }, () => rest.profile),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(logins, 1)
      const form = new URLSearchParams(server.asked.find(({ url }) => url.pathname === "/session/token")?.body)
      assert.strictEqual(form.get("request_token"), "r1")
      assert.strictEqual(form.get("checksum"), createHash("sha256").update(`${canary.apiKey}r1${canary.apiSecret}`).digest("hex"))
      valid = "t2"
      yield* Effect.all(
        Array.from({ length: 5 }, () => rest.profile),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(logins, 2)
      const { url } = yield* session.socketAddress
      assert.strictEqual(Redacted.value(url), `${server.url.replace("http", "ws")}/?api_key=${canary.apiKey}&access_token=t2`)
      valid = "none"
      const error = yield* Effect.flip(rest.profile)
      assert.strictEqual(error._tag, "InvalidCredentials")
      assert.strictEqual(logins, 3)
    })
  )

  it.scopedLive("a request token is exchanged once, and a login as another user is refused", () =>
    Effect.gen(function* () {
      let userId = "AB1234"
      let exchanges = 0
      const server = yield* kite({
        "/session/token": (_, response) => {
          exchanges++
          json(response, 200, { status: "success", data: { user_id: userId, access_token: "t1" } })
        }
      })
      const login = Login.RequestToken({ requestToken: Redacted.make(canary.requestToken) })
      const { session } = yield* restOf(server.url, { login })
      assert.strictEqual(Redacted.value(yield* session.token), "t1")
      assert.strictEqual(Redacted.value(yield* session.token), "t1")
      assert.strictEqual(exchanges, 1)
      userId = "ZZ9999"
      const other = yield* restOf(server.url, { login })
      assert.match((yield* Effect.flip(other.session.token)).message, /belongs to another user than user_id/)
    })
  )

  it.scopedLive("a session that a person stores while the platform runs takes the place of a refused one", () =>
    Effect.gen(function* () {
      let valid = "t1"
      const server = yield* kite({
        "/user/profile": (request, response) =>
          request.headers.authorization === `token ${canary.apiKey}:${valid}`
            ? json(response, 200, { status: "success", data: profile })
            : json(response, 403, refusal("TokenException", "Token is invalid or has expired."))
      })
      let stored = accessToken("t1")
      const login = () => stored
      const session = yield* sessionOf(yield* KiteClient.make(account({ root: server.url }), KiteClient.defaults), { login })
      const { profile: asked } = KiteRest.make(session)
      yield* asked
      valid = "t2"
      const error = yield* Effect.flip(asked)
      assert.strictEqual(error._tag, "InvalidCredentials")
      assert.match(error.message, /a person has to sign in: at \/kite\/login\?account=A1, or with npm run login -- --account A1/)
      stored = accessToken("t2")
      yield* asked
      stored = Login.Absent()
      yield* asked
      valid = "t3"
      assert.strictEqual((yield* Effect.flip(asked))._tag, "InvalidCredentials")
    })
  )

  it.scopedLive("each kind of refusal by the login page gets its own error", () =>
    Effect.gen(function* () {
      let answer: readonly [number, Record<string, string>] = [400, {}]
      const server = yield* kite({ "/connect/login": (_, response) => response.writeHead(...answer).end("x") })
      const { session } = yield* restOf(server.url, { login: Login.Auto() })
      const tagFor = (status: number, headers: Record<string, string> = {}) =>
        Effect.suspend(() => {
          answer = [status, headers]
          return Effect.map(Effect.flip(session.token), (error) => error._tag)
        })
      assert.strictEqual(yield* tagFor(429), "RateLimited")
      assert.strictEqual(yield* tagFor(503), "KiteRefused")
      assert.strictEqual(yield* tagFor(200), "UnparsableResponse")
      assert.strictEqual(yield* tagFor(302, { location: "/?status=cancelled" }), "UnparsableResponse")
      assert.strictEqual(yield* tagFor(400), "InvalidCredentials")
    })
  )

  it.scopedLive("canary secrets appear in no log line, error or defect, whatever goes wrong (the log half of BE-SEC-07)", () => {
    const logs = captureLogs()
    return Effect.gen(function* () {
      const stolen = Object.entries(canary).map(
        ([name, secret]) => `"${name.replaceAll(/[A-Z]/g, (char) => `_${char.toLowerCase()}`)}":"${secret}"`
      )
      // The worst server for our logs repeats every secret that it got, in clear text and by name.
      type Break = (response: ServerResponse, sent: string) => void
      const breaks: ReadonlyArray<Break> = [
        (response, sent) => json(response, 403, refusal("TokenException", `you sent ${sent}`)),
        (response, sent) => json(response, 400, refusal("InputException", `you sent ${sent}`)),
        (response, sent) => json(response, 429, refusal("NetworkException", `you sent ${sent}`)),
        (response, sent) => response.writeHead(200, { "content-type": "application/json" }).end(`{${stolen.join()}, "x": "${sent}"`),
        (response, sent) => response.writeHead(200, { "content-type": `text/${canary.apiKey}` }).end(sent),
        (response, sent) => response.writeHead(500, { "content-type": "text/html" }).end(sent),
        (response) => response.destroy()
      ]
      let next: Break = () => {}
      const server = yield* kite({
        "/connect/login": (_, response) => response.writeHead(302, { location: `/?request_token=${canary.requestToken}` }).end(),
        "/session/token": (_, response) => next(response, `${canary.apiKey} ${canary.requestToken} ${canary.apiSecret}`),
        "/user/profile": (request, response) => next(response, `${request.headers.authorization} ${canary.apiSecret}`)
      })
      const stored = yield* restOf(server.url)
      const auto = yield* restOf(server.url, { login: Login.Auto() })
      const texts: Array<string> = []
      for (const fail of breaks) {
        next = fail
        for (const { rest } of [stored, auto]) {
          const exit = yield* Effect.exit(rest.profile)
          if (Exit.isSuccess(exit)) assert.fail("succeeded")
          const error = Cause.squash(exit.cause)
          texts.push(Cause.pretty(exit.cause, { renderErrorCause: true }), JSON.stringify(error), String(error), JSON.stringify(exit))
          yield* Effect.logError("call failed", exit.cause)
          yield* Effect.logError(error)
        }
      }
      assert.isAbove(logs.lines.length, breaks.length * 2)
      assert.deepStrictEqual(leaks(texts.join("\n")), [])
      assert.deepStrictEqual(leaks(logs.lines.join("\n")), [])
      const metrics = yield* Metric.snapshot
      assert.deepStrictEqual(leaks(JSON.stringify(metrics.map(({ metricKey }) => metricKey))), [])
    }).pipe(Effect.provide(logs.layer))
  })

  it.scopedLive("calls are counted by outcome, and timed", () =>
    Effect.gen(function* () {
      let status = 200
      const server = yield* kite({
        "/user/profile": (_, response) =>
          status === 200
            ? json(response, 200, { status: "success", data: profile })
            : json(response, status, refusal("InputException", "no"))
      })
      const { rest } = yield* restOf(server.url)
      const count = (label: string) =>
        Effect.map(
          Metric.value(Metrics.requests.pipe(Metric.tagged("op", "profile"), Metric.tagged("status", label))),
          (state) => state.count
        )
      const timed = Effect.map(Metric.value(Metrics.requestSeconds.pipe(Metric.tagged("op", "profile"))), (state) => state.count)
      const [ok, refused, before] = [yield* count("200"), yield* count("400"), yield* timed]
      yield* rest.profile
      yield* rest.profile
      status = 400
      yield* Effect.flip(rest.profile)
      assert.deepStrictEqual([(yield* count("200")) - ok, (yield* count("400")) - refused, (yield* timed) - before], [2, 1, 3])
    })
  )
})
