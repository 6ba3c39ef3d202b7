import { Data, Effect, Either, Schedule, Schema, type Scope } from "effect"
import { Mark } from "../domain/strategy/StrategyMessage.ts"
import { JetStream, type Message, type NatsError } from "../streams/JetStream.ts"
import { MarketClock } from "../streams/MarketClock.ts"
import * as OrderedRead from "../streams/OrderedRead.ts"
import * as Subjects from "../streams/Subjects.ts"
import type { Change } from "./ChainView.ts"
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

/** What to do with the messages of a stream. */
interface Reader {
  /** Why the message cannot be read, or undefined. */
  readonly take: (message: Message) => unknown
  /** What was gone before it was read, first and last sequence. */
  readonly gone?: (from: number, to: number) => void
}

const encodeMark = Schema.encodeSync(Mark)

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
    /** What is gone is told; a stream that is another one ends the read. */
    const passGap = (stream: string, { from, to, recreated }: OrderedRead.Gap) => {
      if (recreated) return Effect.fail(new Recreated({ stream }))
      Metrics.bridgeGaps.unsafeUpdate(1, [])
      return Effect.logWarning("messages were gone before they were read").pipe(Effect.annotateLogs({ stream, from, to }))
    }

    /**
     * Reads on and on, where the messages come from: a fiber has a turn only for what is gone or cannot be read. `passed` hears of the
     * newest message that has been dealt with, `caughtUp` is called once what was there at the start has been.
     */
    const follow = (
      stream: string,
      read: OrderedRead.OrderedRead,
      { take, gone = () => {} }: Reader,
      caughtUp: () => void,
      passed: (newest: Message) => void = () => {}
    ) => {
      let left = read.pendingAtStart
      let rest: ReadonlyArray<Message | OrderedRead.Gap> = []
      /** Of the first of them. */
      let unreadable: unknown
      Metrics.bridgeRead(stream, 0, left)
      if (left === 0) caughtUp()
      const pass = (count: number, newest: Message) => {
        passed(newest)
        // A ticker speaks of itself every second.
        if (stream !== Subjects.Ticker.stream) views.news.atMs = performance.now()
        hub.flush()
        Metrics.bridgeRead(stream, count, newest.pending)
        left -= count
        if (left <= 0 || newest.pending === 0) caughtUp()
      }
      const look = (items: ReadonlyArray<Message | OrderedRead.Gap>): boolean => {
        let newest: Message | undefined
        let at = 0
        for (const item of items) {
          if (item._tag === "Gap") break
          unreadable = take(item)
          if (unreadable !== undefined) break
          newest = item
          at++
        }
        if (newest !== undefined) pass(at, newest)
        rest = items.slice(at)
        return rest.length === 0
      }
      const takeRest: Effect.Effect<void, Recreated> = Effect.suspend(() => {
        const [first, ...others] = rest
        if (first === undefined) return Effect.void
        // A message that cannot be read costs itself only.
        const dealtWith =
          first._tag === "Gap"
            ? Effect.map(passGap(stream, first), () => gone(first.from, first.to))
            : Effect.map(undecodable(first, unreadable), () => pass(1, first))
        return Effect.flatMap(dealtWith, () => (look(others) ? Effect.void : takeRest))
      })
      return Effect.forever(Effect.zipRight(read.takeWhile(look), takeRest))
    }
    const done = (part: Part) => () => void behind.delete(part)

    const reader = <A>(
      trusted: (message: Message) => A | undefined,
      decode: (data: Uint8Array) => Either.Either<A, unknown>,
      apply: (value: A, message: Message) => void
    ): Reader => ({
      take: (message) => {
        const known = trusted(message)
        const value = known === undefined ? decode(message.data) : Either.right(known)
        if (Either.isLeft(value)) return value.left
        apply(value.right, message)
        return undefined
      }
    })
    const publishChange = (change: Change | undefined) => {
      if (change !== undefined) options.publish(change)
    }
    const state = reader(Trusted.state, Subjects.UnderlyingState.decodeEither, (message) => views.chains.applyState(message))
    const chain = reader(Trusted.chain, Subjects.ChainKeyframe.decodeEither, (message) =>
      publishChange(views.chains.applyKeyframe(message))
    )
    const keyframe = ({ subject }: Message) => (Subjects.UnderlyingState.match(subject) === undefined ? chain : state)
    const last: Reader = { take: (message) => keyframe(message).take(message) }
    const delta = reader(Trusted.chain, Subjects.ChainDelta.decodeEither, (message, { seq }) =>
      publishChange(views.chains.applyDelta(message, seq))
    )

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
        for (const item of yield* keyframes.takeAll) {
          if (item._tag === "Gap") yield* passGap(Subjects.ChainKeyframe.stream, item)
          else {
            const unreadable = last.take(item)
            if (unreadable !== undefined) yield* undecodable(item, unreadable)
            left = item.pending === 0 ? 0 : left - 1
          }
        }
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
      const passed = ({ seq }: Message) => {
        takenSeq = Math.max(takenSeq, seq)
        if (!behind.has("chains")) views.told.chains = takenSeq
      }
      const caughtUp = () => {
        behind.delete("chains")
        views.told.chains = takenSeq
      }
      yield* Effect.all(
        [
          follow(Subjects.ChainKeyframe.stream, keyframes, last, () => {}),
          follow(Subjects.ChainDelta.stream, deltas, delta, caughtUp, passed)
        ],
        { concurrency: 2, discard: true }
      )
    })

    const strategies = Effect.gen(function* () {
      views.strategies.clear()
      const { stream } = Subjects.Mark
      views.epochs.strategies = (yield* js.info(stream)).createdMs
      const read = yield* OrderedRead.make({ stream, filters: [Subjects.Mark.filter()], start: { _tag: "LastPerSubject" } })
      const mark = reader(
        Trusted.mark,
        (data) => Either.map(Subjects.Mark.decodeEither(data), encodeMark),
        (mark, { subject, seq }) => {
          const owner = Subjects.Mark.match(subject)?.owner ?? ""
          const marked = { mark, seq }
          views.strategies.apply(owner, marked)
          marks.publish(owner, marked)
        }
      )
      yield* follow(stream, read, mark, done("strategies"))
    })

    const tickers = Effect.gen(function* () {
      views.tickers.clear()
      const { stream } = Subjects.Ticker
      const read = yield* OrderedRead.make({ stream, filters: [Subjects.Ticker.filter()], start: { _tag: "LastPerSubject" } })
      const status = reader(
        () => undefined,
        Subjects.Ticker.decodeEither,
        (status, { timeMs }) => views.tickers.apply(status, timeMs)
      )
      yield* follow(stream, read, status, done("tickers"))
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
      const frame: Reader = {
        take: (message) => {
          if (message.seq <= place) {
            ticks.remember(message)
            return undefined
          }
          framesSeq = message.seq
          return ticks.accept(message) ? undefined : "the frame's header is missing or not ours"
        },
        gone: (from, to) => {
          if (to <= place) return
          framesSeq = to
          ticks.gone(Math.max(from, place + 1), to)
        }
      }
      yield* follow(stream, read, frame, done("frames"))
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
