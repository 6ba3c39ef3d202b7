import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { Clock, Config, Duration, Effect, Exit, FiberSet, Layer, Mailbox, Option, Redacted } from "effect"
import { type WebSocket, WebSocketServer } from "ws"
import type { User } from "../../contract/shared/Authentication.ts"
import * as RequestId from "../../contract/shared/RequestId.ts"
import * as CloseCodes from "../../contract/sockets/CloseCodes.ts"
import * as SocketMessages from "../../contract/sockets/SocketMessages.ts"
import * as Access from "../../domain/access/Access.ts"
import { turnsAfterStall } from "../../loop/Turn.ts"
import * as Caller from "../../store/owners/Caller.ts"
import * as Origins from "../serve/Origins.ts"
import { Upgrades } from "../serve/Server.ts"
import * as AccountRights from "../shared/AccountRights.ts"
import * as Auth from "../shared/Auth.ts"
import * as Metrics from "../shared/Metrics.ts"
import { Connection, type Limits } from "./Connection.ts"
import { answersPing, type Endpoint, receive, type Session } from "./Endpoint.ts"
import * as Handshake from "./Handshake.ts"
import { Hub } from "./Hub.ts"

const messageBytesMax = 64 * 1024
/** The share of the ping interval in which a peer must answer. With 20 s, a vanished peer is found within 28 s of its last sign of life. */
export const pongShare = 0.4
const closeGraceMs = 1_000
/** Messages of one client that may wait while one of them queries the database. */
const inboxMax = 256
/** Longest single sleep until a token's expiry, because a timer cannot exceed 24 days. */
const expirySleepMaxMs = 3_600_000

export const settings = Config.all({
  connectionsMax: Config.integer("WS_CONNECTIONS_MAX").pipe(Config.withDefault(10_000)),
  perUserMax: Config.integer("WS_CONNECTIONS_PER_USER_MAX").pipe(Config.withDefault(2_000)),
  softBytes: Config.integer("WS_SOFT_BYTES").pipe(Config.withDefault(1024 * 1024)),
  hardBytes: Config.integer("WS_HARD_BYTES").pipe(Config.withDefault(8 * 1024 * 1024)),
  stalled: Config.duration("WS_STALLED_MAX").pipe(Config.withDefault(Duration.seconds(15))),
  pingEvery: Config.duration("WS_PING_EVERY").pipe(Config.withDefault(Duration.seconds(20)))
})

/** Refuses new clients, asks all to reconnect elsewhere, gives the frames a moment to leave, then cuts the connections. */
const stop = (server: WebSocketServer, connections: Iterable<Connection>) =>
  Effect.async<void>((resume) => {
    const cut = setTimeout(() => {
      for (const client of server.clients) client.terminate()
    }, closeGraceMs)
    // Called when the last connection is closed. From now on handshakes are refused.
    server.close(() => {
      clearTimeout(cut)
      resume(Effect.void)
    })
    for (const connection of connections) {
      connection.flush(performance.now())
      connection.close(CloseCodes.restarting)
    }
  })

/** Closes the connection when its token expires. */
const expire = (connection: Connection) =>
  Effect.gen(function* () {
    while (true) {
      const leftMs = connection.user.expiresAtMs - (yield* Clock.currentTimeMillis)
      if (leftMs <= 0) return connection.close(CloseCodes.tokenExpired)
      yield* Effect.sleep(Math.min(leftMs, expirySleepMaxMs))
    }
  })

/** The open connections, and how many each user has. */
class Clients {
  readonly #connections = new Map<WebSocket, Connection>()
  readonly #perUser = new Map<string, number>()

  get size(): number {
    return this.#connections.size
  }
  countOf({ id }: User): number {
    return this.#perUser.get(id) ?? 0
  }
  all(): Iterable<Connection> {
    return this.#connections.values()
  }
  add(client: WebSocket, connection: Connection): void {
    this.#connections.set(client, connection)
    this.#count(connection.user, 1)
  }
  remove(client: WebSocket, connection: Connection): void {
    this.#connections.delete(client)
    this.#count(connection.user, -1)
  }
  #count(user: User, step: 1 | -1): void {
    const count = this.countOf(user) + step
    if (count === 0) this.#perUser.delete(user.id)
    else this.#perUser.set(user.id, count)
    Metrics.wsConnections.unsafeUpdate(this.size, [])
  }
}

