import { createHash } from "node:crypto"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Config, ConfigError, Context, Data, Duration, Effect, Layer, Option, Redacted, Runtime, Schema, type Scope } from "effect"
import { errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from "jose"
import { Authentication, User } from "../../contract/shared/Authentication.ts"
import { Text } from "../../contract/shared/Input.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as Access from "../../domain/access/Access.ts"
import { BoundedMap } from "../../domain/BoundedMap.ts"
import * as Caller from "../../store/owners/Caller.ts"
import * as AccountRights from "./AccountRights.ts"
import * as IssuerKeys from "./IssuerKeys.ts"
import { RateLimits } from "./RateLimits.ts"
import { Route } from "./Route.ts"

/** `reason` is shown to the caller. It names the problem with the token, but none of the token's contents. */
export class InvalidToken extends Data.TaggedError("InvalidToken")<{ readonly reason: string; readonly isForged: boolean }> {}
/** The issuer's keys, or the stored API keys, cannot be read, so credentials cannot be verified. */
export class KeysUnavailable extends Data.TaggedError("KeysUnavailable")<{ readonly cause: unknown }> {}

const missing = "Authentication required"
export const refused = "Invalid or expired token"
export const keysAway = "Token keys unavailable"
export const keysUnread = "Database unavailable: API keys cannot be checked"

const claimReasons: Readonly<Record<string, string>> = {
  iss: "Invalid token issuer",
  aud: "Invalid token audience",
  nbf: "Token not yet valid"
}

const reasonOf = (cause: unknown, areKeysRemote: boolean): InvalidToken | KeysUnavailable => {
  const invalid = (reason: string, isForged = false) => new InvalidToken({ reason, isForged })
  if (cause instanceof errors.JWTExpired) return invalid("Token expired")
  if (cause instanceof errors.JWSSignatureVerificationFailed) return invalid("Invalid token signature", true)
  if (cause instanceof errors.JOSEAlgNotAllowed) return invalid("Token algorithm not allowed", true)
  if (cause instanceof errors.JWKSNoMatchingKey) return invalid("Unknown token key", true)
  if (cause instanceof errors.JWTClaimValidationFailed)
    return invalid(
      cause.reason === "missing" ? `Token has no ${cause.claim}` : (claimReasons[cause.claim] ?? `Invalid token claim ${cause.claim}`)
    )
  if (cause instanceof IssuerKeys.NoKeys) return new KeysUnavailable({ cause })
  const isMalformed = cause instanceof errors.JWSInvalid || cause instanceof errors.JWTInvalid || cause instanceof errors.JOSENotSupported
  return isMalformed || !areKeysRemote ? invalid("Malformed token") : new KeysUnavailable({ cause })
}

const userIdLengthMax = 128
const isUserId = Schema.is(Text(userIdLengthMax).pipe(Schema.minLength(1)))
const isShown = Schema.is(Text(320))

const userOf = (payload: JWTPayload): Effect.Effect<User, InvalidToken> => {
  const shown = (claim: string) => (isShown(payload[claim]) ? String(payload[claim]) : null)
  if (!isUserId(payload.sub)) return Effect.fail(new InvalidToken({ reason: "Invalid token subject", isForged: false }))
  return Effect.succeed(
    new User({
      id: payload.sub,
      email: shown("email"),
      name: shown("name"),
      role: Access.roleOf(payload["role"]),
      expiresAtMs: Number(payload.exp) * 1000,
      key: null
    })
  )
}

/** The most tokens of JWT_SECRET that are remembered as verified. A forgotten token is verified again. */
export const knownMax = 1_000

type Verify = (token: string) => Promise<{ readonly payload: JWTPayload }>

/**
 * A token signed with JWT_SECRET is valid until it expires, so it is verified once. A verification runs on another thread, and on a busy machine
 * the request waits for that thread. Only hashes of tokens are remembered, so that no token stays in memory.
 */
const once = (verify: Verify): Verify => {
  const known = new BoundedMap<string, { readonly payload: JWTPayload; readonly endsAtMs: number }>(knownMax)
  return async (token) => {
    const hash = createHash("sha256").update(token).digest("base64")
    const found = known.get(hash)
    if (found !== undefined && Date.now() < found.endsAtMs) return found
    known.delete(hash)
    const { payload } = await verify(token)
    known.set(hash, { payload, endsAtMs: Number(payload.exp) * 1_000 })
    return { payload }
  }
}

/** Verifies bearer tokens by JWT_JWKS_URL's keys, or by JWT_SECRET. The algorithm comes from our configuration, never from the token. */
export class Tokens extends Effect.Service<Tokens>()("gateway/shared/Tokens", {
  effect: Effect.gen(function* () {
    const issuer = yield* Config.string("JWT_ISSUER").pipe(Config.withDefault("tarang"))
    const audience = yield* Config.string("JWT_AUDIENCE").pipe(Config.withDefault("tarang"))
    const jwks = yield* Config.option(Config.url("JWT_JWKS_URL"))
    const shared = { issuer, audience, clockTolerance: "5s", requiredClaims: ["sub", "exp"] } satisfies JWTVerifyOptions

    const bySecret = Effect.gen(function* () {
      const secret = yield* Config.redacted("JWT_SECRET").pipe(
        Effect.mapError(() => ConfigError.MissingData(["JWT_SECRET"], "set JWT_SECRET or JWT_JWKS_URL"))
      )
      const bytes = new TextEncoder().encode(Redacted.value(secret))
      if (bytes.length < 32) return yield* Effect.fail(ConfigError.InvalidData(["JWT_SECRET"], "needs at least 32 bytes"))
      // jose would import raw bytes again for every token, so they are imported once here.
      const key = yield* Effect.promise(() => crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]))
      return once((token) => jwtVerify(token, key, { ...shared, algorithms: ["HS256"] }))
    })
    const byKeys = (url: URL) =>
      Effect.gen(function* () {
        const timeout = yield* Config.duration("JWT_JWKS_TIMEOUT").pipe(Config.withDefault(Duration.seconds(2)))
        const cooldown = yield* Config.duration("JWT_JWKS_COOLDOWN").pipe(Config.withDefault(Duration.seconds(30)))
        const staleMax = yield* Config.duration("JWT_JWKS_STALE_MAX").pipe(Config.withDefault(Duration.hours(1)))
        const run = Runtime.runFork(yield* Effect.runtime<never>())
        const keys = IssuerKeys.make(
          {
            url,
            answerMsMax: Duration.toMillis(timeout),
            cooldownMs: Duration.toMillis(cooldown),
            staleMsMax: Duration.toMillis(staleMax)
          },
          yield* Effect.clock,
          (cause) => run(Effect.logWarning("token keys cannot be fetched", cause))
        )
        return (token: string) => jwtVerify(token, keys, { ...shared, algorithms: ["RS256", "ES256", "EdDSA"] })
      })
    const check = yield* Option.match(jwks, { onSome: byKeys, onNone: () => bySecret })

    const verify = (token: string): Effect.Effect<User, InvalidToken | KeysUnavailable> =>
      Effect.tryPromise({ try: () => check(token), catch: (cause) => reasonOf(cause, Option.isSome(jwks)) }).pipe(
        Effect.flatMap(({ payload }) => userOf(payload)),
        // A fetch that fails is logged once, not for each token.
        Effect.tapErrorTag("InvalidToken", (error) =>
          error.isForged
            ? Effect.annotateLogs(Effect.logWarning("forged token refused"), { security: "forged_token", reason: error.reason })
            : Effect.void
        )
      )
    return { verify } as const
  })
}) {}

