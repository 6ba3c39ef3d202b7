import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import { Config, Effect } from "effect"

/** Origins whose pages may call the API and open WebSockets, in addition to our own page. `*` allows every page, without credentials. */
const allowed = Config.array(Config.nonEmptyString(), "ALLOWED_ORIGINS").pipe(
  Config.withDefault([] as ReadonlyArray<string>),
  Config.validate({
    message: "ALLOWED_ORIGINS: origins such as https://charts.example.com, separated by commas, or * alone",
    validation: (all) => all.every((one) => (one === "*" ? all.length === 1 : URL.canParse(one) && new URL(one).origin === one))
  })
)

const preflightSeconds = 600

/** Decides which pages may call, by the browser's `Origin` header. Programs send no such header and are not checked. */
export const make = Effect.map(allowed, (origins) => {
  const isAny = origins.includes("*")
  const isListed = (origin: string): boolean => isAny || origins.includes(origin)
  return {
    /** Answers preflights and adds headers for allowed origins. Without any allowed origin it changes nothing. */
    cors:
      origins.length === 0
        ? undefined
        : HttpMiddleware.cors({
            allowedOrigins: isListed,
            allowedHeaders: ["authorization", "content-type", "idempotency-key", "x-api-key", "x-request-id"],
            exposedHeaders: ["retry-after", "x-request-id"],
            credentials: !isAny,
            maxAge: preflightSeconds
          }),
    /** Whether a page may open a WebSocket: a browser sends its origin but no preflight. `host` is the request's host. */
    mayConnect: (origin: string | undefined, host: string | undefined): boolean => {
      if (origin === undefined || isListed(origin)) return true
      return URL.canParse(origin) && new URL(origin).host === host
    }
  }
})
