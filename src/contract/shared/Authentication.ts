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

/** Who may call: part of the contract, without how it is checked (Auth), so that a client can be made of it anywhere. */
export class Authentication extends HttpApiMiddleware.Tag<Authentication>()("contract/shared/Authentication", {
  failure: Problem.unauthorized,
  provides: CurrentUser,
  // Tried in this order; the failure of the last one is what the caller sees.
  security: { bearer: HttpApiSecurity.bearer, apiKey: HttpApiSecurity.apiKey({ in: "header", key: "x-api-key" }) }
}) {}
