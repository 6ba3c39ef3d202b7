import { assert, layer } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Scope } from "effect"
import { JetStream } from "../../src/streams/JetStream.ts"
import * as OrderedRead from "../../src/streams/OrderedRead.ts"
import { another, backend, bytes, collect, freshStream, gaps, messages, range, Server, text, until } from "./Nats.ts"

const beginning: OrderedRead.Start = { _tag: "After", seq: 0 }

layer(backend, { excludeTestServices: true })("OrderedRead", (it) => {
  it.scoped("reads stored and new messages in order, with their subject, time and headers", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream()
      yield* stream.putMany("a", 1_800)
      const read = yield* OrderedRead.make({ stream: stream.name, filters: [stream.at("*")], start: beginning })
      assert.strictEqual(read.pendingAtStart, 1_800)
      const items = yield* collect(read.takeAll)
      yield* stream.putMany("b", 200)
      yield* until("all are read", () => items.length === 2_000)
      const all = messages(items)
      assert.deepStrictEqual(
        all.map(({ seq }) => seq),
        range(1, 2_000)
      )
      assert.strictEqual(new Set(all.map(text)).size, 2_000)
      assert.strictEqual(read.lastSeq(), 2_000)
      const last = all.at(-1)
      assert.deepStrictEqual([last?.subject, last?.pending], [stream.at("b"), 0])
      assert.isBelow(Math.abs((last?.timeMs ?? 0) - Date.now()), 60_000)
    })
  )

  for (const how of ["stop", "kill"] as const) {
    it.scoped(`loses and doubles nothing over two server restarts (${how})`, () =>
      Effect.gen(function* () {
        const server = yield* Server
        const stream = yield* freshStream()
        const read = yield* OrderedRead.make({ stream: stream.name, filters: [stream.at("a")], start: beginning })
        const items = yield* collect(read.takeAll)
        const writing = yield* Effect.fork(Effect.forEach(range(1, 900), (n) => stream.put(n % 3 === 0 ? "b" : "a"), { discard: true }))
        for (const at of [150, 350]) {
          yield* until(`${at} are read`, () => items.length >= at)
          yield* Effect.promise(() => server[how]())
          yield* Effect.promise(() => server.start())
        }
        yield* Fiber.join(writing)
        yield* until("all are read", () => items.length >= 600)
        assert.deepStrictEqual(
          messages(items).map(text),
          range(1, 900)
            .filter((n) => n % 3 !== 0)
            .map(String)
        )
        assert.deepStrictEqual(gaps(items), [])
      })
    )
  }

  it.scoped("a reader that was busy gets more messages as soon as it takes again, without waiting for the watch", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream()
      yield* stream.putMany("a", 3_000)
      const still = Object.assign(Clock.make(), { sleep: () => Effect.never })
      const options = { stream: stream.name, filters: [stream.at("a")], start: beginning, bufferMax: 50 }
      const read = yield* Effect.withClock(OrderedRead.make(options), still)
      let seen = 0
      const look = (items: ReadonlyArray<unknown>) => {
        seen += items.length
        return false
      }
      while (seen < 3_000) {
        yield* read.takeWhile(look)
        yield* Effect.sleep("10 millis") // all fetched messages arrive meanwhile
      }
      assert.strictEqual(seen, 3_000)
    })
  )

  it.scoped("continues behind the last message when its consumer is deleted", () =>
    Effect.gen(function* () {
      const { jsm } = yield* JetStream
      const stream = yield* freshStream()
      const read = yield* OrderedRead.make({ stream: stream.name, filters: [], start: beginning })
      const items = yield* collect(read.takeAll)
      for (const round of range(1, 4)) {
        yield* stream.putMany("a", 300)
        for (const { name } of yield* stream.consumers) yield* Effect.promise(() => jsm.consumers.delete(stream.name, name))
        yield* stream.putMany("a", 100)
        yield* until(`round ${round} is read`, () => items.length >= round * 400)
      }
      assert.deepStrictEqual(
        messages(items).map(({ seq }) => seq),
        range(1, 1_600)
      )
    })
  )

  it.scoped("a reader that does not take stops the flow, and loses nothing when it takes again", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream()
      yield* stream.putMany("a", 3_000)
      const read = yield* OrderedRead.make({ stream: stream.name, filters: [stream.at("a")], start: beginning, bufferMax: 100 })
      // No fetch is open although many messages are left: the reader has stopped fetching.
      yield* until("it has stopped asking", () =>
        Effect.map(
          stream.consumers,
          ([only]) => read.lastSeq() >= 100 && only?.num_waiting === 0 && only.delivered.consumer_seq === read.lastSeq()
        )
      )
      assert.isAtMost(read.lastSeq(), 100 + 750)
      const items = yield* collect(read.takeAll)
      yield* until("all are read", () => items.length >= 3_000)
      assert.deepStrictEqual(
        messages(items).map(({ seq }) => seq),
        range(1, 3_000)
      )
    })
  )

  it.scoped("a start beyond the stream's end gives a gap and then every message", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream()
      yield* stream.putMany("a", 10)
      const items = yield* collect(
        (yield* OrderedRead.make({ stream: stream.name, filters: [], start: { _tag: "After", seq: 20 } })).takeAll
      )
      yield* stream.put("a")
      yield* until("all are read", () => items.length >= 12)
      assert.deepStrictEqual(items[0], { _tag: "Gap", from: 21, to: 0, recreated: true })
      assert.deepStrictEqual(
        messages(items).map(({ seq }) => seq),
        range(1, 11)
      )
    })
  )

  it.scoped("a start exactly at the end gives no gap, nor does an empty stream", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream()
      const empty = yield* collect((yield* OrderedRead.make({ stream: stream.name, filters: [], start: beginning })).takeAll)
      yield* stream.putMany("a", 10)
      const items = yield* collect(
        (yield* OrderedRead.make({ stream: stream.name, filters: [], start: { _tag: "After", seq: 10 } })).takeAll
      )
      yield* stream.put("a")
      yield* until("both have the last", () => items.length >= 1 && empty.length >= 11)
      assert.deepStrictEqual(
        messages(items).map(({ seq }) => seq),
        [11]
      )
      assert.deepStrictEqual([...gaps(empty), ...gaps(items)], [])
    })
  )

  it.scoped("a start before the first stored message gives a gap for the missing ones", () =>
    Effect.gen(function* () {
      const { jsm } = yield* JetStream
      const stream = yield* freshStream()
      yield* stream.putMany("a", 30)
      yield* Effect.promise(() => jsm.streams.purge(stream.name, { seq: 21 }))
      const read = yield* OrderedRead.make({ stream: stream.name, filters: [stream.at("a")], start: { _tag: "After", seq: 5 } })
      const items = yield* collect(read.takeAll)
      yield* until("all are read", () => items.length >= 11)
      assert.deepStrictEqual(items[0], { _tag: "Gap", from: 6, to: 20, recreated: false })
      assert.deepStrictEqual(
        messages(items).map(({ seq }) => seq),
        range(21, 30)
      )
    })
  )

  it.scoped("messages that were purged while the reader was busy are a gap", () =>
    Effect.gen(function* () {
      const { jsm } = yield* JetStream
      const stream = yield* freshStream()
      yield* stream.putMany("a", 10)
      const read = yield* OrderedRead.make({ stream: stream.name, filters: [stream.at("a")], start: beginning })
      const items = yield* collect(read.takeAll)
      yield* until("the first are read", () => items.length === 10)
      // Publish on another subject, so that the consumer does not deliver the messages that are purged next.
      yield* stream.putMany("b", 10)
      yield* Effect.promise(() => jsm.streams.purge(stream.name))
      read.refilter([stream.at("a"), stream.at("b")])
      yield* stream.put("b")
      yield* until("the gap and the last are read", () => items.length >= 12)
      assert.deepStrictEqual(items[10], { _tag: "Gap", from: 11, to: 20, recreated: false })
      assert.deepStrictEqual(
        messages(items).map(({ seq }) => seq),
        [...range(1, 10), 21]
      )
    })
  )

  it.scoped("a stream that was deleted and made again gives a gap and then every message", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream()
      yield* stream.putMany("a", 10)
      const read = yield* OrderedRead.make({ stream: stream.name, filters: [stream.at("a")], start: beginning })
      const items = yield* collect(read.takeAll)
      yield* until("the first are read", () => items.length === 10)
      yield* stream.remove
      yield* stream.create
      // The stream is longer than before, so only its creation time shows that it is another stream.
      yield* stream.putMany("a", 25)
      yield* until("all are read", () => items.length >= 36)
      assert.deepStrictEqual(items[10], { _tag: "Gap", from: 11, to: 0, recreated: true })
      assert.deepStrictEqual(
        messages(items).map(({ seq }) => seq),
        [...range(1, 10), ...range(1, 25)]
      )
    })
  )

  it.scoped("refilter under load: a kept subject loses nothing, a new one begins behind lastSeq(), an old one ends there", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream()
      const of = (...names: ReadonlyArray<string>) => names.map(stream.at)
      const read = yield* OrderedRead.make({ stream: stream.name, filters: of("a", "b"), start: beginning })
      const items = yield* collect(read.takeAll)
      const subjects = ["a", "b", "c"]
      const writing = yield* Effect.fork(
        Effect.forEach(range(0, 2_999), (n) => stream.put(subjects[n % 3] ?? ""), { concurrency: 20, discard: true })
      )
      const sets = [["b", "c"], ["a", "b"], ["b"], ["a", "b", "c"]]
      const cuts = [{ seq: 0, names: ["a", "b"] }]
      for (const [at, names] of sets.entries()) {
        yield* until("some are read", () => read.lastSeq() > 500 * (at + 1))
        read.refilter(of("a"))
        read.refilter(of(...names)) // two calls at once make one consumer
        cuts.push({ seq: read.lastSeq(), names })
      }
      yield* Fiber.join(writing)
      yield* until("the last is read", () => read.lastSeq() === 3_000)
      const truth = yield* collect((yield* OrderedRead.make({ stream: stream.name, filters: [], start: beginning })).takeAll)
      yield* until("the stream is read", () => truth.length === 3_000)
      const wanted = messages(truth).filter(({ seq, subject }) =>
        cuts
          .findLast((cut) => cut.seq < seq)
          ?.names.map(stream.at)
          .includes(subject)
      )
      yield* until("all are taken", () => items.length >= wanted.length)
      assert.deepStrictEqual(
        messages(items).map(({ seq, subject }) => [seq, subject]),
        wanted.map(({ seq, subject }) => [seq, subject])
      )
    })
  )

  it.scoped("reads the newest message of every subject, then every new one", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream()
      for (const subject of ["a", "b", "a", "c", "b", "a", "x.y"]) yield* stream.put(subject)
      const read = yield* OrderedRead.make({
        stream: stream.name,
        filters: [stream.at("a"), stream.at("b")],
        start: { _tag: "LastPerSubject" }
      })
      assert.strictEqual(read.pendingAtStart, 2)
      const items = yield* collect(read.takeAll)
      yield* until("the newest are read", () => items.length === 2)
      yield* stream.putMany("a", 3)
      yield* until("all are read", () => items.length >= 5)
      assert.deepStrictEqual(
        messages(items).map(({ seq }) => seq),
        [5, 6, 8, 9, 10]
      )
    })
  )

  it.scoped("a break before the newest messages have come reads the newest again and not the whole history", () =>
    Effect.gen(function* () {
      const { jsm } = yield* JetStream
      const stream = yield* freshStream()
      yield* stream.putMany("x", 500)
      for (const subject of range(1, 400)) yield* stream.putMany(String(subject), 3)
      const filters = range(1, 400).map((subject) => stream.at(String(subject)))
      const read = yield* OrderedRead.make({ stream: stream.name, filters: [...filters], start: { _tag: "LastPerSubject" }, bufferMax: 1 })
      assert.strictEqual(read.pendingAtStart, 400)
      for (const { name } of yield* stream.consumers) yield* Effect.promise(() => jsm.consumers.delete(stream.name, name))
      const items = yield* collect(read.takeAll)
      yield* until("the newest are read", () => items.length >= 400)
      yield* stream.putMany("1", 2)
      yield* until("what came is read", () => items.length >= 402)
      const seqs = messages(items).map(({ seq }) => seq)
      assert.deepStrictEqual(
        seqs,
        [...seqs].sort((one, other) => one - other)
      )
      assert.strictEqual(new Set(seqs).size, 402)
      assert.strictEqual(new Set(messages(items).map(({ subject }) => subject)).size, 400)
    })
  )

  for (const start of ["New", "LastPerSubject"] as const) {
    it.scoped(`${start} of an empty stream keeps its start over a break before the first message`, () =>
      Effect.gen(function* () {
        const server = yield* Server
        const { isConnected } = yield* JetStream
        const stream = yield* freshStream()
        yield* stream.putMany(start === "New" ? "a" : "b", 5)
        const own = yield* another() // reader and writer use separate connections
        const read = yield* OrderedRead.make({ stream: stream.name, filters: [stream.at("a")], start: { _tag: start } }).pipe(
          Effect.provideService(JetStream, own)
        )
        yield* Effect.promise(() => server.kill())
        yield* Effect.promise(() => server.start())
        yield* until("the writer is back", isConnected)
        yield* stream.putMany("a", 3)
        const items = yield* collect(read.takeAll)
        yield* until("all are read", () => items.length >= 3)
        assert.deepStrictEqual(
          messages(items).map(({ seq }) => seq),
          [6, 7, 8]
        )
      })
    )
  }

  it.effect("leaves no consumer behind, and a waiting take ends", () =>
    Effect.gen(function* () {
      const stream = yield* freshStream()
      const scope = yield* Scope.make()
      const make = OrderedRead.make({ stream: stream.name, filters: [], start: beginning })
      const read = yield* Scope.extend(make, scope)
      const waiting = yield* Effect.fork(read.takeAll)
      read.refilter([stream.at("a")]) // the scope closes while the consumer is made again
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(waiting)))
      assert.isTrue(Exit.isInterrupted(yield* Effect.exit(read.takeAll)))
      const second = yield* Scope.make()
      yield* Scope.extend(make, second)
      assert.isNotEmpty(yield* stream.consumers)
      yield* Scope.close(second, Exit.void)
      yield* until("no consumer of a closed read fetches", () =>
        Effect.map(stream.consumers, (left) => left.every(({ num_waiting }) => num_waiting === 0))
      )
    })
  )

  it.scoped("a missing stream fails the start with its name", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(OrderedRead.make({ stream: "NONE", filters: [], start: beginning }))
      assert.include(error.message, "read NONE")
    })
  )

  it.scoped("a read waits for a frozen server", () =>
    Effect.gen(function* () {
      const server = yield* Server
      const { nc } = yield* JetStream
      const stream = yield* freshStream()
      const read = yield* OrderedRead.make({ stream: stream.name, filters: [], start: beginning })
      const items = yield* collect(read.takeAll)
      server.freeze()
      for (const n of range(1, 50)) nc.publish(stream.at("a"), bytes(String(n)))
      server.thaw()
      yield* until("all are read", () => items.length >= 50)
      assert.deepStrictEqual(messages(items).map(text), range(1, 50).map(String))
    })
  )
})
