import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import { Context, Data } from "effect"
import type { Role } from "../../domain/access/Access.ts"
import * as Problem from "./Problem.ts"

export class User extends Data.Class<{
  readonly id: string
  readonly email: string | null
  readonly name: string | null
  readonly role: Role
  readonly expiresAtMs: number
  /** The API key of the request; null for a user who is signed in. */
  readonly key: { readonly id: number; readonly scopes: ReadonlyArray<string> } | null
}> {}

export class CurrentUser extends Context.Tag("contract/shared/CurrentUser")<CurrentUser, User>() {}

/** The authentication as part of the contract. The check itself is elsewhere (Auth), so that a client can be built without it. */
export class Authentication extends HttpApiMiddleware.Tag<Authentication>()("contract/shared/Authentication", {
  failure: Problem.unauthorized,
  provides: CurrentUser,
  // Tried in this order. The caller sees the failure of the last one.
  security: { bearer: HttpApiSecurity.bearer, apiKey: HttpApiSecurity.apiKey({ in: "header", key: "x-api-key" }) }
}) {}
