import { readFileSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Logger, LogLevel, TestClock } from "effect"
import { KiteConnect } from "kiteconnect"
import * as Instrument from "../../src/domain/market/Instrument.ts"
import * as Sessions from "../../src/simulator/Sessions.ts"
import * as Simulator from "../../src/simulator/Simulator.ts"
import type * as SimulatorOptions from "../../src/simulator/SimulatorOptions.ts"
import { waitMsMax } from "../Patience.ts"
import { compareShapes } from "./RecordedShape.ts"
import { absent, account, first, login, recorded, requestToken } from "./SimulatorWorld.ts"

const startMs = Date.parse("2026-11-23T04:00:00Z")
const start = (options: Partial<SimulatorOptions.Options> = {}) =>
  Simulator.make({ accounts: [first], market: { mode: "synthetic", startMs, rate: 0, strikesEachSide: 3 }, ...options }).pipe(
    Logger.withMinimumLogLevel(LogLevel.Warning)
  )

const get = (url: string, path: string, authorization?: string, init: RequestInit = {}) =>
  Effect.promise(async () => {
    const headers = { ...(authorization === undefined ? {} : { authorization }), "x-kite-version": "3", ...init.headers }
    const response = await fetch(`${url}${path}`, { redirect: "manual", ...init, headers })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text === "" ? null : JSON.parse(text) }
  })

const compareWith = (file: string, actual: { readonly data: unknown }) => {
  const expected = JSON.parse(readFileSync(recorded(`kite/${file}`) ?? "", "utf8"))
  compareShapes(actual, expected)
}

