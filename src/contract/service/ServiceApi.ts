import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { Role } from "../../domain/access/Access.ts"
import { Authentication } from "../shared/Authentication.ts"
import * as Problem from "../shared/Problem.ts"
import { Health } from "./HealthReport.ts"

export const Who = Schema.Struct({
  user_id: Schema.String,
  email: Schema.NullOr(Schema.String),
  name: Schema.NullOr(Schema.String),
  role: Role
})

export class ServiceApi extends HttpApiGroup.make("service", { topLevel: true })
  .add(
    HttpApiEndpoint.get("health", "/health")
      .addSuccess(Health)
      .addError(Health.annotations({ identifier: "HealthDown", description: "A required backend is down" }), { status: 503 })
  )
  .add(HttpApiEndpoint.get("live", "/health/live").addSuccess(Schema.Struct({ status: Schema.Literal("ok") })))
  .add(
    HttpApiEndpoint.get("ready", "/health/ready")
      .addSuccess(Schema.Struct({ status: Schema.Literal("ready") }))
      .addError(Problem.unavailable)
  )
  .add(
    HttpApiEndpoint.get("metrics", "/metrics").addSuccess(
      Schema.String.pipe(HttpApiSchema.withEncoding({ kind: "Text", contentType: "text/plain; version=0.0.4; charset=utf-8" }))
    )
  )
  .add(HttpApiEndpoint.get("authTest", "/auth/test").addSuccess(Who).middleware(Authentication))
  .annotate(OpenApi.Description, "Health of the platform, and who is asking") {}
