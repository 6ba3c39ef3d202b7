import { Clock, Effect, Either, FiberMap, Redacted, Schedule } from "effect"
import { Login } from "../../broker/Account.ts"
import { Accounts } from "../../broker/Accounts.ts"
import { Broker } from "../../broker/Broker.ts"
import * as KiteLogin from "../../broker/KiteLogin.ts"
import { exchangeSecondsMax, LoginRepo, type Waiting } from "../../store/accounts/LoginRepo.ts"
import { MarketClock } from "../../streams/MarketClock.ts"

/** The broker's request tokens live for minutes. An older one is not tried. */
const tokenMsMax = 5 * 60_000
/** Most logins that are exchanged at once. */
const exchangesMax = 8
/**
 * The pause between attempts to save the result of an exchange, and their number. They must end before another process may take the
 * exchange over.
 */
const writeEvery = "1 second"
const writesMax = exchangeSecondsMax - 15

/** The broker gives its answer only once, so saving it is tried again until the database accepts it. */
const written = <A, E>(write: Effect.Effect<A, E>) =>
  Effect.retry(write, Schedule.intersect(Schedule.spaced(writeEvery), Schedule.recurs(writesMax)))

/** Exchanges the request tokens that wait in Postgres for sessions, each in one process at a time and for as long as the scope is open. */
export const make = Effect.gen(function* () {
  const accounts = yield* Accounts
  const broker = yield* Broker
  const logins = yield* LoginRepo
  const marketClock = yield* MarketClock

  const refuse = ({ accountId, number }: Waiting, reason: string) =>
    Effect.zipRight(
      written(logins.refused(accountId, number, reason)),
      Effect.logWarning(`the login failed: ${reason}`).pipe(Effect.annotateLogs({ audit: "accounts", account: accountId }))
    )
  const keep = (it: Waiting, { signedInMs, token }: KiteLogin.SignedIn) =>
    Effect.gen(function* () {
      const sealed = accounts.seal(it.accountId, "access_token", token)
      if (sealed === undefined) return yield* refuse(it, "the session cannot be sealed without ACCOUNTS_KEY_FILE")
      yield* written(logins.done(it.accountId, it.number, sealed, new Date(signedInMs ?? marketClock.unsafeNow())))
      yield* accounts.look
      yield* Effect.logInfo("signed in by a person").pipe(Effect.annotateLogs({ audit: "accounts", account: it.accountId }))
    })

  const exchange = (it: Waiting) =>
    Effect.gen(function* () {
      const { accountId, number, receivedAt, requestToken } = it
      const session = broker.session(accountId)
      // This process may not know a new account yet, but does within a second.
      if (Either.isLeft(session) || !(yield* logins.take(accountId, number))) return
      if ((yield* Clock.currentTimeMillis) - receivedAt.getTime() > tokenMsMax)
        return yield* refuse(it, "the broker did not answer while the login was valid")
      const token = accounts.open(accountId, "request_token", requestToken)
      if (Either.isLeft(token)) return yield* refuse(it, `the stored login ${token.left}`)
      const result = yield* Effect.either(
        KiteLogin.signIn(session.right.client, Login.RequestToken({ requestToken: Redacted.make(Redacted.value(token.right)) }))
      )
      if (Either.isRight(result)) return yield* keep(it, result.right)
      if (result.left._tag === "InvalidCredentials") return yield* refuse(it, result.left.reason)
      yield* Effect.logWarning(`the login waits for the broker: ${result.left.message}`).pipe(Effect.annotateLogs({ account: accountId }))
      yield* written(logins.putBack(accountId, number))
    }).pipe(
      // The failure does not stop other accounts' logins.
      Effect.catchAll((error) => Effect.logWarning("a login is not exchanged yet", String(error))),
      Effect.annotateLogs({ account: it.accountId })
    )

  /** Starts the exchanges that wait. If one account's broker does not answer, the other accounts are not delayed. */
  const running = yield* FiberMap.make<string>()
  return Effect.gen(function* () {
    for (const it of yield* logins.waiting) {
      if ((yield* FiberMap.size(running)) >= exchangesMax) return
      yield* FiberMap.run(running, it.accountId, exchange(it), { onlyIfMissing: true })
    }
  })
})
