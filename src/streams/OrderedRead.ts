import { Cause, Duration, Effect, Queue, Schedule, type Scope } from "effect"
import { AckPolicy, ReplayPolicy } from "nats"
import { JetStream, type Message, type NatsError } from "./JetStream.ts"
import * as Metrics from "./Metrics.ts"
import { Arrivals, type Gap } from "./reads/Arrivals.ts"
import { Place, type Start } from "./reads/Place.ts"
import { PullConsumer } from "./reads/PullConsumer.ts"

export type { Gap } from "./reads/Arrivals.ts"
export type { Start } from "./reads/Place.ts"

export interface OrderedRead {
  /** Takes what came since the last call, in stream order; waits for the first. Taking asks the server for more. */
  readonly takeAll: Effect.Effect<ReadonlyArray<Message | Gap>>
  /** Shows the items of each socket chunk to `look`, until it answers false (see HandOver). */
  readonly takeWhile: (look: (items: ReadonlyArray<Message | Gap>) => boolean) => Effect.Effect<void>
  /** The newest sequence that was received or skipped by a gap. Before the first message: the sequence after which the read began. */
  readonly lastSeq: () => number
  /** Messages that were waiting when the read began. */
  readonly pendingAtStart: number
  /** Replaces the filters for everything behind `lastSeq()`. */
  readonly refilter: (filters: ReadonlyArray<string>) => void
}

export interface Options {
  readonly stream: string
  readonly filters: ReadonlyArray<string>
  readonly start: Start
  /** Messages that may wait here before fetching pauses. */
  readonly bufferMax?: number
}

const bufferMaxDefault = 1_000
const retryMs = 250
/** At a start many actors join at about the same time. Waiting this long lets one new consumer serve all their filters. */
const gatherMs = 20
const watchEveryMs = 500
/** The server removes a consumer that nobody fetches from for this long. */
const inactiveMaxMs = 30_000

/** The server refuses a list whose members overlap, so a subject must not occur in it twice. */
const filtering = (filters: ReadonlyArray<string>) => {
  const [only, ...more] = new Set(filters)
  return only === undefined ? {} : more.length === 0 ? { filter_subject: only } : { filter_subjects: [only, ...more] }
}

/** The state of one read. Messages pass through it synchronously; effects only replace its consumer. */
class Reading {
  readonly arrivals: Arrivals
  readonly place: Place
  /** Wakes the fiber that replaces the consumer. */
  readonly calls: Queue.Queue<void>
  readonly stream: string
  isRefiltered = false
  /** Breaks since the last message. */
  breaks = 0
  private readonly jetStream: JetStream
  private readonly bufferMax: number
  private filters: ReadonlyArray<string>
  private consumer: PullConsumer | undefined
  /** Counts the requests for a new consumer; the present consumer answers request `answered`. */
  private called = 0
  private answered = 0

  constructor(jetStream: JetStream, options: Options, calls: Queue.Queue<void>) {
    this.jetStream = jetStream
    this.calls = calls
    this.stream = options.stream
    this.filters = options.filters
    this.bufferMax = options.bufferMax ?? bufferMaxDefault
    this.arrivals = new Arrivals(options.stream)
    this.place = new Place(options.start)
  }

  get isCurrent(): boolean {
    return this.answered === this.called
  }

  readonly fetchMore = (): void => {
    if (this.consumer !== undefined && this.arrivals.waiting() < this.bufferMax) this.consumer.fetch()
  }

  readonly broken = (): void => {
    this.breaks++
    this.call()
  }

  refilter(filters: ReadonlyArray<string>): void {
    this.filters = filters
    this.isRefiltered = true
    this.discard() // from now on no message of the old filters arrives
    this.call()
  }

  /** Asks for a new consumer when an open fetch gets no heartbeat; else for more messages. */
  watch(): void {
    if (this.consumer !== undefined && this.isCurrent) {
      if (this.consumer.isSilent()) this.broken()
      else this.fetchMore()
    }
    Metrics.readBuffered(this.stream, this.arrivals.out.waiting())
  }

  discard(): void {
    const old = this.consumer
    this.consumer = undefined
    if (old === undefined) return
    old.close()
    if (this.jetStream.isConnected()) this.remove(old.name)
  }

  /**
   * Makes a consumer that begins after the read's place. Makes another one if a new request came meanwhile or the place was not valid.
   * Returns how many messages the server has for it.
   */
  readonly open: Effect.Effect<number, NatsError> = Effect.suspend(() => {
    const answering = this.called
    this.discard()
    return Effect.gen(this, function* () {
      const created = yield* this.create
      const isValid = yield* this.compare
      if (!isValid || answering !== this.called) {
        this.remove(created.name)
        return yield* this.open
      }
      this.answered = answering
      this.consumer = new PullConsumer(this.jetStream.nc, this.jetStream.newInbox(), created, this.events)
      this.place.begin(created)
      this.fetchMore()
      return created.num_pending
    })
  })

