import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Authentication } from "../shared/Authentication.ts"
import { Input, LooseInput, Name, Text, withDefault } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

const Redirect = Schema.Literal("true", "false").annotations({ message: () => "expected true or false" })
const LoginPage = Schema.Struct({
  login_url: Schema.String,
  valid_until: Schema.String.annotations({ description: "The login has to reach /kite/callback before this time, ISO 8601" })
}).annotations({ identifier: "LoginPage" })
/** The broker adds parameters of its own, so unknown ones are ignored. None of them is quoted in an error: they are secrets. */
const Callback = LooseInput({
  state: Text(128).annotations({ description: "The `state` that /kite/login gave to the broker, which sends it back" }),
  request_token: Schema.optional(Text(512)),
  status: Schema.optional(Text(32).annotations({ description: "The broker's word: `success`" }))
})

/** Signing in at the broker's page. */
export class KiteApi extends HttpApiGroup.make("kite")
  .add(
    HttpApiEndpoint.get("login", "/kite/login")
      .setUrlParams(Input({ account: Name(64), redirect: withDefault(Redirect, () => "true" as const) }))
      .addSuccess(LoginPage)
      .addSuccess(HttpApiSchema.Empty(302).annotations({ description: "To the broker's login page" }))
      .addError(Problem.notFound)
      .addError(Problem.conflict)
      .middleware(Authentication)
  )
  .add(
    HttpApiEndpoint.get("callback", "/kite/callback")
      .setUrlParams(Callback)
      .addSuccess(HttpApiSchema.Text({ contentType: "text/html" }))
      .addError(Problem.notFound)
      .addError(Problem.conflict)
  )
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .annotate(OpenApi.Description, "Signing accounts in at the broker's login page") {}
