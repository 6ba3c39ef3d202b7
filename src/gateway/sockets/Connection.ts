import type { Duplex } from "node:stream"
import { WebSocket } from "ws"
import type { User } from "../../contract/shared/Authentication.ts"
import * as CloseCodes from "../../contract/sockets/CloseCodes.ts"
import type { RefusalCode } from "../../contract/sockets/SocketMessages.ts"
import * as Metrics from "../shared/Metrics.ts"

/** What a client listens to: an instrument's token for its ticks, or the name of a state, such as one chain. */
export type Topic = number | string

export interface Limits {
  /** Bytes waiting for a client beyond which it gets only the newest of each key. */
  readonly softBytes: number
  /** Bytes waiting beyond which it is closed. */
  readonly hardBytes: number
  /** How long a client past the soft limit may take nothing at all. */
  readonly stalledMs: number
}

const closeGraceMs = 1_000

type State = { readonly text: string } | { readonly whole: () => string }

/**
 * One client's queue and writer. Nothing here waits for the peer: a client that reads is written to at once, one that is behind keeps
 * only the newest of each key, one that is far behind is closed, and no other client notices any of it.
 */
export class Connection {
  readonly id: string
  readonly user: User
  readonly #socket: WebSocket
  readonly #tcp: Duplex
  readonly #isBatched: boolean
  readonly #limits: Limits
  #events: Array<{ readonly topic: Topic; readonly text: string }> = []
  /** Newest event of each topic, in place of `#events`, while the client is behind. */
  #newest: Map<Topic, string> | undefined
  #eventChars = 0
  readonly #states = new Map<Topic, State>()
  #conflated = 0
  /** Live events that wait behind a replay, and their size; beyond the soft limit they are dropped, because the record has them. */
  #kept: Array<{ readonly topic: Topic; readonly text: string }> | undefined
  #keptChars = 0
  /** Since when the client has taken nothing, and how much waited then; undefined while it is not behind. */
  #held: { sinceMs: number; bytes: number } | undefined

  constructor(socket: WebSocket, tcp: Duplex, options: { id: string; user: User; isBatched: boolean; limits: Limits }) {
    this.id = options.id
    this.user = options.user
    this.#socket = socket
    this.#tcp = tcp
    this.#isBatched = options.isBatched
    this.#limits = options.limits
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  /** Whether all that came for the client has been written to it. */
  get isDrained(): boolean {
    return this.#kept === undefined && this.#isEmpty
  }

  get #isEmpty(): boolean {
    return this.#events.length === 0 && (this.#newest?.size ?? 0) === 0 && this.#states.size === 0
  }

  /** A reply to the client itself, ahead of what is queued. */
  reply(message: object): void {
    if (!this.isOpen) return
    this.#socket.send(JSON.stringify(message))
    Metrics.wsMessages.unsafeUpdate(1, [])
    // A client that asks without reading the answers.
    if (this.#socket.bufferedAmount > this.#limits.hardBytes) this.#closeSlow()
  }

  /** `of` names what is refused, as it was asked for. */
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

  /** From now on live events wait for `release`; those that waited before are dropped. */
  hold(): void {
    this.#kept = []
    this.#keptChars = 0
  }

  /** Whether live events were dropped since `hold`. */
  get isOverrun(): boolean {
    return this.#keptChars > this.#limits.softBytes
  }

  /** Lets the live events go behind what was replayed. */
  release(): void {
    const kept = this.#kept ?? []
    this.#kept = undefined
    this.#keptChars = 0
    for (const { topic, text } of kept) this.replayed(topic, text)
  }

  /** Whether so little waits for the client that it can be given more of the past, which must not be thinned out. */
  get hasRoom(): boolean {
    return this.#eventChars + this.#socket.bufferedAmount <= this.#limits.softBytes / 4
  }

  /** An event that waits for no other. */
  replayed(topic: Topic, text: string): void {
    if (this.#newest !== undefined) {
      this.#replace(this.#newest, topic, text)
      return
    }
    this.#events.push({ topic, text })
    this.#eventChars += text.length
    // Much in one round: let it go now, if the client reads, rather than thin it out.
    if (this.#eventChars > this.#limits.softBytes) this.flush(performance.now())
  }

  /** `change` tells what is new since the state before; without it, or when that one has not left yet, the whole state is told. */
  state(topic: Topic, change: string | undefined, whole: () => string): void {
    if (this.#states.has(topic) && this.#held !== undefined) this.#conflated++
    this.#states.set(topic, change === undefined || this.#states.has(topic) ? { whole } : { text: change })
  }

  /** Drops what is queued of a topic: the client does not want it any more. */
  forget(topic: Topic): void {
    this.#states.delete(topic)
    this.#eventChars -= this.#newest?.get(topic)?.length ?? 0
    this.#newest?.delete(topic)
    const left = this.#events.filter((event) => event.topic !== topic)
    if (left.length === this.#events.length) return
    this.#events = left
    this.#eventChars = left.reduce((sum, { text }) => sum + text.length, 0)
  }

  /** Writes what is queued; true while it has to be held back. */
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
    // A peer that does not answer the close would keep the socket for ever.
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

  #write(): void {
    const texts = this.#newest === undefined ? this.#events.map(({ text }) => text) : [...this.#newest.values()]
    for (const state of this.#states.values()) texts.push("whole" in state ? state.whole() : state.text)
    const conflated = this.#conflated
    this.#clear()
    if (conflated > 0) Metrics.wsConflated.unsafeUpdate(conflated, [])
    if (this.#isBatched) {
      this.#socket.send(`{"type":"batch","items":[${texts.join(",")}]${conflated > 0 ? `,"conflated":${conflated}` : ""}}`)
      Metrics.wsMessages.unsafeUpdate(1, [])
      return
    }
    // Told on the first frame that follows the loss; the text is shared, so this client gets one of its own.
    if (conflated > 0) texts[0] = `${texts[0]?.slice(0, -1)},"conflated":${conflated}}`
    // One system call for the round: it costs more than the frame.
    this.#tcp.cork()
    for (const text of texts) this.#socket.send(text)
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
