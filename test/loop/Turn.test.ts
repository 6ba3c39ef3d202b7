import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, TestClock } from "effect"
import * as Turn from "../../src/loop/Turn.ts"

const late = () => "late"

describe("a time limit", () => {
  // The clock of these tests stands still, so an answer that waited for the limit would never come.
  it.effect("ends with the answer, also where an interruption has to wait", () =>
    Effect.gen(function* () {
      const answered = Turn.inTime(Effect.succeed("answer"), "2 seconds", late)
      assert.strictEqual(yield* answered, "answer")
      assert.strictEqual(yield* Effect.uninterruptible(answered), "answer")
      const ended = yield* Deferred.make<string, string>()
      yield* Effect.ensuring(Effect.void, Effect.ignore(Effect.intoDeferred(answered, ended)))
      assert.strictEqual(yield* ended, "answer")
    })
  )

  it.effect("ends a wait without an answer, also where an interruption has to wait", () =>
    Effect.gen(function* () {
      for (const waiting of [Effect.never, Effect.uninterruptible(Effect.never)]) {
        const limited = Effect.flip(Turn.inTime(waiting, "2 seconds", late))
        for (const self of [limited, Effect.uninterruptible(limited)]) {
          const fiber = yield* Effect.fork(self)
          yield* TestClock.adjust("2 seconds")
          assert.strictEqual(yield* Fiber.join(fiber), "late")
        }
      }
    })
  )
})
