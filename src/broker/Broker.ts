import { Config, Context, Duration, Effect, Either } from "effect"
import * as ConnectionPool from "../domain/accounts/ConnectionPool.ts"
import * as OrderDecider from "../domain/orders/OrderDecider.ts"
import { Accounts } from "./Accounts.ts"
import * as KiteClient from "./KiteClient.ts"
import { UnknownAccount } from "./KiteError.ts"
import * as KitePool from "./KitePool.ts"
import * as KiteRest from "./KiteRest.ts"
import * as KiteSession from "./KiteSession.ts"
import * as KiteSocket from "./KiteSocket.ts"
import * as Orders from "./Orders.ts"

const milliseconds = (name: string, fallbackMs: number) =>
  Config.duration(name).pipe(Config.withDefault(Duration.millis(fallbackMs)), Config.map(Duration.toMillis))

const settings = Config.all({
  requestTimeoutMs: milliseconds("KITE_REQUEST_TIMEOUT", KiteClient.defaults.requestTimeoutMs),
  orderTimeoutMs: milliseconds("ORDER_ANSWER_TIMEOUT", OrderDecider.defaults.answerMsMax),
  backoffMaxMs: milliseconds("KITE_RECONNECT_MAX", KiteSocket.defaults.backoffMaxMs),
  livenessMs: milliseconds("KITE_LIVENESS", KiteSocket.defaults.livenessMs),
  checkEveryMs: milliseconds("KITE_CHECK_EVERY", KitePool.defaults.checkEveryMs),
  tokensMax: Config.integer("KITE_CONNECTION_INSTRUMENTS").pipe(
    Config.withDefault(KitePool.defaults.tokensMax),
    Config.validate({
      message: `must be 1 to ${ConnectionPool.brokerTokensMax}: Kite takes no more on one connection`,
      validation: (value) => value >= 1 && value <= ConnectionPool.brokerTokensMax
    })
  )
})

/** How often the sessions look for a dead token and for another login. */
const lookEvery = "1 second"

/** The time of tokens in this process. The broker layer knows neither the market's time nor the rules in force. */
export class Tokens extends Context.Tag("broker/Tokens")<Tokens, KiteSession.TokenTime>() {}

interface Held {
  readonly session: KiteSession.KiteSession
  readonly rest: KiteRest.KiteRest
  readonly orders: Orders.Orders
}

/** One session per account and process, because a second login with an api_key would end the first login's token. */
export class Broker extends Effect.Service<Broker>()("broker/Broker", {
  scoped: Effect.gen(function* () {
    const accounts = yield* Accounts
    const time = yield* Tokens
    const { requestTimeoutMs, orderTimeoutMs, backoffMaxMs, livenessMs, checkEveryMs, tokensMax } = yield* settings
    const held = new Map<string, Held>()
    for (const account of accounts.all) {
      const client = yield* KiteClient.make(account, { requestTimeoutMs })
      const session = yield* KiteSession.make({ client, login: accounts.login(account), time })
      const forOrders = yield* KiteClient.make(account, { requestTimeoutMs: orderTimeoutMs, agents: yield* Orders.agents })
      held.set(account.accountId, { session, rest: KiteRest.make(session), orders: Orders.make(session, forOrders) })
    }
    const lookAll = Effect.suspend(() =>
      Effect.forEach(held.values(), ({ session }) => session.look, { concurrency: "unbounded", discard: true })
    )
    yield* lookAll.pipe(Effect.delay(lookEvery), Effect.forever, Effect.forkScoped)
    const entryOf = (accountId: string) =>
      Either.fromNullable(held.get(accountId), () => new UnknownAccount({ account: accountId, known: accounts.ids }))
    return {
      session: (accountId: string) => Either.map(entryOf(accountId), (entry) => entry.session),
      rest: (accountId: string) => Either.map(entryOf(accountId), (entry) => entry.rest),
      /** What sends the account's orders. */
      orders: (accountId: string) => Either.map(entryOf(accountId), (entry) => entry.orders),
      /** The account's connections, closed with the scope. One connects when `change` first names an instrument. */
      pool: (accountId: string, options: Pick<KitePool.Options, "events" | "dueSinceMs">) =>
        Effect.flatMap(entryOf(accountId), ({ session }) =>
          KitePool.make({
            ...options,
            account: accountId,
            address: session.socketAddress,
            settings: { backoffMaxMs, livenessMs },
            limits: { checkEveryMs, tokensMax }
          })
        )
    } as const
  })
}) {}
