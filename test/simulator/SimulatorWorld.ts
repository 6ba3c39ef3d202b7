import { existsSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { KiteConnect } from "kiteconnect"
import { WebSocket } from "ws"
import * as Frame from "../../src/domain/market/Frame.ts"
import type * as Sessions from "../../src/simulator/Sessions.ts"
import type * as Simulator from "../../src/simulator/Simulator.ts"
import { waitMsMax } from "../Patience.ts"

export const account = (id: string): Sessions.Account => ({
  accountId: id,
  apiKey: `key-${id}`,
  apiSecret: `secret-${id}`,
  userId: id.toUpperCase()
})
export const [first, second] = [account("a1"), account("a2")]

const reference = process.env["TARANG_REFERENCE_DATA"]
/** A file of the recorded reference data, or undefined if it is absent. */
export const recorded = (file: string): string | undefined => {
  const path = reference === undefined ? undefined : join(reference, file)
  return path !== undefined && existsSync(path) ? path : undefined
}
export const absent = "(skipped without the recorded data of TARANG_REFERENCE_DATA)"

/** Polls until the condition holds; dies after a limited time. */
export const until = (what: string, holds: () => boolean): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (const endMs = performance.now() + waitMsMax; performance.now() < endMs; ) {
      if (holds()) return
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 10)))
    }
    return yield* Effect.dieMessage(`waited ${waitMsMax / 1_000} s for ${what}`)
  })

/**
 * A request with a connection of its own. The simulator closes a connection that nobody used for 65 s, and after a stall of that length a
 * request would be sent on the connection while it is closed.
 */
export const alone = { headers: { connection: "close" } } as const

/** The request token in the login page's redirect. */
export const requestToken = (url: string, apiKey: string): Effect.Effect<string> =>
  Effect.promise(async () => {
    const response = await fetch(`${url}/connect/login?v=3&api_key=${apiKey}`, { ...alone, redirect: "manual" })
    return new URL(response.headers.get("location") ?? "").searchParams.get("request_token") ?? ""
  })

/** A kiteconnect client that has logged in. */
export const login = (url: string, who: Sessions.Account = first) =>
  Effect.gen(function* () {
    const kite = new KiteConnect({ api_key: who.apiKey, root: url, timeout: waitMsMax })
    const token = yield* requestToken(url, who.apiKey)
    const session = yield* Effect.promise(() => kite.generateSession(token, who.apiSecret))
    return { kite, accessToken: session.access_token }
  })

export interface Client {
  readonly socket: WebSocket
  readonly texts: Array<{ readonly type: string; readonly data: unknown }>
  /** Every packet in the order of arrival. */
  readonly packets: Array<Frame.FullFields & { readonly kind: number }>
  /** Newest packet by token. */
  readonly newest: Map<number, Frame.FullFields>
  /** The undecoded frames, for a test with too many packets to decode. */
  readonly raw: Array<Buffer>
  /** The number of packets of each frame; -1 for a heartbeat. */
  readonly frames: Array<number>
  readonly send: (message: unknown) => void
  readonly isClosed: () => boolean
}

const receive = (socket: WebSocket, keep: "packets" | "raw"): Client => {
  const columns = Frame.makeColumns()
  const client: Pick<Client, "texts" | "packets" | "newest" | "raw" | "frames"> = {
    texts: [],
    packets: [],
    newest: new Map(),
    raw: [],
    frames: []
  }
  socket.on("message", (data: Buffer, isBinary: boolean) => {
    if (!isBinary) return void client.texts.push(JSON.parse(data.toString()))
    if (data.length === 1) return void client.frames.push(-1)
    if (keep === "raw") return void client.raw.push(data)
    const { bad } = Frame.decode(data, columns)
    if (bad > 0) throw new Error(`${bad} bad packets in a frame`)
    client.frames.push(columns.count)
    for (let row = 0; row < columns.count; row++) {
      const packet = Frame.rowOf(columns, row)
      client.packets.push(packet)
      client.newest.set(packet.token, packet)
    }
  })
  return {
    ...client,
    socket,
    send: (message) => socket.send(JSON.stringify(message)),
    isClosed: () => socket.readyState === WebSocket.CLOSED
  }
}

/** A socket with this query, closed with the scope. Fails with the status of a refusal. */
export const connect = (wsUrl: string, query: string, keep: "packets" | "raw" = "packets") =>
  Effect.acquireRelease(
    Effect.async<Client, { readonly status: number; readonly body: string }>((resume) => {
      const socket = new WebSocket(`${wsUrl}${query}`)
      const client = receive(socket, keep)
      socket.on("open", () => resume(Effect.succeed(client)))
      socket.on("error", () => {})
      socket.on("unexpected-response", (_request, response) => {
        let body = ""
        response.on("data", (chunk) => {
          body += chunk
        })
        response.on("end", () => resume(Effect.fail({ status: response.statusCode ?? 0, body })))
      })
    }),
    (client) => Effect.sync(() => client.socket.terminate())
  )

/** Logs in and connects. */
export const subscriber = (simulator: Simulator.Service, who: Sessions.Account = first, keep: "packets" | "raw" = "packets") =>
  Effect.gen(function* () {
    const { accessToken } = yield* login(simulator.url, who)
    return yield* connect(simulator.wsUrl, `/?api_key=${who.apiKey}&access_token=${accessToken}`, keep).pipe(Effect.orDie)
  })
