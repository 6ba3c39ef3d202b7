import type { Since } from "../../contract/sockets/SocketMessages.ts"

/** Messages that a client can catch up on. */
export const eventsMax = 5_000

export interface LoggedEvent {
  readonly seq: number
  readonly topic: string
  /** The message as clients get it. */
  readonly text: string
}

/** What a client missed. `gap`: sequences that are not known here. */
export interface Missed {
  readonly events: ReadonlyArray<LoggedEvent>
  readonly gap: { readonly from: number; readonly to: number } | undefined
}

/** The newest messages of a stream, in order, so that a client can continue behind its position at any gateway. */
export class EventLog {
  epoch = 0
  /** The newest sequence that was read; undefined until the first read has caught up. */
  seq: number | undefined
  /** Everything behind this sequence is known here. */
  #after = 0
  #events: Array<LoggedEvent> = []

  /** Begins again: the stream is read behind `after`. */
  begin(epoch: number, after: number): void {
    this.epoch = epoch
    this.seq = undefined
    this.#after = after
    this.#events = []
  }

  add(event: LoggedEvent): void {
    this.#events.push(event)
    // Half is dropped at a time, so that an addition stays cheap.
    if (this.#events.length < eventsMax * 2) return
    const dropped = this.#events.splice(0, eventsMax)
    this.#after = dropped.at(-1)?.seq ?? this.#after
  }

  /** The stream no longer had the messages up to `to`. */
  lost(to: number): void {
    this.#after = to
    this.#events = []
  }

  missed(since: Since, topics: ReadonlySet<string>): Missed {
    const isOther = since.epoch !== this.epoch
    const position = isOther ? 0 : since.seq
    const events = this.#events.filter(({ topic, seq }) => seq > position && topics.has(topic))
    if (!isOther && position >= this.#after) return { events, gap: undefined }
    return { events, gap: { from: position + 1, to: this.#after } }
  }
}
