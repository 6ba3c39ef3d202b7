import { createServer } from "node:http"
import { assert, describe, it, layer } from "@effect/vitest"
import { Clock, ConfigProvider, Effect, Either, Exit, Logger, LogLevel } from "effect"
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose"
import { vi } from "vitest"
import { knownMax, Tokens } from "../../../src/gateway/shared/Auth.ts"
import { waitMsMax } from "../../Patience.ts"
import { ask, eventually, secret, token, World, world } from "../GatewayWorld.ts"
import { dial } from "../sockets/SocketClient.ts"

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
const claims = { sub: "u1", iss: "tarang", aud: "tarang", exp: Math.floor(Date.now() / 1000) + 3600 }

layer(world(), { excludeTestServices: true })("Tokens at the gateway", (it) => {
  const refusedWith = (jwt: string) => Effect.map(dial(`/ws/ticks?token=${jwt}`), ({ status, body }) => [status, body.errors?.[0]?.message])

  it.scoped("TC-WSS-011 an expired token is refused with its cause", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* refusedWith(yield* token({ exp: 1000 })), [403, "Token expired"])
    })
  )

  it.scoped("TC-WSS-012 a tampered token, alg none and a swapped algorithm are refused, named and logged as security events", () =>
    Effect.gen(function* () {
      const { logs } = yield* World
      const jwt = yield* token()
      const [head = "", , signature = ""] = jwt.split(".")
      const tampered = `${head}.${part({ ...claims, role: "admin" })}.${signature}`
      assert.deepStrictEqual(yield* refusedWith(tampered), [403, "Invalid token signature"])
      const none = `${part({ alg: "none" })}.${part(claims)}.`
      assert.deepStrictEqual(yield* refusedWith(none), [403, "Token algorithm not allowed"])
      assert.deepStrictEqual(yield* refusedWith(yield* token({ alg: "HS512" })), [403, "Token algorithm not allowed"])
      const { privateKey } = yield* Effect.promise(() => generateKeyPair("RS256"))
      const swapped = yield* Effect.promise(() => new SignJWT(claims).setProtectedHeader({ alg: "RS256" }).sign(privateKey))
      assert.deepStrictEqual(yield* refusedWith(swapped), [403, "Token algorithm not allowed"])
      const events = logs.filter(({ annotations }) => annotations["security"] === "forged_token")
      assert.deepStrictEqual(
        events.map(({ annotations }) => annotations["reason"]),
        ["Invalid token signature", ...Array(3).fill("Token algorithm not allowed")]
      )
      for (const { text } of events) assert.notInclude(text, signature)
    })
  )

  it.effect("BE-SEC-06 REST accepts a valid token and refuses expired, forged, misdirected and malformed ones alike", () =>
    Effect.gen(function* () {
      const status = (jwt: string) =>
        Effect.map(ask("/auth/test", { as: null, headers: { authorization: `Bearer ${jwt}` } }), (answer) => answer)
      assert.strictEqual((yield* status(yield* token())).status, 200)
      const bad = [
        yield* token({ exp: 1 }),
        yield* token({ iss: "x" }),
        yield* token({ aud: "x" }),
        yield* token({ alg: "HS512" }),
        yield* token({ secret: "f".repeat(32) }),
        yield* token({ sub: "" }),
        yield* token({ sub: "a\u0000b" }),
        yield* token({ sub: "x".repeat(200) }),
        `${part({ alg: "none" })}.${part(claims)}.`,
        yield* Effect.promise(() =>
          new SignJWT({ sub: "u1", iss: "tarang", aud: "tarang" }).setProtectedHeader({ alg: "HS256" }).sign(Buffer.from(secret))
        ),
        "a.b.c",
        "junk",
        "é".repeat(10)
      ]
      for (const jwt of bad) {
        const answer = yield* status(encodeURI(jwt))
        assert.deepStrictEqual([answer.status, answer.body.detail], [401, "Invalid or expired token"], jwt)
      }
    })
  )
})

