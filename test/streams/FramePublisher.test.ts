import { assert, layer } from "@effect/vitest"
import { Effect, Either, Fiber, HashMap, Layer, Logger, Option } from "effect"
import * as Backpressure from "../../src/domain/market/Backpressure.ts"
import * as Frame from "../../src/domain/market/Frame.ts"
import * as FrameGuard from "../../src/domain/market/FrameGuard.ts"
import * as ClockFrame from "../../src/domain/record/ClockFrame.ts"
import * as FrameHeader from "../../src/domain/record/FrameHeader.ts"
import * as Prometheus from "../../src/gateway/serve/Prometheus.ts"
import * as FramePublisher from "../../src/streams/FramePublisher.ts"
import { resendAfterMs } from "../../src/streams/frames/SendWindow.ts"
import { JetStream, type Message } from "../../src/streams/JetStream.ts"
import { faultAfterMs } from "../../src/streams/keep/Unstored.ts"
import * as OrderedRead from "../../src/streams/OrderedRead.ts"
import * as Record from "../../src/streams/Record.ts"
import * as Subjects from "../../src/streams/Subjects.ts"
import { another, backend, collect, flying, messages, range, Server, streams, until } from "./Nats.ts"
import { stoppedClock } from "./StoppedClock.ts"

const stream = Subjects.Frame.stream
const subjectOf = (underlying: string) => Subjects.Frame.at({ exchange: "NFO", underlying })
const clockSubject = Subjects.Clock.at({ account: "A1" })
const alone = () => FramePublisher.peers(0)
const setup = { account: "A1", source: "simulator", epoch: 7, incarnation: 3 } as const

/** An LTP packet whose price is the number of the call. Three unrelated bytes come before the packet. */
const packet = new Uint8Array(3 + Frame.Kind.ltp)
const packetView = new DataView(packet.buffer, 3)

/** A publisher on an empty record, and the packets that were appended to it. */
const publishing = Effect.gen(function* () {
  const { jsm } = yield* JetStream
  yield* Effect.promise(() => jsm.streams.purge(stream))
  const publisher = yield* FramePublisher.make(setup, alone())
  const appended: Array<{ readonly subject: string; readonly receivedMs: number }> = []
  const clocks: Array<{ readonly atMs: number; readonly appended: number }> = []
  const append = (underlying: string, receivedMs: number) => {
    packetView.setUint32(0, 256_265)
    packetView.setUint32(4, appended.length)
    publisher.append(subjectOf(underlying), packet, 3, Frame.Kind.ltp, receivedMs)
    appended.push({ subject: subjectOf(underlying), receivedMs })
  }
  const clock = (atMs: number) => {
    publisher.clock(atMs)
    clocks.push({ atMs, appended: appended.length })
  }
  return { publisher, appended, append, clock, clocks } as const
})

/** All messages of the record, in order. */
const recorded = Effect.scoped(
  Effect.gen(function* () {
    const own = yield* another() // a reader must not depend on the publisher's connection
    const { firstSeq, lastSeq } = yield* own.info(stream)
    const start: OrderedRead.Start = { _tag: "After", seq: Math.max(0, firstSeq - 1) }
    const read = yield* OrderedRead.make({ stream, filters: [], start }).pipe(Effect.provideService(JetStream, own))
    const items = yield* collect(read.takeAll)
    yield* until("the record is read", () => read.lastSeq() === lastSeq && items.length === lastSeq - firstSeq + 1)
    return messages(items)
  })
)

const headerOf = (message: Message): FrameHeader.FrameHeader => {
  const header = FrameHeader.parse(message.header(FrameHeader.name))
  if (header === undefined) throw new Error(`no frame header on ${message.subject}: ${message.header(FrameHeader.name)}`)
  return header
}
const isFrame = ({ subject }: Message) => subject !== clockSubject

/** The packets of a frame in order: the number of the call, and the receive time. */
const packetsOf = (message: Message) => {
  const header = headerOf(message)
  const found: Array<{ readonly number: number; readonly subject: string; readonly receivedMs: number }> = []
  const bad = Frame.forEachPacket(message.data, (offset) => {
    found.push({
      number: Frame.lastPriceAt(message.data, offset),
      subject: message.subject,
      receivedMs: FrameHeader.receivedAtMs(header, found.length)
    })
  })
  assert.strictEqual(bad, 0)
  const timed = header.runs.reduce((sum, value, at) => (at % 2 === 0 ? sum + value : sum), 0)
  assert.strictEqual(timed, found.length)
  return found
}

