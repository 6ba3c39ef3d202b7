import { assert, layer } from "@effect/vitest"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { Effect } from "effect"
import { waitMsMax } from "../../Patience.ts"
import { apiKey, ask, ready, token, World, world } from "../GatewayWorld.ts"

/** The official client, connected to the gateway with the given headers. */
const client = (headers: Record<string, string>) =>
  Effect.gen(function* () {
    const { url } = yield* World
    const made = new Client({ name: "test", version: "1" })
    const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } })
    yield* Effect.acquireRelease(
      Effect.promise(() => made.connect(transport as Parameters<typeof made.connect>[0])),
      () => Effect.promise(() => made.close())
    )
    return {
      tools: Effect.promise(async () => (await made.listTools()).tools),
      call: (name: string, given: Record<string, unknown> = {}) =>
        Effect.promise(async () => {
          const { content, isError } = await made.callTool({ name, arguments: given })
          const [first] = content as ReadonlyArray<{ text: string }>
          return { isError: isError === true, body: JSON.parse(first?.text ?? "null") }
        })
    }
  })
const signedIn = (user = "u1") => Effect.flatMap(token({ sub: user }), (jwt) => client({ authorization: `Bearer ${jwt}` }))

layer(world(), { excludeTestServices: true })("/mcp", (it) => {
  it.scoped("the official client finds a tool for each read of the contract, and none that changes anything", () =>
    Effect.gen(function* () {
      yield* ready
      const tools = yield* (yield* signedIn()).tools
      const { body: document } = yield* ask("/openapi.json")
      const reads = Object.values<Record<string, { operationId: string }>>(document.paths).flatMap(({ get }) =>
        get ? [get.operationId] : []
      )
      const left = reads.filter((id) => !/^(udf|exports|kite|apiKeys)\./.test(id)).map((id) => id.replaceAll(".", "_"))
      assert.deepStrictEqual(tools.map(({ name }) => name).sort(), left.sort())
      assert.isAbove(tools.length, 60)
      for (const { annotations, inputSchema, name } of tools) {
        assert.isTrue(annotations?.readOnlyHint, name)
        assert.notInclude(JSON.stringify(inputSchema), "$ref", name)
      }
      const expiries = tools.find(({ name }) => name === "fo_expiries")
      assert.deepStrictEqual(expiries?.inputSchema.required, ["symbol"])
    })
  )

  it.scoped("a tool answers what the endpoint answers to the same caller, errors too", () =>
    Effect.gen(function* () {
      yield* ready
      const mine = yield* signedIn("mcp1")
      const created = yield* ask("/strategies", { method: "POST", as: "mcp1", body: { name: "Mine" } })
      assert.strictEqual(created.status, 201)
      const listed = yield* mine.call("strategies_list", { limit: 5 })
      assert.deepStrictEqual([listed.isError, listed.body.total, listed.body.strategies[0].name], [false, 1, "Mine"])
      const { strategy_id: id } = created.body
      assert.strictEqual((yield* mine.call("strategies_get", { id })).body.name, "Mine")
      const other = yield* (yield* signedIn("mcp2")).call("strategies_get", { id })
      assert.deepStrictEqual([other.isError, other.body.detail], [true, "Strategy not found"])
      const wrong = yield* mine.call("strategies_list", { limit: 0, nonsense: 1 })
      assert.deepStrictEqual(
        [wrong.isError, wrong.body.errors.map(({ field }: { field: string }) => field).sort()],
        [true, ["limit", "nonsense"]]
      )
    })
  )

  it.scoped("a request without credentials is refused; an API key works", () =>
    Effect.gen(function* () {
      yield* ready
      const message = { jsonrpc: "2.0", id: 1, method: "tools/list" }
      assert.strictEqual((yield* ask("/mcp", { method: "POST", as: null, body: message })).status, 401)
      const keyed = yield* client({ "x-api-key": apiKey })
      assert.strictEqual((yield* keyed.call("authTest")).isError, false)
      assert.strictEqual((yield* ask("/mcp", { method: "POST", role: "viewer", body: message })).status, 200, "a viewer reads")
    })
  )

  it.effect("answers the protocol's errors in its own form", () =>
    Effect.gen(function* () {
      yield* ready
      const send = (body: object) => ask("/mcp", { method: "POST", body })
      const call = { jsonrpc: "2.0", id: "a", method: "tools/call" }
      const unknown = yield* send({ ...call, params: { name: "orders_submit", arguments: {} } })
      assert.deepStrictEqual([unknown.status, unknown.body.id, unknown.body.error.code], [200, "a", -32_602])
      assert.strictEqual((yield* send({ jsonrpc: "2.0", id: 2, method: "no/such" })).body.error.code, -32_601)
      assert.strictEqual((yield* send({ jsonrpc: "2.0", method: "notifications/initialized" })).status, 202)
      const unreadable = yield* send({ ...call, params: { _meta: { progressToken: {} } } })
      assert.deepStrictEqual([unreadable.status, unreadable.body.id, unreadable.body.error.code], [200, "a", -32_600])
      assert.strictEqual((yield* send({ id: 1, method: "tools/list" })).status, 422)
      assert.strictEqual((yield* ask("/mcp")).status, 405)
    })
  )

  it.scoped("the same tools over standard input and output, with the key of the environment", () =>
    Effect.gen(function* () {
      yield* ready
      const { url } = yield* World
      const made = new Client({ name: "test", version: "1" })
      const transport = new StdioClientTransport({
        command: process.execPath,
        args: ["node_modules/vite-node/vite-node.mjs", "src/mcp/main.ts"],
        env: { PATH: process.env["PATH"] ?? "", TARANG_URL: url, TARANG_API_KEY: apiKey }
      })
      yield* Effect.acquireRelease(
        Effect.promise(() => made.connect(transport as Parameters<typeof made.connect>[0], { timeout: waitMsMax })),
        () => Effect.promise(() => made.close())
      )
      const { content, isError } = yield* Effect.promise(() => made.callTool({ name: "authTest", arguments: {} }))
      const [first] = content as ReadonlyArray<{ text: string }>
      assert.deepStrictEqual([isError, JSON.parse(first?.text ?? "").user_id], [false, "k1"])
      const { tools } = yield* Effect.promise(() => made.listTools())
      assert.isAbove(tools.length, 60)
    })
  )
})
