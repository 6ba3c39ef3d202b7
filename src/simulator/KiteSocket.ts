/** Kite's WebSocket: JSON subscriptions in, binary frames, heartbeats and text out, with its limits. */
import type { IncomingMessage } from "node:http"
import type { Duplex } from "node:stream"
import { Effect, Either, Schema } from "effect"
import { type RawData, WebSocket, WebSocketServer } from "ws"
import * as Frame from "../domain/market/Frame.ts"
import * as KiteRest from "./KiteRest.ts"
import type { Market, Outlet } from "./Market.ts"
import type * as Sessions from "./Sessions.ts"

export const connectionsMax = 3
export const tokensMax = 3000
const framePacketsMax = 200
const messageBytesMax = 1 << 20
/** What may wait in a connection before its ticks are conflated to the newest of each instrument. */
const bufferedBytesMax = 4 << 20
const deliveryTimeout = "10 seconds"
const settleCheckMs = 100
/** Quiet after a subscription. Counted in checks, so that a process that stood still for a while has not been quiet for as long. */
const settleChecks = 5
/** The same while somebody has signed in and subscribed nothing yet: long enough to connect, and some come for REST alone. */
const settleChecksMax = 50
const heartbeatBytes = new Uint8Array([0])

type Mode = "ltp" | "quote" | "full"
/** A mode as a number, so that one byte per row says how a connection wants it; 0 is not at all. */
const modeNumber: Readonly<Record<Mode, number>> = { ltp: 1, quote: 2, full: 3 }
const modeKinds = [0, Frame.Kind.ltp, Frame.Kind.quote, Frame.Kind.full] as const
const indexModeKinds = [0, Frame.Kind.ltp, Frame.Kind.indexQuote, Frame.Kind.indexFull] as const

const Token = Schema.Int.pipe(Schema.between(1, 2 ** 32 - 1))
const Message = Schema.parseJson(
  Schema.Union(
    Schema.Struct({ a: Schema.Literal("subscribe", "unsubscribe"), v: Schema.Array(Token) }),
    Schema.Struct({ a: Schema.Literal("mode"), v: Schema.Tuple(Schema.Literal("ltp", "quote", "full"), Schema.Array(Token)) })
  )
)
const decodeMessage = Schema.decodeUnknownEither(Message)

export interface Stats {
  readonly connections: number
  readonly subscriptions: number
  readonly packets: number
  readonly frames: number
  /** Ticks that a slow connection never got, because a newer one of the instrument replaced them. */
  readonly conflated: number
  /** Deliveries given up: connections that did not answer the ping in time. */
  readonly undelivered: number
  readonly refused: number
}

interface Totals {
  packets: number
  frames: number
  conflated: number
  undelivered: number
  refused: number
}

/** What all connections of one simulator share. */
interface Shared {
  readonly market: Market
  readonly totals: Totals
  /** Frames are built one after the other, so one buffer serves all. */
  readonly writer: Frame.Writer
  readonly onSubscription: () => void
}

/** A client that asked with this api_key. */
class Connection {
  readonly apiKey: string
  readonly #socket: WebSocket
  readonly #shared: Shared
  readonly #subscriptions = new Map<number, Mode>()
  readonly #modeByRow: Uint8Array
  /** Rows whose newest packet waits for the buffer to drain. */
  readonly #waiting: Uint32Array
  readonly #isWaiting: Uint8Array
  #waitingCount = 0
  #beaten = true
  #ping: string | undefined
  #whenDelivered: (() => void) | undefined

