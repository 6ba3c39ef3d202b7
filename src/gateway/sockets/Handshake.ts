import { type IncomingMessage, STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import type * as Problem from "../../contract/shared/Problem.ts"

export interface Refusal {
  readonly status: 401 | 403 | 429 | 503
  readonly code: string
  readonly detail: string
  readonly errors?: Problem.Body["errors"]
}

/** A refusal before the handshake is an ordinary HTTP answer, so the client can read the reason. */
export const refuse = (socket: Duplex, requestId: string, { status, code, detail, errors = [] }: Refusal): void => {
  const body = JSON.stringify({ detail, code, request_id: requestId, errors } satisfies Problem.Body)
  const retry = status === 429 || status === 503 ? "retry-after: 5\r\n" : ""
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `x-request-id: ${requestId}\r\n${retry}connection: close\r\n\r\n${body}`
  )
}

/** The API key of a program. Browsers cannot send the header. */
export const keyOf = (request: IncomingMessage): string | undefined => request.headers["x-api-key"]?.toString()

/** Finds the token in the header, or for browsers in the subprotocol `bearer.<jwt>` or in `?token=`. Returns undefined without a token. */
export const tokenOf = (request: IncomingMessage, url: URL): string | undefined => {
  const header = request.headers.authorization
  if (header?.startsWith("Bearer ")) return header.slice(7)
  const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim())
  const token = offered.find((name) => name.startsWith("bearer."))?.slice(7) ?? url.searchParams.get("token") ?? ""
  return token === "" ? undefined : token
}
