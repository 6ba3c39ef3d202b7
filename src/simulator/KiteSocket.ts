/** The simulator's WebSocket endpoint: who may connect, all connections, and the outlet through which a market reaches them. */
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { Effect, Either } from "effect"
import { type WebSocket, WebSocketServer } from "ws"
import * as Connection from "./Connection.ts"
import type { Market, Outlet } from "./Market.ts"
import * as Route from "./Route.ts"
import * as Sessions from "./Sessions.ts"

const connectionsMax = 3
const messageBytesMax = 1 << 20
const deliveryTimeout = "10 seconds"
const settleCheckMs = 100
/** Subscriptions have settled after this many checks without a change. Counting checks, not time, is right even if the process was paused. */
const settleChecks = 5
/**
 * The limit while a client has logged in but not subscribed. It gets time to connect, but the wait ends, because some clients use only
 * REST.
 */
const settleChecksMax = 50

export interface Stats extends Readonly<Connection.Totals> {
  readonly connections: number
  readonly subscriptions: number
  /** Subscriptions of each connection, in the order in which they were opened. */
  readonly spread: ReadonlyArray<number>
}

export interface Hub {
  /** Handles the HTTP server's "upgrade" event. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  readonly outlet: Outlet
  readonly heartbeat: () => void
  /** Sends a text message to every connection, or to those of one api_key. */
  readonly text: (type: string, data: unknown, apiKey?: string) => void
  /** Cuts every connection, or those of one api_key, without a close frame, as a broken network does. */
  readonly cut: (apiKey?: string) => void
  /** Sends no more ticks on the connection that was opened at this place among the open ones (0 is the first); heartbeats go on. */
  readonly mute: (place: number) => void
  /** Lets the connection at this place fail. Returns false if no connection has this place. */
  readonly fail: (place: number, fault: Connection.Fault) => boolean
  /** Refuses the next upgrades, as many as this. */
  readonly refuse: (upgrades: number) => void
  readonly stats: () => Stats
}

const refuseUpgrade = (socket: Duplex, response: Route.Response): void => {
  const reason = response.status === 403 ? "Forbidden" : response.status === 429 ? "Too Many Requests" : "Bad Request"
  socket.end(
    `HTTP/1.1 ${response.status} ${reason}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(response.body)}\r\n\r\n${response.body}`
  )
}

/** Ends when a client has subscribed, subscriptions have not changed for a while, and no logged-in client is still expected to subscribe. */
const makeSubscribed = (changes: () => number, isSomeoneDue: () => boolean): Effect.Effect<void> =>
  Effect.gen(function* () {
    let seen = 0
    let quiet = 0
    while (seen === 0 || quiet < (isSomeoneDue() ? settleChecksMax : settleChecks)) {
      yield* Effect.sleep(settleCheckMs)
      quiet = seen === changes() ? quiet + 1 : 0
      seen = changes()
    }
  })

/**
 * Accepts an upgrade with a valid session if the account has a free connection. Otherwise it answers with the error of an ordinary request.
 */
const makeUpgrade = (
  sessions: Sessions.Sessions,
  connected: (apiKey: string) => number,
  accept: (apiKey: string, socket: WebSocket) => void,
  onRefused: () => void,
  isRefusedNow: () => boolean
): Hub["upgrade"] => {
  const server = new WebSocketServer({ noServer: true, maxPayload: messageBytesMax, perMessageDeflate: false })
  const check = (url: string): Either.Either<string, Sessions.Refusal> => {
    const [path, search = ""] = url.split("?", 2)
    if (path !== "/" && path !== "/ws") return Sessions.refuseInput(`No socket at ${path}`)
    if (isRefusedNow()) return Either.left(Sessions.tokenRefusal)
    const query = new URLSearchParams(search)
    return Either.flatMap(sessions.authenticate(query.get("api_key") ?? "", query.get("access_token") ?? ""), ({ account }) =>
      connected(account.apiKey) < connectionsMax
        ? Either.right(account.apiKey)
        : Either.left({ status: 429, type: "NetworkException", message: `At most ${connectionsMax} connections are allowed per api_key` })
    )
  }
  return (request, socket, head) => {
    socket.on("error", () => socket.destroy())
    const checked = check(request.url ?? "/")
    if (Either.isRight(checked)) server.handleUpgrade(request, socket, head, (accepted) => accept(checked.right, accepted))
    else {
      onRefused()
      refuseUpgrade(socket, Route.failure(checked.left))
    }
  }
}

