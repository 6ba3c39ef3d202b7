import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Either, Layer, Logger, Option } from "effect"
import type { Published } from "../../../src/actors/runtime/Board.ts"
import { RecordActor } from "../../../src/actors/runtime/RecordActor.ts"
import type { Setup } from "../../../src/actors/runtime/Setup.ts"
import * as M2mActor from "../../../src/actors/strategies/M2mActor.ts"
import type * as RecordInput from "../../../src/domain/record/RecordInput.ts"
import * as M2mDecider from "../../../src/domain/strategy/M2mDecider.ts"
import type * as StrategyMessage from "../../../src/domain/strategy/StrategyMessage.ts"
import { FrameFeed } from "../../../src/streams/FrameFeed.ts"
import * as FramePublisher from "../../../src/streams/FramePublisher.ts"
import { JetStream, type Message } from "../../../src/streams/JetStream.ts"
import * as KeyframeReads from "../../../src/streams/KeyframeReads.ts"
import * as OrderedRead from "../../../src/streams/OrderedRead.ts"
import * as Record from "../../../src/streams/Record.ts"
import { Snapshots } from "../../../src/streams/Snapshots.ts"
import * as Streams from "../../../src/streams/Streams.ts"
import * as Subjects from "../../../src/streams/Subjects.ts"
import * as Deciding from "../../domain/Deciding.ts"
import * as Packets from "../../domain/market/Packets.ts"
import { chain, leg, option, settings, spot, startMs } from "../../domain/record/Recorder.ts"
import { backend, until } from "../../streams/Nats.ts"
import { heldLeases } from "../HeldLease.ts"

const names = { exchange: "NSE", underlying: "NIFTY" }
const frames = Subjects.Frame.at(names)
const reference = Subjects.MarketReference.at(names)
const definition = Subjects.StrategyDefinition.at({ owner: "u1", strategy: "7" })
const marksSubject = Subjects.Mark.at({ owner: "u1", strategy: "7" })
const call = option(24_500, "CE")
const put = option(24_500, "PE")
const legs = [leg(1, "BUY", call, 50, "100"), leg(2, "SELL", put, 50, "90")]
/** Ten clocks a second, as a ticker writes them. */
const clockEveryMs = 100
/** Market time that a start may fold. */
const foldedMsMax = 70_000

/** The records of these tests have their own market time, as a recording has. */
const recordedFeed = FrameFeed.Default.pipe(
  Layer.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["MARKET_CLOCK", "feed"]]))))
)
const live = RecordActor.Default.pipe(
  Layer.provideMerge(Layer.mergeAll(recordedFeed, Snapshots.Default, heldLeases)),
  Layer.provide(Streams.layer),
  Layer.provideMerge(backend),
  Layer.provide(Logger.remove(Logger.defaultLogger))
)

/** An account that streams into the record, and its market time. */
const streaming = (account: string, incarnation = 1) =>
  Effect.gen(function* () {
    const publisher = yield* FramePublisher.make({ account, source: "simulator", epoch: 1, incarnation }, FramePublisher.peers(0))
    const append = (token: number, rupees: number, atMs: number) => {
      const price = Math.round(rupees * 100)
      const packet = Packets.encodeFull({
        ...{ token, lastPrice: price, close: price, open: price, high: price, low: price, averagePrice: price },
        ...{ lastQuantity: 1, volume: 1, buyQuantity: 1, sellQuantity: 1, oi: 500, oiDayHigh: 500, oiDayLow: 500 },
        ...{ lastTradeTime: Math.floor(atMs / 1_000), exchangeTime: Math.floor(atMs / 1_000), bids: [], asks: [] }
      })
      publisher.append(frames, packet, 0, packet.length, atMs)
    }
    const settled = until("everything is acknowledged", () => publisher.stats().open === 0)
    /** Lets market time pass. `each` gives the packets of an instant. */
    const run = (fromMs: number, toMs: number, each: (atMs: number) => void = () => {}) =>
      Effect.gen(function* () {
        for (let atMs = fromMs; atMs < toMs; atMs += clockEveryMs) {
          each(atMs)
          publisher.clock(atMs + clockEveryMs)
          if ((atMs / clockEveryMs) % 200 === 0) yield* settled
        }
        yield* settled
      })
    return { publisher, append, run } as const
  })

interface Seen {
  readonly inputs: Array<RecordInput.RecordInput>
  readonly marks: Array<StrategyMessage.PublishedMark>
}

