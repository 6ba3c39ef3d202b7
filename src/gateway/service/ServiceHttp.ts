import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import { CurrentUser } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as Prometheus from "../serve/Prometheus.ts"
import { Health } from "./Health.ts"

export const ServiceHttp = HttpApiBuilder.group(
  Api,
  "service",
  Effect.fnUntraced(function* (handlers) {
    const health = yield* Health
    return handlers
      .handle("health", () =>
        Effect.map(health.report, (report) => HttpServerResponse.unsafeJson(report, { status: report.status === "down" ? 503 : 200 }))
      )
      .handle("live", () => Effect.succeed({ status: "ok" } as const))
      .handle("ready", () =>
        Effect.suspend(() => {
          const reason = health.notReady()
          return reason === undefined
            ? Effect.succeed({ status: "ready" } as const)
            : Effect.fail(new Problem.Unavailable({ detail: `Not ready: ${reason}` }))
        })
      )
      .handle("metrics", () => Prometheus.text)
      .handle("authTest", () => Effect.map(CurrentUser, ({ id, email, name, role }) => ({ user_id: id, email, name, role })))
  })
)