/** Answers the client's messages one after the other until the socket is closed or the token expires. */
const listen = (connection: Connection, { path }: Endpoint, { actions }: Session, inbox: Mailbox.Mailbox<string>) =>
  Effect.gen(function* () {
    while (true) {
      const [texts, isDone] = yield* inbox.takeAll
      for (const text of texts) if (connection.isOpen) yield* receive(connection, path, actions, text)
      if (isDone) return
    }
  }).pipe(
    Effect.sandbox,
    // A defect in handling a message is our bug: this client is asked to reconnect, and the others are not affected.
    Effect.catchAll((cause) =>
      Effect.zipRight(
        Effect.logError("websocket failed", cause),
        Effect.sync(() => connection.close(CloseCodes.internalError))
      )
    ),
    Effect.raceFirst(Effect.zipRight(expire(connection), Effect.never)),
    Effect.zipRight(Effect.logInfo("websocket closed"))
  )

/** Pings every client and cuts those that do not answer in time. */
const makeHeartbeat = (server: WebSocketServer, pingEvery: Duration.Duration) => {
  const alive = new WeakSet<WebSocket>()
  const ping = Effect.sync(() => {
    for (const client of server.clients) {
      alive.delete(client)
      client.ping()
    }
  })
  const cutMute = Effect.sync(() => {
    for (const client of server.clients) if (!alive.has(client)) client.terminate()
  })
  return {
    watch: (client: WebSocket): void => {
      alive.add(client)
      client.on("pong", () => alive.add(client))
    },
    run: ping.pipe(
      // After a stall of ours the clients' answers wait in the kernel.
      Effect.zipRight(Effect.delay(Effect.zipRight(turnsAfterStall, cutMute), Duration.times(pingEvery, pongShare))),
      Effect.delay(Duration.times(pingEvery, 1 - pongShare)),
      Effect.forever
    )
  }
}

/** Connections of a key are checked at each announced change of keys, and at least this often. */
const keysEvery = "5 seconds"

/** Closes the connections of keys that are no longer accepted. */
const watchKeys = (connections: () => Iterable<Connection>) =>
  Effect.gen(function* () {
    const apiKeys = yield* Auth.ApiKeys
    const changed = yield* Effect.makeLatch(false)
    yield* apiKeys.onChange(() => changed.unsafeOpen())
    const check = Effect.gen(function* () {
      const held = [...connections()].flatMap((connection) =>
        connection.user.key === null ? [] : [{ connection, keyId: connection.user.key.id }]
      )
      if (held.length === 0) return
      const alive = yield* apiKeys.alive([...new Set(held.map(({ keyId }) => keyId))])
      for (const { connection, keyId } of held) if (!alive.has(keyId)) connection.close(CloseCodes.tokenExpired)
    })
    yield* Effect.timeoutOption(changed.await, keysEvery).pipe(
      Effect.zipRight(changed.close),
      // Without Postgres nothing is known of the keys: their connections stay open until their own end.
      Effect.zipRight(Effect.catchAll(check, () => Effect.void)),
      Effect.forever,
      Effect.forkScoped
    )
  })

const webSocketServer = () =>
  new WebSocketServer({
    noServer: true,
    clientTracking: true,
    maxPayload: messageBytesMax,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(SocketMessages.protocol) ? SocketMessages.protocol : false)
  })

/** Connects clients whose handshake was accepted. */
const makeServing = Effect.gen(function* () {
  const hub = yield* Hub
  const { softBytes, hardBytes, stalled, pingEvery } = yield* settings
  const limits: Limits = { softBytes, hardBytes, stalledMs: Duration.toMillis(stalled) }
  const clients = new Clients()
  let isStopping = false
  const server = yield* Effect.acquireRelease(Effect.sync(webSocketServer), (server) =>
    Effect.suspend(() => {
      isStopping = true
      return stop(server, clients.all())
    })
  )
  const rights = yield* AccountRights.make
  const heartbeat = makeHeartbeat(server, pingEvery)
  yield* Effect.forkScoped(heartbeat.run)
  yield* watchKeys(() => clients.all())

  /** Runs synchronously from the handshake to the listeners, so no message of the client is missed. */
  const connected = (client: WebSocket, connection: Connection, session: Session, inbox: Mailbox.Mailbox<string>): void => {
    clients.add(client, connection)
    heartbeat.watch(client)
    client.on("error", () => client.terminate()) // The message is too long (ws has answered 1009), or the peer does not speak WebSocket.
    client.on("message", (data) => {
      const text = data.toString()
      // A pong overtakes slow requests, because a client without a pong would give up the connection.
      if (answersPing(connection, session, text)) return
      if (!inbox.unsafeOffer(text)) connection.close(CloseCodes.tooManyMessages)
    })
    client.on("close", () => {
      session.end()
      hub.drop(connection)
      clients.remove(client, connection)
      inbox.unsafeDone(Exit.void)
    })
    connection.reply(session.welcome)
  }
  const open = (request: IncomingMessage, socket: Duplex, head: Buffer, endpoint: Endpoint, url: URL, user: User) =>
    Effect.gen(function* () {
      const inbox = yield* Mailbox.make<string>({ capacity: inboxMax, strategy: "dropping" })
      const isBatched = url.searchParams.get("batch") === "1"
      const isPacked = url.searchParams.get("format") === "msgpack"
      const options = { id: crypto.randomUUID(), user, isBatched, isPacked, limits }
      // ws does not call back if it refuses the handshake itself. It has then closed the socket.
      let serve: Effect.Effect<void> | undefined
      if (!socket.destroyed) {
        server.handleUpgrade(request, socket, head, (client) => {
          const connection = new Connection(client, socket, options)
          const session = endpoint.open(connection)
          connected(client, connection, session, inbox)
          serve = Caller.as(rights.callerOf(user))(listen(connection, endpoint, session, inbox))
        })
      }
      if (serve === undefined) return
      yield* Effect.zipRight(Effect.logInfo("websocket opened"), serve).pipe(
        Effect.annotateLogs({ connection_id: options.id, user: user.id })
      )
    })
  return { open, clients, isStopping: () => isStopping }
})

