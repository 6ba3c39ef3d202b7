import type { Duplex } from "node:stream"
import { WebSocket } from "ws"
import type { User } from "../../contract/shared/Authentication.ts"
import * as CloseCodes from "../../contract/sockets/CloseCodes.ts"
import type { RefusalCode } from "../../contract/sockets/SocketMessages.ts"
import * as Metrics from "../shared/Metrics.ts"
import * as MessagePack from "./MessagePack.ts"

/** What a client subscribes to: an instrument's token for its ticks, or the name of a state, such as one chain. */
export type Topic = number | string

export interface Limits {
  /** Beyond this many waiting bytes a client gets only the newest message of each key. */
  readonly softBytes: number
  /** Beyond this many waiting bytes the client is closed. */
  readonly hardBytes: number
  /** How long a client beyond the soft limit may read nothing. */
  readonly stalledMs: number
}

export interface Options {
  readonly id: string
  readonly user: User
  /** Whether the messages of one flush are sent as one frame. */
  readonly isBatched: boolean
  /** Whether frames are MessagePack instead of JSON text. */
  readonly isPacked: boolean
  readonly limits: Limits
}

const closeGraceMs = 1_000

/** Shared by all connections, because the members of a topic get the same text. */
const encoder = MessagePack.makeEncoder()

type State = { readonly text: string } | { readonly whole: () => string }

/**
 * One client's queue and writer. Nothing here waits for the peer. A client that reads is written to at once. A client that is behind
 * keeps only the newest message of each key. A client far behind is closed. Other clients are not affected.
 */
export class Connection {
  readonly id: string
  readonly user: User
  readonly #socket: WebSocket
  readonly #tcp: Duplex
  readonly #isBatched: boolean
  readonly #isPacked: boolean
  readonly #limits: Limits
  #events: Array<{ readonly topic: Topic; readonly text: string }> = []
  /** Newest event of each topic. It replaces `#events` while the client is behind. */
  #newest: Map<Topic, string> | undefined
  #eventChars = 0
  readonly #states = new Map<Topic, State>()
  #conflated = 0
  /** Live events that wait until a replay ends, and their size. Beyond the soft limit they are dropped, because the record has them. */
  #kept: Array<{ readonly topic: Topic; readonly text: string }> | undefined
  #keptChars = 0
  /** Since when the client has read nothing, and how much waited then; undefined while it is not behind. */
  #held: { sinceMs: number; bytes: number } | undefined

  constructor(socket: WebSocket, tcp: Duplex, options: Options) {
    this.id = options.id
    this.user = options.user
    this.#socket = socket
    this.#tcp = tcp
    this.#isBatched = options.isBatched
    this.#isPacked = options.isPacked
    this.#limits = options.limits
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  /** True if everything for the client has been written. */
  get isDrained(): boolean {
    return this.#kept === undefined && this.#isEmpty
  }

  get #isEmpty(): boolean {
    return this.#events.length === 0 && (this.#newest?.size ?? 0) === 0 && this.#states.size === 0
  }

