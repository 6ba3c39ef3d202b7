import { Context, Data, Deferred, Effect, Either, ExecutionStrategy, Exit, Option, Redacted, Scope } from "effect"
import { type Account, Login } from "./Account.ts"
import * as AccountReads from "./AccountReads.ts"
import { Accounts } from "./Accounts.ts"
import { AutomaticLogins } from "./AutomaticLogins.ts"
import { brokerSettings } from "./BrokerSettings.ts"
import { Budgets } from "./Budgets.ts"
import * as KiteClient from "./KiteClient.ts"
import { UnknownAccount } from "./KiteError.ts"
import * as KitePool from "./KitePool.ts"
import * as KiteRest from "./KiteRest.ts"
import * as KiteSession from "./KiteSession.ts"
import * as Metrics from "./Metrics.ts"
import * as OrderSocket from "./orders/OrderSocket.ts"
import * as Orders from "./orders/Orders.ts"

/** How often sessions are opened and closed as accounts change, and checked for a dead token or a new login. */
const lookEvery = "1 second"

/** The time of tokens in this process. The broker layer knows neither the market's time nor the rules in force. */
export class Tokens extends Context.Tag("broker/Tokens")<Tokens, KiteSession.TokenTime>() {}

/** The account was removed, or changed so that it needs another session. */
export class AccountChanged extends Data.TaggedError("AccountChanged")<{ readonly account: string }> {
  override get message() {
    return `account ${this.account} was changed or removed`
  }
}

/** One account's session. It ends when the account changes. */
interface Entry {
  readonly account: Account
  readonly session: KiteSession.KiteSession
  readonly rest: KiteRest.KiteRest
  readonly orders: Orders.Orders
  readonly reads: AccountReads.AccountReads
  readonly scope: Scope.CloseableScope
  readonly changed: Deferred.Deferred<never, AccountChanged>
}

const same = (one: Redacted.Redacted, other: Redacted.Redacted) => Redacted.value(one) === Redacted.value(other)
/** True if one session can serve both versions of an account. A change of `login`, `owners` or `origin` keeps the session. */
const isSameSession = (one: Account, other: Account): boolean =>
  one.root === other.root &&
  one.localAddress === other.localAddress &&
  one.socketRoot === other.socketRoot &&
  one.userId === other.userId &&
  same(one.apiKey, other.apiKey) &&
  same(one.apiSecret, other.apiSecret)

/** Keeps one session for each account in force. */
const keepSessions = ({ requestTimeoutMs, orderTimeoutMs }: { readonly requestTimeoutMs: number; readonly orderTimeoutMs: number }) =>
  Effect.gen(function* () {
    const accounts = yield* Accounts
    const time = yield* Tokens
    const budgets = yield* Budgets
    const logins = yield* AutomaticLogins
    const parent = yield* Effect.scope
    const entries = new Map<string, Entry>()

    const open = (account: Account) =>
      Effect.gen(function* () {
        const scope = yield* Scope.fork(parent, ExecutionStrategy.sequential)
        const limited = (forMs: number, op: string) => budgets.limited(account.accountId, forMs, op)
        const shared = { within: budgets.of(account.accountId), limited }
        // An account without a local address shares the process's connections.
        const own = account.localAddress === undefined ? {} : { agents: yield* Scope.extend(Orders.agents(account), scope) }
        const client = yield* KiteClient.make(account, { requestTimeoutMs, ...own, ...shared })
        const login = () => Either.match(accounts.byId(account.accountId), { onLeft: () => Login.Absent(), onRight: (now) => now.login })
        const session = yield* Scope.extend(
          KiteSession.make({
            client,
            login,
            time,
            automatic: logins.of(account.accountId),
            limitedForMs: () => budgets.limitedForMs(account.accountId)
          }),
          scope
        )
        const agents = yield* Scope.extend(Orders.agents(account), scope)
        const forOrders = yield* KiteClient.make(account, { requestTimeoutMs: orderTimeoutMs, agents, ...shared })
        const orders = Orders.make(session, forOrders)
        const forReads = yield* KiteClient.make(account, {
          requestTimeoutMs,
          agents: yield* Scope.extend(Orders.agents(account, 1), scope),
          ...shared
        })
        entries.set(account.accountId, {
          account,
          session,
          rest: KiteRest.make(session),
          orders,
          reads: yield* AccountReads.make(session, forReads, orders.isSending),
          scope,
          changed: yield* Deferred.make<never, AccountChanged>()
        })
      })
    const close = ({ account, scope, changed }: Entry) =>
      Effect.gen(function* () {
        entries.delete(account.accountId)
        yield* Deferred.fail(changed, new AccountChanged({ account: account.accountId }))
        yield* Scope.close(scope, Exit.void)
        Metrics.loginRequired.forget(account.accountId)
      })
    const settle = Effect.gen(function* () {
      for (const entry of [...entries.values()]) {
        const isSame = Option.exists(Either.getRight(accounts.byId(entry.account.accountId)), (now) => isSameSession(entry.account, now))
        if (!isSame) yield* close(entry)
      }
      for (const account of accounts.all()) if (!entries.has(account.accountId)) yield* open(account)
    })
    yield* settle
    const look = Effect.suspend(() => Effect.forEach(entries.values(), ({ session }) => session.look, { concurrency: "unbounded" }))
    yield* Effect.zipRight(settle, look).pipe(Effect.delay(lookEvery), Effect.forever, Effect.forkScoped)
    return entries as ReadonlyMap<string, Entry>
  })

