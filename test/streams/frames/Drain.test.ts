import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect } from "effect"
import * as Drain from "../../../src/streams/frames/Drain.ts"

interface Server {
  left: number
  acknowledged: number
  isUp: boolean
  isClosed: boolean
}

/**
 * How long a stop waits for 1,000 frames, ms. `act` says what the server does at each moment of it, and how long this process stands still
 * then.
 */
const waitedMs = (act: (server: Server, atMs: number) => number) =>
  Effect.gen(function* () {
    const server: Server = { left: 1_000, acknowledged: 0, isUp: true, isClosed: false }
    let nowMs = 0
    const clock = Object.assign(Clock.make(), {
      unsafeCurrentTimeNanos: () => BigInt(nowMs) * 1_000_000n,
      sleep: (duration: Duration.Duration) =>
        Effect.sync(() => {
          nowMs += Duration.toMillis(duration) + act(server, nowMs)
        })
    })
    yield* Effect.withClock(
      Drain.drain({
        isDone: () => server.left === 0,
        send: () => {},
        acknowledged: () => server.acknowledged,
        isConnected: () => server.isUp,
        isClosed: () => server.isClosed
      }),
      clock
    )
    return nowMs
  })
/** The server acknowledges one frame every `ms`. */
const every = (ms: number) => (server: Server, atMs: number) => {
  if (atMs % ms !== 0) return 0
  server.left--
  server.acknowledged++
  return 0
}

describe("the wait of a stop for acknowledgements", () => {
  it.effect("ends with the last one", () =>
    Effect.gen(function* () {
      const acknowledge = every(10)
      const ms = yield* waitedMs((server, atMs) => acknowledge(server, atMs))
      assert.strictEqual(ms, 10 * 1_000 - 5)
    })
  )

  it.effect("goes on while they arrive, ends when none comes, and has a limit", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* waitedMs(() => 0), Drain.quietMaxMs)
      const acknowledge = every(Drain.quietMaxMs - 1_000)
      assert.strictEqual(
        yield* waitedMs((server, atMs) => {
          if (atMs > 0) acknowledge(server, atMs)
          if (atMs === Drain.quietMaxMs + 5_000) server.left = 0
          return 0
        }),
        Drain.quietMaxMs + 5_005
      )
      assert.strictEqual(yield* waitedMs(every(1_000)), Drain.drainMaxMs)
    })
  )

  it.effect("is short for a lost connection, and none for a closed one", () =>
    Effect.gen(function* () {
      const away = (fromMs: number, toMs: number) => (server: Server, atMs: number) => {
        server.isUp = atMs < fromMs || atMs >= toMs
        return 0
      }
      assert.strictEqual(yield* waitedMs(away(1_000, Number.POSITIVE_INFINITY)), 1_000 + Drain.awayMaxMs)
      assert.strictEqual(yield* waitedMs(away(1_000, 3_000)), Drain.quietMaxMs)
      assert.strictEqual(
        yield* waitedMs((server, atMs) => {
          server.isClosed = atMs >= 1_000
          return 0
        }),
        1_005
      )
    })
  )

  it.effect("does not count a delay of its own process", () =>
    Effect.gen(function* () {
      const stoodStillMs = 60_000
      const ms = yield* waitedMs((_, atMs) => (atMs === 1_000 ? stoodStillMs : 0))
      assert.isAbove(ms, stoodStillMs + Drain.quietMaxMs - 200)
    })
  )
})
