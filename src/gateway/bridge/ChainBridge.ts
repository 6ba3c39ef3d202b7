import { Effect } from "effect"
import { OutputGuard } from "../../domain/record/OutputGuard.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { JetStream, type Message } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as OrderedRead from "../../streams/OrderedRead.ts"
import * as Subjects from "../../streams/Subjects.ts"
import { ChainFeed } from "../chains/ChainFeed.ts"
import { MonitorFeed } from "../monitor/MonitorFeed.ts"
import { Hub } from "../sockets/Hub.ts"
import type { Change } from "../views/ChainView.ts"
import { Views } from "../views/Views.ts"
import { bodiesOf, follow, passGap, type Reader, reader, skipUndecodable } from "./StreamReader.ts"
import * as Trusted from "./Trusted.ts"

/** Number of deltas to read before the stored keyframes at a start. The next keyframe, seconds later, repairs anything older. */
const deltasBackMax = 2_000

/** The readers of OPT and OPT_LAST. */
const readers = Effect.gen(function* () {
  const { chains, movement } = yield* Views
  const feed = yield* ChainFeed
  const monitor = yield* MonitorFeed
  const guard = new OutputGuard()
  const publish = (change: Change | undefined) => {
    if (change === undefined) return
    feed.publish(change)
    monitor.chain(change.chain.underlying, change.chain.expiry)
  }
  const state = reader(bodiesOf(Subjects.UnderlyingState), guard, Trusted.state, (message, { timeMs }) => {
    movement.state(`${message.exchange}.${message.underlying}`, message.as_of, timeMs)
    chains.applyState(message)
    monitor.underlying(message.underlying, message.expiries)
  })
  const chain = reader(bodiesOf(Subjects.ChainKeyframe), guard, Trusted.chain, (message) => publish(chains.applyKeyframe(message)))
  const isState = ({ subject }: Message) => Subjects.UnderlyingState.match(subject) !== undefined
  const keyframe: Reader = { take: (message) => (isState(message) ? state : chain).take(message) }
  const delta = reader(bodiesOf(Subjects.ChainDelta), guard, Trusted.chain, (message, { seq }) => publish(chains.applyDelta(message, seq)))
  return { keyframe, delta }
})

const readStored = (keyframes: OrderedRead.OrderedRead, keyframe: Reader) =>
  Effect.gen(function* () {
    let left = keyframes.pendingAtStart
    while (left > 0) {
      for (const item of yield* keyframes.takeAll) {
        if (item._tag === "Gap") yield* passGap(Subjects.ChainKeyframe.stream, item)
        else {
          const unreadable = keyframe.take(item)
          if (unreadable !== undefined) yield* skipUndecodable(item, unreadable)
          left = item.pending === 0 ? 0 : left - 1
        }
      }
    }
  })

/** Reads the stored keyframes first, then the deltas behind them, then both streams for ever. */
export const make = (caughtUp: () => void) =>
  Effect.gen(function* () {
    const js = yield* JetStream
    const clock = yield* MarketClock
    const rules = yield* RuleBook
    const hub = yield* Hub
    const views = yield* Views
    const { keyframe, delta } = yield* readers

    views.chains.clear()
    views.sentUpTo.chains = undefined
    const before = yield* js.info(Subjects.ChainDelta.stream)
    views.epochs.chains = before.createdMs
    const keyframes = yield* OrderedRead.make({
      stream: Subjects.ChainKeyframe.stream,
      filters: [Subjects.UnderlyingState.filter(), Subjects.ChainKeyframe.filter()],
      start: { _tag: "LastPerSubject" }
    })
    yield* readStored(keyframes, keyframe)
    // A keyframe may be older than the present OPT stream. Its delta number would then hide every new delta.
    const { lastSeq } = yield* js.info(Subjects.ChainDelta.stream)
    views.chains.rebase(lastSeq)
    const oldestSeq = views.chains.oldestSeq(rules.current(), clock.unsafeNow()) ?? before.lastSeq
    const deltas = yield* OrderedRead.make({
      stream: Subjects.ChainDelta.stream,
      filters: [Subjects.ChainDelta.filter()],
      start: { _tag: "After", seq: Math.max(before.lastSeq - deltasBackMax, oldestSeq, 0) }
    })

    let takenSeq = lastSeq
    let isCaughtUp = false
    const show = () => {
      views.news.atMs = performance.now()
      hub.flush()
    }
    const followKeyframes = follow({
      stream: Subjects.ChainKeyframe.stream,
      read: keyframes,
      reader: keyframe,
      caughtUp: () => {},
      applied: show
    })
    const followDeltas = follow({
      stream: Subjects.ChainDelta.stream,
      read: deltas,
      reader: delta,
      caughtUp: () => {
        isCaughtUp = true
        views.sentUpTo.chains = takenSeq
        caughtUp()
      },
      applied: ({ seq }) => {
        takenSeq = Math.max(takenSeq, seq)
        if (isCaughtUp) views.sentUpTo.chains = takenSeq
        show()
      }
    })
    yield* Effect.all([followKeyframes, followDeltas], { concurrency: 2, discard: true })
  })
