import { assert, layer } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import * as Frame from "../../src/domain/market/Frame.ts"
import * as ClockFrame from "../../src/domain/record/ClockFrame.ts"
import * as FrameHeader from "../../src/domain/record/FrameHeader.ts"
import { FrameFeed } from "../../src/streams/FrameFeed.ts"
import { JetStream, type Message } from "../../src/streams/JetStream.ts"
import * as OrderedRead from "../../src/streams/OrderedRead.ts"
import * as Streams from "../../src/streams/Streams.ts"
import * as Subjects from "../../src/streams/Subjects.ts"
import { backend, bytes, collect, gaps, messages, range, Server, streams, text, until } from "./Nats.ts"

const stream = Subjects.Frame.stream
const frameOf = (underlying: string) => Subjects.Frame.at({ exchange: "NFO", underlying })
const clock = Subjects.Clock.at({ account: "A1" })
const definition = Subjects.StrategyDefinition.at({ owner: "u1", strategy: "1" })
const reference = Subjects.MarketReference.at({ exchange: "NFO", underlying: "NIFTY" })
const underlyings = ["NIFTY", "BANKNIFTY", "M&M", "X Y", "SENSEX"]
const subjects = [...underlyings.map(frameOf), clock, definition, reference]

/** Pseudo-random numbers that are the same in every run. */
const dice = (seed: number) => () => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return seed / 2 ** 32
}
const pick = <A>(from: ReadonlyArray<A>, random: () => number): A => from[Math.floor(random() * from.length)] as A

/** An empty record, and a feed with a separate connection. */
const feeding = Effect.gen(function* () {
  const { jsm, publish } = yield* JetStream
  yield* Effect.promise(() => jsm.streams.delete(stream))
  yield* Streams.ensure
  const feed = yield* Effect.map(Layer.build(Layer.fresh(FrameFeed.Default)), (context) => FrameFeed.pipe(Effect.provide(context))).pipe(
    Effect.flatten
  )
  let sent = 0
  const put = (subject: string) =>
    Effect.suspend(() => {
      const number = ++sent
      return publish(subject, bytes(String(number)), { msgId: `${Date.now()}:${number}` })
    })
  const putMany = (count: number, random: () => number) =>
    Effect.forEach(range(1, count), () => put(pick(subjects, random)), { concurrency: 50, discard: true })
  return { feed, put, putMany } as const
})

const recorded = Effect.scoped(
  Effect.gen(function* () {
    const { info } = yield* JetStream
    const { firstSeq, lastSeq } = yield* info(stream)
    const start: OrderedRead.Start = { _tag: "After", seq: Math.max(0, firstSeq - 1) }
    const items = yield* collect((yield* OrderedRead.make({ stream, filters: [], start })).takeAll)
    yield* until("the record is read", () => messages(items).at(-1)?.seq === lastSeq)
    return messages(items)
  })
)

const keys = (list: ReadonlyArray<Message>) => list.map((message) => `${message.seq} ${message.subject} ${text(message)}`)

/** A member that collects its items, and the items that it must have at the end. */
const member = (feed: FrameFeed, frames: ReadonlyArray<string>, afterSeq: number, definitions: ReadonlyArray<string> = []) =>
  Effect.gen(function* () {
    const { takeAll } = yield* feed.subscribe({ frames: frames.map(frameOf), definitions, afterSeq })
    const items = yield* collect(takeAll)
    const wanted = new Set([...frames.map(frameOf), ...definitions, clock])
    const expected = (record: ReadonlyArray<Message>) => record.filter(({ seq, subject }) => seq > afterSeq && wanted.has(subject))
    return { items, expected, takeAll } as const
  })

type Member = Effect.Effect.Success<ReturnType<typeof member>>
const assertAll = (members: ReadonlyArray<Member>, record: ReadonlyArray<Message>) =>
  Effect.gen(function* () {
    for (const { items, expected } of members) {
      yield* until("a member has all", () => items.length >= expected(record).length)
    }
    for (const { items, expected } of members) assert.deepStrictEqual(keys(items as ReadonlyArray<Message>), keys(expected(record)))
  })