describe("KiteRest, real kiteconnect calls", () => {
  it.scopedLive("logs in, reads the profile and logs out", () =>
    Effect.gen(function* () {
      const simulator = yield* start()
      const { kite, accessToken } = yield* login(simulator.url)
      expect(accessToken).toMatch(/^[0-9a-f]{32}$/)
      const profile = yield* Effect.promise(() => kite.getProfile())
      expect([profile.user_id, profile.broker]).toEqual([first.userId, "ZERODHA"])
      expect(yield* Effect.promise(() => kite.invalidateAccessToken(accessToken))).toBe(true)
      const refused = yield* Effect.tryPromise({ try: () => kite.getProfile(), catch: (error) => error }).pipe(Effect.flip)
      expect(refused).toEqual({
        status: "error",
        message: "Incorrect `api_key` or `access_token`.",
        data: null,
        error_type: "TokenException"
      })
    })
  )

  it.scopedLive("reads the margins of all segments and of one", () =>
    Effect.gen(function* () {
      const simulator = yield* start()
      const { kite } = yield* login(simulator.url)
      const all = yield* Effect.promise(() => kite.getMargins())
      expect([all.equity?.net, all.commodity?.available.cash]).toEqual([1_000_000, 1_000_000])
      for (const segment of ["equity", "commodity"] as const)
        expect(yield* Effect.promise(() => kite.getMargins(segment as never))).toEqual(all[segment])
    })
  )

  it.scopedLive("renews an access token by the refresh token, until that one is invalidated", () =>
    Effect.gen(function* () {
      const { url } = yield* start()
      const kite = new KiteConnect({ api_key: first.apiKey, root: url, timeout: waitMsMax })
      const token = yield* requestToken(url, first.apiKey)
      const session = yield* Effect.promise(() => kite.generateSession(token, first.apiSecret))
      const refreshToken = session.refresh_token ?? ""
      expect(refreshToken).toMatch(/^[0-9a-f]{32}$/)
      const renewed = yield* Effect.promise(() => kite.renewAccessToken(refreshToken, first.apiSecret))
      expect(renewed).toEqual({
        user_id: first.userId,
        access_token: expect.stringMatching(/^[0-9a-f]{32}$/),
        refresh_token: refreshToken
      })
      expect(renewed.access_token).not.toBe(session.access_token)
      // kiteconnect uses the new token by itself; the one before it has ended.
      expect((yield* Effect.promise(() => kite.getProfile())).user_id).toBe(first.userId)
      expect((yield* get(url, "/user/profile", `token ${first.apiKey}:${session.access_token}`)).status).toBe(403)
      const refusal = (attempt: () => Promise<unknown>) => Effect.flip(Effect.tryPromise({ try: attempt, catch: (error) => error }))
      expect(yield* refusal(() => kite.renewAccessToken(refreshToken, "guess"))).toMatchObject({ message: "Invalid `checksum`." })
      expect(yield* Effect.promise(() => kite.invalidateRefreshToken(refreshToken))).toBe(true)
      expect(yield* refusal(() => kite.renewAccessToken(refreshToken, first.apiSecret))).toMatchObject({ error_type: "TokenException" })
      const missing = yield* get(url, "/session/refresh_token", undefined, { method: "POST", body: new URLSearchParams({ api_key: "a" }) })
      expect([missing.status, missing.body.message]).toEqual([400, "Missing or empty field `refresh_token`"])
    })
  )

  it.scopedLive("a person's login with the spare account leaves the sessions of the others as they are", () =>
    Effect.gen(function* () {
      const { url } = yield* start({ accounts: [first, account("spare")] })
      const { kite } = yield* login(url)
      yield* login(url, account("spare"))
      expect((yield* Effect.promise(() => kite.getProfile())).user_id).toBe(first.userId)
    })
  )

  it.scopedLive("reads the instruments of all exchanges and of one", () =>
    Effect.gen(function* () {
      const simulator = yield* start()
      const { kite } = yield* login(simulator.url)
      // kiteconnect's parser makes an extra row from the last line end.
      const all = (yield* Effect.promise(() => kite.getInstruments())).filter((row) => row.exchange !== undefined)
      expect(all.length).toBe(simulator.market.instruments.length)
      const nfo = (yield* Effect.promise(() => kite.getInstruments(["NFO"] as never))).filter((row) => row.exchange !== undefined)
      expect(new Set(nfo.map((row) => row.exchange))).toEqual(new Set(["NFO"]))
      expect(nfo.length).toBe(simulator.market.instruments.filter((one) => one.exchange === "NFO").length)
      const option = nfo.find((row) => row.tradingsymbol === "NIFTY26NOV24500CE")
      expect(option).toMatchObject({
        name: "NIFTY",
        strike: 24500,
        tick_size: 0.05,
        lot_size: 65,
        instrument_type: "CE",
        segment: "NFO-OPT"
      })
    })
  )

  it.scopedLive("quotes", () =>
    Effect.gen(function* () {
      const simulator = yield* start()
      const { kite } = yield* login(simulator.url)
      const names = ["NSE:RELIANCE", "NSE:NIFTY 50", "NFO:NIFTY26NOVFUT", "NSE:NO-SUCH"]
      const quotes = yield* Effect.promise(() => kite.getQuote(names))
      expect(Object.keys(quotes)).toEqual(names.slice(0, 3))
      expect(quotes["NSE:RELIANCE"]).toMatchObject({ instrument_token: 738561, last_price: 1310, ohlc: { open: 1310, close: 1310 } })
      expect(quotes["NSE:NIFTY 50"]).toMatchObject({ instrument_token: 256265, last_price: 24500, volume: 0 })
      const share = quotes["NSE:RELIANCE"]
      expect(share?.depth.buy[0]?.price).toBeLessThan(share?.depth.sell[0]?.price ?? 0)
      const ohlc = yield* Effect.promise(() => kite.getOHLC(names))
      expect(ohlc["NSE:NIFTY 50"]).toEqual({
        instrument_token: 256265,
        last_price: 24500,
        ohlc: { open: 24500, high: 24500, low: 24500, close: 24500 }
      })
      const ltp = yield* Effect.promise(() => kite.getLTP(["NSE:RELIANCE", "256265"]))
      expect(ltp).toEqual({
        "NSE:RELIANCE": { instrument_token: 738561, last_price: 1310 },
        "256265": { instrument_token: 256265, last_price: 24500 }
      })
    })
  )
})

