import { Cause, Duration, Effect, Queue, Schedule, type Scope } from "effect"
import { AckPolicy, type ConsumerInfo, DeliverPolicy, type Msg, ReplayPolicy, type Subscription } from "nats"
import * as HandOver from "./HandOver.ts"
import { JetStream, type Message, type NatsError } from "./JetStream.ts"
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
  /** Shows what comes to `look`, a socket's chunk at a time, until it answers false (see HandOver). */
  readonly takeWhile: (look: (items: ReadonlyArray<Message | Gap>) => boolean) => Effect.Effect<void>
  /** The newest sequence received (behind a gap: passed over), or where the read began. */
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
/** Many actors join within a moment of a start: their filters are asked for together. */
const gatherMs = 20
const watchEveryMs = 500
/** A consumer that nobody fetches from ends by itself. */
const inactiveMaxMs = 30_000
const nextRequest = new TextEncoder().encode(
  JSON.stringify({ batch: fetchMax, expires: fetchExpiresMs * 1e6, idle_heartbeat: heartbeatMs * 1e6 })
)

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

/** The server refuses a list whose members overlap, so one subject must not stand in it twice. */
const filtering = (filters: ReadonlyArray<string>) => {
  const [only, ...more] = new Set(filters)
  return only === undefined ? {} : more.length === 0 ? { filter_subject: only } : { filter_subjects: [only, ...more] }
}

/**
 * An ordered read that heals itself: no acknowledgements, fetch credit of its own (the next fetch leaves when the buffer is short), the
 * delivery sequence checked, and on any break a new ephemeral consumer behind the last message (measured against durable consumers: no
 * redelivery on top of a stall, no inversion). A start that lies outside what the stream holds becomes a Gap, never a silent skip; only
 * a read of the newest per subject passes over what is gone, since something newer is there in its stead.
 */
