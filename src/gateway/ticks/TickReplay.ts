import { Config, Duration, Effect, Option } from "effect"
import type { Since } from "../../contract/sockets/SocketMessages.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as Metrics from "../shared/Metrics.ts"
import { Hub } from "../sockets/Hub.ts"
import { isReached } from "../sockets/Since.ts"
import { Views } from "../views/Views.ts"
import * as RecordPass from "./RecordPass.ts"
import { begin, ReplayAborted, type ReplayPlace, type Resumption, reportGap } from "./ReplayPlace.ts"
import { TickFeed } from "./TickFeed.ts"
import { TokenNames } from "./TokenNames.ts"

/** The most replays that run at once in this process, and how long another one waits for its turn. */
const replaysMax = 4
const turnMsMax = 30_000
const turnPollMs = 50
/** How long one replay may take. It has one of the few turns for that long. */
const replayMax = Config.duration("WS_REPLAY_MAX").pipe(Config.withDefault(Duration.seconds(15)))

const instrumentsUnknown = "Instruments unavailable: those of the position's day cannot be read"

const aborted = (reason: string) => () => new ReplayAborted({ reason })

/**
 * Reads what a client of /ws/ticks missed again from the record: every tick of its tokens behind `since`, in order, then live ones. Live
 * ticks wait meanwhile. When more of them arrive than may wait, the replay reads those from the record too.
 */
export class TickReplay extends Effect.Service<TickReplay>()("gateway/ticks/TickReplay", {
  effect: Effect.gen(function* () {
    const js = yield* JetStream
    const feed = yield* TickFeed
    const hub = yield* Hub
    const registry = yield* InstrumentRegistry
    const names = yield* TokenNames
    const views = yield* Views
    const duration = yield* replayMax
    const turns = yield* Effect.makeSemaphore(replaysMax)
    let running = 0

    const epoch = (): number => views.epochs.frames
    const liveSeq = (): number => views.sentUpTo.frames ?? 0

    /** Repeats passes until no live tick had to be dropped during one. Each pass holds the live ticks back again. */
    const replay = (place: ReplayPlace) =>
      Effect.gen(function* () {
        if (place.seq < place.untilSeq) yield* RecordPass.run(place, js, epoch)
        while (place.connection.isOverrun) {
          place.connection.hold()
          place.untilSeq = liveSeq()
          yield* RecordPass.run(place, js, epoch)
        }
      }).pipe(Effect.timeoutFail({ duration, onTimeout: aborted("it took too long") }))

    /** Reports a gap where the replay does not reach the live ticks, then releases the live ticks. */
    const end = (place: ReplayPlace): void => {
      const { connection, since } = place
      const untilSeq = connection.isOverrun ? liveSeq() : place.untilSeq
      // All of a record that was created again meanwhile came live.
      if (epoch() !== since.epoch) reportGap(connection, epoch(), 1, connection.isOverrun ? liveSeq() : 0)
      else if (place.seq < untilSeq) reportGap(connection, epoch(), place.seq + 1, untilSeq)
      connection.release()
      hub.touch(connection)
      hub.flush()
      Metrics.wsReplayedTicks.unsafeUpdate(place.ticks, [])
      Metrics.wsReplaysRunning.unsafeUpdate(--running, [])
    }
    const run = (resumption: Resumption) =>
      Effect.suspend(() => {
        const place = begin(resumption, { registry, past: feed.past(), liveSeq: liveSeq() })
        Metrics.wsReplays.unsafeUpdate(1, [])
        Metrics.wsReplaysRunning.unsafeUpdate(++running, [])
        return replay(place).pipe(
          Effect.catchAll((error) => Effect.logInfo("missed ticks not delivered in full", error)),
          Effect.ensuring(Effect.sync(() => end(place)))
        )
      })

    /** Subscribes the client to live ticks at once and reports everything from `missedFrom` on as a gap. */
    const skip = ({ connection, join }: Resumption, missedFrom: number) =>
      Effect.sync(() => {
        join()
        reportGap(connection, epoch(), missedFrom, liveSeq())
        hub.touch(connection)
        hub.flush()
      })
    /** A record that ends before `since` lost its end in a crash. It gives those sequences to other frames now. */
    const hasLost = (since: Since) =>
      Effect.match(js.info(Subjects.Frame.stream), { onFailure: () => false, onSuccess: ({ lastSeq }) => lastSeq < since.seq })

    const inTurn = (resumption: Resumption) =>
      Effect.gen(function* () {
        const untilMs = performance.now() + turnMsMax
        while (resumption.connection.isOpen) {
          if (Option.isSome(yield* turns.withPermitsIfAvailable(1)(run(resumption)))) return
          if (performance.now() > untilMs) return yield* skip(resumption, resumption.since.seq + 1)
          yield* Effect.sleep(turnPollMs)
        }
      })

    /** The same without tokens that have named another contract since the position; undefined if that cannot be known. */
    const withoutChanged = (resumption: Resumption) =>
      Effect.match(names.changedSince(resumption.tokens, resumption.since), {
        onFailure: () => undefined,
        onSuccess: (changed): Resumption => {
          resumption.refused(changed)
          return { ...resumption, tokens: new Set([...resumption.tokens].filter((token) => !changed.has(token))) }
        }
      })

    return {
      /** Delivers what was missed and then live ticks, or a gap and then live ticks. Refuses while the record or the instruments of the position's day cannot be read. */
      resume: (wish: Resumption): Effect.Effect<void> =>
        Effect.gen(function* () {
          const { since, connection, tokens } = wish
          const hasReached = yield* isReached(views.framesReached, since)
          if (!connection.isOpen) return
          const isOtherRecord = hasReached ? epoch() !== since.epoch : yield* hasLost(since)
          if (!isOtherRecord && !hasReached) return connection.refuse("unavailable", "Tick record unavailable", { tokens: [...tokens] })
          const resumption = yield* withoutChanged(wish)
          if (!connection.isOpen) return
          if (resumption === undefined) return connection.refuse("unavailable", instrumentsUnknown, { tokens: [...tokens] })
          if (resumption.tokens.size === 0) return resumption.join()
          if (isOtherRecord) return yield* skip(resumption, 1)
          yield* inTurn(resumption)
        })
    } as const
  })
}) {}