describe("KiteRest, against the recorded answers", () => {
  const skip = recorded("kite/quote.json") === undefined

  it.scopedLive.skipIf(skip)(`profile, quote, ohlc, ltp, session and logout have the same keys and types ${absent}`, () =>
    Effect.gen(function* () {
      const simulator = yield* start()
      const token = yield* requestToken(simulator.url, first.apiKey)
      const checksum = Sessions.checksumOf(first.apiKey, token, first.apiSecret)
      const body = new URLSearchParams({ api_key: first.apiKey, request_token: token, checksum })
      const session = yield* get(simulator.url, "/session/token", undefined, { method: "POST", body })
      compareWith("generate_session.json", session.body)
      const authorization = `token ${first.apiKey}:${session.body.data.access_token}`
      for (const [path, file] of [
        ["/user/margins", "margins.json"],
        ["/user/margins/equity", "margins_equity.json"],
        ["/user/margins/commodity", "margin_commodity.json"]
      ] as const)
        compareWith(file, (yield* get(simulator.url, path, authorization)).body)
      compareWith("profile.json", (yield* get(simulator.url, "/user/profile", authorization)).body)
      for (const [path, file] of [
        ["/quote", "quote.json"],
        ["/quote/ohlc", "ohlc.json"],
        ["/quote/ltp", "ltp.json"]
      ] as const) {
        const { body: answer } = yield* get(simulator.url, `${path}?i=NSE:RELIANCE`, authorization)
        compareWith(file, { ...answer, data: { "NSE:INFY": answer.data["NSE:RELIANCE"] } })
      }
      const quote = (yield* get(simulator.url, "/quote?i=NSE:RELIANCE", authorization)).body.data["NSE:RELIANCE"]
      expect(quote.timestamp).toBe("2026-11-23 09:30:00")
      const query = `?api_key=${first.apiKey}&access_token=${session.body.data.access_token}`
      compareWith("session_logout.json", (yield* get(simulator.url, `/session/token${query}`, undefined, { method: "DELETE" })).body)
    })
  )

  it.scopedLive.skipIf(recorded("kite/instruments_all.csv") === undefined)(`the instruments dump has the recorded header ${absent}`, () =>
    Effect.gen(function* () {
      const simulator = yield* start()
      const response = yield* Effect.promise(() => fetch(`${simulator.url}/instruments`))
      const text = yield* Effect.promise(() => response.text())
      expect(response.headers.get("content-type")).toBe("text/csv")
      expect(text.split("\n")[0]).toBe(readFileSync(recorded("kite/instruments_all.csv") ?? "", "utf8").split(/\r?\n/)[0])
      const { instruments, rejected } = Instrument.parseCsv(text)
      expect(rejected).toEqual([])
      expect(instruments).toEqual(simulator.market.instruments)
    })
  )
})

