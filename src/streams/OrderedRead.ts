import { Chunk, Duration, Effect, Mailbox, Option, Runtime, Schedule, type Scope } from "effect"
import { AckPolicy, createInbox, DeliverPolicy, Events, type Msg, ReplayPolicy, type Subscription } from "nats"
import { JetStream, type Message, NatsError } from "./JetStream.ts"
import * as Metrics from "./Metrics.ts"

/** Messages that the stream no longer holds. `recreated`: the stream itself is another one, and its numbers began again. */
export interface Gap {
  readonly _tag: "Gap"
  readonly from: number
  readonly to: number
  readonly recreated: boolean
}

/** New: from now on. LastPerSubject: the newest message of every subject, then live. After: everything behind that sequence. */
export type Start = { readonly _tag: "New" } | { readonly _tag: "LastPerSubject" } | { readonly _tag: "After"; readonly seq: number }

export interface OrderedRead {
  /** What has come since the last call, in stream order; waits for the first. Taking is what asks the server for more. */
  readonly takeAll: Effect.Effect<ReadonlyArray<Message | Gap>>
  /** The newest sequence received, or where a read "from now on" began. */
  readonly lastSeq: () => number
  /** Messages that were waiting when the read began. */
  readonly pendingAtStart: number
  /** Replaces the filters for everything behind `lastSeq()`. */
  readonly refilter: (filters: ReadonlyArray<string>) => void
}

const fetchMax = 500
const fetchExpiresMs = 30_000
const heartbeatMs = 2_000
/** Three heartbeats missed while a fetch is open: the consumer or its server is gone. */
const silenceMaxMs = 3 * heartbeatMs
const retryMs = 250
const encoder = new TextEncoder()
const nextRequest = encoder.encode(JSON.stringify({ batch: fetchMax, expires: fetchExpiresMs * 1e6, idle_heartbeat: heartbeatMs * 1e6 }))

/** `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time ns>.<pending>`, behind domain and account hash in the newer form. */
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

/**
 * An ordered read that heals itself: no acknowledgements, fetch credit of its own (the next fetch leaves when the buffer is short), the
 * delivery sequence checked, and on any break a new ephemeral consumer behind the last message (measured against durable consumers: no
 * redelivery on top of a stall, no inversion). A start that lies outside what the stream holds becomes a Gap, never a silent skip.
 */
