import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as OpenApi from "@effect/platform/OpenApi"
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import type { RpcAnswer, RpcRequest } from "../../contract/mcp/McpApi.ts"
import * as ToolServer from "../../mcp/ToolServer.ts"
import * as Tools from "../../mcp/Tools.ts"
import { described } from "../serve/OpenApiDocument.ts"

/** The longest time that a tool's request to this gateway may take. */
const answerMaxMs = 60_000
/** The headers that say who asks. They go along with each request of a tool. */
const credentials = ["authorization", "x-api-key"] as const

/** JSON-RPC's own number. */
const invalidRequest = -32_600

type Answer = typeof RpcAnswer.Encoded

/** Makes an MCP server for one message, and returns its answer: nothing for a notification. */
const exchange = async (tools: ReadonlyMap<string, Tools.Tool>, get: ToolServer.Get, message: RpcRequest): Promise<Answer | undefined> => {
  const server = ToolServer.make(tools, get)
  return await new Promise<Answer | undefined>((resolve, reject) => {
    const transport = {
      onmessage: undefined as ((message: JSONRPCMessage) => void) | undefined,
      start: async () => {},
      close: async () => {},
      send: async (answer: JSONRPCMessage) => resolve(answer as Answer)
    }
    // A message that the protocol cannot read is not answered by the library.
    server.onerror = ({ message: why }) =>
      resolve({ jsonrpc: "2.0", id: message.id ?? null, error: { code: invalidRequest, message: why } })
    server
      .connect(transport as Parameters<typeof server.connect>[0])
      .then(() => {
        transport.onmessage?.(message as JSONRPCMessage)
        if (message.id === undefined) resolve(undefined)
      })
      .catch(reject)
  }).finally(() => server.close())
}

export const McpHttp = HttpApiBuilder.group(
  Api,
  "mcp",
  Effect.fnUntraced(function* (handlers) {
    const tools = Tools.of(OpenApi.fromApi(described))
    const { address } = yield* HttpServer.HttpServer
    const host = address._tag === "TcpAddress" ? address : undefined
    const name = host === undefined || host.hostname === "0.0.0.0" || host.hostname === "::" ? "127.0.0.1" : host.hostname
    const url = `http://${name.includes(":") ? `[${name}]` : name}:${host?.port}`

    return handlers.handle("message", ({ payload }) =>
      Effect.gen(function* () {
        const { headers } = yield* HttpServerRequest.HttpServerRequest
        // Each request of a tool passes the same checks as the caller's own requests: sign-in, role, scopes and rate limit.
        const sent = Object.fromEntries(credentials.flatMap((one) => (headers[one] === undefined ? [] : [[one, headers[one]]])))
        const get: ToolServer.Get = async (path) => {
          const response = await fetch(`${url}${path}`, { headers: sent, signal: AbortSignal.timeout(answerMaxMs) })
          return { status: response.status, text: await response.text() }
        }
        const answer = yield* Effect.promise(() => exchange(tools, get, payload))
        return answer ?? HttpServerResponse.empty({ status: 202 })
      })
    )
  })
)