export const make = (options: {
  readonly stream: string
  readonly filters: ReadonlyArray<string>
  readonly start: Start
  /** Messages that may wait here before fetching pauses. */
  readonly bufferMax?: number
}): Effect.Effect<OrderedRead, NatsError, Scope.Scope | JetStream> =>
  Effect.gen(function* () {
    const { nc, jsm, info, isConnected, onConnection, newInbox, request } = yield* JetStream
    const { stream, start } = options
    const bufferMax = options.bufferMax ?? 1_000
    const out = HandOver.make<Message | Gap, never>(Number.POSITIVE_INFINITY) // bounded by the credit given
    let arrived: Array<Message | Gap> = []
    const calls = yield* Queue.sliding<void>(1)

    let filters = options.filters
    let last = start._tag === "After" ? start.seq : 0
    /** Whether `last` says where to go on; not before the newest of every subject have come. */
    let isPlaced = start._tag === "After"
    let replayLeft = 0
    let createdMs = 0
    let consumer: { readonly name: string; readonly inbox: string; readonly subscription: Subscription } | undefined
    let consumerSeq = 0
    let credit = 0
    let heardAtMs = 0
    /** Counts what calls for a new consumer; the present one answers the call `answered`. */
    let called = 0
    let answered = 0
    /** Breaks since the last message. */
    let breaks = 0
    let isRefiltered = false

    /** What one chunk of the socket brings is told at once: the client reads it without a pause. */
    const arrive = (item: Message | Gap) => {
      if (arrived.push(item) > 1) return
      queueMicrotask(() => {
        const items = arrived
        arrived = []
        Metrics.readMessages(stream, items.length)
        out.offer(items)
      })
    }
    const call = () => {
      called++
      Queue.unsafeOffer(calls, undefined)
    }
    const broken = () => {
      breaks++
      call()
    }

    const fetchMore = () => {
      if (consumer === undefined || credit > fetchMax / 2) return
      if (out.waiting() + arrived.length >= bufferMax) return
      try {
        nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer.name}`, nextRequest, { reply: consumer.inbox })
        if (credit === 0) heardAtMs = performance.now() // nothing was owed, so the silence begins here
        credit += fetchMax
      } catch {
        // The connection is closing. A lost one is opened anew, and so is this read.
      }
    }

    const onMessage = (msg: Msg, inbox: string) => {
      if (consumer?.inbox !== inbox) return
      heardAtMs = performance.now()
      const code = msg.headers?.code ?? 0
      if (code === 100) return
      if (code === 404 || code === 408) {
        credit = Math.max(0, credit - (Number(msg.headers?.get("Nats-Pending-Messages")) || fetchMax))
        return fetchMore()
      }
      if (code !== 0 || !msg.reply) return broken()
      const parsed = parseReply(msg.reply)
      if (parsed.consumerSeq !== consumerSeq + 1) return broken() // something in between was lost on the way
      consumerSeq = parsed.consumerSeq
      breaks = 0
      credit -= 1
      if (!isPlaced && (--replayLeft <= 0 || parsed.pending === 0)) isPlaced = true
      // A replay of the newest that began again starts with what came before it broke.
      if (parsed.streamSeq > last) {
        last = parsed.streamSeq
        arrive(toMessage(msg, parsed))
      }
      fetchMore()
    }

    /** It also ends by itself. */
    const remove = (name: string) => void jsm.consumers.delete(stream, name).catch(() => {})
    const discard = () => {
      const old = consumer
      consumer = undefined
      if (old === undefined) return
      old.subscription.unsubscribe()
      if (isConnected()) remove(old.name)
    }

    const deliver = () => {
      if (isPlaced) return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: last + 1 }
      return { deliver_policy: start._tag === "New" ? DeliverPolicy.New : DeliverPolicy.LastPerSubject }
    }
    const create = Effect.suspend(() =>
      request(`read ${stream}`, () =>
        jsm.consumers.add(stream, {
          ...filtering(filters),
          ...deliver(),
          ack_policy: AckPolicy.None,
          replay_policy: ReplayPolicy.Instant,
          max_deliver: 1,
          mem_storage: true,
          num_replicas: 1,
          inactive_threshold: inactiveMaxMs * 1e6
        })
      )
    )

    const gap = (to: number, recreated: boolean) => {
      arrive({ _tag: "Gap", from: last + 1, to, recreated })
      Metrics.readGaps(stream, recreated ? 1 : to - last)
      last = to
    }
    /**
     * Compares our place with what the stream holds, after the consumer was made: what the stream drops from now on, the consumer had before.
     * False when the place is none in this stream, so that the consumer stands wrong.
     */
    const check = Effect.map(info(stream), (found) => {
      const behindFirst = Math.max(0, found.firstSeq - 1)
      const isAnother = (createdMs !== 0 && found.createdMs !== createdMs) || found.lastSeq < last
      createdMs = found.createdMs
      if (isAnother) gap(behindFirst, true)
      else if (isPlaced && behindFirst > last) {
        if (start._tag === "LastPerSubject") last = behindFirst
        else gap(behindFirst, false)
      }
      return !isAnother
    })

    const attach = (created: ConsumerInfo) => {
      const inbox = newInbox()
      const subscription = nc.subscribe(inbox, { callback: (error, msg) => (error === null ? onMessage(msg, inbox) : broken()) })
      consumer = { name: created.name, inbox, subscription }
      consumerSeq = 0
      credit = 0
      replayLeft = created.num_pending
      // "From now on" must stay that instant over a break before the first message; so must a replay that has nothing to replay.
      if (!isPlaced && (start._tag === "New" || created.num_pending === 0)) {
        last = Math.max(last, created.delivered.stream_seq)
        isPlaced = true
      }
      fetchMore()
    }

    /** A consumer behind `last`; another one when meanwhile something called again. Answers what waits for it. */
    const open: Effect.Effect<number, NatsError> = Effect.gen(function* () {
      const answering = called
      discard()
      const created = yield* create
      const isRight = yield* check
      if (!isRight || answering !== called) {
        remove(created.name)
        return yield* open
      }
      answered = answering
      attach(created)
      return created.num_pending
    })

    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        discard()
        out.end(Effect.interrupt) // nothing will ever come
      })
    )
    const pendingAtStart = yield* open

    const reopen = Effect.gen(function* () {
      if (answered === called) return
      Metrics.readRestarts(stream)
      if (isRefiltered) yield* Effect.sleep(Duration.millis(gatherMs))
      isRefiltered = false
      if (breaks > 1) yield* Effect.sleep(Duration.millis(retryMs)) // a consumer that breaks as soon as it stands
      // Whatever it fails with, a defect too: a read that ended here would be silent for ever.
      const attempt = Effect.sandbox(open)
      yield* attempt.pipe(
        Effect.catchAll((cause) =>
          Effect.zipRight(
            Effect.logWarning("read interrupted, trying until it stands again").pipe(
              Effect.annotateLogs({ stream, cause: Cause.prettyErrors(cause).join("; ") })
            ),
            Effect.retry(attempt, Schedule.spaced(Duration.millis(retryMs)))
          )
        )
      )
    })
    yield* Queue.take(calls).pipe(Effect.zipRight(reopen), Effect.forever, Effect.forkScoped)

    // A fetch without a heartbeat is a consumer that is gone; without credit the server owes us nothing and is not waited for.
    yield* Effect.sync(() => {
      if (consumer !== undefined && answered === called) {
        if (credit > 0 && performance.now() - heardAtMs > silenceMaxMs) broken()
        else fetchMore()
      }
      Metrics.readBuffered(stream, out.waiting())
    }).pipe(Effect.delay(Duration.millis(watchEveryMs)), Effect.forever, Effect.forkScoped)
    yield* onConnection((isUp) => {
      if (isUp) broken()
    })

    const takeAll = Effect.tap(out.takeAll, () => Effect.sync(fetchMore))
    const takeWhile = (look: (items: ReadonlyArray<Message | Gap>) => boolean) =>
      out.takeWhile((items) => {
        const goesOn = look(items)
        fetchMore() // nothing waits here any more
        return goesOn
      })
    const refilter = (next: ReadonlyArray<string>) => {
      filters = next
      isRefiltered = true
      discard() // from this instant nothing comes by the old filters
      call()
    }
    return { takeAll, takeWhile, lastSeq: () => last, pendingAtStart, refilter }
  })
