import { Data, Effect, Schedule, type Scope } from "effect"
import { JetStream, type Message, type NatsError } from "../streams/JetStream.ts"
import { MarketClock } from "../streams/MarketClock.ts"
import * as OrderedRead from "../streams/OrderedRead.ts"
import type { DecodeError } from "../streams/Subject.ts"
import * as Subjects from "../streams/Subjects.ts"
import { FoFeed } from "./FoFeed.ts"
import { Hub } from "./Hub.ts"
import { MarkFeed } from "./MarkFeed.ts"
import * as Metrics from "./Metrics.ts"
import { TickFeed } from "./TickFeed.ts"
import { lookBackMax } from "./TickReplay.ts"
import * as Trusted from "./Trusted.ts"
import { Views } from "./Views.ts"

/** The stream was deleted and made again: its sequences began anew, so what was folded from it has to go. */
class Recreated extends Data.TaggedError("Recreated")<{ readonly stream: string }> {}

/** Deltas read behind the keyframes at a start; what is older heals with the next keyframe, seconds later. */
const deltasBackMax = 2_000
const dropExpiredEvery = "1 minute"
const again = Schedule.exponential("200 millis").pipe(
  Schedule.union(Schedule.spaced("5 seconds")),
  Schedule.jittered,
  Schedule.resetAfter("1 minute")
)

type Part = "chains" | "strategies" | "tickers" | "frames"