/**
 * Pings every connection after the packets published so far. Ends with the last pong, or after a time limit. Connections without a pong are
 * counted.
 */
const makeDelivered = (connections: ReadonlySet<Connection.Connection>, totals: Connection.Totals): Effect.Effect<void> => {
  let pings = 0
  return Effect.async<void>((resume) => {
    const open = new Set(connections)
    const ping = String(++pings)
    if (open.size === 0) return resume(Effect.void)
    for (const connection of connections) {
      connection.whenDelivered(ping, () => {
        open.delete(connection)
        if (open.size === 0) resume(Effect.void)
      })
    }
    return Effect.sync(() => {
      totals.undelivered += open.size
    })
  }).pipe(
    Effect.timeoutTo({ duration: deliveryTimeout, onSuccess: () => true, onTimeout: () => false }),
    Effect.flatMap((inTime) =>
      inTime
        ? Effect.void
        : Effect.logWarning(`a connection did not read its ticks within ${deliveryTimeout}; the market continues without waiting for it`)
    )
  )
}

const makeOutlet = (
  connections: ReadonlySet<Connection.Connection>,
  totals: Connection.Totals,
  subscribed: Effect.Effect<void>
): Outlet => ({
  publish: (rows, count) => {
    for (const connection of connections) connection.offer(rows, count)
  },
  publishToAll: (row) => {
    for (const connection of connections) connection.offerAnyway(row)
  },
  cut: () => {
    for (const connection of connections) connection.terminate()
  },
  delivered: makeDelivered(connections, totals),
  subscribed
})

export interface Options {
  readonly sessions: Sessions.Sessions
  readonly market: Market
  readonly later: Connection.Shared["later"]
}

export const make = ({ later, market, sessions }: Options): Hub => {
  const connections = new Set<Connection.Connection>()
  const totals: Connection.Totals = { packets: 0, frames: 0, conflated: 0, undelivered: 0, refused: 0 }
  let changes = 0
  let refusals = 0
  const onSubscription = () => {
    changes++
  }
  const shared: Connection.Shared = { market, totals, writer: Connection.makeWriter(), onSubscription, later }
  const ofKey = (apiKey: string | undefined) =>
    [...connections].filter((connection) => apiKey === undefined || connection.apiKey === apiKey)
  const accept = (apiKey: string, socket: WebSocket): void => {
    const connection = new Connection.Connection(apiKey, socket, shared)
    connections.add(connection)
    socket.on("close", () => connections.delete(connection))
  }
  const onRefused = () => {
    totals.refused++
  }
  const isSomeoneDue = () => sessions.begun().some((apiKey) => ofKey(apiKey).every(({ subscriptions }) => subscriptions === 0))
  const subscribed = makeSubscribed(() => changes, isSomeoneDue)
  return {
    upgrade: makeUpgrade(
      sessions,
      (apiKey) => ofKey(apiKey).length,
      accept,
      onRefused,
      () => refusals > 0 && refusals-- > 0
    ),
    outlet: makeOutlet(connections, totals, subscribed),
    heartbeat: () => {
      for (const connection of connections) connection.heartbeat()
    },
    text: (type, data, apiKey) => {
      for (const connection of ofKey(apiKey)) connection.text(type, data)
    },
    cut: (apiKey) => {
      for (const connection of ofKey(apiKey)) connection.terminate()
    },
    mute: (place) => [...connections][place]?.fail({ kind: "mute" }),
    fail: (place, fault) => {
      const connection = [...connections][place]
      connection?.fail(fault)
      return connection !== undefined
    },
    refuse: (upgrades) => {
      refusals = upgrades
    },
    stats: () => ({
      ...totals,
      spread: [...connections].map(({ subscriptions }) => subscriptions),
      connections: connections.size,
      subscriptions: [...connections].reduce((sum, connection) => sum + connection.subscriptions, 0)
    })
  }
}
