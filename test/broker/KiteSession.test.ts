import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Either, Exit, Fiber, Redacted, TestClock } from "effect"
import { Login } from "../../src/broker/Account.ts"
import * as KiteClient from "../../src/broker/KiteClient.ts"
import * as KiteRest from "../../src/broker/KiteRest.ts"
import * as KiteSession from "../../src/broker/KiteSession.ts"
import { valueOf } from "../metrics/Counted.ts"
import { accessToken, account, canary, captureLogs, eventually, httpServer, leaks, sessionOf } from "./KiteServer.ts"

const hourMs = 3_600_000
const signedInMs = Date.parse("2026-08-03T09:00:00+05:30")
const dies = "2026-08-04T00:30:00.000Z"

/** A broker that takes `valid` tokens only and signs anyone in. */
const kite = Effect.gen(function* () {
  const state = { valid: "t1", calls: 0, logins: 0, userId: "AB1234" }
  const { url } = yield* httpServer((request, response) => {
    const json = (status: number, body: unknown) =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
    state.calls++
    if (request.url?.startsWith("/connect/login") === true) {
      response.writeHead(302, { location: "/done?request_token=r1" }).end()
    } else if (request.url === "/session/token") {
      state.valid = `auto${++state.logins}`
      json(200, { status: "success", data: { user_id: state.userId, access_token: state.valid, login_time: "2026-08-03 09:00:00" } })
    } else if (request.headers.authorization === `token ${canary.apiKey}:${state.valid}`) {
      json(200, { status: "success", data: { user_id: "AB1234", user_name: "A", broker: "Z", exchanges: [], products: [] } })
    } else json(403, { status: "error", error_type: "TokenException", message: "Incorrect `api_key` or `access_token`.", data: null })
  })
  return { url, state }
})

/** A session with a person's (or `login`'s) session in the file, at a time that the test moves. */
const world = (accountId: string, login: Login = accessToken("t1", signedInMs)) =>
  Effect.gen(function* () {
    const { url, state } = yield* kite
    const file = { login }
    const time = { nowMs: signedInMs }
    const client = yield* KiteClient.make(account({ root: url, login, accountId }), KiteClient.defaults)
    const session = yield* sessionOf(client, { login: () => file.login, time: timeOf(time) })
    return {
      state,
      file,
      time,
      session,
      profile: KiteRest.make(session).profile,
      required: () => valueOf("kite_login_required", { account: accountId })
    }
  })
const timeOf = (at: { readonly nowMs: number }): KiteSession.TokenTime => ({
  nowMs: () => at.nowMs,
  diesAtMs: (ms) => (ms < Date.parse(dies) ? Date.parse(dies) : ms + 24 * hourMs)
})

