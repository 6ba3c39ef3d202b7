/** One WebSocket connection to the simulator: its subscriptions, the frames it gets, and the packets that wait while it is slow. */
import { Either, Schema } from "effect"
import { type RawData, WebSocket } from "ws"
import { InstrumentToken } from "../domain/Ids.ts"
import * as Frame from "../domain/market/Frame.ts"
import type { Market } from "./Market.ts"

export const tokensMax = 3000
const framePacketsMax = 200
/** Above this many buffered bytes only the newest packet of each instrument is kept. */
const bufferedBytesMax = 4 << 20
const heartbeatBytes = new Uint8Array([0])

type Mode = "ltp" | "quote" | "full"
/** Modes as numbers, so that one byte per row holds a connection's mode; 0 means not subscribed. */
const modeNumber: Readonly<Record<Mode, number>> = { ltp: 1, quote: 2, full: 3 }
const modeKinds = [0, Frame.Kind.ltp, Frame.Kind.quote, Frame.Kind.full] as const
const indexModeKinds = [0, Frame.Kind.ltp, Frame.Kind.indexQuote, Frame.Kind.indexFull] as const

const Message = Schema.parseJson(
  Schema.Union(
    Schema.Struct({ a: Schema.Literal("subscribe", "unsubscribe"), v: Schema.Array(InstrumentToken) }),
    Schema.Struct({ a: Schema.Literal("mode"), v: Schema.Tuple(Schema.Literal("ltp", "quote", "full"), Schema.Array(InstrumentToken)) })
  )
)
const decodeMessage = Schema.decodeUnknownEither(Message)

/** Counters over all connections since the start. */
export interface Totals {
  packets: number
  frames: number
  /** Ticks that a slow connection did not get, because a newer tick of the same instrument replaced them. */
  conflated: number
  /** Deliveries that were given up because a connection did not answer the ping in time. */
  undelivered: number
  refused: number
}

/** What all connections of one simulator share. */
export interface Shared {
  readonly market: Market
  readonly totals: Totals
  /** Frames are built one at a time, so all connections share one buffer. */
  readonly writer: Frame.Writer
  readonly onSubscription: () => void
  /** Runs something after a time. */
  readonly later: (afterMs: number, run: () => void) => void
}

export const makeWriter = (): Frame.Writer => new Frame.Writer(framePacketsMax * (Frame.Kind.full + Frame.headerBytes) + Frame.headerBytes)

/** A fault of one connection. */
export type Fault =
  /** It gets heartbeats and no ticks, as sometimes happens at Kite. With `tokens`, only these get no ticks. */
  | { readonly kind: "mute"; readonly tokens?: ReadonlyArray<number> | undefined }
  /** It stays open, gets nothing, and what it sends is not read: not even a ping is answered. */
  | { readonly kind: "half_open" }
  /** Each frame arrives this much later. */
  | { readonly kind: "slow"; readonly delayMs: number }
  /** The next frame is cut in its middle. */
  | { readonly kind: "half_frame" }
  /** At once it gets a frame that claims more packets than it has. */
  | { readonly kind: "bad_frame" }
  /** At once it gets a text that is no JSON. */
  | { readonly kind: "bad_text" }

/** A frame that states 65,535 packets, and then a packet of 184 bytes that is missing. */
const badFrame = Uint8Array.of(0xff, 0xff, 0x00, 0xb8, 0x01)
const badText = '{"type":"order","data":'

