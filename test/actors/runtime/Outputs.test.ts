import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import * as Board from "../../../src/actors/runtime/Board.ts"
import * as Outputs from "../../../src/actors/runtime/Outputs.ts"
import { OutputGuard } from "../../../src/domain/record/OutputGuard.ts"
import * as OutputPlace from "../../../src/domain/record/OutputPlace.ts"
import { JetStream, type Message } from "../../../src/streams/JetStream.ts"
import * as OrderedRead from "../../../src/streams/OrderedRead.ts"
import { valueOf } from "../../metrics/Counted.ts"
import { backend, bytes, collect, messages, range, Server, streams, text, until } from "../../streams/Nats.ts"
import type { NatsServer } from "../../TestBackends.ts"
import { heldLease } from "../HeldLease.ts"

const stream = "SYS"
/** Each test has its own subjects, because the server remembers message ids. */
let test = 0
const at = (name: string) => `sys.quality.${test}.${name}`
const output = (seq: number, name: string, value: string | (() => Uint8Array) = `${name}${seq}`, covers?: string) => ({
  seq,
  message: {
    stream,
    subject: at(name),
    encode: (covered?: number) => (typeof value === "string" ? bytes(covers === undefined ? value : `${value} ${covered}`) : value()),
    ...(covers === undefined ? {} : { covers: { stream, subject: at(covers) } })
  }
})
const brief = (seq: number, name: string) => {
  const { message } = output(seq, name)
  return { seq, message: { ...message, isShortLived: true } }
}

/** A publisher, and the messages that the stream holds from it. */
const publishing = Effect.gen(function* () {
  const jetStream = yield* JetStream
  test++
  const { lastSeq } = yield* jetStream.info(stream)
  const publish = Outputs.make(jetStream)
  const stored = Effect.scoped(
    Effect.gen(function* () {
      const items = yield* collect((yield* OrderedRead.make({ stream, filters: [], start: { _tag: "After", seq: lastSeq } })).takeAll)
      const newest = (yield* jetStream.info(stream)).lastSeq
      yield* until("all is read", () => newest === lastSeq || messages(items).at(-1)?.seq === newest)
      return messages(items)
    })
  )
  return { jetStream, publish, stored, lastSeq } as const
})
const texts = (stored: ReadonlyArray<Message>, name: string) => stored.filter(({ subject }) => subject === at(name)).map(text)

