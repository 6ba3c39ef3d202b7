import { assert, describe, it, layer } from "@effect/vitest"
import { type Clock, Effect, Either, Fiber } from "effect"
import * as Asks from "../../src/streams/Asks.ts"
import { JetStream } from "../../src/streams/JetStream.ts"
import * as Streams from "../../src/streams/Streams.ts"
import * as Subjects from "../../src/streams/Subjects.ts"
import { another, backend, Server, settings } from "./Nats.ts"

const question = { exchange: "NSE", instrument_token: 256265, tradingsymbol: "NIFTY 50", minutes: 1, from_ms: 1, to_ms: 2 }
const impatient = { ...Asks.fetchHistory, timeoutMs: 300 }

describe("ctl.ask", () => {
  it("the engine answers only to an inbox, so a question cannot make it publish on another subject", () => {
    const asked = (reply: string) =>
      Subjects.Asked.decodeEither(new TextEncoder().encode(JSON.stringify({ v: 1, request_id: "r", reply, question: {} })))
    for (const inbox of ["_INBOX.abc", "_INBOX_gateway.ABC123xyz"]) assert.isTrue(Either.isRight(asked(inbox)), inbox)
    for (const other of ["md.frame.NSE.NIFTY", "_INBOX.>", "_INBOX.*", "_INBOX", "$KV.actors.x", " _INBOX.a", "_INBOX.a b", ""])
      assert.isTrue(Either.isLeft(asked(other)), other)
  })
})

const ensured = Effect.flatMap(Server, (server) => Effect.withConfigProvider(Streams.ensure, settings(server)))

layer(backend, { excludeTestServices: true })("Asks", (it) => {
  it.effect("several questions at once each get their own answer from another user's connection", () =>
    Effect.scoped(
      Effect.gen(function* () {
        yield* ensured
        const engine = yield* JetStream
        const gateway = yield* another("gateway")
        yield* Effect.forkScoped(Asks.serve(Asks.fetchHistory, ({ minutes }) => Effect.succeed({ bars: minutes * 10 }), 2))
        yield* Effect.yieldNow()
        yield* Effect.promise(() => engine.nc.flush())
        const answers = yield* Effect.forEach(
          [1, 2, 3, 4, 5],
          (minutes) => Asks.ask(Asks.fetchHistory, { ...question, minutes }, "r1").pipe(Effect.provideService(JetStream, gateway)),
          { concurrency: 5 }
        )
        assert.deepStrictEqual(
          answers.map(({ bars }) => bars),
          [10, 20, 30, 40, 50]
        )
      })
    )
  )

  it.effect("a failure answers with its message, an unreadable question is declined, and without a server there is no answer", () =>
    Effect.scoped(
      Effect.gen(function* () {
        yield* ensured
        const engine = yield* JetStream
        const none = yield* Effect.flip(Asks.ask(impatient, question, "r2"))
        assert.strictEqual(none._tag, "NoAnswer")
        yield* Effect.forkScoped(Asks.serve(Asks.fetchHistory, () => Effect.fail(new Error("no such token")), 1))
        yield* Effect.yieldNow()
        yield* Effect.promise(() => engine.nc.flush())
        const declined = yield* Effect.flip(Asks.ask(Asks.fetchHistory, question, "r3"))
        assert.deepInclude(declined, { _tag: "Declined", detail: "no such token" })
        const odd = { ...Asks.fetchHistory, encodeQuestion: () => ({ instrument_token: "x" }) }
        assert.deepInclude(yield* Effect.flip(Asks.ask(odd, question, "r4")), { _tag: "Declined", detail: "the question cannot be read" })
      })
    )
  )

  it.effect("a question sent before the server listens is answered later, and is worked on once however often it is sent", () =>
    Effect.scoped(
      Effect.gen(function* () {
        yield* ensured
        const engine = yield* JetStream
        const { lastSeq } = yield* engine.info("CTL")
        const early = yield* Effect.fork(Asks.ask(Asks.fetchHistory, question, "r5"))
        const askedTimes = (times: number) =>
          Effect.repeat(
            Effect.zipRight(
              Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20))),
              Effect.map(engine.info("CTL"), (now) => now.lastSeq - lastSeq)
            ),
            { until: (count) => count >= times, times: 400 }
          )
        yield* askedTimes(1)
        let worked = 0
        const work = Effect.zipRight(
          Effect.sync(() => worked++),
          Effect.as(askedTimes(3), { bars: 7 })
        )
        yield* Effect.forkScoped(Asks.serve(Asks.fetchHistory, () => work, 4))
        assert.deepStrictEqual(yield* Fiber.join(early), { bars: 7 })
        assert.strictEqual(worked, 1)
      })
    )
  )

  it.effect("a kind of question may have its own limit, and a question that its asker no longer waits for is not worked on", () =>
    Effect.scoped(
      Effect.gen(function* () {
        yield* ensured
        const engine = yield* JetStream
        const small = { ...Asks.fetchHistory, what: "small", waitingMax: 1 }
        const finish = yield* Effect.makeLatch(false)
        const begun = yield* Effect.makeLatch(false)
        const ran: Array<number> = []
        const work = ({ minutes }: Asks.HistoryQuestion) =>
          Effect.sync(() => ran.push(minutes)).pipe(
            Effect.zipRight(begun.open),
            Effect.zipRight(finish.await),
            Effect.as({ bars: minutes })
          )
        let nowMs = 0
        const clock: Clock.Clock = Object.assign(Object.create(yield* Effect.clock), {
          unsafeCurrentTimeNanos: () => BigInt(nowMs) * 1_000_000n
        })
        yield* Effect.forkScoped(Effect.withClock(Asks.serve(small, work, 1), clock))
        yield* Effect.yieldNow()
        yield* Effect.promise(() => engine.nc.flush())
        const asking = (minutes: number) => Effect.fork(Effect.either(Asks.ask(small, { ...question, minutes }, `r${minutes}`)))
        const first = yield* asking(1)
        yield* begun.await
        // One of the two waits, and the other finds no room.
        const two = yield* Effect.forEach([2, 3], asking)
        const refused = yield* Effect.raceAll(two.map(Fiber.join))
        assert.deepInclude(Either.getOrThrow(Either.flip(refused)), { _tag: "Declined", detail: "too many questions are waiting" })
        nowMs = small.timeoutMs
        yield* finish.open
        assert.deepStrictEqual(yield* Fiber.join(first), Either.right({ bars: 1 }))
        const details = (yield* Effect.forEach(two, Fiber.join)).map((it) => (Either.isLeft(it) ? it.left.message : "answered"))
        assert.isTrue(
          details.some((it) => it.includes("the question waited too long")),
          details.join()
        )
        assert.deepStrictEqual(ran, [1])
      })
    )
  )
})
