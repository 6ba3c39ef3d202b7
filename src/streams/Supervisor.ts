import { Cause, Duration, Effect, Random } from "effect"
import * as SteadyTime from "../loop/SteadyTime.ts"
import * as Metrics from "./Metrics.ts"

const pauseMinMs = 100
const pauseMaxMs = 10_000
/** After a run of at least this length, an actor's next restart has the shortest pause again. */
const healthyAfterMs = 30_000

/**
 * The pause before the next start, after `failures` failures in a row. The jitter keeps actors that failed together from starting together.
 */
export const pauseMs = (failures: number, jitter: number): number =>
  Math.min(pauseMaxMs, pauseMinMs * 2 ** Math.min(failures, 20)) * (0.8 + 0.4 * jitter)

/**
 * Runs an actor for ever. An actor that fails, dies or ends is started again when `ready` has ended, and recovers as at any start. Only an
 * interruption ends this.
 */
export const supervise = <E, R>(
  name: string,
  key: string,
  actor: Effect.Effect<unknown, E, R>,
  ready: Effect.Effect<void> = Effect.void
): Effect.Effect<never, never, R> =>
  Effect.gen(function* () {
    let failures = 0
    while (true) {
      const startedMs = yield* SteadyTime.nowMs
      const exit = yield* Effect.exit(actor)
      const livedMs = (yield* SteadyTime.nowMs) - startedMs
      failures = livedMs >= healthyAfterMs ? 1 : failures + 1
      Metrics.restarts(name)
      const pause = pauseMs(failures - 1, yield* Random.next)
      yield* exit._tag === "Failure"
        ? Effect.logError("actor failed, starting it again", Cause.pretty(exit.cause)).pipe(
            Effect.annotateLogs({ pause_ms: Math.round(pause) })
          )
        : Effect.logWarning("actor ended, starting it again")
      yield* Effect.sleep(Duration.millis(pause))
      yield* ready
    }
  }).pipe(Effect.annotateLogs({ actor: name, key }))