layer(Layer.provideMerge(streams, backend), { excludeTestServices: true })("Outputs", (it) => {
  it.scoped("publishes each subject's messages in order, and a message that covers another subject after that subject's messages", () =>
    Effect.gen(function* () {
      const { publish, stored, lastSeq } = yield* publishing
      const board = Board.make("a", heldLease, 1)
      const outputs = range(1, 40).flatMap((seq) => [output(seq, `s${seq % 30}`), output(seq, "delta"), output(seq, "delta", "second")])
      const outcome = yield* publish(board, [...outputs, output(40, "chain", "covers", "delta")])
      assert.deepStrictEqual(outcome, { published: 121, silenced: 0, unfit: [] })
      const found = yield* stored
      assert.deepStrictEqual(texts(found, "s7"), ["s77", "s737"])
      assert.deepStrictEqual(
        texts(found, "delta"),
        range(1, 40).flatMap((seq) => [`delta${seq}`, "second"])
      )
      const newest = found.filter(({ subject }) => subject === at("delta")).at(-1)?.seq ?? 0
      assert.isAbove(newest, lastSeq)
      assert.deepStrictEqual(texts(found, "chain"), [`covers ${newest}`])
    })
  )

  it.scoped("a short-lived output has its place and no id for the server to remember, and is not published again by a later run", () =>
    Effect.gen(function* () {
      const { publish, stored } = yield* publishing
      const of = (seq: number) => brief(seq, "brief")
      yield* publish(Board.make("a", heldLease, 1), [of(1), of(2), output(2, "lasting")])
      const again = yield* publish(Board.make("a", heldLease, 1), [of(1), of(2), of(3)])
      assert.deepInclude(again, { published: 1, silenced: 2 })
      const found = yield* stored
      const idOf = ({ header }: Message) => header("Nats-Msg-Id")
      assert.deepStrictEqual(texts(found, "brief"), ["brief1", "brief2", "brief3"])
      for (const message of found) {
        assert.isDefined(OutputPlace.parse(message.header(OutputPlace.name)))
        assert.strictEqual(idOf(message) === "", message.subject === at("brief"))
      }
    })
  )

  it.scoped("short-lived outputs of many subjects are stored once and in order, also across a server restart", () =>
    Effect.gen(function* () {
      const { publish, stored } = yield* publishing
      const server = yield* Server
      const board = Board.make("a", heldLease, 1)
      const batch = (seq: number) => range(1, 600).map((n) => brief(seq, `n${n}`))
      assert.deepStrictEqual(yield* publish(board, batch(1)), { published: 600, silenced: 0, unfit: [] })
      assert.deepStrictEqual(
        (yield* stored).map(text),
        range(1, 600).map((n) => `n${n}1`)
      )
      // The server dies while messages are on their way, or before them.
      const sending = yield* Effect.fork(publish(board, [...batch(2), ...batch(3)]))
      yield* Effect.promise(() => server.kill())
      yield* Effect.promise(() => server.start())
      const { published, silenced } = yield* Fiber.join(sending)
      assert.strictEqual(published + silenced, 1_200)
      const found = yield* stored
      for (const n of range(1, 600)) assert.deepStrictEqual(texts(found, `n${n}`), [`n${n}1`, `n${n}2`, `n${n}3`])
    })
  )

  it.scoped("a short-lived output that cannot be encoded is reported once, and the others are published", () =>
    Effect.gen(function* () {
      const { publish, stored } = yield* publishing
      const bad = { ...brief(1, "bad"), message: { ...brief(1, "bad").message, encode: () => new Uint8Array(2 ** 21) } }
      const outcome = yield* publish(Board.make("a", heldLease, 1), [brief(1, "a"), bad, brief(1, "b")])
      assert.deepStrictEqual([outcome.published, outcome.unfit.map(({ subject }) => subject)], [2, [at("bad")]])
      assert.deepStrictEqual((yield* stored).map(text), ["a1", "b1"])
      const alone = yield* publish(Board.make("a", heldLease, 1), [bad])
      assert.deepStrictEqual([alone.published, alone.unfit.length], [0, 1])
    })
  )

  it.scoped("reports an output that cannot be encoded with its reason, and publishes the others", () =>
    Effect.gen(function* () {
      const { publish, stored, jetStream } = yield* publishing
      const throwing = () => {
        throw new Error("no such number")
      }
      const outcome = yield* publish(Board.make("a", heldLease, 1), [
        output(1, "a"),
        output(2, "a", throwing),
        output(3, "b", () => new Uint8Array(jetStream.payloadMax())),
        output(4, "a"),
        output(5, "b")
      ])
      assert.strictEqual(outcome.published, 3)
      assert.deepStrictEqual(
        outcome.unfit.map(({ subject, seq }) => [subject, seq]).sort(),
        [
          [at("a"), 2],
          [at("b"), 3]
        ].sort()
      )
      const reasons = outcome.unfit.map(({ reason }) => reason).join("; ")
      assert.include(reasons, "cannot be encoded: Error: no such number")
      assert.include(reasons, `${jetStream.payloadMax()} bytes are more than the server takes`)
      const found = yield* stored
      assert.deepStrictEqual([texts(found, "a"), texts(found, "b")], [["a1", "a4"], ["b5"]])
    })
  )

  it.scoped("does not publish again what an earlier run published, also when all subjects were read at once", () =>
    Effect.gen(function* () {
      const { publish, stored, jetStream } = yield* publishing
      const outputs = [output(1, "a"), output(1, "a", "1b"), output(2, "a"), output(1, "b")]
      yield* publish(Board.make("a", heldLease, 1), outputs.slice(0, 2))
      // A third run of the same record looks up the subjects that it needs. A run of another record ignores what it finds.
      assert.deepInclude(yield* publish(Board.make("a", heldLease, 1), outputs), { published: 2, silenced: 2 })
      assert.deepStrictEqual(texts(yield* stored, "a"), ["a1", "1b", "a2"])
      const noted = Board.make("a", heldLease, 1)
      for (const message of yield* stored) Board.note(noted, message)
      noted.wholeStreams.add("SYS")
      assert.deepInclude(yield* publish(noted, [...outputs, output(3, "c")]), { published: 1, silenced: 4 })
      assert.deepInclude(yield* publish(Board.make("a", heldLease, 2), [output(1, "a", "another record")]), { published: 1, silenced: 0 })
      assert.strictEqual((yield* jetStream.info(stream)).lastSeq, (yield* stored).at(-1)?.seq)
    })
  )

  it.scoped("BE-ISO-02 outputs carry the epoch; a late output of a replaced process is refused and does not replace its successor's", () =>
    Effect.gen(function* () {
      const { publish, stored } = yield* publishing
      const replaced = Board.make("a", heldLease, 1)
      const successor = Board.make("a", { ...heldLease, epoch: 5 }, 1)
      yield* publish(replaced, [output(1, "a")])
      yield* publish(successor, [output(2, "a")])
      // It was frozen between its check of the lease and its write to the socket.
      yield* publish(replaced, [output(3, "a", "late")])
      yield* publish(successor, [output(3, "a"), output(4, "a")])
      const guard = new OutputGuard()
      const accepted = (yield* stored).filter((message) => guard.refusal(message) === undefined)
      assert.deepStrictEqual(texts(accepted, "a"), ["a1", "a2", "a3", "a4"])
      assert.deepStrictEqual(
        accepted.map(({ header }) => OutputPlace.parse(header(OutputPlace.name))?.epoch),
        [1, 5, 5, 5]
      )
    })
  )

  it.scoped("a process whose epoch is smaller than the published one, because epochs were lost, continues above it", () =>
    Effect.gen(function* () {
      const { publish, stored } = yield* publishing
      yield* publish(Board.make("a", { ...heldLease, epoch: 900 }, 1), [output(1, "a")])
      yield* publish(Board.make("a", heldLease, 1), [output(2, "a")])
      const guard = new OutputGuard()
      const found = yield* stored
      assert.deepStrictEqual(
        found.map((message) => guard.refusal(message)),
        [undefined, undefined]
      )
      assert.deepStrictEqual(texts(found, "a"), ["a1", "a2"])
    })
  )

  it.scoped("publishes nothing after the lease has ended", () =>
    Effect.gen(function* () {
      const { publish, stored } = yield* publishing
      let asked = 0
      const board = Board.make("a", { epoch: 1, isHeld: () => ++asked <= 3 }, 1)
      const error = yield* Effect.flip(
        publish(
          board,
          range(1, 10).map((seq) => output(seq, "a"))
        )
      )
      assert.strictEqual(error._tag, "Replaced")
      assert.deepStrictEqual(texts(yield* stored, "a"), ["a1", "a2", "a3"])
    })
  )

  const outages: Readonly<Record<string, (server: NatsServer) => readonly [begin: Promise<void>, end: () => Promise<void>]>> = {
    killed: (server) => [server.kill(), () => server.start()],
    frozen: (server) => [Promise.resolve(server.freeze()), () => Promise.resolve(server.thaw())]
  }
  for (const [how, away] of Object.entries(outages)) {
    it.scoped(`BE-SVC-10 the first outputs on a subject wait for a NATS that is ${how}, and are published once`, () =>
      Effect.gen(function* () {
        const { publish, stored } = yield* publishing
        const server = yield* Server
        yield* publish(Board.make("waiting", heldLease, 1), [output(1, "a")])
        const triedAgain = () => valueOf("nats_tried_again_total", { actor: "waiting" })
        const triedBefore = triedAgain()
        const [begin, end] = away(server)
        yield* Effect.promise(() => begin)
        // The subject's newest message must be looked up: this run does not know it.
        const sending = yield* Effect.fork(publish(Board.make("waiting", heldLease, 1), [output(1, "a"), output(2, "a"), brief(2, "b")]))
        // The first look-up has reached its time limit.
        yield* until("it is tried again", () => triedAgain() > triedBefore)
        yield* Effect.promise(end)
        assert.deepInclude(yield* Fiber.join(sending), { published: 2, silenced: 1 })
        const found = yield* stored
        assert.deepStrictEqual([texts(found, "a"), texts(found, "b")], [["a1", "a2"], ["b2"]])
      })
    )
  }

  it.scoped("a batch is stored completely, once and in order across a server restart", () =>
    Effect.gen(function* () {
      const { publish, stored } = yield* publishing
      const server = yield* Server
      const names = ["a", "b", "c"]
      const board = Board.make("a", heldLease, 1)
      const batch = (from: number) =>
        publish(
          board,
          range(from, from + 30).flatMap((seq) => names.map((name, nth) => (nth % 2 === 0 ? output(seq, name) : brief(seq, name))))
        )
      yield* batch(1)
      yield* Effect.promise(() => server.kill())
      const sending = yield* Effect.fork(batch(32))
      yield* Effect.promise(() => server.start())
      yield* Fiber.join(sending)
      const found = yield* stored
      for (const name of names) {
        assert.deepStrictEqual(
          texts(found, name),
          range(1, 62).map((seq) => `${name}${seq}`)
        )
      }
    })
  )
})
