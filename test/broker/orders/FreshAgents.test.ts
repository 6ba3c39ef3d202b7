import { createServer, request } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import * as FreshAgents from "../../../src/broker/orders/FreshAgents.ts"

describe("Agents of orders", () => {
  it("use a connection again at once, and never one that was idle for long", async () => {
    let connections = 0
    const server = createServer((_, response) => response.end("ok")).on("connection", () => connections++)
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as AddressInfo
    let nowMs = 0
    const { httpAgent: agent, httpsAgent } = FreshAgents.make({ maxSockets: 4 }, () => nowMs)
    // The next request may follow once the connection is free.
    const get = () =>
      new Promise<void>((resolve, reject) => {
        agent.once("free", () => setImmediate(resolve))
        request({ host: "127.0.0.1", port, agent }, (response) => response.resume())
          .on("error", reject)
          .end()
      })
    await get()
    nowMs += FreshAgents.idleMsMax - 1
    await get()
    assert.strictEqual(connections, 1)
    nowMs += FreshAgents.idleMsMax
    await get()
    assert.strictEqual(connections, 2)
    await get()
    assert.strictEqual(connections, 2)
    agent.destroy()
    httpsAgent.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
})
