import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Either, Fiber, TestClock } from "effect"
import { NatsError } from "../../src/streams/JetStream.ts"
import * as Patience from "../../src/streams/Patience.ts"

const lost = new NatsError({ op: "look up", cause: new Error("no answer") })
/** The time limit of a question to a server that is away. */
const limitMs = 5_000

/** A connection that the test loses, and a question that fails after its time limit while `answers` is false. */
const server = () => {
  const state = { isUp: true, answers: false, asked: 0 }
  const connection = {
    isConnected: () => state.isUp,
    whenConnected: <A, E>(_: string, self: Effect.Effect<A, E>): Effect.Effect<A, E | NatsError> =>
      Effect.suspend(
        (): Effect.Effect<A, E | NatsError> =>
          state.isUp ? self : Effect.zipRight(Effect.sleep(Duration.millis(limitMs)), Effect.fail(lost))
      )
  }
  const question = Effect.suspend(() => {
    state.asked++
    return state.answers ? Effect.succeed("answer") : Effect.zipRight(Effect.sleep(Duration.millis(limitMs)), Effect.fail(lost))
  })
  return { state, connection, question, patiently: Patience.make(connection) }
}
const always: Patience.Waiting = { actor: "test", isWanted: () => true }
/** How long something takes on the test's clock, and its end. */
const timed = <A, E>(self: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const beganMs = yield* Clock.currentTimeMillis
    const fiber = yield* Effect.fork(Effect.zip(Effect.either(self), Clock.currentTimeMillis))
    for (let step = 0; step < 1_000 && (yield* Fiber.poll(fiber))._tag === "None"; step++) yield* TestClock.adjust(Duration.millis(limitMs))
    const [end, endMs] = yield* Fiber.join(fiber)
    return { end, tookMs: endMs - beganMs }
  })

describe("waiting for NATS", () => {
  it.effect("asks again until NATS answers, also after a minute without a connection", () =>
    Effect.gen(function* () {
      const { state, patiently, question } = server()
      state.isUp = false
      const asking = yield* Effect.fork(patiently(always, question))
      yield* TestClock.adjust("70 seconds")
      assert.strictEqual((yield* Fiber.poll(asking))._tag, "None")
      state.isUp = true
      state.answers = true
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(asking), "answer")
    })
  )

  it.effect("waits at most ten minutes for a lost connection, and one for a server that is connected and does not answer", () =>
    Effect.gen(function* () {
      for (const [isUp, limit] of [
        [false, Patience.awayMaxMs],
        [true, Patience.refusedMaxMs]
      ] as const) {
        const { state, patiently, question } = server()
        state.isUp = isUp
        const { end, tookMs } = yield* timed(patiently(always, question))
        assert.strictEqual(end._tag, "Left")
        assert.isAbove(tookMs, limit)
        assert.isAtMost(tookMs, limit + 4 * limitMs)
      }
    })
  )

  it.effect("does not wait for an unwanted answer or after another error, and asks the second question if there is one", () =>
    Effect.gen(function* () {
      const { state, patiently, question } = server()
      assert.strictEqual((yield* timed(patiently({ ...always, isWanted: () => false }, question))).end._tag, "Left")
      assert.strictEqual(state.asked, 1)
      assert.strictEqual(yield* Effect.flip(patiently(always, Effect.fail("refused"))), "refused")
      const { end } = yield* timed(patiently(always, Effect.fail<NatsError | string>(lost), Effect.fail("other")))
      assert.deepStrictEqual(end, Either.left("other"))
    })
  )

  it.effect("a stop of work that cannot be interrupted waits a moment longer for NATS, and no more", () =>
    Effect.gen(function* () {
      for (const waitedMs of [limitMs, 10 * limitMs]) {
        const { state, patiently, question } = server()
        state.isUp = false
        const asking = yield* Effect.fork(Effect.uninterruptible(patiently(always, question)))
        yield* TestClock.adjust(Duration.millis(waitedMs))
        const stopped = yield* Effect.fork(Fiber.interrupt(asking))
        yield* TestClock.adjust(Duration.millis(Patience.stopMaxMs - 1_000))
        assert.strictEqual((yield* Fiber.poll(stopped))._tag, "None")
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual((yield* Fiber.poll(stopped))._tag, "Some")
      }
    })
  )

  it.effect("what NATS answers within that moment is done before the stop", () =>
    Effect.gen(function* () {
      const { state, patiently, question } = server()
      state.isUp = false
      let answer = ""
      const work = Effect.map(patiently(always, question), (found) => {
        answer = found
      })
      const asking = yield* Effect.fork(Effect.uninterruptible(work))
      yield* TestClock.adjust(Duration.millis(2 * limitMs))
      yield* Effect.fork(Fiber.interrupt(asking))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(answer, "")
      state.isUp = true
      state.answers = true
      yield* TestClock.adjust("1 second")
      assert.strictEqual(answer, "answer")
    })
  )

  it.effect("a supervisor waits for the connection", () =>
    Effect.gen(function* () {
      const { state, connection } = server()
      yield* Patience.connected(connection, "test")
      state.isUp = false
      const waiting = yield* Effect.fork(Patience.connected(connection, "test"))
      yield* TestClock.adjust("2 minutes")
      assert.strictEqual((yield* Fiber.poll(waiting))._tag, "None")
      state.isUp = true
      yield* TestClock.adjust(Duration.millis(limitMs))
      yield* Fiber.join(waiting)
    })
  )
})