export class Connection {
  readonly apiKey: string
  readonly #socket: WebSocket
  readonly #shared: Shared
  readonly #subscriptions = new Map<number, Mode>()
  readonly #modeByRow: Uint8Array
  /** Rows whose newest packet waits for the buffer to drain. */
  readonly #waiting: Uint32Array
  readonly #isWaiting: Uint8Array
  #waitingCount = 0
  #hasSent = true
  #isMute = false
  /** Rows for which the connection gets no ticks. */
  readonly #mutedRows = new Set<number>()
  #isHalfOpen = false
  #isNextCut = false
  #delayMs = 0
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
    // After an error ws closes the socket itself, with a fitting close code.
    socket.on("error", () => {})
  }

  get subscriptions(): number {
    return this.#subscriptions.size
  }

  /** Sends the subscribed rows among the given ones. */
  offer(rows: Uint32Array, count: number): void {
    if (this.#isMute) return
    const { writer, market } = this.#shared
    let full = this.#isFull()
    for (let index = 0; index < count; index++) {
      const row = rows[index] ?? 0
      const mode = this.#modeByRow[row] ?? 0
      if (mode === 0 || market.columns.kind[row] === 0 || this.#mutedRows.has(row)) continue
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

  /** Sends a row to a connection with any subscription, even without one to this row. */
  offerAnyway(row: number): void {
    if (this.#isMute || this.#subscriptions.size === 0 || this.#socket.readyState !== WebSocket.OPEN) return
    this.#shared.writer.append(this.#shared.market.columns, row)
    this.#sendFrame()
  }

  /** Sends a heartbeat if nothing was sent since the last call, as Kite does. */
  heartbeat(): void {
    if (!this.#isHalfOpen && !this.#hasSent && this.#socket.readyState === WebSocket.OPEN) this.#socket.send(heartbeatBytes)
    this.#hasSent = false
  }

  text(type: string, data: unknown): void {
    if (this.#isHalfOpen || this.#socket.readyState !== WebSocket.OPEN) return
    this.#hasSent = true
    this.#socket.send(JSON.stringify({ type, data }))
  }

  /** Calls `done` when the client has read everything offered before, which its pong proves, or when the client is gone. */
  whenDelivered(ping: string, done: () => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) {
      done()
      return
    }
    this.#ping = ping
    this.#whenDelivered = done
    if (this.#waitingCount === 0) this.#socket.ping(ping)
  }

  fail(fault: Fault): void {
    switch (fault.kind) {
      case "mute":
        if (fault.tokens === undefined) this.#isMute = true
        for (const row of this.#rowsOf(fault.tokens ?? [])) this.#mutedRows.add(row)
        break
      case "half_open":
        this.#isMute = true
        this.#isHalfOpen = true
        this.#socket.pause()
        break
      case "slow":
        this.#delayMs = fault.delayMs
        break
      case "half_frame":
        this.#isNextCut = true
        break
      case "bad_frame":
        this.#socket.send(badFrame)
        break
      case "bad_text":
        this.#socket.send(badText)
        break
    }
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
    this.#hasSent = true
    const frame = writer.finish()
    const sent = () => this.#drain()
    if (this.#isNextCut) {
      this.#isNextCut = false
      this.#socket.send(frame.subarray(0, frame.length >>> 1), sent)
    } else if (this.#delayMs === 0) this.#socket.send(frame, sent)
    else {
      // The writer's buffer is reused for the next frame, so this one is copied.
      const kept = Uint8Array.from(frame)
      this.#shared.later(this.#delayMs, () => {
        if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(kept, sent)
      })
    }
  }

  /** Sends the newest packets of all waiting rows, once half of the buffer is free. Skips rows that were muted meanwhile. */
  #drain(): void {
    if (this.#waitingCount === 0 || this.#socket.readyState !== WebSocket.OPEN || this.#socket.bufferedAmount > bufferedBytesMax / 2) return
    for (let index = 0; index < this.#waitingCount; index++) {
      const row = this.#waiting[index] ?? 0
      this.#isWaiting[row] = 0
      const mode = this.#modeByRow[row] ?? 0
      if (mode !== 0 && !this.#isMute && !this.#mutedRows.has(row)) this.#append(row, mode)
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
    if (isBinary) {
      this.text("error", "Invalid message: JSON text is expected")
      return
    }
    const message = decodeMessage(data.toString())
    if (Either.isLeft(message)) {
      this.text("error", "Invalid message: subscribe, unsubscribe or mode is expected, with instrument tokens")
      return
    }
    if (message.right.a === "mode") this.#changeMode(...message.right.v)
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

  #rowsOf(tokens: ReadonlyArray<number>): ReadonlySet<number> {
    return new Set(tokens.flatMap((token) => this.#shared.market.rowByToken.get(token) ?? []))
  }

  #sendLast(tokens: ReadonlyArray<number>): void {
    const rows = this.#rowsOf(tokens)
    this.offer(Uint32Array.from(rows), rows.size)
    if (this.#subscriptions.size > 0) this.#shared.onSubscription()
  }
}
