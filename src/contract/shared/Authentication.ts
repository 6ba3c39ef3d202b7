import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import { Context, Data } from "effect"
import * as Problem from "./Problem.ts"

export class User extends Data.Class<{
  readonly id: string
  readonly email: string | null
  readonly name: string | null
  readonly role: "user" | "admin"
  readonly expiresAtMs: number
}> {}

export class CurrentUser extends Context.Tag("contract/shared/CurrentUser")<CurrentUser, User>() {}

/** The authentication as part of the contract. The check itself is elsewhere (Auth), so that a client can be built without it. */
export class Authentication extends HttpApiMiddleware.Tag<Authentication>()("contract/shared/Authentication", {
  failure: Problem.unauthorized,
  provides: CurrentUser,
  // Tried in this order. The caller sees the failure of the last one.
  security: { bearer: HttpApiSecurity.bearer, apiKey: HttpApiSecurity.apiKey({ in: "header", key: "x-api-key" }) }
}) {}