/** The frames that a reader folds, which drops duplicates. */
const folded = (record: ReadonlyArray<Message>): ReadonlyArray<Message> => {
  const guards = new Map<string, FrameGuard.State>()
  const kept = record.filter((message) => {
    const guard = guards.get(message.subject) ?? FrameGuard.make()
    guards.set(message.subject, guard)
    return FrameGuard.accept(guard, headerOf(message)) !== FrameGuard.dropped
  })
  for (const { open, lost, refused } of guards.values()) assert.deepStrictEqual({ open, lost, refused }, { open: 0, lost: 0, refused: 0 })
  return kept
}

/** Waits for the acknowledgements of a large backlog, for which a busy machine may need longer than a stop waits. */
const settled = ({ stats }: FramePublisher.FramePublisher) =>
  until("all is acknowledged", () => stats().open === 0 && stats().bufferedBytes === 0)

type Run = Effect.Effect.Success<typeof publishing>

/** Checks that the record has every packet once after duplicates are dropped, in its subject's order if nothing was sent again. */
const assertWhole = ({ appended }: Run, record: ReadonlyArray<Message>, isOrdered = true) => {
  const found = folded(record).filter(isFrame).flatMap(packetsOf)
  const perSubject = (list: ReadonlyArray<{ readonly number: number; readonly subject: string }>) =>
    Object.fromEntries(
      [...new Set(appended.map(({ subject }) => subject))].map((subject) => {
        const numbers = list.filter((one) => one.subject === subject).map(({ number }) => number)
        return [subject, isOrdered ? numbers : numbers.sort((one, other) => one - other)]
      })
    )
  assert.deepStrictEqual(perSubject(found), perSubject(appended.map(({ subject }, number) => ({ subject, number }))))
  for (const { number, receivedMs } of found) assert.strictEqual(receivedMs, appended[number]?.receivedMs)
}

/** Checks that each clock follows every packet that was appended before it, also when frames were sent twice. */
const assertClocks = ({ clocks }: Run, record: ReadonlyArray<Message>) => {
  const seen = new Set<number>()
  const due = new Map(clocks.map(({ atMs, appended }) => [atMs, appended]))
  let atMs = 0
  let next = 0
  for (const message of record) {
    if (isFrame(message)) {
      for (const { number } of packetsOf(message)) seen.add(number)
      while (seen.has(next)) next++
    } else if (ClockFrame.decode(message.data) > atMs) {
      atMs = ClockFrame.decode(message.data)
      assert.isAtLeast(next, due.get(atMs) ?? Number.POSITIVE_INFINITY, `clock ${atMs}`)
    }
  }
  assert.strictEqual(atMs, clocks.at(-1)?.atMs)
}

/** A publisher, and the levels of backpressure that it has logged: each once when it begins. */
const levelled = Effect.gen(function* () {
  const { jsm } = yield* JetStream
  yield* Effect.promise(() => jsm.streams.purge(stream))
  const levels: Array<string> = []
  const listener = Logger.make(({ annotations }) => {
    const level = Option.getOrUndefined(HashMap.get(annotations, "level"))
    if (level !== undefined) levels.push(String(level))
  })
  const publisher = yield* FramePublisher.make(setup, alone()).pipe(Effect.provide(Logger.replace(Logger.defaultLogger, listener)))
  const gauge = (name: string) =>
    Effect.map(Prometheus.text, (text) => Number(new RegExp(`^${name}\\{account="A1"\\} (\\d+)$`, "m").exec(text)?.[1]))
  const reached = (level: Backpressure.Level) =>
    Effect.gen(function* () {
      yield* until(`the level is ${level}`, () => levels.at(-1) === level)
      assert.strictEqual(yield* gauge("backpressure_level"), Backpressure.levels.indexOf(level))
    })
  return { publisher, levels, gauge, reached } as const
})

