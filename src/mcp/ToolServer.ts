import { Server } from "@modelcontextprotocol/sdk/server/index.js"
import { CallToolRequestSchema, type CallToolResult, ErrorCode, ListToolsRequestSchema, McpError } from "@modelcontextprotocol/sdk/types.js"
import * as Tools from "./Tools.ts"

/** Largest answer that is given to an assistant, bytes. */
export const answerBytesMax = 256 * 1_024

export interface Answer {
  readonly status: number
  readonly text: string
}

/** Sends a GET of the contract with the caller's credentials. */
export type Get = (pathAndQuery: string) => Promise<Answer>

const resultOf = ({ status, text }: Answer): CallToolResult => {
  const isError = status < 200 || status > 299
  if (text.length > answerBytesMax)
    return {
      isError: true,
      content: [
        {
          type: "text",
          text: `The answer has ${text.length} characters, more than ${answerBytesMax}: ask for less with limit, from or to.`
        }
      ]
    }
  return { isError, content: [{ type: "text", text }] }
}

/** An MCP server whose tools are the GET endpoints of the contract. It changes nothing, and keeps nothing between two calls. */
export const make = (tools: ReadonlyMap<string, Tools.Tool>, get: Get): Server => {
  const server = new Server({ name: "tarang", version: "1" }, { capabilities: { tools: {} } })
  server.setRequestHandler(ListToolsRequestSchema, async () => ({
    tools: [...tools.values()].map(({ description, inputSchema, name }) => ({
      name,
      description,
      inputSchema,
      annotations: { readOnlyHint: true, openWorldHint: false }
    }))
  }))
  server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
    const tool = tools.get(params.name)
    if (tool === undefined) throw new McpError(ErrorCode.InvalidParams, `no tool ${params.name}`)
    return resultOf(await get(Tools.request(tool, params.arguments ?? {})))
  })
  return server
}
