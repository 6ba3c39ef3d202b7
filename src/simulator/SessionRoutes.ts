/** Login, access tokens and the user's profile, as kite.trade/docs/connect/v3/user describes them. */
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

const sessionOf = ({ account, accessToken, loginAtMs }: Sessions.Session) => ({
  ...userOf(account),
  api_key: account.apiKey,
  access_token: accessToken,
  public_token: Sessions.checksumOf(account.apiKey, accessToken, "public").slice(0, 32),
  enctoken: Sessions.checksumOf(account.apiKey, accessToken, "enc"),
  refresh_token: "",
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

const createSession =
  (sessions: Sessions.Sessions): Route.Answer =>
  (request) => {
    const form = new URLSearchParams(request.body)
    for (const field of ["api_key", "request_token", "checksum"]) {
      if ((form.get(field) ?? "") === "") return Route.refuse(400, "InputException", `Missing or empty field \`${field}\``)
    }
    return Either.match(sessions.exchange(form.get("api_key") ?? "", form.get("request_token") ?? "", form.get("checksum") ?? ""), {
      onLeft: Route.failure,
      onRight: (session) => Route.success(sessionOf(session))
    })
  }

const endSession =
  (sessions: Sessions.Sessions): Route.Answer =>
  (_request, query) =>
    Either.match(sessions.authenticate(query.get("api_key") ?? "", query.get("access_token") ?? ""), {
      onLeft: Route.failure,
      onRight: (session) => {
        sessions.logout(session)
        return Route.success(true)
      }
    })

export const make = (sessions: Sessions.Sessions, guard: Route.Guard): Route.Routes => {
  const create = createSession(sessions)
  const end = endSession(sessions)
  return {
    "/connect/login": { methods: ["GET"], answer: login(sessions) },
    "/session/token": {
      methods: ["POST", "DELETE"],
      answer: (request, query) => (request.method === "POST" ? create(request, query) : end(request, query))
    },
    "/user/profile": { methods: ["GET"], answer: guard("other", ({ account }) => Route.success(userOf(account))) }
  }
}
