import { Effect, Option, Redacted } from "effect"
import * as Broker from "../../broker/Account.ts"
import { Accounts } from "../../broker/Accounts.ts"
import type { Account } from "../../contract/accounts/LinkedAccount.ts"
import { CurrentUser, type User } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { AccountRepo, accountsPerUserMax, type NotLinked } from "../../store/accounts/AccountRepo.ts"
import { LoginRepo } from "../../store/accounts/LoginRepo.ts"
import { OrderAccounts } from "../../store/orders/OrderAccounts.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as AccountRights from "../shared/AccountRights.ts"
import { Changes } from "../shared/Changes.ts"
import { notFound } from "../shared/Lookup.ts"
import { type Paging, pageOf } from "../shared/Paging.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import { Views } from "../views/Views.ts"
import * as Sessions from "./Sessions.ts"

/** An account as a caller sends it. */
interface NewAccount {
  readonly account_id: string
  readonly user_id: string
  readonly api_key: string
  readonly api_secret: string
}

/** The fields of an account that are shown besides its state. */
type Shown = Pick<Broker.Account, "login" | "origin" | "owners" | "source" | "userId"> & { readonly accountId: string }

export const noKeys = "Accounts cannot be sealed: the operator has to set ACCOUNTS_KEY_FILE"
const taken = () => new Problem.Conflict({ detail: "An account has this id already: choose another one" })
const problemOf = ({ why }: NotLinked): Problem.Conflict | Problem.Invalid =>
  ({
    taken,
    own: () => Problem.invalidField("account_id", `a user links at most ${accountsPerUserMax} accounts`),
    all: () => Problem.invalidField("account_id", "no more accounts can be linked on this platform")
  })[why]()

/** Links accounts, shows them and removes them. */
export const make = Effect.gen(function* () {
  const accounts = yield* Accounts
  const repo = yield* AccountRepo
  const logins = yield* LoginRepo
  const orders = yield* OrderAccounts
  const views = yield* Views
  const changes = yield* Changes
  const rights = yield* AccountRights.make
  const clock = yield* MarketClock
  const rules = yield* RuleBook

  const sessionOf = (id: string, login: Broker.Login) =>
    views.tickers.all().find(({ status }) => status.account_id === id)?.status.login ??
    Sessions.byLogin(login, rules.current().documents.broker, clock.unsafeNow())
  const viewOf = ({ accountId, login: signIn, origin, owners, source, userId }: Shown) =>
    Effect.gen(function* () {
      const { mode } = yield* orProblem(orders.settings(accountId))
      const login = Option.getOrUndefined(yield* orProblem(logins.outcome(accountId)))
      return {
        account_id: accountId,
        user_id: userId,
        origin,
        source,
        mode,
        owners,
        session: sessionOf(accountId, signIn),
        login_failure: login?.failure ?? null
      } satisfies Account
    })
  const mine = (user: User) => {
    const own = new Set(rights.idsOf(user))
    return accounts.all().filter(({ accountId }) => own.has(accountId))
  }
  /** Makes every process read the accounts again. This process has done so before it answers. */
  const announced = Effect.zipRight(accounts.look, changes.poke("accounts"))

  return {
    list: ({ limit, offset }: Paging) =>
      Effect.gen(function* () {
        const all = mine(yield* CurrentUser)
        const accounts = yield* Effect.forEach(pageOf(all, { limit, offset }), viewOf)
        return { accounts, total: all.length, limit, offset }
      }),
    get: (id: string) =>
      Effect.gen(function* () {
        yield* rights.userOfPath(id)
        return yield* viewOf(yield* Effect.mapError(accounts.byId(id), () => notFound("Account")))
      }),
    link: ({ account_id, api_key, api_secret, user_id }: NewAccount) =>
      Effect.gen(function* () {
        const user = yield* CurrentUser
        if (accounts.knows(account_id)) return yield* taken()
        const apiKey = accounts.seal(account_id, "api_key", Redacted.make(api_key))
        const apiSecret = accounts.seal(account_id, "api_secret", Redacted.make(api_secret))
        if (apiKey === undefined || apiSecret === undefined) return yield* new Problem.Unavailable({ detail: noKeys })
        const linked = repo.link({ accountId: account_id, owner: user.id, userId: user_id, apiKey, apiSecret })
        yield* Effect.catchTag(orProblem(linked), "NotLinked", (refusal) => Effect.fail(problemOf(refusal)))
        yield* announced
        yield* Effect.annotateLogs(Effect.logInfo("account linked"), { audit: "accounts", account: account_id, by: user.id })
        return yield* viewOf({
          accountId: account_id,
          userId: user_id,
          login: Broker.Login.Absent(),
          origin: "linked",
          source: accounts.linkedSource,
          owners: [user.id]
        })
      }),
    remove: (id: string) =>
      Effect.gen(function* () {
        const user = yield* rights.userOfPath(id)
        const account = accounts.all().find(({ accountId }) => accountId === id)
        if (account?.origin === "file")
          return yield* new Problem.Conflict({ detail: "The account is in ACCOUNTS_FILE: the operator removes it there" })
        const removed = yield* Effect.catchTag(orProblem(repo.remove(id, user.id)), "AccountBusy", ({ tasks }) =>
          Effect.fail(new Problem.Conflict({ detail: `The account has ${tasks} order tasks that have not ended: cancel them first` }))
        )
        if (!removed) return yield* notFound("Account")
        yield* announced
        yield* Effect.annotateLogs(Effect.logInfo("account removed"), { audit: "accounts", account: id, by: user.id })
        return { message: "Account removed" }
      })
  } as const
})
