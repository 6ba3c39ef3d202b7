import { createHash, randomBytes } from "node:crypto"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Clock, Effect, Either, Option, Redacted } from "effect"
import * as Broker from "../../broker/Account.ts"
import { Accounts } from "../../broker/Accounts.ts"
import { Api } from "../../contract/Api.ts"
import type { User } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import { LoginRepo, stateMsMax } from "../../store/accounts/LoginRepo.ts"
import * as AccountRights from "../shared/AccountRights.ts"
import { Changes } from "../shared/Changes.ts"
import { notFound } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"
import { noKeys } from "./Linking.ts"

/** How long the callback's answer waits for the exchange of the token. The exchange continues after the answer. */
const exchangeWaitMsMax = 15_000
const lookEveryMs = 100
const stateBytes = 32

/** The state goes to the broker and comes back. Only its hash is kept here, so nobody who reads the database can use it. */
const hashOf = (state: string): string => createHash("sha256").update(state).digest("hex")

const notBegun = () =>
  new Problem.NotFound({ detail: "This login was not begun here, was used already, or is too old: begin it again at /kite/login" })

/** The HTML page of a callback. Nothing is escaped: the texts are ours, and an account's id has no special character of HTML. */
const page = (text: string) =>
  HttpServerResponse.text(
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>Tarang</title><p>${text}</p><p><a href="/">Tarang</a></p></html>`,
    {
      contentType: "text/html; charset=utf-8",
      headers: {
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "content-security-policy": "default-src 'none'",
        "x-content-type-options": "nosniff"
      }
    }
  )

/** A person's login at the broker's page: begins it, and takes its result once. */
export const KiteHttp = HttpApiBuilder.group(
  Api,
  "kite",
  Effect.fnUntraced(function* (handlers) {
    const accounts = yield* Accounts
    const logins = yield* LoginRepo
    const changes = yield* Changes
    const rights = yield* AccountRights.make

    const accountOf = (id: string) => Effect.mapError(accounts.byId(id), () => notFound("Account"))
    const begin = (user: User, account: Broker.Account) =>
      Effect.gen(function* () {
        if (Broker.Login.$is("Auto")(account.login))
          return yield* new Problem.Conflict({ detail: "The account signs in by itself: there is nothing to do" })
        const state = randomBytes(stateBytes).toString("base64url")
        const nowMs = yield* Clock.currentTimeMillis
        yield* orProblem(logins.begin(hashOf(state), account.accountId, user.id))
        return { login_url: Broker.loginPage(account, { state }).href, valid_until: new Date(nowMs + stateMsMax).toISOString() }
      })

    /** Stores the token before it is used. The account's owner may have changed since the login began. */
    const receive = (state: string, token: string) =>
      logins
        .receive(hashOf(state), ({ accountId, userId }) =>
          Effect.gen(function* () {
            const account = Either.getOrUndefined(accounts.byId(accountId))
            if (account === undefined) return yield* notBegun()
            const sealed = accounts.seal(accountId, "request_token", Redacted.make(token))
            if (sealed === undefined) return yield* new Problem.Unavailable({ detail: noKeys })
            yield* Effect.logInfo("a login came back from the broker").pipe(
              Effect.annotateLogs({ audit: "accounts", account: accountId, by: userId })
            )
            return sealed
          })
        )
        .pipe(orProblem, Effect.catchTag("NoSuchLogin", notBegun))
    /** The outcome of a login; undefined while it is unknown. After a newer login of the account it stays unknown. */
    const outcome = (accountId: string, number: number) =>
      Effect.map(orProblem(logins.outcome(accountId)), (found) => {
        const login = Option.getOrUndefined(found)
        return login === undefined || login.number !== number || login.isWaiting ? undefined : { failure: login.failure }
      })
    const awaited = (accountId: string, number: number) =>
      Effect.gen(function* () {
        const untilMs = (yield* SteadyTime.nowMs) + exchangeWaitMsMax
        while (true) {
          const found = yield* outcome(accountId, number)
          if (found !== undefined || (yield* SteadyTime.nowMs) >= untilMs) return found
          yield* Effect.sleep(lookEveryMs)
        }
      })

    return handlers
      .handle("login", ({ urlParams: { account, redirect } }) =>
        Effect.gen(function* () {
          const user = yield* rights.userOfPath(account)
          const begun = yield* begin(user, yield* accountOf(account))
          if (redirect === "false") return begun
          return HttpServerResponse.empty({ status: 302, headers: { location: begun.login_url, "cache-control": "no-store" } })
        })
      )
      .handle("callback", ({ urlParams: { request_token: token, state, status } }) =>
        Effect.gen(function* () {
          if (token === undefined || token === "" || (status !== undefined && status !== "success"))
            return yield* new Problem.Conflict({ detail: "The broker did not sign the account in: begin again at /kite/login" })
          const { accountId, number } = yield* receive(state, token)
          yield* changes.poke("accounts")
          const found = yield* awaited(accountId, number)
          if (found === undefined) return page(`The broker has not answered yet. Account ${accountId} is signed in as soon as it does.`)
          if (found.failure !== null)
            return yield* new Problem.Conflict({
              detail: `Account ${accountId} is not signed in: ${found.failure}; begin again at /kite/login`
            })
          return page(`Account ${accountId} is signed in. You may close this page.`)
        })
      )
  })
)
