import { Clock, Effect, FiberSet, Option, Schedule, Schema } from "effect"
import { Broker } from "../../broker/Broker.ts"
import type * as KitePool from "../../broker/KitePool.ts"
import type { KiteSession } from "../../broker/KiteSession.ts"
import type { BackpressureStatus, TickerStatus } from "../../domain/market/TickerStatus.ts"
import * as FrameHeader from "../../domain/record/FrameHeader.ts"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import * as FramePublisher from "../../streams/FramePublisher.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as KeyframeReads from "../../streams/KeyframeReads.ts"
import * as KeyValue from "../../streams/KeyValue.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as Subject from "../../streams/Subject.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { HealthReport } from "../placement/HealthReport.ts"
import * as DeadLetters from "../runtime/DeadLetters.ts"
import { Leases, stillHeld } from "../runtime/Leases.ts"
import * as Metrics from "../runtime/Metrics.ts"
import * as TickerSession from "./TickerSession.ts"

const decodePart = Schema.decodeUnknown(TickerSession.Part)

export const kind = "ticker"
export const key = (account: string) => Subject.kvKey(kind, account)

const statusEveryMs = 1_000
/**
 * How long one account's clock waits for older packets of another. In a recording it waits without a limit, because nobody needs those
 * clocks in time.
 */
const clockWaitMsMax = 2_000

const pressureOf = ({ stats }: Pick<FramePublisher.FramePublisher, "stats">): BackpressureStatus => {
  const { pressure: level, bufferedBytes: buffered_bytes, lagMs: lag_ms, dropped } = stats()
  return { level, buffered_bytes, lag_ms, dropped }
}

/**
 * Starts publishing the account's frames, after it has read the newest keyframes. Closing the scope waits until all received packets are in
 * the stream; the socket is closed before that.
 */
const publishing = (
  session: TickerSession.TickerSession,
  marketClock: Pick<MarketClock, "unsafeNow">,
  peers: ReturnType<typeof FramePublisher.peers>,
  roomBytes: number
) =>
  Effect.gen(function* () {
    const { account, source, lease, epoch, incarnation } = session
    const health = yield* HealthReport
    const publisher = yield* FramePublisher.make({ account, source, epoch, incarnation }, peers, roomBytes, health.changed)
    yield* health.follow(account, () => pressureOf(publisher))
    for (const keyframe of yield* KeyframeReads.all) {
      const names = Subjects.Keyframe.match(keyframe.subject)
      const header = FrameHeader.parse(keyframe.header(FrameHeader.name))
      if (names !== undefined && header !== undefined) publisher.restore(Subjects.Frame.at(names), header, keyframe.data)
    }
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        // A replaced process writes no interruption, because its successor already streams.
        if (lease.isHeld()) {
          // The next start of this account ends the interruption.
          publisher.interrupt({ cause: "stopped", fromMs: session.lastTickMs ?? marketClock.unsafeNow(), toMs: null, packets: null })
          publisher.keyframes()
        }
        const lost = yield* publisher.drain
        Metrics.packetsUnacknowledged(account, lost)
        if (lost > 0) yield* Effect.logError("packets not acknowledged at the stop").pipe(Effect.annotateLogs({ lost }))
      })
    )
    return publisher
  })

/** Publishes the account's status: when asked, and once a second. */
const statusOf = (
  session: TickerSession.TickerSession,
  broker: KiteSession,
  pool: KitePool.KitePool,
  publisher: Pick<FramePublisher.FramePublisher, "stats">
) =>
  Effect.gen(function* () {
    const jetStream = yield* JetStream
    const marketClock = yield* MarketClock
    const rules = yield* RuleBook
    const publish = Effect.gen(function* () {
      const nowMs = yield* marketClock.now
      const clockMs = yield* Clock.currentTimeMillis
      const steadyMs = yield* SteadyTime.nowMs
      const status: TickerStatus = {
        ...TickerSession.statusOf(session, broker.status(), pool.connections(), rules.current(), marketClock.mode, {
          clockMs,
          steadyMs,
          nowMs
        }),
        backpressure: pressureOf(publisher),
        settled: TickerSession.settledParts(session, pool.sent(), steadyMs)
      }
      yield* jetStream.notify(Subjects.Ticker.at({ account: session.account }), Subjects.Ticker.encode(status))
    }).pipe(Effect.when(session.lease.isHeld), Effect.ignoreLogged)
    return {
      publish,
      publishAs: (state: TickerStatus["state"], detail: string | null = session.detail) =>
        Effect.suspend(() => {
          session.state = state
          session.detail = detail
          return publish
        }),
      // A lease that has ended never becomes valid again. Without this failure the actor would stay silent for ever.
      keepPublishing: Effect.zipRight(stillHeld(session.lease, key(session.account)), publish).pipe(
        Effect.delay(statusEveryMs),
        Effect.forever
      )
    } as const
  })