describe("Tokens", () => {
  const tokensWith = (config: Record<string, string>) => {
    const settings = new Map(Object.entries({ JWT_JWKS_TIMEOUT: `${waitMsMax} millis`, ...config }))
    return Tokens.pipe(Effect.provide(Tokens.Default), Effect.withConfigProvider(ConfigProvider.fromMap(settings)))
  }

  it.effect("a token of JWT_SECRET that was accepted is refused after its end, and with another signature", () =>
    Effect.gen(function* () {
      const tokens = yield* tokensWith({ JWT_SECRET: secret })
      const accepted = (jwt: string) => Effect.map(Effect.either(tokens.verify(jwt)), Either.isRight)
      const startMs = Date.now()
      yield* Effect.acquireRelease(
        Effect.sync(() => void vi.useFakeTimers({ toFake: ["Date"], now: startMs })),
        () => Effect.sync(() => void vi.useRealTimers())
      )
      const jwt = yield* token({ exp: Math.floor(startMs / 1_000) + 60 })
      const [head = "", body = ""] = jwt.split(".")
      const others = yield* Effect.forEach(
        Array.from({ length: knownMax + 1 }, (_, at) => `user${at}`),
        (sub) => token({ sub })
      )
      for (let at = 0; at < 3; at++) assert.isTrue(yield* accepted(jwt))
      assert.isFalse(yield* accepted(`${head}.${body}.${"A".repeat(43)}`))
      for (const other of [...others, ...others]) assert.isTrue(yield* accepted(other))
      assert.isTrue(yield* accepted(jwt))
      // The clocks of issuer and gateway may differ by five seconds.
      vi.setSystemTime(startMs + 62_000)
      assert.isTrue(yield* accepted(jwt))
      vi.setSystemTime(startMs + 67_000)
      assert.isFalse(yield* accepted(jwt))
    }).pipe(Effect.scoped)
  )
  const quiet = Logger.withMinimumLogLevel(LogLevel.None)

  const publicOf = (key: CryptoKey, kid: string) =>
    Effect.promise(async () => ({ ...(await exportJWK(key)), kid, alg: "RS256", use: "sig" }))
  const sign = (key: CryptoKey, kid: string, payload: JWTPayload = claims) =>
    Effect.promise(() => new SignJWT(payload).setProtectedHeader({ alg: "RS256", kid }).sign(key))

  /** An identity provider's keys; it answers 500 while there are none. */
  const issuer = (keys: () => ReadonlyArray<object> | undefined) =>
    Effect.map(
      Effect.acquireRelease(
        Effect.promise(
          () =>
            new Promise<ReturnType<typeof createServer>>((resolve) => {
              const made = createServer((_, response) => {
                const now = keys()
                response.writeHead(now === undefined ? 500 : 200, { "content-type": "application/json" }).end(JSON.stringify({ keys: now }))
              })
              made.listen(0, "127.0.0.1", () => resolve(made))
            })
        ),
        (made) =>
          Effect.sync(() => made.closeAllConnections()).pipe(Effect.zipRight(Effect.promise(() => new Promise((done) => made.close(done)))))
      ),
      (server) => {
        const address = server.address()
        return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/jwks.json`
      }
    )

  /** Tokens by the keys at `url`, on a clock that only `passMs` moves. */
  const stepped = (url: string) =>
    Effect.gen(function* () {
      let elapsedMs = 0
      const clock = Object.assign(Object.create(Clock.make()) as Clock.Clock, {
        unsafeCurrentTimeNanos: () => BigInt(elapsedMs) * 1_000_000n
      })
      const tokens = yield* Effect.withClock(tokensWith({ JWT_JWKS_URL: url }), clock)
      return {
        passMs: (ms: number) => {
          elapsedMs += ms
        },
        /** What a burst of equal tokens gets: the user, or why not. */
        burst: (jwt: string) =>
          Effect.map(
            Effect.all(
              Array.from({ length: 50 }, () => Effect.either(tokens.verify(jwt))),
              { concurrency: "unbounded" }
            ),
            (all) => [
              ...new Set(
                all.map((one) => (one._tag === "Right" ? one.right.id : one.left._tag === "InvalidToken" ? one.left.reason : one.left._tag))
              )
            ]
          )
      }
    })

  it.scopedLive(
    "BE-RES-07 while the issuer is away known keys work for an hour and not longer, unknown keys are refused as such, and the issuer is asked once in each pause",
    () =>
      Effect.gen(function* () {
        const [known, other] = yield* Effect.promise(() => Promise.all([generateKeyPair("RS256"), generateKeyPair("RS256")]))
        const published = [yield* publicOf(known.publicKey, "known")]
        let isAway = true
        let fetches = 0
        const url = yield* issuer(() => {
          fetches++
          return isAway ? undefined : published
        })
        const good = yield* sign(known.privateKey, "known")
        const bad = yield* sign(other.privateKey, "other")
        const { burst, passMs } = yield* stepped(url)
        // The issuer has never answered: no token can be checked, and it is asked once a second.
        assert.deepStrictEqual(yield* burst(good), ["KeysUnavailable"])
        assert.deepStrictEqual(yield* burst(bad), ["KeysUnavailable"])
        assert.strictEqual(fetches, 1)
        passMs(1_000)
        isAway = false
        assert.deepStrictEqual(yield* burst(good), ["u1"])
        assert.strictEqual(fetches, 2)

        isAway = true
        passMs(30_000)
        for (let at = 0; at < 4; at++) {
          assert.deepStrictEqual(yield* burst(bad), ["Unknown token key"])
          assert.deepStrictEqual(yield* burst(good), ["u1"])
        }
        assert.strictEqual(fetches, 3)
        // The keys are due for renewal, which fails in the background: they serve on.
        passMs(59 * 60_000)
        for (let at = 0; at < 4; at++) assert.deepStrictEqual(yield* burst(good), ["u1"])
        assert.deepStrictEqual(yield* burst(bad), ["Unknown token key"])
        assert.strictEqual(fetches, 4)
        passMs(60_000)
        assert.deepStrictEqual(yield* burst(good), ["KeysUnavailable"])
        assert.strictEqual(fetches, 5)

        isAway = false
        passMs(1_000)
        assert.deepStrictEqual(yield* burst(good), ["u1"])
      }).pipe(quiet)
  )

  it.scopedLive("BE-SEC-06 an issuer's keys: known and unknown key ids, rotation, swapped algorithm, wrong claims, unreachable keys", () =>
    Effect.gen(function* () {
      const [old, next] = yield* Effect.promise(() => Promise.all([generateKeyPair("RS256"), generateKeyPair("RS256")]))
      const oldKey = yield* publicOf(old.publicKey, "old")
      const nextKey = yield* publicOf(next.publicKey, "next")
      let keys: ReadonlyArray<object> = [oldKey]
      let isAway = false
      let fetches = 0
      const url = yield* issuer(() => {
        fetches++
        return isAway ? undefined : keys
      })
      const tokens = yield* tokensWith({ JWT_JWKS_URL: url, JWT_JWKS_COOLDOWN: "0 millis" })
      const reasonOf = (jwt: string) =>
        Effect.map(Effect.flip(tokens.verify(jwt)), (error) => (error._tag === "InvalidToken" ? error.reason : error._tag))
      assert.strictEqual((yield* tokens.verify(yield* sign(old.privateKey, "old"))).id, "u1")
      assert.strictEqual(yield* reasonOf(yield* sign(next.privateKey, "next")), "Unknown token key")
      keys = [oldKey, nextKey] // rotation: both keys are valid for a while
      assert.strictEqual((yield* tokens.verify(yield* sign(next.privateKey, "next"))).id, "u1")
      assert.strictEqual((yield* tokens.verify(yield* sign(old.privateKey, "old"))).id, "u1")
      assert.strictEqual(yield* reasonOf(yield* sign(next.privateKey, "old")), "Invalid token signature")
      // The public key used as an HMAC secret.
      const swapped = yield* token({ secret: JSON.stringify(oldKey) })
      assert.strictEqual(yield* reasonOf(swapped), "Token algorithm not allowed")
      const { exp: _, ...endless } = claims
      const wrong: ReadonlyArray<readonly [JWTPayload, string]> = [
        [{ ...claims, aud: "x" }, "Invalid token audience"],
        [{ ...claims, iss: "x" }, "Invalid token issuer"],
        [endless, "Token has no exp"],
        [{ ...claims, exp: 1 }, "Token expired"]
      ]
      for (const [payload, reason] of wrong) assert.strictEqual(yield* reasonOf(yield* sign(old.privateKey, "old", payload)), reason)
      isAway = true
      assert.strictEqual(yield* reasonOf(yield* sign(next.privateKey, "newest")), "Unknown token key")

      isAway = false
      fetches = 0
      const calm = yield* tokensWith({ JWT_JWKS_URL: url })
      for (let at = 0; at < 20; at++) yield* Effect.flip(calm.verify(yield* sign(next.privateKey, `unknown-${at}`)))
      assert.strictEqual(fetches, 1)
    }).pipe(quiet)
  )

  it.scopedLive("BE-SEC-06 a key that its issuer withdraws is refused after the next renewal, which is one fetch", () =>
    Effect.gen(function* () {
      const [old, next] = yield* Effect.promise(() => Promise.all([generateKeyPair("RS256"), generateKeyPair("RS256")]))
      const nextKey = yield* publicOf(next.publicKey, "next")
      let keys = [yield* publicOf(old.publicKey, "old")]
      let fetches = 0
      const url = yield* issuer(() => {
        fetches++
        return keys
      })
      const { burst, passMs } = yield* stepped(url)
      const ofOld = yield* sign(old.privateKey, "old")
      assert.deepStrictEqual(yield* burst(ofOld), ["u1"])
      keys = [nextKey]
      passMs(10 * 60_000 + 1)
      // The renewal runs in the background, and the known keys serve until it ends.
      yield* eventually(
        "the withdrawn key is refused",
        Effect.map(burst(ofOld), (answers) => answers.join() === "Unknown token key")
      )
      assert.deepStrictEqual(yield* burst(yield* sign(next.privateKey, "next")), ["u1"])
      assert.strictEqual(fetches, 2)
    }).pipe(quiet)
  )

  it.effect("a missing or short secret fails the start by name, without printing its value", () =>
    Effect.gen(function* () {
      const failure = (config: Record<string, string>) =>
        Effect.map(Effect.exit(tokensWith(config)), (exit) => (Exit.isFailure(exit) ? String(exit.cause) : "started"))
      assert.include(yield* failure({}), "set JWT_SECRET or JWT_JWKS_URL")
      const short = yield* failure({ JWT_SECRET: "too-short" })
      assert.include(short, "needs at least 32 bytes")
      assert.notInclude(short, "too-short")
    })
  )
})
