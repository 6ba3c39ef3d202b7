import type { ConsumerInfo, Msg, NatsConnection, Subscription } from "nats"
import type { Message } from "../JetStream.ts"

const fetchMax = 500
const fetchExpiresMs = 30_000
const heartbeatMs = 2_000
/** If three heartbeats are missed while a fetch is open, the consumer or its server is gone. */
const silenceMaxMs = 3 * heartbeatMs
const nextRequest = new TextEncoder().encode(
  JSON.stringify({ batch: fetchMax, expires: fetchExpiresMs * 1e6, idle_heartbeat: heartbeatMs * 1e6 })
)

/** `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time ns>.<pending>`; the newer form has the domain and account hash before the stream. */
const parseReply = (reply: string) => {
  const tokens = reply.split(".")
  const at = tokens.length >= 11 ? 4 : 2
  return {
    streamSeq: Number(tokens[at + 3]),
    consumerSeq: Number(tokens[at + 4]),
    timeMs: Number((tokens[at + 5] ?? "0").slice(0, -6)),
    pending: Number(tokens[at + 6])
  }
}

const toMessage = (msg: Msg, parsed: ReturnType<typeof parseReply>): Message => ({
  _tag: "Message",
  subject: msg.subject,
  seq: parsed.streamSeq,
  timeMs: parsed.timeMs,
  pending: parsed.pending,
  data: msg.data,
  header: (name) => msg.headers?.get(name) ?? ""
})

/** The reader's handlers for what a consumer delivers. */
export interface Events {
  readonly message: (message: Message) => void
  /** A message was lost on the way, or the server reported an error. */
  readonly broken: () => void
  /** More may be fetched. */
  readonly ready: () => void
}

/** One ephemeral pull consumer as its reader sees it: fetch credit, delivery sequence and heartbeats. */
export class PullConsumer {
  readonly name: string
  private readonly nc: NatsConnection
  private readonly stream: string
  private readonly inbox: string
  private readonly events: Events
  private readonly subscription: Subscription
  private isOpen = true
  private seq = 0
  /** Messages that the server may still send for our fetches. */
  private credit = 0
  private heardAtMs = 0

  constructor(nc: NatsConnection, inbox: string, created: ConsumerInfo, events: Events) {
    this.nc = nc
    this.name = created.name
    this.stream = created.stream_name
    this.inbox = inbox
    this.events = events
    this.subscription = nc.subscribe(inbox, {
      callback: (error, msg) => {
        if (!this.isOpen) return
        if (error === null) this.take(msg)
        else events.broken()
      }
    })
  }

  close(): void {
    this.isOpen = false
    this.subscription.unsubscribe()
  }

  /** Asks for the next batch when the present one is half used. */
  fetch(): void {
    if (this.credit > fetchMax / 2) return
    try {
      this.nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${this.stream}.${this.name}`, nextRequest, { reply: this.inbox })
      if (this.credit === 0) this.heardAtMs = performance.now() // no answer was due before, so the silence begins here
      this.credit += fetchMax
    } catch {
      // The connection is closing. When it opens again, so does this read.
    }
  }

  /** True when a fetch is open and no heartbeat arrived for it. Without credit the server owes no answer. */
  isSilent(): boolean {
    return this.credit > 0 && performance.now() - this.heardAtMs > silenceMaxMs
  }

  private take(msg: Msg): void {
    this.heardAtMs = performance.now()
    const code = msg.headers?.code ?? 0
    if (code === 0 && msg.reply) this.deliver(msg, msg.reply)
    else if (code === 404 || code === 408) {
      this.credit = Math.max(0, this.credit - (Number(msg.headers?.get("Nats-Pending-Messages")) || fetchMax))
      this.events.ready()
    } else if (code !== 100) this.events.broken() // 100 is a heartbeat
  }

  private deliver(msg: Msg, reply: string): void {
    const parsed = parseReply(reply)
    if (parsed.consumerSeq === this.seq + 1) {
      this.seq = parsed.consumerSeq
      this.credit -= 1
      this.events.message(toMessage(msg, parsed))
      this.events.ready()
    } else this.events.broken() // a message between was lost on the way
  }
}
