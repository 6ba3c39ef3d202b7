import { createServer, type IncomingMessage, type RequestListener } from "node:http"
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net"
import { Duration, Effect, Logger, Redacted, Schedule } from "effect"
import { type WebSocket, WebSocketServer } from "ws"
import { type Account, Login } from "../../src/broker/Account.ts"
import type * as KiteClient from "../../src/broker/KiteClient.ts"
import * as KiteSession from "../../src/broker/KiteSession.ts"
import * as TokenLife from "../../src/domain/accounts/TokenLife.ts"
import { AccountId } from "../../src/domain/Ids.ts"
import { shipped } from "../../src/domain/rules/Shipped.ts"
import { waitMsMax } from "../Patience.ts"

/** Secrets that appear in a log line or an error only if the product leaks them. */
export const canary = {
  apiKey: "canaryApiKey77",
  apiSecret: "canaryApiSecret77",
  accessToken: "canaryAccessToken77",
  requestToken: "canaryRequestToken77"
} as const
export const leaks = (text: string): ReadonlyArray<string> => Object.values(canary).filter((secret) => text.includes(secret))

export const accessToken = (token: string = canary.accessToken, signedInMs: number | null = null): Login =>
  Login.AccessToken({ accessToken: Redacted.make(token), signedInMs })

/** The session of a client's account. Its tokens live by the machine's time and the shipped rules. */
export const sessionOf = (client: KiteClient.KiteClient, options: Partial<KiteSession.Options> = {}) =>
  Effect.flatMap(Effect.clock, (clock) =>
    KiteSession.make({
      client,
      login: () => client.account.login,
      time: {
        nowMs: () => clock.unsafeCurrentTimeMillis(),
        diesAtMs: (signedInMs) => TokenLife.diesAtMs(shipped.documents.broker, signedInMs)
      },
      automatic: (_, login) => login,
      ...options
    })
  )

export const account = (options: { readonly root: string; readonly login?: Login; readonly accountId?: string }): Account => ({
  accountId: AccountId.make(options.accountId ?? "A1"),
  userId: "AB1234",
  apiKey: Redacted.make(canary.apiKey),
  apiSecret: Redacted.make(canary.apiSecret),
  root: options.root,
  socketRoot: options.root.replace(/^http/, "ws"),
  login: options.login ?? accessToken(),
  source: "simulator",
  owners: [],
  origin: "file"
})

/** An HTTP server on a free port. Closing the scope cuts open connections. */
export const httpServer = (listener: RequestListener) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly stop: () => void }>((resume) => {
      const server = createServer(listener)
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        const stop = () => {
          server.closeAllConnections()
          server.close()
        }
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, stop }))
      })
    }),
    ({ stop }) => Effect.sync(stop)
  )

/** A server that accepts connections and never sends anything. */
export const silentServer = Effect.acquireRelease(
  Effect.async<{ readonly url: string; readonly stop: () => void }>((resume) => {
    const open = new Set<Socket>()
    const server = createTcpServer((socket) => {
      open.add(socket)
      socket.on("error", () => open.delete(socket))
    })
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      const stop = () => {
        for (const socket of open) socket.destroy()
        server.close()
      }
      resume(Effect.succeed({ url: `ws://127.0.0.1:${port}`, stop }))
    })
  }),
  ({ stop }) => Effect.sync(stop)
).pipe(Effect.map(({ url }) => url))

export interface Peer {
  readonly socket: WebSocket
  readonly url: string
  readonly headers: IncomingMessage["headers"]
  /** Text messages in the order of arrival. */
  readonly said: Array<{ readonly a: string; readonly v: unknown }>
}

/** A WebSocket server on a free port that records its messages. If `refuse` gives a status, the upgrade is answered with it. */
export const socketServer = (options: { readonly refuse?: (request: IncomingMessage) => number | undefined } = {}) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly peers: Array<Peer>; readonly upgrades: Array<string>; readonly stop: () => void }>(
      (resume) => {
        const peers: Array<Peer> = []
        const upgrades: Array<string> = []
        const sockets = new WebSocketServer({ noServer: true })
        const server = createServer((_, response) => response.writeHead(404).end())
        server.on("upgrade", (request, raw, head) => {
          upgrades.push(request.url ?? "")
          const status = options.refuse?.(request)
          if (status !== undefined) {
            raw.end(`HTTP/1.1 ${status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
            return
          }
          sockets.handleUpgrade(request, raw, head, (socket) => {
            const peer: Peer = { socket, url: request.url ?? "", headers: request.headers, said: [] }
            socket.on("message", (data) => peer.said.push(JSON.parse(String(data))))
            peers.push(peer)
          })
        })
        server.listen(0, "127.0.0.1", () => {
          const { port } = server.address() as AddressInfo
          const stop = () => {
            for (const { socket } of peers) socket.terminate()
            server.closeAllConnections()
            server.close()
          }
          resume(Effect.succeed({ url: `ws://127.0.0.1:${port}`, peers, upgrades, stop }))
        })
      }
    ),
    ({ stop }) => Effect.sync(stop)
  )

/** The mode by token that Kite would now stream to this peer. */
export const subscribedOf = (peer: Peer): Map<number, string> => {
  const tokens = new Map<number, string>()
  for (const { a, v } of peer.said) {
    if (a === "subscribe") for (const token of v as Array<number>) tokens.set(token, "unset")
    else if (a === "unsubscribe") for (const token of v as Array<number>) tokens.delete(token)
    else if (a === "mode") for (const token of (v as [string, Array<number>])[1]) tokens.set(token, (v as [string, Array<number>])[0])
  }
  return tokens
}

export const addressOf = (
  url: string,
  refused: KiteSession.SocketAddress["refused"] = Effect.void
): Effect.Effect<KiteSession.SocketAddress> =>
  Effect.succeed({
    url: Redacted.make(`${url}?api_key=${canary.apiKey}&access_token=${canary.accessToken}`),
    limited: Effect.void,
    refused,
    ended: Effect.never
  })

/** Polls until the condition holds; dies with its name after a limited time. Needs the live clock. */
export const eventually = (name: string, holds: () => boolean) =>
  Effect.sync(holds).pipe(
    Effect.filterOrFail(
      (held) => held,
      () => name
    ),
    Effect.retry(Schedule.spaced(Duration.millis(5))),
    Effect.timeoutFail({ duration: waitMsMax, onTimeout: () => name }),
    Effect.orDieWith(() => new Error(`never happened: ${name}`))
  )

/** Collects every log line in the JSON form that production writes. */
export const captureLogs = () => {
  const lines: Array<string> = []
  const layer = Logger.replace(
    Logger.defaultLogger,
    Logger.map(Logger.jsonLogger, (line) => void lines.push(line))
  )
  return { lines, layer }
}