describe("KiteRest, login", () => {
  it.scopedLive("sends the browser to the registered address with the request token and the caller's parameters", () =>
    Effect.gen(function* () {
      const registered = { ...account("r1"), redirectUrl: "http://localhost:9/done?kept=1" }
      const { url } = yield* start({ accounts: [registered] })
      const redirect = encodeURIComponent("state=a%26b&next=1")
      const { status, headers } = yield* get(url, `/connect/login?v=3&api_key=key-r1&redirect_params=${redirect}`)
      const location = new URL(headers.get("location") ?? "")
      expect([status, location.origin + location.pathname]).toEqual([302, "http://localhost:9/done"])
      expect(Object.fromEntries(location.searchParams)).toMatchObject({
        kept: "1",
        state: "a&b",
        next: "1",
        status: "success",
        action: "login"
      })
      expect(location.searchParams.get("request_token")).toMatch(/^[0-9a-f]{32}$/)
    })
  )

  it.scopedLive("refuses a wrong secret, a used token, an unknown app and missing fields", () =>
    Effect.gen(function* () {
      const { url } = yield* start()
      const exchange = (fields: Record<string, string>) =>
        get(url, "/session/token", undefined, { method: "POST", body: new URLSearchParams(fields) }).pipe(
          Effect.map(({ status, body }) => [status, body.error_type ?? body.status])
        )
      const token = yield* requestToken(url, first.apiKey)
      const fields = { api_key: first.apiKey, request_token: token, checksum: Sessions.checksumOf(first.apiKey, token, first.apiSecret) }
      expect(yield* exchange({ ...fields, checksum: Sessions.checksumOf(first.apiKey, token, "guess") })).toEqual([403, "TokenException"])
      expect(yield* exchange({ ...fields, api_key: "nobody" })).toEqual([400, "InputException"])
      expect(yield* exchange({ api_key: first.apiKey, request_token: token })).toEqual([400, "InputException"])
      expect(yield* exchange(fields)).toEqual([200, "success"])
      expect(yield* exchange(fields)).toEqual([403, "TokenException"])
      expect((yield* get(url, "/connect/login?v=3&api_key=nobody")).status).toBe(400)
      expect((yield* get(url, `/connect/login?api_key=${first.apiKey}`)).status).toBe(400)
    })
  )

  it.scopedLive("a new login ends the token of the previous login", () =>
    Effect.gen(function* () {
      const { url } = yield* start()
      const older = yield* login(url)
      const newer = yield* login(url)
      const status = (token: string) =>
        get(url, "/user/profile", `token ${first.apiKey}:${token}`).pipe(Effect.map((answer) => answer.status))
      expect([yield* status(older.accessToken), yield* status(newer.accessToken)]).toEqual([403, 200])
    })
  )

  it.effect("a request token is valid for minutes, an access token until 06:00 IST", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(startMs)
      const clock = yield* Effect.clock
      const sessions = new Sessions.Sessions([first], () => clock.unsafeCurrentTimeMillis())
      const issue = () =>
        Effect.map(sessions.login(first.apiKey, ""), (location) => new URL(location).searchParams.get("request_token") ?? "")
      const exchange = (token: string) => sessions.exchange(first.apiKey, token, Sessions.checksumOf(first.apiKey, token, first.apiSecret))
      const late = yield* issue()
      yield* TestClock.adjust("6 minutes")
      expect((yield* Effect.flip(exchange(late))).type).toBe("TokenException")
      const session = yield* exchange(yield* issue())
      yield* TestClock.setTime(Date.parse("2026-11-24T00:29:59Z"))
      expect(yield* sessions.authenticate(first.apiKey, session.accessToken)).toBe(session)
      yield* TestClock.adjust("1 second")
      expect(yield* Effect.flip(sessions.authenticate(first.apiKey, session.accessToken))).toEqual(Sessions.tokenRefusal)
    })
  )

  it("keeps a bounded number of unused request tokens", () => {
    const sessions = new Sessions.Sessions([first], () => startMs)
    const tokens = Array.from({ length: 101 }, () => {
      const location = sessions.login(first.apiKey, "")
      return location._tag === "Right" ? (new URL(location.right).searchParams.get("request_token") ?? "") : ""
    })
    const exchange = (token: string) =>
      sessions.exchange(first.apiKey, token, Sessions.checksumOf(first.apiKey, token, first.apiSecret))._tag
    expect([exchange(tokens[0] ?? ""), exchange(tokens[1] ?? "")]).toEqual(["Left", "Right"])
  })
})