layer(Layer.provideMerge(streams, backend), { excludeTestServices: true })("FramePublisher", (it) => {
  it.scoped("publishes frames of at most 50 packets, numbered from 0 on each subject, with each packet's receive time", () =>
    Effect.gen(function* () {
      const run = yield* publishing
      for (const n of range(1, 1_234)) {
        run.append(["A", "B", "C"][n % 3] ?? "", 1_000_000 + Math.floor(n / 4) - (n === 700 ? 5 : 0))
        if (n % 400 === 0) yield* Effect.sleep("1 millis")
      }
      assert.strictEqual(yield* run.publisher.drain, 0)
      const record = yield* recorded
      assertWhole(run, record)
      // A server that does not answer for two seconds gets a frame twice.
      const frames = folded(record)
      for (const underlying of ["A", "B", "C"]) {
        const headers = frames.filter(({ subject }) => subject === subjectOf(underlying)).map(headerOf)
        assert.deepStrictEqual(
          headers.map(({ number }) => number),
          range(0, headers.length - 1)
        )
      }
      for (const message of record) {
        assert.include(headerOf(message), setup)
        assert.isAtMost(packetsOf(message).length, 50)
      }
      const resent = record.length - frames.length
      const sent = { frames: frames.length, packets: 1_234, resent, dropped: 0, open: 0 }
      assert.deepStrictEqual(run.publisher.stats(), { ...sent, pressure: "HEALTHY", lagMs: 0, bufferedBytes: 0 })
    })
  )

  it.scoped("a single packet does not wait for others", () =>
    Effect.gen(function* () {
      const run = yield* publishing
      run.append("A", 5)
      yield* until("it is acknowledged", () => run.publisher.stats().packets === 1)
      assertWhole(run, yield* recorded)
    })
  )

  it.scoped("BE-ISO-02 a frame or clock that somebody delivers on another subject is refused by every reader of the record", () =>
    Effect.gen(function* () {
      const run = yield* publishing
      run.append("A", 5)
      run.clock(10)
      assert.strictEqual(yield* run.publisher.drain, 0)
      const record = yield* recorded
      assert.deepStrictEqual(
        record.map((message) => Record.decode(message)._tag),
        ["Frame", "Clock"]
      )
      for (const message of record)
        for (const subject of [subjectOf("B"), Subjects.Clock.at({ account: "A2" }), `${message.subject}B`])
          assert.deepStrictEqual(Record.decode({ ...message, subject }), { _tag: "Refused", reason: "frame header of another subject" })
    })
  )

  it.scoped("TC-MATL-004 a drain waits until every packet of 120 instruments is in the stream", () =>
    Effect.gen(function* () {
      const run = yield* publishing
      for (const n of range(1, 6_000)) run.append(`U${n % 120}`, n)
      run.clock(9_999)
      assert.strictEqual(yield* run.publisher.drain, 0)
      const record = yield* recorded
      assertWhole(run, record)
      assertClocks(run, record)
    })
  )

  it.scoped("a clock follows every packet that was appended before it, however fast clocks come", () =>
    Effect.gen(function* () {
      const run = yield* publishing
      for (const n of range(1, 600)) {
        run.append(`U${n % 7}`, n)
        if (n % 11 === 0) run.clock(n)
        if (n % 97 === 0) yield* Effect.sleep("1 millis")
      }
      run.clock(601)
      assert.strictEqual(yield* run.publisher.drain, 0)
      const record = yield* recorded
      assertWhole(run, record)
      assertClocks(run, record)
      const numbers = folded(record)
        .filter((message) => !isFrame(message))
        .map((message) => headerOf(message).number)
      assert.deepStrictEqual(numbers, range(0, numbers.length - 1))
    })
  )

  it.scoped("while the server acknowledges nothing, frames grow, nothing is lost, and clocks keep their order", () =>
    Effect.gen(function* () {
      const server = yield* Server
      const run = yield* publishing
      server.freeze()
      for (const n of range(1, 65_000)) {
        run.append(`U${n % 10}`, n)
        if (n % 5_000 === 0) run.clock(n)
      }
      assert.strictEqual(run.publisher.stats().open, 1_000)
      server.thaw()
      yield* settled(run.publisher)
      assert.strictEqual(yield* run.publisher.drain, 0)
      const record = yield* recorded
      assertWhole(run, record)
      assertClocks(run, record)
      const sizes = record.filter(isFrame).map((message) => packetsOf(message).length)
      assert.isAbove(Math.max(...sizes), 50)
      assert.isAtMost(Math.max(...sizes), 4_000)
      assert.strictEqual(run.publisher.stats().dropped, 0)
    })
  )

  it.scoped("a clock waits for the packets before it and not for those after it, even while the window stays full", () =>
    Effect.gen(function* () {
      const server = yield* Server
      const run = yield* publishing
      server.freeze()
      for (const n of range(1, 1_500)) run.append(`U${n}`, n)
      run.clock(1_501)
      for (const n of range(1_501, 4_500)) run.append(`U${n}`, n)
      server.thaw()
      assert.strictEqual(yield* run.publisher.drain, 0)
      const record = yield* recorded
      assertWhole(run, record)
      assertClocks(run, record)
      const behind = record.length - 1 - record.findIndex((message) => !isFrame(message))
      assert.isAbove(behind, 1_000)
    })
  )

  it.scoped(
    "TC-PERF-030 a slow sink raises the backpressure level step by step until packets are dropped and counted, and it recovers",
    () =>
      Effect.gen(function* () {
        const server = yield* Server
        yield* stoppedClock // This test is about room, not about time.
        const { levels, publisher, reached } = yield* levelled
        const full = new Uint8Array(Frame.Kind.full)
        let appended = 0
        const append = (wanted: () => boolean) => {
          for (; wanted(); appended++) publisher.append(subjectOf(`U${appended % 5}`), full, 0, full.length, 1_000 + appended)
        }
        assert.strictEqual(publisher.stats().pressure, "HEALTHY")
        server.freeze()
        append(() => publisher.stats().open < 1_000 || publisher.stats().bufferedBytes === 0)
        yield* reached("WARNING")
        append(() => publisher.stats().bufferedBytes < 40 * 1_024 * 1_024)
        yield* reached("CRITICAL")
        append(() => publisher.stats().dropped < 500)
        yield* reached("OVERLOAD")
        server.thaw()
        yield* settled(publisher)
        assert.strictEqual(yield* publisher.drain, 0)
        yield* reached("HEALTHY")
        assert.deepStrictEqual(levels, ["WARNING", "CRITICAL", "OVERLOAD", "CRITICAL", "WARNING", "HEALTHY"])
        const { packets, dropped } = publisher.stats()
        assert.deepStrictEqual([dropped, packets], [500, appended - 500])
        const breaks = (yield* recorded).flatMap(({ subject, data }) => {
          const names = Subjects.Break.match(subject)
          return names === undefined ? [] : [Either.getOrThrow(Subjects.Break.decodeEither(data)).packets ?? 0]
        })
        assert.strictEqual(
          breaks.reduce((sum, count) => sum + count, 0),
          500
        )
      })
  )

  it.scoped("TC-PERF-030 a sink that answers late raises the level with one frame under way, and it recovers", () =>
    Effect.gen(function* () {
      const server = yield* Server
      const advance = yield* stoppedClock
      const { gauge, levels, publisher, reached } = yield* levelled
      publisher.append(subjectOf("A"), packet, 3, Frame.Kind.ltp, 1)
      yield* until("a quick sink acknowledges", () => publisher.stats().packets === 1)
      server.freeze()
      publisher.append(subjectOf("A"), packet, 3, Frame.Kind.ltp, 2)
      yield* until("the frame is under way", () => publisher.stats().open === 1)
      advance(Backpressure.warningFromMs)
      yield* reached("WARNING")
      assert.strictEqual(yield* gauge("frame_lag_ms"), 1_000)
      advance(Backpressure.criticalFromMs - Backpressure.warningFromMs)
      yield* reached("CRITICAL")
      assert.strictEqual(yield* gauge("frame_lag_ms"), 5_000)
      assert.deepInclude(publisher.stats(), { open: 1, dropped: 0, lagMs: 5_000, bufferedBytes: 0 })
      server.thaw()
      yield* reached("HEALTHY")
      assert.deepStrictEqual(levels, ["WARNING", "CRITICAL", "WARNING", "HEALTHY"])
      assert.deepInclude(publisher.stats(), { packets: 2, open: 0, dropped: 0, lagMs: 0 })
      assert.strictEqual(yield* gauge("frame_lag_ms"), 0)
    })
  )

  it.scoped("TC-PERF-030 while the connection is lost, the lag is the age of the loss, even if no frame is under way", () =>
    Effect.gen(function* () {
      const server = yield* Server
      const own = yield* another()
      const advance = yield* stoppedClock
      const { levels, publisher, reached } = yield* Effect.provideService(levelled, JetStream, own)
      yield* Effect.promise(() => server.kill())
      yield* until("the loss is noticed", () => !own.isConnected())
      advance(3_600_000)
      publisher.append(subjectOf("A"), packet, 3, Frame.Kind.ltp, 1)
      yield* reached("CRITICAL")
      assert.deepInclude(publisher.stats(), { open: 0, lagMs: 3_600_000 })
      yield* Effect.promise(() => server.start())
      yield* reached("HEALTHY")
      assert.deepStrictEqual(levels, ["CRITICAL", "WARNING", "HEALTHY"])
      assert.deepInclude(publisher.stats(), { packets: 1, dropped: 0, lagMs: 0 })
      const { isConnected } = yield* JetStream
      yield* until("the others are back", isConnected)
    })
  )

  it("TC-PERF-030 a lag is CRITICAL from the time at which silence counts as a fault of the store, which is after the first resend", () => {
    assert.strictEqual(Backpressure.criticalFromMs, faultAfterMs)
    assert.isBelow(resendAfterMs, Backpressure.criticalFromMs)
    assert.isAtMost(2 * Backpressure.warningFromMs, resendAfterMs)
  })

  it.scoped("BE-REC-02 packets that find no room in the buffer are dropped and counted, and the record says so before the next clock", () =>
    Effect.gen(function* () {
      const server = yield* Server
      const { jsm } = yield* JetStream
      yield* Effect.promise(() => jsm.streams.purge(stream))
      const publisher = yield* FramePublisher.make(setup, alone())
      const full = new Uint8Array(Frame.Kind.full)
      server.freeze()
      let appended = 0
      while (publisher.stats().dropped < 1_000 && appended < 1_000_000) {
        publisher.append(subjectOf(`U${appended % 5}`), full, 0, full.length, 1_000 + appended)
        appended++
      }
      publisher.clock(2_000_000)
      server.thaw()
      yield* settled(publisher)
      assert.strictEqual(yield* publisher.drain, 0)
      const { packets, dropped } = publisher.stats()
      assert.strictEqual(dropped, 1_000)
      assert.strictEqual(packets, appended - dropped)
      const breaks = (yield* recorded).filter(({ subject }) => Subjects.Break.match(subject) !== undefined)
      const bodies = yield* Effect.forEach(breaks, ({ subject, data }) => Subjects.Break.decode(subject, data))
      assert.deepStrictEqual(
        bodies.map(({ underlying, account, incarnation, cause, packets }) => [underlying, account, incarnation, cause, packets]).sort(),
        range(0, 4).map((n) => [`U${n}`, "A1", 3, "room", 200])
      )
      const [first] = bodies
      assert.isAtLeast(first?.from.getTime() ?? 0, 1_000 + appended - 1_000 - 5)
      assert.isAtMost(first?.to?.getTime() ?? 0, 1_000 + appended)
      const clock = (yield* recorded).find(({ subject }) => subject === clockSubject)
      assert.isTrue(breaks.every(({ seq }) => seq < (clock?.seq ?? 0)))
      publisher.append(subjectOf("U0"), full, 0, full.length, 1)
      assert.strictEqual(yield* publisher.drain, 0)
      assert.strictEqual(publisher.stats().dropped, 1_000)
    })
  )

  for (const [waitMsMax, place] of [
    [Number.POSITIVE_INFINITY, "after"],
    [0, "before"]
  ] as const) {
    it.scoped(`a clock that may wait ${waitMsMax} ms leaves ${place} the older packets of an account whose window is full`, () =>
      Effect.gen(function* () {
        const server = yield* Server
        const { jsm } = yield* JetStream
        yield* Effect.promise(() => jsm.streams.purge(stream))
        const peers = FramePublisher.peers(waitMsMax)
        const full = yield* FramePublisher.make(setup, peers)
        const idle = yield* FramePublisher.make({ ...setup, account: "A2" }, peers)
        server.freeze()
        const packets = 60_000 // more than the window's 1,000 frames of 50 packets
        for (const n of range(1, packets)) full.append(subjectOf("A"), packet, 3, Frame.Kind.ltp, n)
        idle.clock(packets + 1)
        server.thaw()
        yield* settled(full)
        assert.strictEqual(yield* full.drain, 0)
        assert.strictEqual(yield* idle.drain, 0)
        const record = yield* recorded
        const at = record.findIndex(({ subject }) => subject === Subjects.Clock.at({ account: "A2" }))
        const lastFrame = record.findLastIndex(({ subject }) => subject === subjectOf("A"))
        assert.strictEqual(folded(record.filter(({ subject }) => subject === subjectOf("A"))).flatMap(packetsOf).length, packets)
        assert.isAtLeast(at, 0)
        assert.strictEqual(at > lastFrame ? "after" : "before", place)
      })
    )
  }

  for (const how of ["stop", "kill"] as const) {
    it.scoped(`under load over two server restarts (${how}) every packet is there, once after the guard, and before its clock`, () =>
      Effect.gen(function* () {
        const server = yield* Server
        const run = yield* publishing
        let isLoading = true
        const load = yield* Effect.fork(
          Effect.gen(function* () {
            for (let n = 1; isLoading; n++) {
              for (const _ of range(1, 40)) run.append(`U${run.appended.length % 6}`, n)
              run.clock(n)
              yield* Effect.sleep("1 millis")
            }
          })
        )
        for (const round of [1, 2]) {
          const before = run.publisher.stats().frames
          yield* until(`frames pass, ${round}`, () => run.publisher.stats().frames > before + 100)
          yield* Effect.promise(() => server[how]())
          const at = run.appended.length
          yield* until("more is appended meanwhile", () => run.appended.length > at + 1_000)
          yield* Effect.promise(() => server.start())
        }
        const before = run.publisher.stats().frames
        yield* until("frames pass again", () => run.publisher.stats().frames > before + 100)
        isLoading = false
        yield* Fiber.join(load)
        yield* settled(run.publisher)
        assert.strictEqual(yield* run.publisher.drain, 0)
        const record = yield* recorded
        assertWhole(run, record)
        assertClocks(run, record)
      })
    )
  }

  it.scoped("a frame that the server refuses is sent again, and publishing continues", () =>
    Effect.gen(function* () {
      const { jsm } = yield* JetStream
      const run = yield* publishing
      // Without its subjects the stream answers nothing: "no responders".
      const { config } = yield* Effect.promise(() => jsm.streams.info(stream))
      yield* Effect.promise(() => jsm.streams.update(stream, { ...config, subjects: ["md.ref.>"] }))
      for (const n of range(1, 120)) run.append("A", n)
      yield* Effect.promise(() => jsm.streams.update(stream, config))
      const before = run.publisher.stats().frames
      for (const later of range(1, 10)) {
        for (const n of range(1, 50)) run.append("A", 1_000 * later + n)
        yield* until("a later frame is acknowledged", () => run.publisher.stats().frames >= before + later)
      }
      // Ten later frames were acknowledged first, so this frame was sent again before its time limit.
      assert.isAbove(run.publisher.stats().resent, 0)
      assert.strictEqual(yield* run.publisher.drain, 0)
      assertWhole(run, yield* recorded, false)
    })
  )

  it.scoped("TC-MATL-004 a drain without a server ends and says how many packets were not acknowledged", () =>
    Effect.gen(function* () {
      const server = yield* Server
      const own = yield* another()
      const publisher = yield* FramePublisher.make(setup, alone()).pipe(Effect.provideService(JetStream, own))
      yield* Effect.promise(() => server.kill())
      yield* until("the loss is noticed", () => !own.isConnected())
      for (const n of range(1, 100)) publisher.append(subjectOf("A"), packet, 3, Frame.Kind.ltp, n)
      publisher.clock(101)
      assert.strictEqual(yield* flying(publisher.drain), 100)
      yield* Effect.promise(() => server.start())
      const { isConnected } = yield* JetStream
      yield* until("the others are back", isConnected)
    })
  )
})