/** Accepts WebSockets on the gateway's port: checks the handshake and gives each client a session of the endpoint at its path. */
export const layer = <R>(makeEndpoints: Effect.Effect<ReadonlyArray<Endpoint>, never, R>) =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const tokens = yield* Auth.Tokens
      const apiKeys = yield* Auth.ApiKeys
      const upgrades = yield* Upgrades
      const { connectionsMax, perUserMax } = yield* settings
      const origins = yield* Origins.make
      const endpoints = new Map<string, Endpoint>((yield* makeEndpoints).map((endpoint) => [endpoint.path, endpoint]))
      const run = yield* FiberSet.makeRuntime()
      const { open, clients, isStopping } = yield* makeServing

      const ownerOf = (key: string) =>
        Effect.flatMap(
          apiKeys.owner(Redacted.make(key)),
          Option.match({
            onNone: () => Effect.fail(new Auth.InvalidToken({ reason: "Unknown, revoked or expired API key", isForged: false })),
            onSome: Effect.succeed
          })
        )
      const refusalFor = (user: User, path: string): Handshake.Refusal | undefined => {
        const message = Access.refusalOf(user, Access.needOf("GET", path))
        if (message !== undefined)
          return { status: 403, code: "forbidden", detail: "Forbidden", errors: [{ field: "authorization", message }] }
        // The gateway may have started to stop while the token's keys were fetched.
        if (isStopping()) return { status: 503, code: "unavailable", detail: "Gateway is restarting" }
        if (clients.size >= connectionsMax) return { status: 503, code: "unavailable", detail: "Too many connections" }
        if (clients.countOf(user) >= perUserMax) return { status: 429, code: "rate_limited", detail: "Rate limit exceeded" }
        return undefined
      }
      const authFailed = (refusal: Handshake.Refusal) => {
        Metrics.wsAuthFailures.unsafeUpdate(1, [])
        return refusal
      }
      yield* upgrades.claim((request, socket, head) => {
        const url = new URL(request.url ?? "/", "ws://gateway")
        const endpoint = endpoints.get(url.pathname)
        if (endpoint === undefined) return false
        const requestId = RequestId.of(request.headers["x-request-id"]?.toString())
        const refuse = (refusal: Handshake.Refusal) => Effect.sync(() => Handshake.refuse(socket, requestId, refusal))
        const token = Handshake.tokenOf(request, url)
        const key = Handshake.keyOf(request)
        const answer = Effect.gen(function* () {
          if (!origins.mayConnect(request.headers.origin, request.headers.host))
            return yield* refuse({ status: 403, code: "forbidden", detail: "Origin not allowed" })
          if (token === undefined && key === undefined)
            return yield* refuse(authFailed({ status: 401, code: "unauthorized", detail: "Token required" }))
          const user = yield* token === undefined ? ownerOf(key ?? "") : tokens.verify(token)
          const refusal = refusalFor(user, endpoint.path)
          return yield* refusal === undefined ? open(request, socket, head, endpoint, url, user) : refuse(refusal)
        }).pipe(
          Effect.catchTags({
            InvalidToken: ({ reason }) =>
              refuse(authFailed({ status: 403, code: "forbidden", detail: Auth.refused, errors: [{ field: "token", message: reason }] })),
            KeysUnavailable: () =>
              refuse({ status: 503, code: "unavailable", detail: token === undefined ? Auth.keysUnread : Auth.keysAway })
          }),
          Effect.annotateLogs({ request_id: requestId, path: endpoint.path }),
          Effect.provideService(RequestId.RequestId, requestId)
        )
        run(answer)
        return true
      })
    })
  )