/** The strategy's actor, which records what it folds. */
const strategy = (seen: Seen, layout = "1"): Setup<M2mDecider.State, M2mDecider.Output> => {
  const decider = M2mDecider.make({ settings })
  return {
    name: "m2m",
    key: "m2m.u1.7",
    layout,
    decider: () => ({
      initial: decider.initial,
      decide: (state, input) => {
        seen.inputs.push(input)
        return decider.decide(state, input)
      }
    }),
    frames: [frames],
    references: [reference],
    strategies: { takes: ({ subject }) => Either.right(subject === definition), outputs: () => [] },
    route: (output): Published => {
      if (output.kind === "mark") seen.marks.push(output.message)
      return M2mActor.route(output)
    },
    outputs: [{ stream: Subjects.Mark.stream, filter: marksSubject }]
  }
}
const nothingSeen = (): Seen => ({ inputs: [], marks: [] })

const instruments = [spot, ...chain()]
const publishReference = Effect.flatMap(JetStream, ({ publish }) =>
  publish(reference, Subjects.MarketReference.encode({ v: 1, ...names, instruments }))
)
const publishDefinition = Effect.flatMap(JetStream, ({ publish }) =>
  publish(definition, Subjects.StrategyDefinition.encode({ v: 1, owner: "u1", strategy_id: 7, legs }))
)
const timesOf = ({ inputs }: Seen) => inputs.flatMap((input) => (input._tag === "Clock" ? [input.atMs] : []))
const allOf = (stream: string, filters: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const read = yield* OrderedRead.make({ stream, filters, start: { _tag: "After", seq: 0 } })
    const found: Array<Message> = []
    for (let left = read.pendingAtStart; left > 0; left = found.at(-1)?.pending ?? 0)
      found.push(...(yield* read.takeAll).filter((item) => item._tag === "Message"))
    return found
  }).pipe(Effect.scoped)
/** The outputs of an uninterrupted run over the whole record. */
const uninterrupted = Effect.map(allOf(Record.stream, []), (messages) => {
  const decider = M2mDecider.make({ settings })
  const inputs = messages.flatMap((message) => {
    const input = Record.decode(message)
    return input._tag === "Refused" ? [] : [input]
  })
  const marks = Deciding.fold(decider, decider.initial, inputs)[1].flatMap((output) => (output.kind === "mark" ? [output.message] : []))
  return marks.map(({ seq, m2m }) => [seq, m2m ?? undefined])
})
const m2m = ({ marks }: Seen) => {
  const value = marks.at(-1)?.m2m ?? undefined
  return value === undefined ? undefined : Number(value)
}