/** The pause before subscriptions that were taken back are tried again: from one second up to 15 seconds. */
const retries = Schedule.union(Schedule.exponential("1 second"), Schedule.spaced("15 seconds"))

/**
 * Changes the connections' subscriptions to the desired ones. Subscriptions that could not be sent in time are tried again; those without
 * room are left out and logged.
 */
const settle = (session: TickerSession.TickerSession, pool: KitePool.KitePool) =>
  Effect.suspend(() => {
    const change = TickerSession.changeOf(session, pool.wanted())
    return change.subscribe.size + change.unsubscribe.length === 0 ? Effect.void : pool.change(change)
  }).pipe(
    Effect.tapError(({ message, noRoom }) =>
      Effect.logError(message).pipe(Effect.annotateLogs(noRoom.length === 0 ? {} : { tokens_without_room: noRoom.join(",") }))
    ),
    Effect.retry({ schedule: retries, while: ({ late }) => late.length > 0 }),
    Effect.ignore // logged above
  )

/**
 * Subscribes to the instruments in the bucket, and follows its changes. A change does not wait for the previous one. A value that cannot be
 * read becomes a dead letter, and the present subscriptions stay until a readable value follows.
 */
const followBucket = (
  session: TickerSession.TickerSession,
  publisher: FramePublisher.FramePublisher,
  pool: KitePool.KitePool,
  changes: { readonly takeAll: Effect.Effect<ReadonlyArray<KeyValue.Change>> },
  publish: Effect.Effect<unknown>
) =>
  Effect.gen(function* () {
    const settling = yield* FiberSet.make()
    const refuse = DeadLetters.send(yield* JetStream)
    const desire = (connection: number, part: Parameters<typeof TickerSession.desire>[3]) =>
      Effect.sync(() => TickerSession.desire(session, publisher, connection, part))
    // Revision 0 means that the whole bucket was deleted. The director fills it again, and the present subscriptions stay meanwhile.
    const obey = ({ key, value, revision }: KeyValue.Change) => {
      const connection = Number(Subject.kvNames(key)[1])
      return Option.match(value, {
        onNone: () => (revision === 0 ? Effect.void : desire(connection, undefined)),
        onSome: (data) =>
          Effect.matchEffect(decodePart(new TextDecoder().decode(data)), {
            onFailure: ({ message }) =>
              refuse(kind, { subject: KeyValue.subjectOf(TickerSession.bucket, key), seq: revision, data }, message),
            onSuccess: (part) => desire(connection, { revision, instruments: TickerSession.instrumentsOf(part) })
          })
      })
    }
    return yield* changes.takeAll.pipe(
      Effect.flatMap((all) => Effect.forEach(all, obey, { discard: true })),
      Effect.zipRight(FiberSet.run(settling, Effect.zipRight(settle(session, pool), publish))),
      Effect.zipRight(publish),
      Effect.forever
    )
  })

/**
 * One account's stream: the packets of its socket, regrouped by underlying into the record, and the clock that says up to when they are
 * complete. The subscriptions come from the bucket of instruments, so a restart needs no database.
 */
