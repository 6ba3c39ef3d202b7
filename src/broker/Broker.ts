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

/** All accounts' sessions, one each per process: a second login with an api_key would end the first one's token. */
export class Broker extends Effect.Service<Broker>()("broker/Broker", {
  scoped: Effect.gen(function* () {
    const accounts = yield* Accounts
    const { requestTimeoutMs, backoffMaxMs, livenessMs } = yield* settings
    const held = new Map<string, { readonly session: KiteSession.KiteSession; readonly rest: KiteRest.KiteRest }>()
    for (const account of accounts.all) {
      const session = yield* KiteSession.make(yield* KiteClient.make(account, { requestTimeoutMs }))
      held.set(account.accountId, { session, rest: KiteRest.make(session) })
    }
    const of = (accountId: string) =>
      Either.fromNullable(held.get(accountId), () => new UnknownAccount({ account: accountId, known: accounts.ids }))
    return {
      session: (accountId: string) => Either.map(of(accountId), (entry) => entry.session),
      rest: (accountId: string) => Either.map(of(accountId), (entry) => entry.rest),
      /** The account's socket, closed with the scope. It connects when `set` first wants something. */
      socket: (accountId: string, events: KiteSocket.SocketEvents) =>
        Effect.flatMap(of(accountId), ({ session }) =>
          KiteSocket.make({ account: accountId, address: session.socketAddress, events, settings: { backoffMaxMs, livenessMs } })
        )
    } as const
  })
}) {}
