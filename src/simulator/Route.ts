/** What every route of the simulated REST interface shares: request, response, Kite's envelopes, and the check of session and rate. */
import { Either } from "effect"
import * as Sessions from "./Sessions.ts"

export interface Request {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly authorization: string | undefined
  readonly kiteVersion: string | undefined
  readonly gzip: boolean
  /** Form text of a POST or PUT. */
  readonly body: string
}

export interface Response {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
  /** No answer: the connection is closed, reset, or left open. */
  readonly breaks?: "close" | "reset" | "hang"
  /** The answer is delayed by this much. */
  readonly afterMs?: number
}

export type Answer = (request: Request, query: URLSearchParams) => Response

export interface Route {
  readonly methods: ReadonlyArray<string>
  readonly answer: Answer
}

/** Routes by path. */
export type Routes = Readonly<Record<string, Route>>

/** Kite limits each group of requests separately. */
export type RateGroup = "quote" | "history" | "other"

/** Wraps an answer so that it runs only for a request with a session and within the rate of its group. */
export type Guard = (group: RateGroup, answer: (session: Sessions.Session, query: URLSearchParams, request: Request) => Response) => Answer

/** Requests per second and api_key. Source: kite.trade/docs/connect/v3/exceptions. */
const requestsPerSecond: Readonly<Record<RateGroup, number>> = { quote: 1, history: 3, other: 10 }

export const json = (status: number, value: unknown): Response => ({
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value)
})

export const success = (data: unknown): Response => json(200, { status: "success", data })

export const failure = ({ status, type, message, retryAfterS }: Sessions.Refusal): Response => {
  const answer = json(status, { status: "error", message, data: null, error_type: type })
  return retryAfterS === undefined ? answer : { ...answer, headers: { ...answer.headers, "retry-after": String(retryAfterS) } }
}

export const refuse = (status: number, type: string, message: string): Response => failure({ status, type, message })

/** The response to a request that may have been refused. `data` gives the form in which Kite answers. */
export const ofEither = <A>(read: Either.Either<A, Sessions.Refusal>, data: (value: A) => unknown = (value) => value): Response =>
  Either.match(read, { onLeft: failure, onRight: (value) => success(data(value)) })

/** No answer. */
export const broken = (breaks: "close" | "reset" | "hang"): Response => ({ status: 500, headers: {}, body: "", breaks })

/** Counts the requests of each whole second. */
class RateLimit {
  readonly #counts = new Map<string, { second: number; count: number }>()

  allows(key: string, perSecond: number, nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000)
    const held = this.#counts.get(key)
    if (held === undefined || held.second !== second) {
      this.#counts.set(key, { second, count: 1 })
      return true
    }
    held.count++
    return held.count <= perSecond
  }
}

const credentials = /^token ([^:\s]{1,64}):(\S{1,128})$/

export const makeGuard = (options: {
  readonly sessions: Sessions.Sessions
  readonly nowMs: () => number
  readonly rateLimits: boolean
}): Guard => {
  const { sessions, nowMs, rateLimits } = options
  const limit = new RateLimit()
  return (group, answer) => (request, query) => {
    if (request.kiteVersion !== undefined && request.kiteVersion !== "3") {
      return refuse(400, "InputException", `X-Kite-Version ${request.kiteVersion} is not 3`)
    }
    const match = credentials.exec(request.authorization ?? "")
    const session = match === null ? Either.left(Sessions.tokenRefusal) : sessions.authenticate(match[1] ?? "", match[2] ?? "")
    if (Either.isLeft(session)) return failure(session.left)
    if (rateLimits && !limit.allows(`${session.right.account.apiKey} ${group}`, requestsPerSecond[group], nowMs())) {
      return refuse(429, "NetworkException", "Too many requests")
    }
    return answer(session.right, query, request)
  }
}
