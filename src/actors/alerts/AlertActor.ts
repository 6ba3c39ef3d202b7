import { Clock, Data, Effect, Either, Option } from "effect"
import type { Source } from "../../domain/alerts/AlertRule.ts"
import { OutputGuard } from "../../domain/record/OutputGuard.ts"
import { AlertRepo, type Step } from "../../store/alerts/AlertRepo.ts"
import { JetStream, type Message } from "../../streams/JetStream.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import * as DeadLetters from "../runtime/DeadLetters.ts"
import * as Metrics from "../runtime/Metrics.ts"
import { streams, subjectOf, Watching } from "./Watching.ts"

export const kind = "alerts"

/** Alerts are read again this often, and at once when a user changed one. */
const loadEvery = "5 seconds"
/** The place in a stream is saved this often while no alert changes. */
const saveEveryMs = 1_000

const sources: ReadonlyArray<Source> = ["instrument", "chain", "strategy", "feed"]

/** The stream was made again, so its sequences mean something else now. The actor begins again. */
export class StreamMadeAgain extends Data.TaggedError("StreamMadeAgain")<{ readonly stream: string }> {
  override get message() {
    return `stream ${this.stream} was made again`
  }
}

/**
 * Decides the alerts of one source from the messages of its stream, each in the stream's order. What messages do to alerts, their events and the
 * place in the stream are saved in one transaction. So alerts fire for what was published while nobody decided, and not twice after a crash.
 */
const makeSource = (source: Source) =>
  Effect.gen(function* () {
    const repo = yield* AlertRepo
    const jetStream = yield* JetStream
    const refuse = DeadLetters.send(jetStream)
    const { filter, isComputed, stream } = streams[source]

    /** Where to continue: behind the saved place, or behind what the stream holds now. */
    const begin = Effect.gen(function* () {
      const { createdMs, firstSeq, lastSeq } = yield* jetStream.info(stream)
      const saved = Option.filter(yield* repo.place(source), ({ epoch }) => epoch === createdMs)
      const seq = Option.match(saved, { onNone: () => lastSeq, onSome: ({ seq }) => Math.max(seq, firstSeq - 1) })
      yield* repo.step([], { source, epoch: createdMs, seq })
      return { epoch: createdMs, seq }
    })
    const keyframeOf = (exchange: string, underlying: string, expiry: string) =>
      Effect.map(jetStream.last(Subjects.ChainKeyframe.stream, Subjects.ChainKeyframe.at({ exchange, underlying, expiry })), (found) =>
        Option.flatMap(found, ({ data, subject }) => Either.getRight(Subjects.ChainKeyframe.read(subject, data)))
      )
    /** The alerts of now. A new one is decided from the messages on that the stream does not have yet. */
    const load = (watching: Watching, epoch: number) =>
      Effect.gen(function* () {
        const { lastSeq } = yield* jetStream.info(stream)
        const all = (yield* repo.watched).filter(({ watch }) => watch.source === source)
        const taken = yield* Effect.forEach(all, (alert) =>
          alert.inputEpoch === epoch
            ? Effect.succeed(alert)
            : Effect.as(repo.takeUp(alert, epoch, lastSeq), { ...alert, inputEpoch: epoch, inputSeq: lastSeq })
        )
        watching.set(taken)
        for (const alert of taken) {
          const { watch } = alert
          const subject = subjectOf(alert)
          if (watch.source === "chain" && !watching.holdsChain(subject))
            watching.begin(subject, yield* keyframeOf(watch.exchange, watch.symbol, watch.expiry))
        }
        Metrics.alertsWatched(source, watching.size)
      })

    /** What messages do. One that cannot be read, or that a replaced process sent, is a dead letter. */
    const decide = (watching: Watching, messages: ReadonlyArray<Message>) =>
      Effect.gen(function* () {
        const steps: Array<Step> = []
        for (const message of messages) {
          const taken = watching.take(message, source)
          if (Either.isLeft(taken)) yield* refuse(kind, message, taken.left)
          else steps.push(...taken.right)
        }
        return steps
      })
    const allowed = (watching: Watching, guard: OutputGuard, items: ReadonlyArray<Message | OrderedRead.Gap>) =>
      Effect.gen(function* () {
        const messages: Array<Message> = []
        for (const item of items) {
          if (item._tag === "Gap") {
            if (item.recreated) return yield* new StreamMadeAgain({ stream })
            yield* Effect.logWarning("alerts miss messages that the stream dropped").pipe(Effect.annotateLogs({ stream, ...item }))
          } else if (watching.isWanted(item.subject)) {
            const why = isComputed ? guard.refusal(item) : undefined
            if (why === undefined) messages.push(item)
            else yield* refuse(kind, item, why)
          }
        }
        return messages
      })

    return (news: Effect.Effect<void>) =>
      Effect.gen(function* () {
        const place = yield* begin
        const watching = new Watching()
        const guard = new OutputGuard()
        const alone = yield* Effect.makeSemaphore(1)
        yield* load(watching, place.epoch)
        const read = yield* OrderedRead.make({ stream, filters: [filter], start: { _tag: "After", seq: place.seq } })
        let savedAtMs = yield* Clock.currentTimeMillis

        const work = (items: ReadonlyArray<Message | OrderedRead.Gap>) =>
          Effect.gen(function* () {
            const messages = yield* allowed(watching, guard, items)
            const seq = items.reduce((most, item) => Math.max(most, item._tag === "Gap" ? item.to : item.seq), place.seq)
            const steps = yield* decide(watching, messages)
            const nowMs = yield* Clock.currentTimeMillis
            if (steps.length === 0 && nowMs - savedAtMs < saveEveryMs) return
            savedAtMs = nowMs
            let isSaved = yield* repo.step(steps, { source, epoch: place.epoch, seq })
            // A user who changed an alert meanwhile would lose what these messages do to it: they are decided again by the alerts of now.
            while (!isSaved) {
              yield* load(watching, place.epoch)
              isSaved = yield* repo.step(yield* decide(watching, messages), { source, epoch: place.epoch, seq })
            }
          })
        const follow = Effect.forever(Effect.flatMap(read.takeAll, (items) => alone.withPermits(1)(work(items))))
        const reload = Effect.forever(
          Effect.zipRight(Effect.timeoutOption(news, loadEvery), alone.withPermits(1)(load(watching, place.epoch)))
        )
        return yield* Effect.raceFirst(follow, reload)
      }).pipe(Effect.scoped, Effect.provideService(JetStream, jetStream))
  })

/** Decides the alerts of all users. */
export const make = Effect.gen(function* () {
  const jetStream = yield* JetStream
  const all = yield* Effect.forEach(sources, makeSource)
  return Effect.gen(function* () {
    const latches = yield* Effect.forEach(all, () => Effect.makeLatch(false))
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        jetStream.nc.subscribe(Subjects.Changed.at({ what: "alerts" }), {
          callback: () => {
            for (const latch of latches) latch.unsafeOpen()
          }
        })
      ),
      (subscription) => Effect.sync(() => subscription.unsubscribe())
    )
    const runs = all.map((run, at) => {
      const latch = latches[at]
      return run(latch === undefined ? Effect.never : Effect.zipRight(latch.await, latch.close))
    })
    return yield* Effect.all(runs, { concurrency: "unbounded", discard: true })
  }).pipe(Effect.scoped)
})