/** One session per account and process. */
export class Broker extends Effect.Service<Broker>()("broker/Broker", {
  scoped: Effect.gen(function* () {
    const accounts = yield* Accounts
    const budgets = yield* Budgets
    const { backoffMaxMs, livenessMs, checkEveryMs, limits, ...timeouts } = yield* brokerSettings
    const entries = yield* keepSessions(timeouts)
    const entryOf = (accountId: string) =>
      Either.fromNullable(entries.get(accountId), () => new UnknownAccount({ account: accountId, known: accounts.ids() }))
    return {
      session: (accountId: string) => Either.map(entryOf(accountId), (entry) => entry.session),
      /** An effect that fails when the account's present session ends because the account changed. */
      untilChanged: (accountId: string) => Either.map(entryOf(accountId), ({ changed }) => Deferred.await(changed)),
      rest: (accountId: string) => Either.map(entryOf(accountId), (entry) => entry.rest),
      /** The client that sends the account's orders. */
      orders: (accountId: string) => Either.map(entryOf(accountId), (entry) => entry.orders),
      /** The client that reads the account's figures. */
      reads: (accountId: string) => Either.map(entryOf(accountId), (entry) => entry.reads),
      /** The broker's messages about the account's orders, on a connection of its own, which closes with the scope. */
      orderMessages: (accountId: string) =>
        Effect.flatMap(entryOf(accountId), ({ session }) =>
          OrderSocket.make({ account: accountId, address: session.socketAddress, settings: { backoffMaxMs, livenessMs } })
        ),
      /** Whether the broker refuses requests of the account with 429 for now. */
      isLimited: (accountId: string): boolean => budgets.limitedForMs(accountId) > 0,
      /** How many instruments one connection of an account may carry, and how many connections carry market data. */
      connectionLimits: limits,
      /**
       * Asks one account after the other until one answers. Accounts that the broker limits are asked after the others, and those that need
       * a login last. Fails with the failure of the account that was asked last.
       */
      any: <A, E>(ask: (rest: KiteRest.KiteRest) => Effect.Effect<A, E>): Effect.Effect<A, E | UnknownAccount> => {
        const known = [...entries.values()]
        const isWaiting = ({ account, session }: Entry) =>
          session.status().state === "login_required" ||
          Option.exists(Either.getRight(accounts.byId(account.accountId)), ({ login }) => Login.$is("Absent")(login))
        const isLimited = ({ session }: Entry) => (session.status().limited_for_ms ?? 0) > 0
        const rank = (one: Entry) => (isWaiting(one) ? 2 : isLimited(one) ? 1 : 0)
        const ordered = known.toSorted((one, other) => rank(one) - rank(other))
        return ordered.length === 0
          ? new UnknownAccount({ account: "(any)", known: [] })
          : Effect.firstSuccessOf(ordered.map(({ rest }) => ask(rest)))
      },
      /** The account's connections, closed with the scope. One connects when `change` first names an instrument. */
      pool: (accountId: string, options: Pick<KitePool.Options, "events" | "dueSinceMs" | "steady">) =>
        Effect.flatMap(entryOf(accountId), ({ session }) =>
          KitePool.make({
            ...options,
            account: accountId,
            address: session.socketAddress,
            settings: { backoffMaxMs, livenessMs },
            limits: { ...limits, checkEveryMs }
          })
        )
    } as const
  })
}) {}