describe("KiteSession", () => {
  it.scopedLive("a person's token dies at its time: no call follows until another session is stored, and then it is used", () => {
    const logs = captureLogs()
    return Effect.gen(function* () {
      const { state, file, time, session, profile, required } = yield* world("DIES")
      yield* profile
      assert.deepStrictEqual(session.status(), {
        state: "signed_in",
        is_automatic: false,
        token_dies_at: dies,
        required_since: null,
        detail: null
      })
      const { ended } = yield* session.socketAddress
      time.nowMs = Date.parse(dies)
      yield* session.look
      assert.strictEqual(
        yield* ended,
        `the access token died at ${dies}: a person has to sign in: at /kite/login?account=DIES, or with npm run login -- --account DIES`
      )
      assert.deepStrictEqual([session.status().state, session.status().required_since, required()], ["login_required", dies, 1])

      const before = state.calls
      const socket = yield* Effect.fork(session.socketAddress)
      for (let night = 0; night < 20; night++) {
        time.nowMs += hourMs / 10
        yield* session.look
        assert.strictEqual((yield* Effect.flip(profile))._tag, "InvalidCredentials")
      }
      assert.strictEqual(state.calls, before, "no call is made during the night")
      assert.isNull(socket.unsafePoll())
      assert.strictEqual(logs.lines.filter((line) => line.includes("needs a new login")).length, 1)

      state.valid = "t2"
      file.login = accessToken("t2", time.nowMs)
      yield* session.look
      const address = yield* Fiber.join(socket)
      assert.include(Redacted.value(address.url), "access_token=t2")
      yield* profile
      assert.deepStrictEqual([session.status().state, required()], ["signed_in", 0])
      assert.deepStrictEqual(leaks(logs.lines.join("\n")), [])
    }).pipe(Effect.provide(logs.layer))
  })

  it.scopedLive("a stored token that is dead already is not tried", () =>
    Effect.gen(function* () {
      const { state, time, session, profile } = yield* world("STALE")
      time.nowMs = Date.parse(dies) + hourMs
      const error = yield* Effect.flip(profile)
      assert.match(
        error.message,
        /^Invalid API credentials: account STALE, login: the access token died at 2026-08-04T00:30:00.000Z: a person/
      )
      assert.strictEqual(state.calls, 0)
      assert.strictEqual(session.status().state, "login_required")
    })
  )

  it.scopedLive("a token that is refused before its death counts as dead: it is tried only once", () =>
    Effect.gen(function* () {
      const { state, session, profile } = yield* world("REFUSED")
      yield* profile
      const { ended } = yield* session.socketAddress
      state.valid = "elsewhere"
      for (let time = 0; time < 5; time++) assert.strictEqual((yield* Effect.flip(profile))._tag, "InvalidCredentials")
      assert.strictEqual(state.calls, 2)
      assert.match(
        yield* ended,
        /the access token was refused before its time, as when somebody signed in elsewhere with the same api_key: /
      )
    })
  )

  it.scopedLive("a new session that is stored before the old one died takes its place, and connections of the old one end", () =>
    Effect.gen(function* () {
      const { state, file, session, profile } = yield* world("EARLY")
      yield* profile
      const { ended } = yield* session.socketAddress
      state.valid = "t2"
      file.login = accessToken("t2", signedInMs + hourMs)
      yield* session.look
      assert.strictEqual(yield* ended, "another login takes its place")
      yield* profile
      file.login = Login.Absent()
      yield* session.look
      yield* profile
      assert.strictEqual(session.status().state, "signed_in", "a session that is in use survives a file without it")
    })
  )

  it.scopedLive("an automatic login follows by itself when its token has died", () =>
    Effect.gen(function* () {
      const { state, time, session, profile, required } = yield* world("AUTO", Login.Auto())
      yield* profile
      assert.deepStrictEqual([session.status().token_dies_at, session.status().is_automatic, state.logins], [dies, true, 1])
      const { ended } = yield* session.socketAddress
      time.nowMs = Date.parse(dies)
      yield* session.look
      assert.strictEqual(yield* ended, `the access token died at ${dies}`)
      assert.strictEqual(session.status().state, "signed_out")
      assert.strictEqual(required(), 0)
    })
  )

  it.effect("an automatic login that was refused is tried again after a minute, not before", () =>
    Effect.gen(function* () {
      const { state, session } = yield* world("WRONG", Login.Auto())
      state.userId = "OTHER"
      const tries = Effect.gen(function* () {
        yield* session.look
        yield* Effect.exit(session.token)
        return state.logins
      })
      assert.strictEqual(yield* tries, 1)
      assert.strictEqual(session.status().state, "login_required")
      yield* TestClock.adjust(KiteSession.automaticRetryMs - 1)
      assert.strictEqual(yield* tries, 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* tries, 2)
      state.userId = "AB1234"
      yield* TestClock.adjust(KiteSession.automaticRetryMs)
      assert.strictEqual(yield* tries, 3)
      assert.strictEqual(session.status().state, "signed_in")
    }).pipe(Effect.scoped)
  )

  it.effect("two platforms with automatic logins of one api_key are recognised: after three ended sessions each waits a minute", () =>
    Effect.gen(function* () {
      const { state, session, required } = yield* world("TWICE", Login.Auto())
      yield* session.token
      /** The other platform signs in, so the broker refuses our token. */
      const ended = Effect.gen(function* () {
        const token = yield* session.token
        state.valid = "elsewhere"
        // The client leaves a pause between an account's requests.
        yield* TestClock.adjust("2 seconds")
        return yield* Effect.either(session.renew(token))
      })
      for (let time = 1; time < KiteSession.endedSessionsMax; time++) assert.strictEqual((yield* ended)._tag, "Right")
      const logins = state.logins
      const refused = yield* ended
      assert.match(
        String(Either.isLeft(refused) && refused.left.message),
        /3 sessions within a minute were ended before their time, as when somebody signed in elsewhere with the same api_key: let one platform alone/
      )
      assert.deepStrictEqual([session.status().state, required(), state.logins], ["login_required", 1, logins])
      yield* TestClock.adjust(KiteSession.automaticRetryMs - 1)
      yield* session.look
      assert.strictEqual(session.status().state, "login_required")
      yield* TestClock.adjust(1)
      yield* session.look
      yield* session.token
      assert.deepStrictEqual([session.status().state, required(), state.logins], ["signed_in", 0, logins + 1])
      // Sessions that end now and then are signed in again at once.
      for (let time = 0; time < 5; time++) {
        assert.strictEqual((yield* ended)._tag, "Right")
        yield* TestClock.adjust(KiteSession.automaticRetryMs / 2)
      }
    }).pipe(Effect.scoped)
  )

  it.scopedLive("a request token is exchanged once, even if its caller is interrupted meanwhile", () =>
    Effect.gen(function* () {
      const arrived = yield* Deferred.make<void>()
      let answer: () => void = () => {}
      let exchanges = 0
      const { url } = yield* httpServer((_, response) => {
        exchanges++
        answer = () =>
          void response
            .writeHead(200, { "content-type": "application/json" })
            .end(JSON.stringify({ status: "success", data: { user_id: "AB1234", access_token: "t1" } }))
        Deferred.unsafeDone(arrived, Exit.void)
      })
      const login = Login.RequestToken({ requestToken: Redacted.make(canary.requestToken) })
      const session = yield* sessionOf(yield* KiteClient.make(account({ root: url, login }), KiteClient.defaults))
      const caller = yield* Effect.fork(session.token)
      yield* Deferred.await(arrived)
      yield* Fiber.interrupt(caller)
      answer()
      yield* eventually("signed in", () => session.status().state === "signed_in")
      assert.strictEqual(Redacted.value(yield* session.token), "t1")
      assert.strictEqual(exchanges, 1)
    })
  )
})
