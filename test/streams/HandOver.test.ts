import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import * as HandOver from "../../src/streams/HandOver.ts"

const until = (isSo: () => boolean) => Effect.repeat(Effect.yieldNow(), { until: isSo })

describe("HandOver", () => {
  it.effect("calls `look` for each offer, directly from the offering code, until it answers false", () =>
    Effect.gen(function* () {
      const out = HandOver.make<number, never>(10)
      const seen: Array<ReadonlyArray<number>> = []
      const reading = yield* Effect.fork(
        out.takeWhile((items) => {
          seen.push([...items])
          return !items.includes(4)
        })
      )
      yield* Effect.yieldNow()
      assert.deepStrictEqual(out.offer([1]), [])
      assert.deepStrictEqual(out.offer([2, 3]), [])
      assert.deepStrictEqual(seen, [[1], [2, 3]])
      assert.isNull(reading.unsafePoll())
      out.offer([4])
      out.offer([5])
      yield* Fiber.join(reading)
      assert.deepStrictEqual(seen, [[1], [2, 3], [4]])
      assert.strictEqual(out.waiting(), 1)
      assert.deepStrictEqual(yield* out.takeAll, [5])
      assert.strictEqual(out.waiting(), 0)
    })
  )

  it.effect("while the reader is busy, items wait in order up to the limit, and a further offer waits for room", () =>
    Effect.gen(function* () {
      const out = HandOver.make<number, never>(3)
      assert.deepStrictEqual(out.offer([1, 2]), [])
      assert.deepStrictEqual(out.offer([3, 4, 5]), [4, 5])
      const writing = yield* Effect.fork(out.offerAll([4, 5, 6, 7, 8]))
      yield* Effect.yieldNow()
      assert.isNull(writing.unsafePoll())
      const seen: Array<number> = []
      yield* Effect.fork(
        out.takeWhile((items) => {
          seen.push(...items)
          return true
        })
      )
      yield* Fiber.join(writing)
      assert.deepStrictEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8])
    })
  )

  it.effect("a reader gets the waiting items before the end, a waiting reader sees the end at once, and later items are dropped", () =>
    Effect.gen(function* () {
      const out = HandOver.make<number, string>(3)
      out.offer([1])
      out.end(Effect.fail("over"))
      out.end(Effect.fail("too late"))
      const seen: Array<number> = []
      const look = (items: ReadonlyArray<number>) => {
        seen.push(...items)
        return true
      }
      assert.deepStrictEqual(yield* Effect.exit(out.takeWhile(look)), Exit.fail("over"))
      assert.deepStrictEqual(out.offer([2, 3, 4, 5]), [])
      yield* out.offerAll([6, 7, 8, 9])
      assert.deepStrictEqual(seen, [1])

      const other = HandOver.make<number, string>(3)
      const reading = yield* Effect.fork(other.takeWhile(look))
      yield* Effect.yieldNow()
      other.end(Effect.interrupt)
      assert.isTrue(Exit.isInterrupted(yield* Fiber.await(reading)))
    })
  )

  it.effect("an offer that waits for room continues when the queue ends", () =>
    Effect.gen(function* () {
      const out = HandOver.make<number, string>(1)
      const writing = yield* Effect.fork(out.offerAll([1, 2]))
      yield* Effect.yieldNow()
      out.end(Effect.fail("over"))
      yield* Fiber.join(writing)
    })
  )

  it.effect("an empty offer wakes no reader, and items that woke an interrupted wait stay in the queue", () =>
    Effect.gen(function* () {
      const out = HandOver.make<number, never>(10)
      const reading = yield* Effect.fork(out.takeAll)
      yield* Effect.yieldNow()
      out.offer([])
      yield* out.offerAll([])
      yield* Effect.yieldNow()
      assert.isNull(reading.unsafePoll())
      out.offer([1, 2])
      yield* Fiber.interrupt(reading)
      assert.strictEqual(out.waiting(), 2)
      assert.deepStrictEqual(yield* out.takeAll, [1, 2])
      assert.deepStrictEqual((yield* Fiber.await(reading))._tag, "Failure")
    })
  )

  it.effect("an interrupted reader sees no more items, and a defect in `look` fails only the reader", () =>
    Effect.gen(function* () {
      const out = HandOver.make<number, never>(10)
      let seen = 0
      const reading = yield* Effect.fork(out.takeWhile(() => ++seen > 0))
      yield* until(() => out.offer([1]).length === 0 && seen > 0)
      const before = seen
      yield* Fiber.interrupt(reading)
      out.offer([2])
      assert.strictEqual(seen, before)
      const broken = yield* Effect.exit(
        out.takeWhile(() => {
          throw new Error("broken")
        })
      )
      assert.isTrue(Exit.isFailure(broken))
      assert.deepStrictEqual(out.offer([3]), [])
    })
  )
})