/** From NATS subjects to the views and the WebSocket clients: one ordered read per stream, each healing and restarting by itself. */
export class Bridge extends Effect.Service<Bridge>()("gateway/Bridge", {
  scoped: Effect.gen(function* () {
    const js = yield* JetStream
    const clock = yield* MarketClock
    const hub = yield* Hub
    const views = yield* Views
    const ticks = yield* TickFeed
    const options = yield* FoFeed
    const marks = yield* MarkFeed
    /** What has not caught up with its stream yet. */
    const behind = new Set<Part>(["chains", "strategies", "tickers", "frames"])

    const undecodable = (message: Message, cause: unknown) => {
      Metrics.bridgeUndecodable.unsafeUpdate(1, [])
      return Effect.logWarning("message skipped: it cannot be read", cause).pipe(
        Effect.annotateLogs({ subject: message.subject, seq: message.seq })
      )
    }
    /** A message that cannot be read costs itself only. */
    const skipped = (message: Message, effect: Effect.Effect<void, DecodeError>) =>
      Effect.catchTag(effect, "DecodeError", (error) => undecodable(message, error.cause))

    /** The messages among what was read. A gap is told; a stream that is another one ends the read. */
    const received = (stream: string, items: ReadonlyArray<Message | OrderedRead.Gap>) =>
      Effect.gen(function* () {
        const messages: Array<Message> = []
        for (const item of items) {
          if (item._tag === "Message") messages.push(item)
          else if (item.recreated) return yield* new Recreated({ stream })
          else {
            Metrics.bridgeGaps.unsafeUpdate(1, [])
            yield* Effect.logWarning("messages were gone before they were read").pipe(
              Effect.annotateLogs({ stream, from: item.from, to: item.to })
            )
          }
        }
        return messages
      })

    /** Reads on and on; `isCaughtUp` once what was there at the start has been taken. */
    const follow = (
      stream: string,
      read: OrderedRead.OrderedRead,
      take: (messages: ReadonlyArray<Message>) => Effect.Effect<void>,
      caughtUp: () => void
    ) => {
      let left = read.pendingAtStart
      Metrics.bridgeRead(stream, 0, left)
      if (left === 0) caughtUp()
      const round = Effect.gen(function* () {
        const messages = yield* received(stream, yield* read.takeAll)
        yield* take(messages)
        // A ticker speaks of itself every second.
        if (stream !== Subjects.Ticker.stream) views.news.atMs = performance.now()
        hub.flush()
        const pending = messages.at(-1)?.pending ?? 0
        Metrics.bridgeRead(stream, messages.length, pending)
        left -= messages.length
        if (left <= 0 || pending === 0) caughtUp()
      })
      return Effect.forever(round)
    }
    const done = (part: Part) => () => void behind.delete(part)

    const keyframe = (message: Message) => {
      if (Subjects.UnderlyingState.match(message.subject) !== undefined)
        return Effect.map(Trusted.state(message), (state) => views.chains.applyState(state))
      return Effect.map(Trusted.chain(Subjects.ChainKeyframe, message), (chain) => {
        const change = views.chains.applyKeyframe(chain)
        if (change !== undefined) options.publish(change)
      })
    }
    const delta = (message: Message) =>
      Effect.map(Trusted.chain(Subjects.ChainDelta, message), (chain) => {
        const change = views.chains.applyDelta(chain, message.seq)
        if (change !== undefined) options.publish(change)
      })
    const each = (take: (message: Message) => Effect.Effect<void, DecodeError>) => (messages: ReadonlyArray<Message>) =>
      Effect.forEach(messages, (message) => skipped(message, take(message)), { discard: true })

    /** Keyframes first, then the deltas behind them, then both for ever. */
    const chains = Effect.gen(function* () {
      views.chains.clear()
      views.told.chains = undefined
      const before = yield* js.info(Subjects.ChainDelta.stream)
      views.epochs.chains = before.createdMs
      const keyframes = yield* OrderedRead.make({
        stream: Subjects.ChainKeyframe.stream,
        filters: [Subjects.UnderlyingState.filter(), Subjects.ChainKeyframe.filter()],
        start: { _tag: "LastPerSubject" }
      })
      let left = keyframes.pendingAtStart
      while (left > 0) {
        const messages = yield* received(Subjects.ChainKeyframe.stream, yield* keyframes.takeAll)
        yield* each(keyframe)(messages)
        left = messages.at(-1)?.pending === 0 ? 0 : left - messages.length
      }
      // A keyframe may be older than the OPT there is now: its number would hide every delta of the new one.
      const { lastSeq } = yield* js.info(Subjects.ChainDelta.stream)
      views.chains.rebase(lastSeq)
      const deltas = yield* OrderedRead.make({
        stream: Subjects.ChainDelta.stream,
        filters: [Subjects.ChainDelta.filter()],
        start: {
          _tag: "After",
          seq: Math.max(before.lastSeq - deltasBackMax, views.chains.oldestSeq(clock.unsafeNow()) ?? before.lastSeq, 0)
        }
      })
      let takenSeq = lastSeq
      const takeDeltas = (messages: ReadonlyArray<Message>) =>
        Effect.map(each(delta)(messages), () => {
          takenSeq = Math.max(takenSeq, messages.at(-1)?.seq ?? 0)
          if (!behind.has("chains")) views.told.chains = takenSeq
        })
      const caughtUp = () => {
        behind.delete("chains")
        views.told.chains = takenSeq
      }
      yield* Effect.all(
        [
          follow(Subjects.ChainKeyframe.stream, keyframes, each(keyframe), () => {}),
          follow(Subjects.ChainDelta.stream, deltas, takeDeltas, caughtUp)
        ],
        { concurrency: 2, discard: true }
      )
    })

    const strategies = Effect.gen(function* () {
      views.strategies.clear()
      const { stream } = Subjects.Mark
      views.epochs.strategies = (yield* js.info(stream)).createdMs
      const read = yield* OrderedRead.make({ stream, filters: [Subjects.Mark.filter()], start: { _tag: "LastPerSubject" } })
      const take = (message: Message) =>
        Effect.map(Trusted.mark(message), (mark) => {
          const owner = Subjects.Mark.match(message.subject)?.owner ?? ""
          const marked = { mark, seq: message.seq }
          views.strategies.apply(owner, marked)
          marks.publish(owner, marked)
        })
      yield* follow(stream, read, each(take), done("strategies"))
    })

    const tickers = Effect.gen(function* () {
      views.tickers.clear()
      const { stream } = Subjects.Ticker
      const read = yield* OrderedRead.make({ stream, filters: [Subjects.Ticker.filter()], start: { _tag: "LastPerSubject" } })
      const take = (message: Message) =>
        Effect.map(Subjects.Ticker.decode(message.subject, message.data), (status) => views.tickers.apply(status, message.timeMs))
      yield* follow(stream, read, each(take), done("tickers"))
    })

    /** The last frame taken, so that a restart of this part goes on where it was. */
    let framesSeq: number | undefined
    const frames = Effect.gen(function* () {
      const { stream } = Subjects.Frame
      const { createdMs, firstSeq, lastSeq } = yield* js.info(stream)
      // Another stream than before: all of it is news.
      if (views.epochs.frames !== 0 && createdMs !== views.epochs.frames) framesSeq = 0
      // A stream that lost its end in a crash gives those numbers to other frames.
      const place = Math.min(framesSeq ?? lastSeq, lastSeq)
      framesSeq = place
      views.epochs.frames = createdMs
      views.told.frames = place
      ticks.forget()
      // A little of what came before, to know again what is sent twice.
      const from = Math.max(place - lookBackMax, firstSeq - 1, 0)
      const read = yield* OrderedRead.make({
        stream,
        filters: [Subjects.Frame.filter()],
        start: { _tag: "After", seq: Math.min(from, place) }
      })
      const take = (messages: ReadonlyArray<Message>) =>
        Effect.gen(function* () {
          for (const message of messages) {
            if (message.seq <= place) {
              ticks.remember(message)
              continue
            }
            if (!ticks.accept(message)) yield* undecodable(message, "the frame's header is missing or not ours")
            framesSeq = message.seq
          }
        })
      yield* follow(stream, read, take, done("frames"))
    })

    const supervised = (part: Part, effect: Effect.Effect<void, NatsError | Recreated, Scope.Scope | JetStream>) =>
      Effect.sync(() => void behind.add(part)).pipe(
        Effect.zipRight(Effect.scoped(effect)),
        Effect.sandbox,
        Effect.tapError((cause) => Effect.logError("bridge interrupted, reading again", cause)),
        Effect.retry(again),
        Effect.provideService(JetStream, js),
        Effect.annotateLogs({ bridge: part }),
        Effect.forkScoped
      )
    yield* supervised("chains", chains)
    yield* supervised("strategies", strategies)
    yield* supervised("tickers", tickers)
    yield* supervised("frames", frames)
    yield* Effect.sync(() => views.chains.dropExpired(clock.unsafeNow())).pipe(
      Effect.delay(dropExpiredEvery),
      Effect.forever,
      Effect.forkScoped
    )

    return {
      /** Every read has taken what was there when it began. */
      isReady: (): boolean => behind.size === 0,
      behind: (): ReadonlyArray<string> => [...behind]
    } as const
  })
}) {}
