import type { IncomingMessage } from "node:http"
import * as Headers from "@effect/platform/Headers"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Data, Effect } from "effect"

/** A rejected body. The connection is closed after the answer, because the rest of the body is not read. */
export class BodyRefused extends Data.TaggedError("BodyRefused")<{
  readonly status: 408 | 413 | 415 | 422
  readonly code: "request_timeout" | "too_large" | "unsupported_media_type" | "validation_error"
  readonly detail: string
}> {}

export interface Limits {
  readonly bytesMax: number
  /** A body that takes longer to arrive is refused. */
  readonly arrivesWithinMs: number
}

/** The contract's deepest body has five levels; a parser's stack can hold some thousands. */
const nestingMax = 32
const tooLarge = new BodyRefused({ status: 413, code: "too_large", detail: "Request body too large" })
const tooSlow = new BodyRefused({ status: 408, code: "request_timeout", detail: "Request body did not arrive in time" })
const notJson = new BodyRefused({
  status: 415,
  code: "unsupported_media_type",
  detail: "Unsupported media type: a body is sent as application/json"
})
const tooDeep = new BodyRefused({
  status: 422,
  code: "validation_error",
  detail: `Validation error: the body is nested deeper than ${nestingMax} levels`
})

const hasBody = ({ headers }: HttpServerRequest.HttpServerRequest): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0
const isJson = (contentType: string | undefined): boolean =>
  contentType === undefined || /^\s*application\/json\s*(?:;|$)/i.test(contentType)

/** True if brackets outside strings are nested deeper than `nestingMax`. */
export const isTooDeep = (text: string): boolean => {
  let depth = 0
  let isInString = false
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (isInString) {
      if (char === "\\") at++
      else if (char === '"') isInString = false
    } else if (char === '"') isInString = true
    else if (char === "[" || char === "{") {
      if (++depth > nestingMax) return true
    } else if (char === "]" || char === "}") depth--
  }
  return false
}

/**
 * Collects the body, and stops at the limit without destroying the connection. The library's reader would destroy it, so that the
 * client never sees the answer.
 */
const collect = (source: IncomingMessage, { bytesMax, arrivesWithinMs }: Limits) =>
  Effect.async<string, BodyRefused>((resume) => {
    const chunks: Array<Buffer> = []
    let bytes = 0
    const leave = () => {
      clearTimeout(timer)
      source.off("data", onData)
      source.off("end", onEnd)
      // Later data are discarded until the answer is sent: closing with unread data would reset the connection.
      source.resume()
    }
    const settle = (result: Effect.Effect<string, BodyRefused>) => {
      leave()
      resume(result)
    }
    const timer = setTimeout(() => settle(Effect.fail(tooSlow)), arrivesWithinMs)
    const onData = (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > bytesMax) settle(Effect.fail(tooLarge))
      else chunks.push(chunk)
    }
    const onEnd = () => settle(Effect.succeed(Buffer.concat(chunks).toString("utf8")))
    source.on("data", onData)
    source.on("end", onEnd)
    return Effect.sync(leave)
  })

/**
 * The library's request derives all forms of a body from `text`. A request without a body counts as an empty object, because each field
 * may be missing.
 */
const withText = (request: HttpServerRequest.HttpServerRequest, text: string): HttpServerRequest.HttpServerRequest =>
  Object.create(request, { text: { value: Effect.succeed(text === "" ? "{}" : text) } })

/** The library would wait for ever for the first part of a multipart body that is empty. */
const withoutBody = (request: HttpServerRequest.HttpServerRequest) =>
  withText(request.modify({ headers: Headers.remove(request.headers, "content-type") }), "")

/** Returns the request with its complete body, so that no handler waits for the network or gets an invalid body. */
export const read = (
  request: HttpServerRequest.HttpServerRequest,
  limits: Limits
): Effect.Effect<HttpServerRequest.HttpServerRequest, BodyRefused> => {
  if (!hasBody(request)) return Effect.succeed(withoutBody(request))
  if (Number(request.headers["content-length"] ?? 0) > limits.bytesMax) return Effect.fail(tooLarge)
  if (!isJson(request.headers["content-type"])) return Effect.fail(notJson)
  return collect(request.source as IncomingMessage, limits).pipe(
    Effect.filterOrFail(
      (text) => !isTooDeep(text),
      () => tooDeep
    ),
    Effect.map((text) => withText(request, text))
  )
}
