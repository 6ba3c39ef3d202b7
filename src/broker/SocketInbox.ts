/** Sorts the messages of Kite's ticker into frames, heartbeats and texts, counts them, and reports the counts as metrics. */
import { Effect } from "effect"
import * as Metrics from "./Metrics.ts"
import * as Redaction from "./Redaction.ts"

/** Kite's text messages: an order of any platform of this user, an error such as a token beyond the limit, or a broker's notice. */
export interface KiteText {
  readonly type: "order" | "error" | "message"
  readonly data: unknown
}

/** Called synchronously from the socket's own callback: they must be quick and must not start a fiber. */
export interface Handlers {
  /** A binary message with data, never a heartbeat. The bytes may share a larger buffer: copy what you keep for long. */
  readonly onFrame: (bytes: Uint8Array) => void
  readonly onText: (text: KiteText) => void
}

const textTypes: ReadonlySet<unknown> = new Set(["order", "error", "message"] satisfies ReadonlyArray<KiteText["type"]>)
const isText = (value: unknown): value is KiteText =>
  typeof value === "object" && value !== null && "type" in value && textTypes.has(value.type) && "data" in value

const parseText = (text: string): KiteText | null => {
  try {
    const value: unknown = JSON.parse(text)
    return isText(value) ? { type: value.type, data: value.data } : null
  } catch {
    return null // The caller counts it and logs an excerpt.
  }
}

/** Log lines between two reports. Texts beyond the limit are only counted. */
const noticesMax = 10

const metrics = {
  frames: Metrics.socketFrames,
  bytes: Metrics.socketBytes,
  heartbeats: Metrics.socketHeartbeats,
  texts: Metrics.socketTexts,
  badTexts: Metrics.socketBadTexts
}
const counted = ["frames", "bytes", "heartbeats", "texts", "badTexts"] as const

export class SocketInbox {
  readonly counts = { frames: 0, bytes: 0, heartbeats: 0, texts: 0, badTexts: 0 }
  lastDataMs: number | null = null
  lastHeartbeatMs: number | null = null
  readonly #account: string
  readonly #handlers: Handlers
  readonly #textBytesMax: number
  readonly #reported = { ...this.counts }
  readonly #notices: Array<string> = []

  constructor(account: string, handlers: Handlers, textBytesMax: number) {
    this.#account = account
    this.#handlers = handlers
    this.#textBytesMax = textBytesMax
  }

  receive(bytes: Buffer, isBinary: boolean, nowMs: number): void {
    if (!isBinary) {
      this.#receiveText(bytes)
      return
    }
    if (bytes.length < 2) {
      this.counts.heartbeats++
      this.lastHeartbeatMs = nowMs
      return
    }
    this.counts.frames++
    this.counts.bytes += bytes.length
    this.lastDataMs = nowMs
    this.#handlers.onFrame(bytes)
  }

  /** Adds the new counts to the metrics and logs the notices. */
  readonly report: Effect.Effect<void> = Effect.suspend(() => {
    for (const name of counted) {
      metrics[name](this.#account, this.counts[name] - this.#reported[name])
      this.#reported[name] = this.counts[name]
    }
    return Effect.forEach(this.#notices.splice(0), (notice) => Effect.logWarning(notice), { discard: true })
  })

  #receiveText(bytes: Buffer): void {
    const text = bytes.length <= this.#textBytesMax ? parseText(bytes.toString("utf8")) : null
    if (text === null) {
      this.counts.badTexts++
      const head = bytes.subarray(0, this.#textBytesMax).toString("utf8")
      this.#note(`unparsable text message of ${bytes.length} bytes: ${Redaction.excerpt(head)}`)
      return
    }
    this.counts.texts++
    if (text.type === "error") {
      this.#note(`the broker reports: ${Redaction.excerpt(typeof text.data === "string" ? text.data : JSON.stringify(text.data))}`)
    }
    this.#handlers.onText(text)
  }

  #note(notice: string): void {
    if (this.#notices.length < noticesMax) this.#notices.push(notice)
  }
}
