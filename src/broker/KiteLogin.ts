/** How an account gets an access token: from a stored one, or by a login. */
import { Effect, Redacted, Schema } from "effect"
import { IstDateTime } from "../domain/market/KiteTime.ts"
import * as Turn from "../loop/Turn.ts"
import { type Account, Login, loginPage } from "./Account.ts"
import * as KiteClient from "./KiteClient.ts"
import * as KiteError from "./KiteError.ts"

const Session = Schema.Struct({
  access_token: Schema.Redacted(Schema.NonEmptyString),
  user_id: Schema.optional(Schema.String),
  login_time: Schema.optional(IstDateTime)
})
const readSession = KiteClient.json(Session)

/** Logs in to the simulator, which redirects with a request_token at once. Kite would show a login page to a person. */
const requestToken = (client: KiteClient.KiteClient): Effect.Effect<Redacted.Redacted, KiteError.KiteError> => {
  const { account, settings } = client
  const op = "login"
  const where = { account: account.accountId, op }
  const timeoutMs = settings.requestTimeoutMs
  const page = loginPage(account)
  const answer = Effect.tryPromise({
    try: async (signal) => {
      const response = await fetch(page.href, { redirect: "manual", signal })
      await response.body?.cancel()
      return { status: response.status, location: response.headers.get("location") }
    },
    catch: (error) => KiteError.ofCode({ ...where, host: page.hostname, code: KiteError.codeOf(error), timeoutMs })
  })
  return Turn.inTime(answer, timeoutMs, () => new KiteError.KiteTimeout({ ...where, afterMs: timeoutMs })).pipe(
    Effect.flatMap(({ status, location }): Effect.Effect<Redacted.Redacted, KiteError.KiteError> => {
      const reason = "the login page refused"
      if (status === 429) return new KiteError.RateLimited({ ...where, status, retryAfterMs: null, reason })
      if (status >= 500) return new KiteError.KiteRefused({ ...where, status, errorType: "NetworkException", reason })
      if (status >= 400) return new KiteError.InvalidCredentials({ ...where, status, reason: `${reason} this api_key (${status})` })
      const token =
        location !== null && URL.canParse(location, page.href) ? new URL(location, page).searchParams.get("request_token") : null
      return token === null || token === ""
        ? new KiteError.UnparsableResponse({
            ...where,
            status,
            contentType: "redirect",
            problem: "there is no request_token in its Location",
            excerpt: "(withheld)"
          })
        : Effect.succeed(Redacted.make(token))
    }),
    (self) => KiteClient.observed(op, self)
  )
}

/** Exchanges a request token for an access token: POST /session/token with SHA-256(api_key + request_token + api_secret). */
const exchange = (client: KiteClient.KiteClient, token: Redacted.Redacted) => {
  const { account } = client
  const op = "session"
  const where = { account: account.accountId, op }
  return client
    .send({
      op,
      token: null,
      run: (kite) => kite.generateSession(Redacted.value(token), Redacted.value(account.apiSecret)),
      read: readSession,
      secrets: [token],
      isAnswerSecret: true
    })
    .pipe(
      Effect.catchTags({
        SessionExpired: ({ status, reason }) => new KiteError.InvalidCredentials({ ...where, status, reason }),
        KiteRefused: (error) =>
          error.status >= 400 && error.status < 500
            ? new KiteError.InvalidCredentials({ ...where, status: error.status, reason: error.reason })
            : error
      }),
      Effect.filterOrFail(
        (session) => session.user_id === undefined || session.user_id === account.userId,
        () => new KiteError.InvalidCredentials({ ...where, status: 200, reason: "the login belongs to another user than user_id" })
      ),
      Effect.map(({ access_token: token, login_time: signedIn }) => ({ token, signedInMs: signedIn?.getTime() ?? null }))
    )
}

export const noToken = (account: Account, reason: string) =>
  new KiteError.InvalidCredentials({ account: account.accountId, op: "login", status: null, reason })
export const askPerson = ({ accountId }: Account) =>
  `a person has to sign in: at /kite/login?account=${accountId}, or with npm run login -- --account ${accountId}`

/** A token and the time of its login by the broker's clock; null if the time is unknown. */
export interface SignedIn {
  readonly token: Redacted.Redacted
  readonly signedInMs: number | null
}

export const signIn = (client: KiteClient.KiteClient, login: Login): Effect.Effect<SignedIn, KiteError.KiteError> =>
  Login.$match(login, {
    Auto: () => Effect.flatMap(requestToken(client), (token) => exchange(client, token)),
    AccessToken: ({ accessToken: token, signedInMs }) => Effect.succeed({ token, signedInMs }),
    RequestToken: ({ requestToken: token }) => exchange(client, token),
    Absent: () => noToken(client.account, `no session is stored: ${askPerson(client.account)}`)
  })

/** The token that a person stored; null for an automatic or an absent login. */
export const broughtBy = (login: Login): string | null =>
  Login.$match(login, {
    Auto: () => null,
    AccessToken: ({ accessToken }) => Redacted.value(accessToken),
    RequestToken: ({ requestToken: token }) => Redacted.value(token),
    Absent: () => null
  })