  /** Sends a reply to the client at once, before the queued messages. */
  reply(message: object): void {
    if (!this.isOpen) return
    this.#send(JSON.stringify(message))
    Metrics.wsMessages.unsafeUpdate(1, [])
    // The client sends requests without reading the answers.
    if (this.#socket.bufferedAmount > this.#limits.hardBytes) this.#closeSlow()
  }

  /** `of` names the refused items as they were requested. */
  refuse(code: RefusalCode, message: string, of: object = {}): void {
    this.reply({ type: "error", code, message, ...of })
  }

  event(topic: Topic, text: string): void {
    if (this.#kept === undefined) {
      this.replayed(topic, text)
      return
    }
    this.#keptChars += text.length
    if (this.isOverrun) this.#kept = []
    else this.#kept.push({ topic, text })
  }

  /** Makes live events wait until `release`. Those already queued are dropped. */
  hold(): void {
    this.#kept = []
    this.#keptChars = 0
  }

  /** True if live events were dropped since `hold`. */
  get isOverrun(): boolean {
    return this.#keptChars > this.#limits.softBytes
  }

  /** Queues the waiting live events after the replayed ones. */
  release(): void {
    const kept = this.#kept ?? []
    this.#kept = undefined
    this.#keptChars = 0
    for (const { topic, text } of kept) this.replayed(topic, text)
  }

  /** True if the client has read enough to get more replayed events, which must not be conflated. */
  get hasRoom(): boolean {
    return this.#eventChars + this.#socket.bufferedAmount <= this.#limits.softBytes / 4
  }

  /** Queues a replayed event, which does not wait for `release`. */
  replayed(topic: Topic, text: string): void {
    if (this.#newest !== undefined) {
      this.#replace(this.#newest, topic, text)
      return
    }
    this.#events.push({ topic, text })
    this.#eventChars += text.length
    // After many events in one round, flush now so that they need not be conflated.
    if (this.#eventChars > this.#limits.softBytes) this.flush(performance.now())
  }

  /**
   * Queues a state. `change` holds the difference to the previous state. Without it, or if the previous one is still queued, the whole
   * state is sent.
   */
  state(topic: Topic, change: string | undefined, whole: () => string): void {
    if (this.#states.has(topic) && this.#held !== undefined) this.#conflated++
    this.#states.set(topic, change === undefined || this.#states.has(topic) ? { whole } : { text: change })
  }

  /** Drops the queued messages of a topic to which the client no longer subscribes. */
  forget(topic: Topic): void {
    this.#states.delete(topic)
    this.#eventChars -= this.#newest?.get(topic)?.length ?? 0
    this.#newest?.delete(topic)
    const left = this.#events.filter((event) => event.topic !== topic)
    if (left.length === this.#events.length) return
    this.#events = left
    this.#eventChars = left.reduce((sum, { text }) => sum + text.length, 0)
  }

  /** Writes the queue. Returns true if it has to be held back. */
  flush(nowMs: number): boolean {
    if (!this.isOpen) {
      this.#clear()
      return false
    }
    const isEmpty = this.#isEmpty
    const buffered = this.#socket.bufferedAmount
    if (buffered > this.#limits.softBytes) return this.#hold(nowMs, buffered, isEmpty)
    this.#held = undefined
    if (!isEmpty) this.#write()
    return false
  }

  close({ code, reason }: CloseCodes.CloseCode): void {
    this.#clear()
    if (!this.isOpen) return
    this.#socket.close(code, reason)
    // A peer that does not answer the close would keep the socket open for ever.
    const cut = setTimeout(() => this.#socket.terminate(), closeGraceMs)
    this.#socket.once("close", () => clearTimeout(cut))
  }

  #hold(nowMs: number, buffered: number, isEmpty: boolean): boolean {
    if (isEmpty) return false
    this.#conflate()
    if (this.#held === undefined || buffered < this.#held.bytes) this.#held = { sinceMs: nowMs, bytes: buffered }
    const isStalled = nowMs - this.#held.sinceMs > this.#limits.stalledMs
    if (!isStalled && buffered + this.#eventChars <= this.#limits.hardBytes) return true
    this.#closeSlow()
    return false
  }

  #closeSlow(): void {
    if (!this.isOpen) return
    Metrics.wsSlowClosed.unsafeUpdate(1, [])
    this.close(CloseCodes.tooSlow)
  }

  #conflate(): void {
    if (this.#newest !== undefined) return
    const newest = new Map<Topic, string>()
    this.#newest = newest
    const events = this.#events
    this.#events = []
    this.#eventChars = 0
    for (const { topic, text } of events) this.#replace(newest, topic, text)
  }

  #replace(newest: Map<Topic, string>, topic: Topic, text: string): void {
    const old = newest.get(topic)
    if (old !== undefined) {
      this.#conflated++
      this.#eventChars -= old.length
      newest.delete(topic)
    }
    newest.set(topic, text)
    this.#eventChars += text.length
  }

  /** Sends a text that no other client gets. */
  #send(text: string): void {
    this.#socket.send(this.#isPacked ? MessagePack.ofJson(text) : text)
  }

  #write(): void {
    const texts = this.#newest === undefined ? this.#events.map(({ text }) => text) : [...this.#newest.values()]
    for (const state of this.#states.values()) texts.push("whole" in state ? state.whole() : state.text)
    const conflated = this.#conflated
    this.#clear()
    if (conflated > 0) Metrics.wsConflated.unsafeUpdate(conflated, [])
    const loss = conflated > 0 ? `,"conflated":${conflated}` : ""
    if (this.#isBatched) {
      this.#socket.send(
        this.#isPacked ? MessagePack.batch(texts.map(encoder.packed), conflated) : `{"type":"batch","items":[${texts.join(",")}]${loss}}`
      )
      Metrics.wsMessages.unsafeUpdate(1, [])
      return
    }
    // Corking makes one system call per round, which costs more than a frame.
    this.#tcp.cork()
    for (const [at, text] of texts.entries()) {
      // The first frame after a loss carries the count. The text is shared with other clients, so this client gets a copy.
      if (at === 0 && loss !== "") this.#send(`${text.slice(0, -1)}${loss}}`)
      else this.#socket.send(this.#isPacked ? encoder.packed(text) : text)
    }
    this.#tcp.uncork()
    Metrics.wsMessages.unsafeUpdate(texts.length, [])
  }

  #clear(): void {
    this.#events = []
    this.#newest = undefined
    this.#eventChars = 0
    this.#states.clear()
    this.#conflated = 0
  }
}
