/** Stalls of this process: times in which its event loop did not turn, because it was busy or had no processor. */
import { Effect, type Scope } from "effect"
import * as SteadyTime from "./SteadyTime.ts"

const beatEveryMs = 100

export interface Stalls {
  /** When the newest stall ended, in steady time; -Infinity if there was none. During the first turn after a stall it is now. */
  readonly endedAtMs: () => number
}

/** Watches for stalls longer than `longMs` until the scope closes. */
export const watch = (longMs: number): Effect.Effect<Stalls, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    let beatMs = SteadyTime.unsafeNowMs(clock)
    let endedMs = Number.NEGATIVE_INFINITY
    // After a stall somebody may ask before the beat comes.
    const endedAtMs = () => {
      const nowMs = SteadyTime.unsafeNowMs(clock)
      if (nowMs - beatMs > longMs) endedMs = nowMs
      return endedMs
    }
    const beat = Effect.sync(() => {
      endedAtMs()
      beatMs = SteadyTime.unsafeNowMs(clock)
    })
    yield* Effect.forkScoped(Effect.forever(Effect.delay(beat, beatEveryMs)))
    return { endedAtMs }
  })
