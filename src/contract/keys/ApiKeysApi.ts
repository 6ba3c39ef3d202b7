import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Role, Scope } from "../../domain/access/Access.ts"
import { Authentication } from "../shared/Authentication.ts"
import { described } from "../shared/Described.ts"
import { Input, listedFields, Name, Page, WholeNumber, WholeNumberBetween, withDefault } from "../shared/Input.ts"
import * as Problem from "../shared/Problem.ts"

const daysMax = 365
const scopesMax = 50
const overlapMaxSeconds = 7 * 86_400

const TimeOrNull = Schema.NullOr(Schema.String)
const view = {
  key_id: Schema.Int,
  name: Schema.String,
  prefix: Schema.String,
  role: Role,
  scopes: Schema.Array(Schema.String),
  status: described(Schema.Literal("active", "expired", "revoked"), "Whether the key is accepted, and if not, why"),
  created_at: Schema.String,
  expires_at: described(Schema.String, "When the key ends by itself"),
  revoked_at: TimeOrNull,
  replaced_by: Schema.NullOr(Schema.Int),
  last_used_at: TimeOrNull
}
const ApiKey = Schema.Struct(view).annotations({ identifier: "ApiKey" })
const NewApiKey = Schema.Struct({ ...view, key: Schema.String }).annotations({ identifier: "NewApiKey" })
const Id = Input({ id: WholeNumber })

/** The caller's keys. Only a user who is signed in manages them. */
export class ApiKeysApi extends HttpApiGroup.make("apiKeys")
  .add(
    HttpApiEndpoint.get("list", "/")
      .setUrlParams(Page)
      .addSuccess(Schema.Struct({ keys: Schema.Array(ApiKey), ...listedFields }))
  )
  .add(
    HttpApiEndpoint.post("create", "/")
      .setPayload(
        Input({
          name: Name(100),
          scopes: Schema.Array(Scope).pipe(
            Schema.minItems(1, { message: () => "expected at least one scope" }),
            Schema.maxItems(scopesMax, { message: () => `at most ${scopesMax} scopes` })
          ),
          role: Schema.optional(Role),
          expires_in_days: withDefault(WholeNumberBetween(1, daysMax), () => 90)
        })
      )
      .addSuccess(NewApiKey, { status: 201 })
  )
  .add(HttpApiEndpoint.get("get", "/:id").setPath(Id).addSuccess(ApiKey).addError(Problem.notFound))
  .add(HttpApiEndpoint.del("revoke", "/:id").setPath(Id).addSuccess(ApiKey).addError(Problem.notFound))
  .add(
    HttpApiEndpoint.post("rotate", "/:id/rotate")
      .setPath(Id)
      .setPayload(Input({ overlap_s: withDefault(WholeNumberBetween(0, overlapMaxSeconds), () => 3_600) }))
      .addSuccess(NewApiKey, { status: 201 })
      .addError(Problem.notFound)
      .addError(Problem.conflict)
  )
  .middleware(Authentication)
  .addError(Problem.invalid)
  .addError(Problem.unavailable)
  .prefix("/api-keys")
  .annotate(OpenApi.Description, "API keys of programs, with their scopes and expiry") {}