  constructor(apiKey: string, socket: WebSocket, shared: Shared) {
    const rows = shared.market.columns.count
    this.apiKey = apiKey
    this.#socket = socket
    this.#shared = shared
    this.#modeByRow = new Uint8Array(rows)
    this.#waiting = new Uint32Array(rows)
    this.#isWaiting = new Uint8Array(rows)
    socket.on("message", (data, isBinary) => this.#receive(data, isBinary))
    socket.on("pong", (data) => this.#pong(data.toString()))
    socket.on("close", () => this.#settle())
    // A broken socket is closed by ws itself, with the code that fits.
    socket.on("error", () => {})
  }

  get subscriptions(): number {
    return this.#subscriptions.size
  }

  offer(rows: Uint32Array, count: number): void {
    const { writer, market } = this.#shared
    let full = this.#isFull()
    for (let index = 0; index < count; index++) {
      const row = rows[index] ?? 0
      const mode = this.#modeByRow[row] ?? 0
      if (mode === 0 || market.columns.kind[row] === 0) continue
      if (full) {
        this.#hold(row)
        continue
      }
      this.#append(row, mode)
      if (writer.count < framePacketsMax) continue
      this.#sendFrame()
      full = this.#isFull()
    }
    this.#sendFrame()
  }

  /** Sends a row whatever was subscribed, if anything was. */
  offerAnyway(row: number): void {
    if (this.#subscriptions.size === 0 || this.#socket.readyState !== WebSocket.OPEN) return
    this.#shared.writer.append(this.#shared.market.columns, row)
    this.#sendFrame()
  }

  /** Kite beats when nothing else is sent. */
  heartbeat(): void {
    if (!this.#beaten && this.#socket.readyState === WebSocket.OPEN) this.#socket.send(heartbeatBytes)
    this.#beaten = false
  }

  text(type: string, data: unknown): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    this.#beaten = true
    this.#socket.send(JSON.stringify({ type, data }))
  }

  /** Calls back once the client has read all that was offered before (its pong says so), or is gone. */
  whenDelivered(ping: string, done: () => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) {
      done()
      return
    }
    this.#ping = ping
    this.#whenDelivered = done
    if (this.#waitingCount === 0) this.#socket.ping(ping)
  }

  terminate(): void {
    this.#socket.terminate()
  }

  #isFull(): boolean {
    return this.#waitingCount > 0 || this.#socket.bufferedAmount > bufferedBytesMax
  }

  #hold(row: number): void {
    if (this.#isWaiting[row] === 1) {
      this.#shared.totals.conflated++
      return
    }
    this.#isWaiting[row] = 1
    this.#waiting[this.#waitingCount++] = row
  }

  #append(row: number, mode: number): void {
    const { columns } = this.#shared.market
    const kinds = columns.kind[row] === Frame.Kind.indexFull ? indexModeKinds : modeKinds
    this.#shared.writer.append(columns, row, kinds[mode])
  }

  #sendFrame(): void {
    const { writer, totals } = this.#shared
    if (writer.count === 0) return
    totals.packets += writer.count
    totals.frames++
    this.#beaten = true
    this.#socket.send(writer.finish(), () => this.#drain())
  }

  /** The buffer has moved on: send the newest packets of what had to wait. */
  #drain(): void {
    if (this.#waitingCount === 0 || this.#socket.readyState !== WebSocket.OPEN || this.#socket.bufferedAmount > bufferedBytesMax / 2) return
    for (let index = 0; index < this.#waitingCount; index++) {
      const row = this.#waiting[index] ?? 0
      this.#isWaiting[row] = 0
      const mode = this.#modeByRow[row] ?? 0
      if (mode !== 0) this.#append(row, mode)
      if (this.#shared.writer.count === framePacketsMax) this.#sendFrame()
    }
    this.#waitingCount = 0
    this.#sendFrame()
    if (this.#ping !== undefined) this.#socket.ping(this.#ping)
  }

  #pong(data: string): void {
    if (data === this.#ping) this.#settle()
  }

  #settle(): void {
    const done = this.#whenDelivered
    this.#ping = undefined
    this.#whenDelivered = undefined
    done?.()
  }

  #receive(data: RawData, isBinary: boolean): void {
    const message = decodeMessage(isBinary ? undefined : data.toString())
    if (Either.isLeft(message))
      this.text(
        "error",
        isBinary
          ? "Invalid message: JSON text is expected"
          : "Invalid message: subscribe, unsubscribe or mode is expected, with instrument tokens"
      )
    else if (message.right.a === "mode") this.#changeMode(...message.right.v)
    else if (message.right.a === "subscribe") this.#subscribe(message.right.v)
    else for (const token of message.right.v) this.#set(token, undefined)
  }

  #subscribe(tokens: ReadonlyArray<number>): void {
    const taken: Array<number> = []
    const beyond: Array<number> = []
    for (const token of tokens) {
      if (this.#subscriptions.has(token)) taken.push(token)
      else if (this.#subscriptions.size >= tokensMax) beyond.push(token)
      else {
        this.#set(token, "quote")
        taken.push(token)
      }
    }
    if (beyond.length > 0) {
      this.text("error", `Subscription limit of ${tokensMax} instruments reached, not subscribed: ${beyond.join(", ")}`)
    }
    this.#sendLast(taken)
  }

  #changeMode(mode: Mode, tokens: ReadonlyArray<number>): void {
    const subscribed = tokens.filter((token) => this.#subscriptions.has(token))
    for (const token of subscribed) this.#set(token, mode)
    this.#sendLast(subscribed)
  }

  #set(token: number, mode: Mode | undefined): void {
    if (mode === undefined) this.#subscriptions.delete(token)
    else this.#subscriptions.set(token, mode)
    const row = this.#shared.market.rowByToken.get(token)
    if (row !== undefined) this.#modeByRow[row] = mode === undefined ? 0 : modeNumber[mode]
  }

