import { Config, Duration, Effect, Either } from "effect"
import { Accounts } from "./Accounts.ts"
import * as KiteClient from "./KiteClient.ts"
import { UnknownAccount } from "./KiteError.ts"
import * as KiteRest from "./KiteRest.ts"
import * as KiteSession from "./KiteSession.ts"
import * as KiteSocket from "./KiteSocket.ts"

const milliseconds = (name: string, fallbackMs: number) =>
  Config.duration(name).pipe(Config.withDefault(Duration.millis(fallbackMs)), Config.map(Duration.toMillis))

const settings = Config.all({
  requestTimeoutMs: milliseconds("KITE_REQUEST_TIMEOUT", KiteClient.defaults.requestTimeoutMs),
  backoffMaxMs: milliseconds("KITE_RECONNECT_MAX", KiteSocket.defaults.backoffMaxMs),
  livenessMs: milliseconds("KITE_LIVENESS", KiteSocket.defaults.livenessMs)
})

/** One session per account and process, because a second login with an api_key would end the first login's token. */
export class Broker extends Effect.Service<Broker>()("broker/Broker", {
  scoped: Effect.gen(function* () {
    const accounts = yield* Accounts
    const { requestTimeoutMs, backoffMaxMs, livenessMs } = yield* settings
    const held = new Map<string, { readonly session: KiteSession.KiteSession; readonly rest: KiteRest.KiteRest }>()
    for (const account of accounts.all) {
      const session = yield* KiteSession.make(yield* KiteClient.make(account, { requestTimeoutMs }), accounts.login(account))
      held.set(account.accountId, { session, rest: KiteRest.make(session) })
    }
    const entryOf = (accountId: string) =>
      Either.fromNullable(held.get(accountId), () => new UnknownAccount({ account: accountId, known: accounts.ids }))
    return {
      session: (accountId: string) => Either.map(entryOf(accountId), (entry) => entry.session),
      rest: (accountId: string) => Either.map(entryOf(accountId), (entry) => entry.rest),
      /** A socket for the account, closed with the scope. It connects when `set` first names an instrument. */
      socket: (accountId: string, events: KiteSocket.SocketEvents) =>
        Effect.flatMap(entryOf(accountId), ({ session }) =>
          KiteSocket.make({ account: accountId, address: session.socketAddress, events, settings: { backoffMaxMs, livenessMs } })
        )
    } as const
  })
}) {}
