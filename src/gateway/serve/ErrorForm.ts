import type * as HttpApi from "@effect/platform/HttpApi"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Config, Duration, Effect, Layer, MetricLabel } from "effect"
import * as Problem from "../../contract/shared/Problem.ts"
import * as RequestId from "../../contract/shared/RequestId.ts"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import * as Metrics from "../shared/Metrics.ts"
import { RateLimited } from "../shared/RateLimits.ts"
import { Route } from "../shared/Route.ts"
import * as Origins from "./Origins.ts"
import * as RequestBody from "./RequestBody.ts"

/** The router does not let a global middleware catch errors by type. Declaring `unhandled` satisfies it. */
type App<R = never> = Effect.Effect<HttpServerResponse.HttpServerResponse, HttpLayerRouter.unhandled, R>

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const

/** The methods of each path. The library's router only knows "no such method and path", and gives a global middleware no template. */
const routes = (api: HttpApi.HttpApi.AnyWithProps, others: ReadonlyArray<`/${string}`>) => {
  const table = HttpLayerRouter.FindMyWay.make<string>()
  for (const group of Object.values(api.groups)) {
    for (const { method, path } of Object.values(group.endpoints)) table.on(method, path, path)
  }
  for (const path of others) table.on("GET", path, path)
  /**
   * The methods of the template that fits a path with the fewest parameters. The router would answer a method that only another template
   * has: it would read `batch` of /subscriptions/batch as a token.
   */
  const allowed = (url: string) => {
    const fitting = methods.flatMap((method) => {
      const template = table.find(method, url)?.handler
      return template === undefined ? [] : [{ method, parameters: template.split(":").length }]
    })
    const fewest = Math.min(...fitting.map(({ parameters }) => parameters))
    return fitting.filter(({ parameters }) => parameters === fewest).map(({ method }) => method)
  }
  return {
    allowed,
    /** True for a method that only a template with more parameters has here. */
    isOtherPaths: (method: string, path: string) => {
      const known = methods.find((one) => one === method)
      return known !== undefined && table.find(known, path) !== undefined && !allowed(path).includes(known)
    },
    /** The template of a path, or "other" for an unknown one: a label must not have as many values as there are paths. */
    templateOf: (method: string, url: string) =>
      methods.find((known) => known === method) === undefined ? "other" : (table.find(method as "GET", url)?.handler ?? "other")
  }
}

const json = (status: number, code: string, detail: string, headers: Record<string, string> = {}) =>
  Effect.map(Problem.body(code, { detail }), (body) => HttpServerResponse.unsafeJson(body, { status, headers }))

const otherMethod = (allow: ReadonlyArray<string>) => json(405, "method_not_allowed", "Method not allowed", { allow: allow.join(", ") })

const labelsOf = (labels: Readonly<Record<string, string>>) => Object.entries(labels).map(([key, value]) => MetricLabel.make(key, value))

const bodyTimeout = Config.duration("HTTP_BODY_TIMEOUT").pipe(Config.withDefault(Duration.seconds(10)))

interface Settings {
  readonly body: RequestBody.Limits
  readonly cors: Effect.Effect.Success<typeof Origins.make>["cors"]
}

/**
 * The outermost middleware: a request id, one log line without the query (which may hold tokens), and the contract's form for every
 * failure.
 */
const make = (api: HttpApi.HttpApi.Any, others: ReadonlyArray<`/${string}`>, { body, cors }: Settings) => {
  const { allowed, isOtherPaths, templateOf } = routes(api as HttpApi.HttpApi.AnyWithProps, others)

  const respond = (request: HttpServerRequest.HttpServerRequest, cause: Cause.Cause<unknown>) => {
    const error = Cause.squash(cause)
    if (HttpServerResponse.isServerResponse(error)) return Effect.succeed(error)
    if (error instanceof HttpServerError.RouteNotFound) {
      const allow = allowed(request.url)
      return allow.length === 0 ? json(404, "not_found", "Resource not found") : otherMethod(allow)
    }
    if (error instanceof Problem.Forbidden)
      return Effect.map(Problem.body(error.code, error), (body) => HttpServerResponse.unsafeJson(body, { status: 403 }))
    if (error instanceof RateLimited)
      return json(429, "rate_limited", "Rate limit exceeded", { "retry-after": String(error.retryAfterSeconds) })
    if (error instanceof Problem.Unavailable) return json(503, "unavailable", error.detail)
    if (error instanceof RequestBody.BodyRefused) return json(error.status, error.code, error.detail, { connection: "close" })
    // A body that is not JSON arrives as a defect of this class.
    if (error instanceof HttpServerError.RequestError) return json(422, "validation_error", "Validation error: the body cannot be read")
    return Effect.zipRight(Effect.logError("request failed", cause), json(500, "internal_error", "Internal server error"))
  }

  const crossing = (app: App<HttpServerRequest.HttpServerRequest>): App<HttpServerRequest.HttpServerRequest> =>
    cors === undefined ? app : (cors(app) as App<HttpServerRequest.HttpServerRequest>)
  return HttpLayerRouter.middleware(
    (app: App): App<HttpServerRequest.HttpServerRequest> =>
      crossing(
        Effect.gen(function* () {
          const request = yield* HttpServerRequest.HttpServerRequest
          const requestId = RequestId.of(request.headers["x-request-id"])
          const path = request.url.split("?", 1)[0] ?? ""
          const route = templateOf(request.method, request.url)
          const startedMs = yield* SteadyTime.nowMs
          const answer = isOtherPaths(request.method, path)
            ? otherMethod(allowed(path))
            : Effect.flatMap(RequestBody.read(request, body), (whole) =>
                Effect.provideService(app, HttpServerRequest.HttpServerRequest, whole)
              )
          return yield* answer.pipe(
            Effect.catchAllCause((cause) =>
              Cause.isInterruptedOnly(cause) ? Effect.failCause(cause as Cause.Cause<never>) : respond(request, cause)
            ),
            Effect.map(HttpServerResponse.setHeaders({ "x-request-id": requestId, "x-content-type-options": "nosniff" })),
            Effect.tap((response) =>
              Effect.gen(function* () {
                const tookMs = (yield* SteadyTime.nowMs) - startedMs
                const method = methods.find((known) => known === request.method) ?? "other"
                const labels = { method, route }
                Metrics.httpRequests.unsafeUpdate(1, labelsOf({ ...labels, status: String(response.status) }))
                Metrics.httpDuration.unsafeUpdate(tookMs / 1000, labelsOf(labels))
                yield* Effect.logInfo("request").pipe(
                  Effect.annotateLogs({ method: request.method, path, status: response.status, took_ms: Math.round(tookMs) })
                )
              })
            ),
            Effect.annotateLogs({ request_id: requestId }),
            Effect.provideService(Route, route),
            Effect.provideService(RequestId.RequestId, requestId)
          )
        })
      ),
    { global: true }
  )
}

export const layer = (api: HttpApi.HttpApi.Any, others: ReadonlyArray<`/${string}`>, bytesMax: number) =>
  Layer.unwrapEffect(
    Effect.gen(function* () {
      const { cors } = yield* Origins.make
      const arrivesWithinMs = Duration.toMillis(yield* bodyTimeout)
      return make(api, others, { body: { bytesMax, arrivesWithinMs }, cors })
    })
  )
