/**
 * The least cost of a request and a message on this machine: a separate process with plain node:http that sends the platform's answers,
 * and plain ws that sends as many ticks as the platform. It checks no token and computes nothing.
 */
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { type WebSocket, WebSocketServer } from "ws"
import * as Child from "../pipeline/Child.ts"

/** Bodies by path with query. */
export interface Spec {
  readonly bodies: Readonly<Record<string, string>>
  readonly tick: string
  /** Ticks a second of one instrument. */
  readonly perInstrument: number
}

let spec: Spec = { bodies: {}, tick: "", perInstrument: 0 }
const everyMs = 20
const sending = new Map<WebSocket, { readonly perMs: number; readonly startMs: number; sent: number }>()

const server = createServer((request, response) => {
  const body = spec.bodies[request.url ?? ""]
  response.writeHead(body === undefined ? 404 : 200, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body ?? "")
  })
  response.end(body)
})
const sockets = new WebSocketServer({ server, perMessageDeflate: false })
sockets.on("connection", (socket) => {
  socket.on("message", (data) => {
    const message = JSON.parse(data.toString()) as { readonly action: string; readonly tokens?: ReadonlyArray<number> }
    if (message.action === "ping") return socket.send('{"type":"pong"}')
    socket.send('{"type":"subscribed"}')
    sending.set(socket, { perMs: ((message.tokens?.length ?? 0) * spec.perInstrument) / 1_000, startMs: performance.now(), sent: 0 })
  })
  socket.on("close", () => sending.delete(socket))
})
setInterval(() => {
  for (const [socket, pace] of sending) {
    const due = Math.floor((performance.now() - pace.startMs) * pace.perMs)
    for (; pace.sent < due; pace.sent++) socket.send(spec.tick)
  }
}, everyMs)
const listening = new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))

Child.serve({
  ready: () => listening,
  port: () => (server.address() as AddressInfo).port,
  answer: (next: Spec) => {
    spec = next
  }
})