  private readonly events = {
    message: (message: Message): void => {
      this.breaks = 0
      if (this.place.advance(message.seq, message.pending)) this.arrivals.add(message)
    },
    broken: this.broken,
    ready: this.fetchMore
  }

  private call(): void {
    this.called++
    Queue.unsafeOffer(this.calls, undefined)
  }

  /** An abandoned consumer also ends by itself, so a failure here costs nothing. */
  private remove(name: string): void {
    this.jetStream.jsm.consumers.delete(this.stream, name).catch(() => {})
  }

  private readonly create = Effect.suspend(() =>
    this.jetStream.request(`read ${this.stream}`, () =>
      this.jetStream.jsm.consumers.add(this.stream, {
        ...filtering(this.filters),
        ...this.place.deliver,
        ack_policy: AckPolicy.None,
        replay_policy: ReplayPolicy.Instant,
        max_deliver: 1,
        mem_storage: true,
        num_replicas: 1,
        inactive_threshold: inactiveMaxMs * 1e6
      })
    )
  )

  /**
   * Compares the place with the stream. It does so after the consumer was made, so that no message can be dropped unseen between the two.
   * False when the stream was made again, so that the consumer began at a wrong sequence.
   */
  private readonly compare = Effect.suspend(() =>
    Effect.map(this.jetStream.info(this.stream), (found) => {
      const result = this.place.compare(found)
      if (result._tag === "same") return true
      const recreated = result._tag === "recreated"
      this.arrivals.add({ _tag: "Gap", from: result.from, to: result.to, recreated })
      Metrics.readGaps(this.stream, recreated ? 1 : result.to - result.from + 1)
      return !recreated
    })
  )
}

/**
 * Replaces the consumer if a replacement was requested. It never fails, because a read that ended here would deliver nothing more without
 * an error.
 */
const reopen = (read: Reading) =>
  Effect.gen(function* () {
    if (read.isCurrent) return
    Metrics.readRestarts(read.stream)
    if (read.isRefiltered) yield* Effect.sleep(Duration.millis(gatherMs))
    read.isRefiltered = false
    if (read.breaks > 1) yield* Effect.sleep(Duration.millis(retryMs)) // a consumer that breaks as soon as it is made
    const attempt = Effect.sandbox(read.open)
    yield* attempt.pipe(
      Effect.catchAll((cause) =>
        Effect.zipRight(
          Effect.logWarning("read interrupted, trying until it works again").pipe(
            Effect.annotateLogs({ stream: read.stream, cause: Cause.prettyErrors(cause).join("; ") })
          ),
          Effect.retry(attempt, Schedule.spaced(Duration.millis(retryMs)))
        )
      )
    )
  })

/**
 * An ordered read that heals itself. It uses no acknowledgements: it fetches the next batch when its buffer is short, and checks the
 * delivery sequence. On any break it makes a new ephemeral consumer that begins after the last message. (Measured against durable
 * consumers: no redelivery on top of a stall, no inversion.) When the stream no longer holds the start, the reader gets a Gap. Only a read
 * of the newest per subject gets none, because a newer message of the same subject follows.
 */
export const make = (options: Options): Effect.Effect<OrderedRead, NatsError, Scope.Scope | JetStream> =>
  Effect.gen(function* () {
    const jetStream = yield* JetStream
    const calls = yield* Queue.sliding<void>(1)
    const read = new Reading(jetStream, options, calls)
    const { out } = read.arrivals
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        read.discard()
        out.end(Effect.interrupt) // nothing arrives after this
      })
    )
    const pendingAtStart = yield* read.open
    yield* Queue.take(calls).pipe(Effect.zipRight(reopen(read)), Effect.forever, Effect.forkScoped)
    yield* Effect.sync(() => read.watch()).pipe(Effect.delay(Duration.millis(watchEveryMs)), Effect.forever, Effect.forkScoped)
    yield* jetStream.onConnection((isUp) => {
      if (isUp) read.broken()
    })

    return {
      takeAll: Effect.tap(out.takeAll, () => Effect.sync(read.fetchMore)),
      takeWhile: (look) =>
        out.takeWhile((items) => {
          const goesOn = look(items)
          read.fetchMore() // the buffer is empty now
          return goesOn
        }),
      lastSeq: () => read.place.last,
      pendingAtStart,
      refilter: (filters) => read.refilter(filters)
    }
  })