layer(Layer.provideMerge(streams, backend), { excludeTestServices: true })("FrameFeed", (it) => {
  for (const seed of [1, 2, 3]) {
    it.scoped(`members that join at any place while a publisher runs get everything after their start, in order, once (${seed})`, () =>
      Effect.gen(function* () {
        const random = dice(seed)
        const { feed, putMany } = yield* feeding
        const { info } = yield* JetStream
        yield* putMany(400, random)
        const writing = yield* Effect.fork(putMany(1_500, random))
        const members: Array<Member> = []
        for (const _ of range(1, 12)) {
          const { lastSeq } = yield* info(stream)
          const afterSeq = pick([0, lastSeq, Math.floor(random() * lastSeq), Math.max(0, lastSeq - 100)], random)
          const frames = range(1, 1 + Math.floor(random() * 3)).map(() => pick(underlyings, random)) // may contain duplicates
          const definitions = pick([[], [definition], [reference, definition]], random)
          members.push(yield* member(feed, frames, afterSeq, definitions))
          yield* until("the publisher goes on", () => feed.lastSeq() > lastSeq || writing.unsafePoll() !== null)
        }
        yield* Fiber.join(writing)
        yield* assertAll(members, yield* recorded)
      })
    )
  }

  it.scoped("while members come and go, a member that stays gets every message, also over a server restart", () =>
    Effect.gen(function* () {
      const random = dice(7)
      const server = yield* Server
      const { feed, putMany } = yield* feeding
      const stays = yield* member(feed, ["NIFTY", "M&M"], 0)
      const writing = yield* Effect.fork(Effect.forEach(range(1, 40), () => putMany(50, random), { discard: true }))
      for (const round of range(1, 12)) {
        const scope = yield* Scope.make()
        const goes = yield* Scope.extend(member(feed, [pick(underlyings, random)], feed.lastSeq()), scope)
        yield* until("it got some", () => goes.items.length > 3 || writing.unsafePoll() !== null)
        yield* Scope.close(scope, Exit.void)
        assert.isTrue(Exit.isInterrupted(yield* Effect.exit(goes.takeAll)))
        if (round === 5) {
          yield* Effect.promise(() => server.kill())
          yield* Effect.promise(() => server.start())
        }
      }
      yield* Fiber.join(writing)
      yield* assertAll([stays], yield* recorded)
    })
  )

  it.scoped("a slow member slows all members and loses nothing", () =>
    Effect.gen(function* () {
      const { feed, put } = yield* feeding
      const { jsm } = yield* JetStream
      const slow = yield* feed.subscribe({ frames: [frameOf("NIFTY")], definitions: [], afterSeq: 0 })
      const quick = yield* member(feed, ["NIFTY"], 0)
      yield* put(frameOf("NIFTY"))
      yield* until("the quick one is live", () => quick.items.length === 1)
      yield* Effect.forEach(range(1, 6_000), () => put(frameOf("NIFTY")), { concurrency: 100, discard: true })
      // No fetch is open although many messages are left: the process has stopped reading.
      yield* until("the read has paused", () =>
        Effect.map(
          Effect.promise(() => jsm.consumers.list(stream).next()),
          (all) => all.length === 1 && all[0]?.num_waiting === 0 && all[0].num_pending > 0
        )
      )
      assert.isBelow(quick.items.length, 6_001)
      const late = yield* collect(slow.takeAll)
      yield* until("both have all", () => late.length >= 6_001 && quick.items.length >= 6_001)
      const record = keys(yield* recorded)
      assert.deepStrictEqual(keys(messages(late)), record)
      assert.deepStrictEqual(keys(messages(quick.items)), record)
    })
  )

  it.scoped("a start before the record's first message gives a gap and then the messages that are left", () =>
    Effect.gen(function* () {
      const { feed, put } = yield* feeding
      const { jsm } = yield* JetStream
      yield* Effect.forEach(range(1, 30), () => put(frameOf("NIFTY")), { discard: true })
      yield* Effect.promise(() => jsm.streams.purge(stream, { seq: 21 }))
      const early = yield* member(feed, ["NIFTY"], 5)
      yield* put(frameOf("NIFTY"))
      yield* until("all are there", () => early.items.length >= 12)
      assert.deepStrictEqual(early.items[0], { _tag: "Gap", from: 6, to: 20, recreated: false })
      assert.deepStrictEqual(
        messages(early.items).map(({ seq }) => seq),
        range(21, 31)
      )
    })
  )

  it.scoped("a start beyond the record's end gives a gap, and the member continues in the present record", () =>
    Effect.gen(function* () {
      const { feed, put } = yield* feeding
      for (const left of [0, 3]) {
        yield* Effect.forEach(range(1, left), () => put(frameOf("NIFTY")), { discard: true })
        const lost = yield* member(feed, ["NIFTY"], 1_000)
        yield* until("the gap is there", () => lost.items.length >= 1)
        assert.deepInclude(lost.items[0], { _tag: "Gap", from: 1_001, recreated: true })
        yield* put(frameOf("NIFTY"))
        const { lastSeq } = yield* (yield* JetStream).info(stream)
        yield* until("it goes on", () => messages(lost.items).at(-1)?.seq === lastSeq)
        assert.deepStrictEqual(
          messages(lost.items).map(({ seq }) => seq),
          range(1, lastSeq)
        )
      }
    })
  )

  it.scoped("a record that is deleted and made again gives every member a gap and then its new messages", () =>
    Effect.gen(function* () {
      const { feed, put } = yield* feeding
      const { jsm } = yield* JetStream
      const both = [yield* member(feed, ["NIFTY"], 0), yield* member(feed, ["BANKNIFTY"], 0)]
      yield* Effect.forEach(range(1, 10), () => put(clock), { discard: true })
      yield* until("both are live", () => both.every(({ items }) => items.length === 10))
      yield* Effect.promise(() => jsm.streams.delete(stream))
      yield* Streams.ensure
      yield* until("both are told", () => both.every(({ items }) => gaps(items).length === 1))
      yield* put(clock)
      yield* until("both have the new", () => both.every(({ items }) => items.length === 12))
      for (const { items } of both) {
        assert.deepInclude(gaps(items)[0], { recreated: true })
        assert.strictEqual(messages(items).at(-1)?.seq, 1)
      }
    })
  )

  it.scoped("a member whose past cannot be read fails, and the others continue", () =>
    Effect.gen(function* () {
      const { feed, put } = yield* feeding
      const good = yield* member(feed, ["NIFTY"], 0)
      const bad = yield* feed.subscribe({ frames: ["md.frame..*"], definitions: [], afterSeq: 0 })
      const error = yield* Effect.flip(bad.takeAll)
      assert.include(error.message, `read ${stream}`)
      yield* put(frameOf("NIFTY"))
      yield* until("the other gets its frame", () => good.items.length === 1)
    })
  )

  it.scoped("with more underlyings than a filter may list, the feed reads every subject and selects by itself", () =>
    Effect.gen(function* () {
      const { feed, put } = yield* feeding
      const many = range(1, 70).map((n) => `U${n}`)
      const wide = yield* member(feed, many, 0)
      const narrow = yield* member(feed, ["U1"], 0)
      for (const name of [...many, "OTHER", "U1"]) yield* put(frameOf(name))
      yield* put(clock)
      yield* assertAll([wide, narrow], yield* recorded)
      assert.strictEqual(wide.items.length, 72)
      assert.strictEqual(narrow.items.length, 3)
    })
  )

  it.scoped("BE-REC-03 a clock and a frame that are an hour ahead of the server reach no actor, neither live nor from the past", () =>
    Effect.gen(function* () {
      const { feed } = yield* feeding
      const { publish } = yield* JetStream
      const nowMs = Date.now()
      const header = (baseReceivedMs: number, runs: ReadonlyArray<number>) => ({
        [FrameHeader.name]: FrameHeader.format({ account: "A1", epoch: 1, incarnation: 1, number: 0, baseReceivedMs, source: "kite", runs })
      })
      const empty = Frame.frameOf([])
      const live = yield* member(feed, ["U1"], 0)
      const sendAll = Effect.gen(function* () {
        yield* publish(clock, ClockFrame.encode(nowMs))
        yield* publish(clock, ClockFrame.encode(nowMs + 3_600_000))
        yield* publish(frameOf("U1"), empty, { headers: header(nowMs + 3_600_000, [1, 0]) })
        yield* publish(frameOf("U1"), empty, { headers: header(nowMs, [1, 0, 1, 3_600_000]) })
        yield* publish(frameOf("U1"), empty, { headers: header(nowMs - 600_000, [1, 0]) })
        yield* publish(clock, ClockFrame.encode(nowMs - 600_000))
      })
      yield* sendAll
      yield* until("the live one has all that is good", () => live.items.length === 3)
      const late = yield* member(feed, ["U1"], 0)
      yield* sendAll
      yield* until("both have all that is good", () => live.items.length === 6 && late.items.length === 6)
      const { lastSeq } = yield* Effect.flatMap(JetStream, ({ info }) => info(stream))
      for (const { items } of [live, late]) {
        assert.deepStrictEqual(
          items.map((item) => (item._tag === "Message" ? lastSeq - item.seq : -1)),
          [11, 7, 6, 5, 1, 0]
        )
      }
    })
  )
})