export const make = (options: {
  readonly stream: string
  readonly filters: ReadonlyArray<string>
  readonly start: Start
  /** Messages that may wait here before fetching pauses. */
  readonly bufferMax?: number
}): Effect.Effect<OrderedRead, NatsError, Scope.Scope | JetStream> =>
  Effect.gen(function* () {
    const { nc, jsm, info } = yield* JetStream
    const { stream } = options
    const bufferMax = options.bufferMax ?? 1_000
    const mailbox = yield* Mailbox.make<Message | Gap>()
    const runFork = Runtime.runFork(yield* Effect.runtime<never>())

    let filters = options.filters
    let filtersVersion = 0
    let last = options.start._tag === "After" ? options.start.seq : 0
    let positioned = options.start._tag === "After" // whether `last` says where to go on
    let createdMs = 0
    let consumer: { readonly name: string; readonly inbox: string; readonly subscription: Subscription } | undefined
    let consumerSeq = 0
    let credit = 0
    let heardAtMs = 0
    let opening = false
    let closed = false

    const fetchMore = () => {
      if (consumer === undefined || closed || credit > fetchMax / 2) return
      if (Option.getOrElse(mailbox.unsafeSize(), () => 0) >= bufferMax) return
      credit += fetchMax
      try {
        nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer.name}`, nextRequest, { reply: consumer.inbox })
      } catch {
        credit = 0 // the connection is closing or reconnecting: the watchdog opens a new consumer
      }
    }

    const onMessage = (msg: Msg, inbox: string) => {
      if (consumer?.inbox !== inbox || closed) return
      heardAtMs = performance.now()
      const code = msg.headers?.code ?? 0
      if (code === 100) return
      if (code === 404 || code === 408) {
        credit = 0
        return fetchMore()
      }
      if (code !== 0 || !msg.reply) return reopen()
      const parsed = parseReply(msg.reply)
      if (parsed.consumerSeq !== consumerSeq + 1) return reopen() // something in between was lost on the way
      consumerSeq = parsed.consumerSeq
      credit -= 1
      last = parsed.streamSeq
      positioned = true
      mailbox.unsafeOffer(toMessage(msg, parsed))
      fetchMore()
    }

    const discard = () => {
      const old = consumer
      consumer = undefined
      if (old === undefined) return
      old.subscription.unsubscribe()
      jsm.consumers.delete(stream, old.name).catch(() => {}) // it also ends by itself
    }

    /** Where to go on, after comparing our place with what the stream holds. */
    const place = Effect.map(info(stream), (found) => {
      const recreated = createdMs !== 0 && found.createdMs !== createdMs
      createdMs = found.createdMs
      if (!positioned) return
      if (recreated || found.lastSeq < last) {
        mailbox.unsafeOffer({ _tag: "Gap", from: last + 1, to: found.firstSeq - 1, recreated: true })
        Metrics.readGaps(stream)
        last = Math.max(0, found.firstSeq - 1)
      } else if (found.firstSeq > last + 1) {
        mailbox.unsafeOffer({ _tag: "Gap", from: last + 1, to: found.firstSeq - 1, recreated: false })
        Metrics.readGaps(stream, found.firstSeq - 1 - last)
        last = found.firstSeq - 1
      }
    })

    const deliver = () => {
      if (positioned) return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: last + 1 }
      return { deliver_policy: options.start._tag === "New" ? DeliverPolicy.New : DeliverPolicy.LastPerSubject }
    }

    const create = Effect.suspend(() =>
      Effect.tryPromise({
        try: () =>
          jsm.consumers.add(stream, {
            ...(filters.length === 0
              ? {}
              : filters.length === 1
                ? { filter_subject: filters[0] as string }
                : { filter_subjects: [...filters] }),
            ...deliver(),
            ack_policy: AckPolicy.None,
            replay_policy: ReplayPolicy.Instant,
            max_deliver: 1,
            mem_storage: true,
            num_replicas: 1,
            inactive_threshold: 30_000 * 1e6
          }),
        catch: (cause) => new NatsError({ op: `read ${stream}`, cause })
      })
    )

    const open: Effect.Effect<number, NatsError> = Effect.gen(function* () {
      discard()
      yield* place
      const version = filtersVersion
      const created = yield* create
      if (version !== filtersVersion) {
        jsm.consumers.delete(stream, created.name).catch(() => {}) // it also ends by itself
        return yield* open
      }
      const inbox = createInbox()
      const subscription = nc.subscribe(inbox, { callback: (error, msg) => (error === null ? onMessage(msg, inbox) : reopen()) })
      consumer = { name: created.name, inbox, subscription }
      consumerSeq = 0
      credit = 0
      heardAtMs = performance.now()
      // "From now on" must stay that instant over a break before the first message.
      if (!positioned && options.start._tag === "New") {
        last = created.delivered.stream_seq
        positioned = true
      }
      fetchMore()
      return created.num_pending
    })

    /** Opens a new consumer, one attempt at a time, until one stands. */
    const reopen = () => {
      if (opening || closed) return
      opening = true
      consumer?.subscription.unsubscribe()
      Metrics.readRestarts(stream)
      runFork(
        open.pipe(
          Effect.tapError((error) => Effect.logWarning("read interrupted, trying again", error.message)),
          Effect.retry({ schedule: Schedule.spaced(retryMs), while: () => !closed }),
          Effect.ignore,
          Effect.ensuring(
            Effect.sync(() => {
              opening = false
            })
          ),
          Effect.annotateLogs({ stream })
        )
      )
    }

    const pendingAtStart = yield* open
    yield* Effect.addFinalizer(() =>
      Effect.zipRight(
        Effect.sync(() => {
          closed = true
          discard()
        }),
        mailbox.shutdown
      )
    )
    // A fetch without a heartbeat is a consumer that is gone; without credit the server owes us nothing and is not waited for.
    yield* Effect.sync(() => {
      if (credit > 0 && performance.now() - heardAtMs > silenceMaxMs) reopen()
      else if (consumer === undefined) reopen()
      else fetchMore()
      Metrics.readBuffered(
        stream,
        Option.getOrElse(mailbox.unsafeSize(), () => 0)
      )
    }).pipe(Effect.delay(Duration.millis(500)), Effect.forever, Effect.forkScoped)
    yield* Effect.tryPromise(async () => {
      for await (const { type } of nc.status()) if (type === Events.Reconnect) reopen()
    }).pipe(Effect.ignoreLogged, Effect.forkScoped)

    const takeAll = Effect.map(mailbox.takeAll, ([items]) => {
      const batch = Chunk.toReadonlyArray(items)
      Metrics.readMessages(stream, batch.length)
      fetchMore()
      return batch
    })
    const refilter = (next: ReadonlyArray<string>) => {
      filters = next
      filtersVersion++ // an opening under way starts over
      discard() // from this instant nothing comes by the old filters
      reopen()
    }
    return { takeAll, lastSeq: () => last, pendingAtStart, refilter }
  })
