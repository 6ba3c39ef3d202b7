/**
 * `npm run --silent mcp`: the tools over standard input and output, for an assistant on this machine. TARANG_URL names the gateway, and
 * TARANG_API_KEY or TARANG_TOKEN the caller. Standard output belongs to the protocol, so everything else goes to standard error.
 */
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js"
import * as ToolServer from "./ToolServer.ts"
import * as Tools from "./Tools.ts"

const url = (process.env["TARANG_URL"] ?? "http://127.0.0.1:8081").replace(/\/$/, "")
const { TARANG_API_KEY: key = "", TARANG_TOKEN: token = "" } = process.env
const answerMaxMs = 60_000

const end = (why: string): never => {
  process.stderr.write(`${why}\n`)
  process.exit(1)
}
const headers: Record<string, string> =
  key !== "" ? { "x-api-key": key } : token !== "" ? { authorization: `Bearer ${token}` } : end("Set TARANG_API_KEY or TARANG_TOKEN.")

const get: ToolServer.Get = async (path) => {
  const response = await fetch(`${url}${path}`, { headers, signal: AbortSignal.timeout(answerMaxMs) })
  return { status: response.status, text: await response.text() }
}
const document = await get("/openapi.json").catch((error: unknown) => end(`No gateway answers at ${url}: ${String(error)}`))
if (document.status !== 200) end(`${url}/openapi.json answered ${document.status}`)
await ToolServer.make(Tools.of(JSON.parse(document.text)), get).connect(new StdioServerTransport())