describe("KiteRest, refusals", () => {
  it.scopedLive("have Kite's envelope and status", () =>
    Effect.gen(function* () {
      const { url } = yield* start()
      const { accessToken } = yield* login(url)
      const authorization = `token ${first.apiKey}:${accessToken}`
      const of = (path: string, auth?: string, init?: RequestInit) =>
        get(url, path, auth, init).pipe(Effect.map(({ status, body }) => [status, body.status, body.error_type, body.data]))
      const many = (count: number) => Array.from({ length: count }, (_, index) => `i=NSE:X${index}`).join("&")
      expect(yield* of("/user/profile")).toEqual([403, "error", "TokenException", null])
      expect(yield* of("/user/profile", `Bearer ${accessToken}`)).toEqual([403, "error", "TokenException", null])
      expect(yield* of("/quote", authorization)).toEqual([400, "error", "InputException", null])
      expect(yield* of(`/quote?${many(501)}`, authorization)).toEqual([400, "error", "InputException", null])
      expect((yield* of(`/quote?${many(500)}`, authorization))[0]).toBe(200)
      expect(yield* of(`/quote/ltp?${many(1001)}`, authorization)).toEqual([400, "error", "InputException", null])
      expect(yield* of("/user/profile", authorization, { headers: { "x-kite-version": "2" } })).toEqual([
        400,
        "error",
        "InputException",
        null
      ])
      expect(yield* of("/nothing/here", authorization)).toEqual([404, "error", "GeneralException", null])
      expect(yield* of("/toString", authorization)).toEqual([404, "error", "GeneralException", null])
      expect(yield* of("/instruments/XYZ", authorization)).toEqual([400, "error", "InputException", null])
      expect(yield* of("/user/profile", authorization, { method: "POST" })).toEqual([405, "error", "GeneralException", null])
      expect(yield* of("/session/token?api_key=a&access_token=b", undefined, { method: "DELETE" })).toEqual([
        403,
        "error",
        "TokenException",
        null
      ])
      expect(yield* of("/session/token", undefined, { method: "POST", body: "x".repeat(2 << 20) })).toEqual([
        413,
        "error",
        "InputException",
        null
      ])
    })
  )

  it.scoped("requests beyond Kite's rates get 429, and the next second is free again", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(startMs)
      const { url } = yield* start({ rateLimits: true })
      const { accessToken } = yield* login(url)
      const authorization = `token ${first.apiKey}:${accessToken}`
      const quote = get(url, "/quote/ltp?i=NSE:RELIANCE", authorization)
      expect((yield* quote).status).toBe(200)
      const limited = yield* quote
      expect([limited.status, limited.body.error_type]).toEqual([429, "NetworkException"])
      // The other group allows ten requests per second.
      const statuses = yield* Effect.all(
        Array.from({ length: 11 }, () => get(url, "/user/profile", authorization).pipe(Effect.map(({ status }) => status)))
      )
      expect(statuses).toEqual([...Array.from({ length: 10 }, () => 200), 429])
      yield* TestClock.adjust("1 second")
      expect((yield* quote).status).toBe(200)
    })
  )
})

describe("Simulator", () => {
  it.scoped("reports which market it plays", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(startMs)
      const { url } = yield* start()
      const { body } = yield* get(url, "/market")
      expect(body).toEqual({
        time: "2026-11-23T04:00:00.000Z",
        speed: 1,
        state: "running",
        mode: "synthetic",
        underlying: null
      })
    })
  )

  it.live("closing the scope frees the port and cuts the connections", () =>
    Effect.gen(function* () {
      const port = yield* Effect.scoped(
        Effect.gen(function* () {
          const { url } = yield* start()
          const taken = yield* Effect.flip(start({ port: Number(new URL(url).port) }))
          expect(taken.message).toContain("set SIMULATOR_HOST and SIMULATOR_PORT to a free address")
          return Number(new URL(url).port)
        })
      )
      const again = yield* Effect.scoped(Effect.map(start({ port }), ({ url }) => new URL(url).port))
      expect(again).toBe(String(port))
    })
  )

  it.scopedLive("refuses the checksum of a KiteConnect with a wrong secret", () =>
    Effect.gen(function* () {
      const { url } = yield* start()
      const kite = new KiteConnect({ api_key: first.apiKey, root: url, timeout: waitMsMax })
      const token = yield* requestToken(url, first.apiKey)
      const refused = yield* Effect.tryPromise({ try: () => kite.generateSession(token, "wrong"), catch: (error) => error }).pipe(
        Effect.flip
      )
      expect(refused).toMatchObject({ error_type: "TokenException", message: "Invalid `checksum`." })
    })
  )
})