export const make = Effect.gen(function* () {
  const broker = yield* Broker
  const marketClock = yield* MarketClock
  const rules = yield* RuleBook
  const leases = yield* Leases
  const jetStream = yield* JetStream
  const instruments = yield* KeyValue.open(TickerSession.bucket)
  const incarnations = yield* KeyValue.open("incarnations")
  const context = yield* Effect.context<HealthReport | JetStream | MarketClock | RuleBook>()
  const peers = FramePublisher.peers(marketClock.mode === "feed" ? Number.POSITIVE_INFINITY : clockWaitMsMax)
  const roomBytes = yield* FramePublisher.bufferBytesMax
  /**
   * Why the newest run of an account's ticker could not connect. After a restart the ticker still counts as failed until a connection is
   * open.
   */
  const failures = new Map<string, string>()

  /** The publisher of the account's newest clock in the record. */
  const lastPublisher = (account: string) =>
    Effect.map(jetStream.last(Subjects.Clock.stream, Subjects.Clock.at({ account })), (clock) =>
      Option.getOrElse(
        Option.flatMapNullable(clock, (message) => FrameHeader.parse(message.header(FrameHeader.name))),
        () => ({ epoch: 0, incarnation: 0 })
      )
    )

  /** A number greater than all that this account's ticker has used, even if the bucket or the record was deleted in between. */
  const nextIncarnation = (account: string, recordNumber: number) =>
    Effect.gen(function* () {
      const kvKey = Subject.kvKey(account)
      const kept = yield* incarnations.get(kvKey)
      const keptNumber = Option.match(kept, { onNone: () => 0, onSome: ({ value }) => Number(new TextDecoder().decode(value)) || 0 })
      const next = Math.max(keptNumber, recordNumber) + 1
      return Math.max(next, yield* incarnations.put(kvKey, new TextEncoder().encode(String(next))))
    })

  const begin = (account: string) =>
    Effect.gen(function* () {
      const lease = yield* leases.of(key(account))
      const { source } = (yield* broker.session(account)).account
      const last = yield* lastPublisher(account)
      const incarnation = yield* nextIncarnation(account, last.incarnation)
      const epoch = TickerSession.epochAfter(lease, last.epoch)
      return TickerSession.make({ account, source, incarnation, epoch, lease, failure: failures.get(account) ?? null })
    })

  const connect = (session: TickerSession.TickerSession, publisher: FramePublisher.FramePublisher) =>
    broker.pool(session.account, {
      dueSinceMs: (tokens, nowMs) => TickerSession.dueSinceMs(session, rules.current(), marketClock.mode, tokens, nowMs),
      steady: (connection, nowMs) => TickerSession.steady(session, rules.current(), marketClock, connection, nowMs),
      events: {
        onFrame: TickerSession.receiver(session, marketClock, publisher),
        onText: () => {},
        onState: (next, why, connection, tokens) => {
          const nowMs = marketClock.unsafeNow()
          const wasOpen = session.connections.get(connection)?.state === "open"
          if (tokens.length === 0) TickerSession.resume(session, publisher, connection, nowMs)
          else if (next === "closed" && wasOpen) TickerSession.interrupt(session, publisher, connection, tokens, nowMs)
          TickerSession.onConnection(session, connection, next, why, tokens.length > 0)
        }
      }
    })

  return (account: string) =>
    Effect.gen(function* () {
      const accountChanged = yield* broker.untilChanged(account)
      const session = yield* begin(account)
      const publisher = yield* publishing(session, marketClock, peers, roomBytes)
      yield* TickerSession.keepTime(session, marketClock, publisher)
      const pool = yield* connect(session, publisher)
      const status = yield* statusOf(session, yield* broker.session(account), pool, publisher)
      yield* Effect.addFinalizer(() => {
        if (session.failure === null) failures.delete(account)
        else failures.set(account, session.failure)
        return session.failure === null ? status.publishAs("stopped") : status.publishAs("failed", session.failure)
      })
      const reportUnreadable = TickerSession.reportUnreadable(session)
      yield* Effect.addFinalizer(() => reportUnreadable)
      const changes = yield* instruments.watch(TickerSession.partKey(account, "*"))
      return yield* Effect.raceFirst(followBucket(session, publisher, pool, changes, status.publish), pool.done).pipe(
        Effect.raceFirst(status.keepPublishing),
        Effect.raceFirst(reportUnreadable.pipe(Effect.delay(statusEveryMs), Effect.forever)),
        Effect.raceFirst(accountChanged),
        Effect.tapError((error) =>
          Effect.sync(() => {
            session.failure = String(error instanceof Error ? error.message : error)
          })
        )
      )
    }).pipe(Effect.scoped, Effect.provide(context), Effect.annotateLogs({ account }))
})
