import { Effect, Either, Layer, Option, Redacted, Schema } from "effect"
import { Accounts } from "../broker/Accounts.ts"
import * as AutomaticLogins from "../broker/AutomaticLogins.ts"
import type { SignedIn } from "../broker/KiteLogin.ts"
import * as RequestSlots from "../streams/budget/RequestSlots.ts"
import * as KeyValue from "../streams/KeyValue.ts"
import * as Subject from "../streams/Subject.ts"

/** While another process signs in, this process looks for the new session this often, at most this many times. Then it signs in itself. */
const lookEveryMs = 100
const looksMax = 150

/** The newest session of an automatic login. The token is sealed. */
const Stored = Schema.parseJson(Schema.Struct({ v: Schema.Literal(1), token: Schema.String, signed_in_ms: Schema.Int }))
const decode = Schema.decodeUnknownOption(Stored)
const encode = Schema.encodeSync(Stored)

/**
 * Automatic logins of all processes on one NATS. The process that first needs a session signs in, and the others use that session. While
 * NATS is away, or without ACCOUNTS_KEY_FILE, each process signs in by itself.
 */
export const layer = Layer.effect(
  AutomaticLogins.AutomaticLogins,
  Effect.gen(function* () {
    const accounts = yield* Accounts
    const slots = yield* RequestSlots.make
    const kv = yield* KeyValue.open(KeyValue.sessions)

    const shared = (account: string): Effect.Effect<Option.Option<SignedIn>> =>
      kv.get(Subject.kvKey(account)).pipe(
        Effect.map((found) =>
          Option.gen(function* () {
            const { value } = yield* found
            const { token, signed_in_ms } = yield* decode(new TextDecoder().decode(value))
            const opened = yield* Either.getRight(accounts.open(account, "access_token", Redacted.make(token)))
            return { token: opened, signedInMs: signed_in_ms }
          })
        ),
        Effect.catchAll((error) => Effect.as(Effect.logDebug("no shared session", error.message), Option.none()))
      )
    const share = (account: string, { signedInMs, token }: SignedIn) =>
      Effect.suspend(() => {
        const sealed = accounts.seal(account, "access_token", token)
        if (sealed === undefined || signedInMs === null) return Effect.void
        const body = encode({ v: 1, token: sealed, signed_in_ms: signedInMs })
        return Effect.ignoreLogged(kv.put(Subject.kvKey(account), new TextEncoder().encode(body)))
      })

    return {
      of: (account) => (isUsable, login) => {
        const usable = Effect.map(shared(account), Option.filter(isUsable))
        const signIn = Effect.tap(login, (session) => share(account, session))
        const inTurn = (looksLeft: number): Effect.Effect<SignedIn, Effect.Effect.Error<typeof login>> =>
          Effect.flatMap(usable, (found) => {
            if (Option.isSome(found)) return Effect.succeed(found.value)
            return Effect.flatMap(slots.take({ of: [account, "login"], count: 1, kept: 0, waitMsMax: lookEveryMs }), (taken) => {
              if (taken._tag === "Full" && looksLeft > 0) return inTurn(looksLeft - 1)
              return taken._tag === "Slot" ? slots.holding(taken.key, takeOrSignIn) : takeOrSignIn
            })
          })
        const takeOrSignIn = Effect.flatMap(usable, Option.match({ onNone: () => signIn, onSome: Effect.succeed }))
        return inTurn(looksMax)
      }
    }
  })
)
