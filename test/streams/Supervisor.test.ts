import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Fiber, Ref, TestClock } from "effect"
import { pauseMs, supervise } from "../../src/streams/Supervisor.ts"

/** An actor that counts its starts and then does `next`. */
const counted = (next: (start: number) => Effect.Effect<unknown, unknown>, ready?: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const starts = yield* Ref.make(0)
    const fiber = yield* Effect.fork(
      supervise(
        "test",
        "a",
        Effect.flatMap(
          Ref.updateAndGet(starts, (n) => n + 1),
          next
        ),
        ready
      )
    )
    yield* Effect.yieldNow()
    return { starts: Ref.get(starts), fiber }
  })

describe("Supervisor", () => {
  it.effect("BE-SVC-10 an actor that failed starts again only when what it needs is ready", () =>
    Effect.gen(function* () {
      const isBack = yield* Effect.makeLatch(false)
      const { starts, fiber } = yield* counted((start) => (start === 1 ? Effect.fail("NATS is away") : Effect.never), isBack.await)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* starts, 1)
      yield* isBack.open
      yield* TestClock.adjust("1 milli")
      assert.strictEqual(yield* starts, 2)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("BE-SVC-10 starts an actor again after a failure, a defect or an end, with growing pauses", () =>
    Effect.gen(function* () {
      const endings = [Effect.fail("lost"), Effect.die(new Error("bug")), Effect.void]
      const { starts, fiber } = yield* counted((start) => endings[start - 1] ?? Effect.never)
      assert.strictEqual(yield* starts, 1)
      yield* TestClock.adjust("125 millis")
      assert.strictEqual(yield* starts, 2)
      yield* TestClock.adjust("70 millis")
      assert.strictEqual(yield* starts, 2) // the second pause is at least 160 ms
      yield* TestClock.adjust("200 millis")
      assert.strictEqual(yield* starts, 3)
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* starts, 4)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("a long healthy run resets the pause", () =>
    Effect.gen(function* () {
      const { starts, fiber } = yield* counted((start) =>
        start <= 6 ? Effect.fail("x") : Effect.zipRight(Effect.sleep("31 seconds"), Effect.fail("late"))
      )
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(yield* starts, 7)
      yield* TestClock.adjust("32 seconds")
      assert.strictEqual(yield* starts, 8)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("an interruption ends the supervisor and its actor", () =>
    Effect.gen(function* () {
      const released = yield* Ref.make(false)
      const { fiber, starts } = yield* counted(() => Effect.ensuring(Effect.never, Ref.set(released, true)))
      yield* Fiber.interrupt(fiber)
      assert.isTrue(yield* Ref.get(released))
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* starts, 1)
    })
  )

  it.prop(
    "the pause is bounded and never falls with more failures",
    [FastCheck.nat(1_000), FastCheck.double({ min: 0, max: 1, noNaN: true })],
    ([failures, jitter]) => {
      const pause = pauseMs(failures, jitter)
      assert.isAtLeast(pause, 80)
      assert.isAtMost(pause, 12_000.001)
      assert.isAtLeast(pauseMs(failures + 1, jitter), pause)
    }
  )
})
