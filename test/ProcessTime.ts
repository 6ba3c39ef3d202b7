import { Effect, Scope } from "effect"

const tickMs = 20

/**
 * The time of this process in ms: it stops where the machine takes the processor away, and never runs ahead of the wall clock. The platform of
 * a test runs in the test's process, so a promise of the product about a duration is checked with it on a machine that is busy otherwise.
 */
export const clock = Effect.acquireRelease(
  Effect.sync(() => {
    let passedMs = 0
    const timer = setInterval(() => {
      passedMs += tickMs
    }, tickMs)
    return { nowMs: () => passedMs, end: () => clearInterval(timer) }
  }),
  ({ end }) => Effect.sync(end)
).pipe(Effect.map(({ nowMs }) => nowMs))

/** Runs an effect, and returns its result and how many ms of this process's time it took. */
export const timed = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<readonly [A, number], E, R> =>
  Effect.scopedWith((scope) =>
    Effect.flatMap(Effect.provideService(clock, Scope.Scope, scope), (nowMs) => Effect.map(self, (found) => [found, nowMs()] as const))
  )