describe("keyframes in the record", () => {
  it.live(
    "BE-REC-01 a reader that starts in the middle of a day folds at most 70 s of record, of two accounts, and knows what traded long before",
    () =>
      Effect.gen(function* () {
        const recordActor = yield* RecordActor
        yield* publishReference
        const one = yield* streaming("a1")
        const other = yield* streaming("a2")
        // The put trades once, and never again.
        other.append(put.instrument_token, 80, startMs)
        for (let minute = 0; minute < 4; minute++) {
          const fromMs = startMs + minute * 60_000
          const toMs = fromMs + 60_000
          yield* Effect.all(
            [
              one.run(fromMs, toMs, (atMs) => atMs % 500 === 0 && one.append(call.instrument_token, 100 + minute, atMs)),
              other.run(fromMs, toMs, (atMs) => atMs % 500 === 0 && other.append(spot.instrument_token, 24_500, atMs))
            ],
            { concurrency: 2 }
          )
        }
        yield* publishDefinition
        const nowMs = startMs + 4 * 60_000
        yield* one.run(nowMs, nowMs + 30_000, (atMs) => one.append(call.instrument_token, 120, atMs))
        yield* other.run(nowMs, nowMs + 30_000)

        const seen = nothingSeen()
        yield* Effect.forkScoped(recordActor.run(Effect.succeed(strategy(seen))))
        yield* until("the newest price is valued", () => m2m(seen) === -2_000)
        const times = timesOf(seen)
        assert.isAtMost(Math.max(...times) - Math.min(...times), foldedMsMax)
        assert.isAtMost(times.length, 2 * (foldedMsMax / clockEveryMs))
        assert.strictEqual(seen.inputs.filter(({ _tag }) => _tag === "Keyframe").length, 2)
        const oldest = Math.min(...seen.inputs.flatMap((input) => (input._tag === "Frame" ? [input.header.baseReceivedMs] : [])))
        assert.isAtLeast(oldest, nowMs + 30_000 - foldedMsMax)
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )

  it.live(
    "BE-REC-01 a strategy created on Saturday at noon is valued at once: it folds a keyframe and the newest clock, whether the account still streams or has ended",
    () =>
      Effect.gen(function* () {
        const recordActor = yield* RecordActor
        const { last } = yield* JetStream
        yield* publishReference
        const fridayMs = Date.parse("2026-08-21T09:55:00Z")
        yield* Effect.scoped(
          Effect.gen(function* () {
            const one = yield* streaming("a1")
            yield* one.run(fridayMs, fridayMs + 90_000, (atMs) => {
              if (atMs % 1_000 !== 0) return
              one.append(call.instrument_token, 110, atMs)
              one.append(put.instrument_token, 70, atMs)
            })
            // Twenty hours of clocks, thinned out: nothing trades.
            for (let hour = 1; hour <= 20; hour++) yield* one.run(fridayMs + hour * 3_600_000, fridayMs + hour * 3_600_000 + 2_000)
            one.publisher.keyframes()
            assert.strictEqual(yield* one.publisher.drain, 0)
          })
        )
        yield* publishDefinition
        const seen = nothingSeen()
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* Effect.forkScoped(recordActor.run(Effect.succeed(strategy(seen))))
            yield* until("the strategy is valued", () => m2m(seen) !== undefined)
          })
        )
        assert.strictEqual(m2m(seen), -2_000)
        assert.deepStrictEqual(
          seen.inputs.slice(0, 3).map(({ _tag }) => _tag),
          ["Reference", "Keyframe", "Definition"]
        )
        assert.deepStrictEqual(timesOf(seen), [fridayMs + 20 * 3_600_000 + 2_000], "of twenty hours one clock is folded")
        const keyframe = yield* last(Record.stream, Subjects.Keyframe.filter(names))
        assert.isTrue(Option.isSome(keyframe))
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )

  it.live(
    "BE-REC-05 a snapshot of an older layout is rebuilt from the keyframe before it: no later message is missed, and each value is published once",
    () =>
      Effect.gen(function* () {
        const recordActor = yield* RecordActor
        const snapshots = yield* Snapshots
        yield* publishReference
        yield* publishDefinition
        const one = yield* streaming("a1")
        const trade = (fromMs: number, minutes: number) =>
          one.run(fromMs, fromMs + minutes * 60_000, (atMs) => {
            if (atMs % 1_000 !== 0) return
            one.append(call.instrument_token, 100 + ((atMs / 1_000) % 7), atMs)
            one.append(put.instrument_token, 80, atMs)
          })
        yield* trade(startMs, 3)
        // The account ends together with the actor, as in a process that is replaced: a keyframe lies just before the place.
        one.publisher.keyframes()
        const before = nothingSeen()
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* Effect.forkScoped(recordActor.run(Effect.succeed(strategy(before, "1"))))
            yield* until("the first run has read everything", () => Math.max(...timesOf(before)) === startMs + 3 * 60_000)
          })
        )
        const left = yield* snapshots.position("m2m.u1.7")
        assert.isTrue(Option.isSome(left), "the first run saved its state at its end")
        // The platform is stopped for three minutes, while another one streams.
        const leftMs = startMs + 3 * 60_000
        // At first nothing trades, so that there is no new value to publish.
        yield* one.run(leftMs, leftMs + 4_000)
        yield* trade(leftMs + 4_000, 3)
        const after = nothingSeen()
        yield* Effect.forkScoped(recordActor.run(Effect.succeed(strategy(after, "2"))))
        yield* until("the second run has read everything", () => Math.max(...timesOf(after)) === leftMs + 4_000 + 3 * 60_000)
        const oldest = Math.min(...timesOf(after))
        assert.isAtMost(leftMs - oldest, foldedMsMax)
        assert.isAtMost(oldest, leftMs + clockEveryMs, "it begins before the place where the older version stopped")
        const times = timesOf(after)
        assert.deepStrictEqual(
          times,
          Array.from({ length: times.length }, (_, n) => oldest + n * clockEveryMs),
          "and folds every clock from there on"
        )
        const leftSeq = Option.getOrThrow(left).seq
        const whole = (yield* uninterrupted).filter(([seq]) => Number(seq) > leftSeq)
        const sent = Effect.map(allOf(Subjects.Mark.stream, [marksSubject]), (all) =>
          all.map(({ data }) => JSON.parse(new TextDecoder().decode(data))).map(({ seq, m2m }) => [seq, m2m ?? undefined])
        )
        yield* until("all is published", () => Effect.map(sent, (all) => all.at(-1)?.[0] === whole.at(-1)?.[0]))
        assert.isAbove(whole.length, 150)
        assert.deepStrictEqual(
          (yield* sent).filter(([seq]) => seq > leftSeq),
          whole
        )
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )

  it.live(
    "BE-OPS-05 BE-REC-01 a run that was killed before its first snapshot is continued exactly, also if two accounts wrote keyframes at different times",
    () =>
      Effect.gen(function* () {
        const recordActor = yield* RecordActor
        const snapshots = yield* Snapshots
        yield* publishReference
        yield* publishDefinition
        const one = yield* streaming("a1")
        const other = yield* streaming("a2")
        /**
         * Ten seconds in which both accounts bring new prices twice a second. The accounts' steps differ, so that each pair of prices
         * changes the value.
         */
        const trade = (fromMs: number) =>
          Effect.gen(function* () {
            for (let atMs = fromMs; atMs < fromMs + 10_000; atMs += 500) {
              yield* one.run(atMs, atMs + 500, (now) => now === atMs && one.append(call.instrument_token, 100 + (now % 7_000) / 500, now))
              yield* other.run(atMs, atMs + 500, (now) => now === atMs && other.append(put.instrument_token, 80 + (now % 6_000) / 250, now))
            }
          })
        const runUntil = (endMs: number) =>
          Effect.gen(function* () {
            const seen = nothingSeen()
            yield* Effect.forkScoped(recordActor.run(Effect.succeed(strategy(seen))))
            yield* until(`everything until ${endMs} is read`, () => Math.max(...timesOf(seen)) === endMs)
          }).pipe(Effect.scoped)
        yield* trade(startMs)
        for (const { publisher } of [one, other]) publisher.keyframes()
        yield* trade(startMs + 10_000)
        yield* runUntil(startMs + 20_000)
        yield* snapshots.drop("m2m.u1.7") // as if it had been killed
        yield* trade(startMs + 20_000)
        one.publisher.keyframes()
        yield* trade(startMs + 30_000)
        yield* runUntil(startMs + 40_000)
        const sent = (yield* allOf(Subjects.Mark.stream, [marksSubject])).map(({ data }) => JSON.parse(new TextDecoder().decode(data)))
        const [first] = sent
        const whole = (yield* uninterrupted).filter(([seq = 0]) => Number(seq) >= first.seq)
        assert.isAbove(whole.length, 50)
        assert.deepStrictEqual(
          sent.map(({ seq, m2m }) => [seq, m2m ?? undefined]),
          whole
        )
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )

  it.live(
    "BE-REC-01 the keyframes of a past instant are those that were the newest then, also after hours of silence",
    () =>
      Effect.gen(function* () {
        const { info, at } = yield* JetStream
        const one = yield* streaming("a1")
        yield* one.run(startMs, startMs + 180_000, (atMs) => {
          if (atMs % 1_000 === 0) one.append(call.instrument_token, 100, atMs)
        })
        const { lastSeq } = yield* info(Record.stream)
        const place = Option.getOrThrow(yield* at(Record.stream, lastSeq))
        for (let hour = 1; hour <= 3; hour++) yield* one.run(startMs + hour * 3_600_000, startMs + hour * 3_600_000 + 60_000)
        const timeOf = (found: Effect.Effect.Success<ReturnType<typeof KeyframeReads.newest>>) =>
          found.map((one) => one.header("Tarang-Key"))
        const past = yield* KeyframeReads.before([names], { seq: lastSeq, storedMs: place.timeMs })
        const now = yield* KeyframeReads.newest([names])
        assert.strictEqual(past.length, 1)
        const minute = Math.floor(startMs / 60_000) * 60_000
        assert.deepStrictEqual(timeOf(past), [String(minute + 178_000)])
        assert.isAbove(Number(timeOf(now)[0]), startMs + 3_600_000, "a silent list is written again each hour")
        assert.isAbove(now[0]?.seq ?? 0, past[0]?.seq ?? 0)
        assert.isTrue(Option.isNone(yield* KeyframeReads.foldFrom(now, Number.MAX_SAFE_INTEGER)), "nothing but clocks follows")
      }).pipe(Effect.scoped, Effect.provide(live)),
    300_000
  )
})
