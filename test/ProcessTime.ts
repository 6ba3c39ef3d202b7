import { Effect } from "effect"

const tickMs = 50

/**
 * Runs an effect, and returns its result and how long it took in ticks of this process. Where the machine takes the processor away, that time
 * stops. So a promise of the product can be checked on a machine that does not run for seconds.
 */
export const timed = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<readonly [A, number], E, R> =>
  Effect.suspend(() => {
    let ms = 0
    const timer = setInterval(() => {
      ms += tickMs
    }, tickMs)
    return self.pipe(
      Effect.map((found) => [found, ms] as const),
      Effect.ensuring(Effect.sync(() => clearInterval(timer)))
    )
  })