  #sendLast(tokens: ReadonlyArray<number>): void {
    const rows = new Set<number>()
    for (const token of tokens) {
      const row = this.#shared.market.rowByToken.get(token)
      if (row !== undefined) rows.add(row)
    }
    this.offer(Uint32Array.from(rows), rows.size)
    if (this.#subscriptions.size > 0) this.#shared.onSubscription()
  }
}

export interface Hub {
  /** What the HTTP server does with an upgrade. */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
  readonly outlet: Outlet
  readonly heartbeat: () => void
  /** Sends a text message to every connection, or to those of one api_key. */
  readonly text: (type: string, data: unknown, apiKey?: string) => void
  /** Cuts every connection, or those of one api_key, without a close frame: what a broken network looks like. */
  readonly cut: (apiKey?: string) => void
  readonly stats: () => Stats
}

const refuseUpgrade = (socket: Duplex, response: KiteRest.Response): void => {
  const reason = response.status === 403 ? "Forbidden" : response.status === 429 ? "Too Many Requests" : "Bad Request"
  socket.end(
    `HTTP/1.1 ${response.status} ${reason}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(response.body)}\r\n\r\n${response.body}`
  )
}

/** Ends when a client has subscribed, nobody has asked for more for a while, and no other is about to. */
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

/** The upgrades that are taken; everything else gets the answer that the plain request would get. */
const makeUpgrade = (
  sessions: Sessions.Sessions,
  connected: (apiKey: string) => number,
  accept: (apiKey: string, socket: WebSocket) => void,
  onRefused: () => void
): Hub["upgrade"] => {
  const server = new WebSocketServer({ noServer: true, maxPayload: messageBytesMax, perMessageDeflate: false })
  const check = (url: string): Either.Either<string, Sessions.Refusal> => {
    const [path, search = ""] = url.split("?", 2)
    if (path !== "/" && path !== "/ws") return Either.left({ status: 400, type: "InputException", message: `No socket at ${path}` })
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
      refuseUpgrade(socket, KiteRest.failure(checked.left))
    }
  }
}

/** One ping to every connection after what was published; ends with the last pong, or after the bound, counted. */
const makeDelivered = (connections: ReadonlySet<Connection>, totals: Totals): Effect.Effect<void> => {
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
      inTime ? Effect.void : Effect.logWarning(`a connection did not take its ticks in ${deliveryTimeout}, going on`)
    )
  )
}

export const make = (options: { readonly sessions: Sessions.Sessions; readonly market: Market }): Hub => {
  const connections = new Set<Connection>()
  const totals: Totals = { packets: 0, frames: 0, conflated: 0, undelivered: 0, refused: 0 }
  let changes = 0
  const shared: Shared = {
    market: options.market,
    totals,
    writer: new Frame.Writer(framePacketsMax * (Frame.Kind.full + Frame.headerBytes) + Frame.headerBytes),
    onSubscription: () => {
      changes++
    }
  }
  const of = (apiKey: string | undefined) => [...connections].filter((connection) => apiKey === undefined || connection.apiKey === apiKey)
  const accept = (apiKey: string, socket: WebSocket): void => {
    const connection = new Connection(apiKey, socket, shared)
    connections.add(connection)
    socket.on("close", () => connections.delete(connection))
  }
  const onRefused = () => {
    totals.refused++
  }
  return {
    upgrade: makeUpgrade(options.sessions, (apiKey) => of(apiKey).length, accept, onRefused),
    outlet: {
      publish: (rows, count) => {
        for (const connection of connections) connection.offer(rows, count)
      },
      publishToAll: (row) => {
        for (const connection of connections) connection.offerAnyway(row)
      },
      delivered: makeDelivered(connections, totals),
      subscribed: makeSubscribed(
        () => changes,
        () => options.sessions.begun().some((apiKey) => of(apiKey).every(({ subscriptions }) => subscriptions === 0))
      )
    },
    heartbeat: () => {
      for (const connection of connections) connection.heartbeat()
    },
    text: (type, data, apiKey) => {
      for (const connection of of(apiKey)) connection.text(type, data)
    },
    cut: (apiKey) => {
      for (const connection of of(apiKey)) connection.terminate()
    },
    stats: () => ({
      ...totals,
      connections: connections.size,
      subscriptions: [...connections].reduce((sum, connection) => sum + connection.subscriptions, 0)
    })
  }
}