/** Port: the store's keys in the product, a map in tests. */
export class ApiKeys extends Context.Tag("gateway/shared/ApiKeys")<
  ApiKeys,
  {
    /** The owner of a key, given as the caller sent it; none for a key that is unknown, revoked or expired. */
    readonly owner: (key: Redacted.Redacted<string>) => Effect.Effect<Option.Option<User>, KeysUnavailable>
    /** Those of the keys that are still accepted. */
    readonly alive: (keyIds: ReadonlyArray<number>) => Effect.Effect<ReadonlySet<number>, KeysUnavailable>
    /** Calls the listener, synchronously, after a change of a key was announced or found. */
    readonly onChange: (listener: () => void) => Effect.Effect<void, never, Scope.Scope>
  }
>() {}

/**
 * Lets a caller pass who may do what the request asks for, and who has not asked too often. From here on the request's statements see only
 * the caller's rows. A failure would make the next scheme answer, so it is a defect, which ErrorForm turns into its answer.
 */
const makePermitted = Effect.map(
  Effect.all([RateLimits, AccountRights.make]),
  ([limits, rights]) =>
    (user: User) =>
      Effect.gen(function* () {
        const { method, url } = yield* HttpServerRequest.HttpServerRequest
        const need = Access.needOf(method, url.split("?", 1)[0] ?? "")
        const message = Access.refusalOf(user, need)
        if (message !== undefined)
          return yield* Effect.die(new Problem.Forbidden({ detail: "Forbidden", errors: [{ field: "authorization", message }] }))
        yield* Effect.orDie(limits.take(user.id, need, method, yield* Route))
        yield* Caller.begin(rights.callerOf(user))
        return user
      })
)

export const AuthenticationLive = Layer.effect(
  Authentication,
  Effect.gen(function* () {
    const tokens = yield* Tokens
    const apiKeys = yield* ApiKeys
    const permitted = yield* makePermitted
    return Authentication.of({
      bearer: (token) =>
        tokens.verify(Redacted.value(token)).pipe(
          Effect.flatMap(permitted),
          Effect.catchTags({
            InvalidToken: () => new Problem.Unauthorized({ detail: refused }),
            // A failure would make the next scheme answer "no credentials". ErrorForm turns this defect into its 503.
            KeysUnavailable: () => Effect.die(new Problem.Unavailable({ detail: keysAway }))
          })
        ),
      apiKey: (key) =>
        Effect.gen(function* () {
          if (Redacted.value(key) === "") {
            const { headers } = yield* HttpServerRequest.HttpServerRequest
            return yield* new Problem.Unauthorized({ detail: headers["authorization"] === undefined ? missing : refused })
          }
          const owner = yield* Effect.catchAll(apiKeys.owner(key), () => Effect.die(new Problem.Unavailable({ detail: keysUnread })))
          return yield* Option.match(owner, {
            onNone: () => Effect.fail(new Problem.Unauthorized({ detail: refused })),
            onSome: permitted
          })
        })
    })
  })
)
