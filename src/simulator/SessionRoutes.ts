/** Login, access tokens, and the user's profile, as kite.trade/docs/connect/v3/user describes them. */
import { Either } from "effect"
import * as KiteTime from "../domain/market/KiteTime.ts"
import { exchanges } from "./DumpRoutes.ts"
import * as Route from "./Route.ts"
import * as Sessions from "./Sessions.ts"

const products = ["CNC", "NRML", "MIS", "MTF"]
const orderTypes = ["MARKET", "LIMIT", "SL", "SL-M"]

const userOf = ({ userId }: Sessions.Account) => ({
  user_id: userId,
  user_type: "individual",
  email: `${userId.toLowerCase()}@example.com`,
  user_name: `Simulated ${userId}`,
  user_shortname: userId,
  broker: "ZERODHA",
  exchanges,
  products,
  order_types: orderTypes,
  avatar_url: null,
  meta: { demat_consent: "physical" }
})

const sessionOf = ({ account, accessToken, refreshToken, loginAtMs }: Sessions.Session) => ({
  ...userOf(account),
  api_key: account.apiKey,
  access_token: accessToken,
  public_token: Sessions.checksumOf(account.apiKey, accessToken, "public").slice(0, 32),
  enctoken: Sessions.checksumOf(account.apiKey, accessToken, "enc"),
  refresh_token: refreshToken,
  silo: "",
  login_time: KiteTime.format(loginAtMs)
})

/** The login page. It asks nothing: it redirects at once with a request token. */
const login =
  (sessions: Sessions.Sessions): Route.Answer =>
  (_request, query) => {
    if (query.get("v") !== "3") return Route.refuse(400, "InputException", "`v` must be 3")
    return Either.match(sessions.login(query.get("api_key") ?? "", query.get("redirect_params") ?? ""), {
      onLeft: Route.failure,
      onRight: (location) => ({ status: 302, headers: { location }, body: "" })
    })
  }

/** Answers a POST whose form must contain all these fields. */
const fromForm =
  <const Name extends string>(
    names: ReadonlyArray<Name>,
    answer: (fields: Readonly<Record<Name, string>>) => Route.Response
  ): Route.Answer =>
  (request) => {
    const form = new URLSearchParams(request.body)
    const missing = names.find((name) => (form.get(name) ?? "") === "")
    if (missing !== undefined) return Route.refuse(400, "InputException", `Missing or empty field \`${missing}\``)
    return answer(Object.fromEntries(names.map((name) => [name, form.get(name)])) as Readonly<Record<Name, string>>)
  }

const createSession = (sessions: Sessions.Sessions): Route.Answer =>
  fromForm(["api_key", "request_token", "checksum"], ({ api_key, request_token, checksum }) =>
    Either.match(sessions.exchange(api_key, request_token, checksum), {
      onLeft: Route.failure,
      onRight: (session) => Route.success(sessionOf(session))
    })
  )

/** The answer has the fields of the official Go client's UserSessionTokens. */
const renewSession = (sessions: Sessions.Sessions): Route.Answer =>
  fromForm(["api_key", "refresh_token", "checksum"], ({ api_key, refresh_token, checksum }) =>
    Either.match(sessions.renew(api_key, refresh_token, checksum), {
      onLeft: Route.failure,
      onRight: ({ account, accessToken, refreshToken }) =>
        Route.success({ user_id: account.userId, access_token: accessToken, refresh_token: refreshToken })
    })
  )

/** Official clients end a session by its access token or by its refresh token. */
const endSession =
  (sessions: Sessions.Sessions): Route.Answer =>
  (_request, query) => {
    const apiKey = query.get("api_key") ?? ""
    const refreshToken = query.get("refresh_token")
    const found =
      refreshToken === null ? sessions.authenticate(apiKey, query.get("access_token") ?? "") : sessions.refreshable(apiKey, refreshToken)
    return Either.match(found, {
      onLeft: Route.failure,
      onRight: (session) => {
        sessions.logout(session)
        return Route.success(true)
      }
    })
  }

export const make = (sessions: Sessions.Sessions, guard: Route.Guard): Route.Routes => {
  const create = createSession(sessions)
  const end = endSession(sessions)
  return {
    "/connect/login": { methods: ["GET"], answer: login(sessions) },
    "/session/token": {
      methods: ["POST", "DELETE"],
      answer: (request, query) => (request.method === "POST" ? create(request, query) : end(request, query))
    },
    "/session/refresh_token": { methods: ["POST"], answer: renewSession(sessions) },
    "/user/profile": { methods: ["GET"], answer: guard("other", ({ account }) => Route.success(userOf(account))) }
  }
}
