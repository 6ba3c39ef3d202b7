/** Time that never steps when somebody sets the machine's clock. How long something took, waits or is silent is measured with it. */
import { type Clock, Effect } from "effect"

/** ms of a clock's monotonic time; only differences of two such times mean something. */
export const unsafeNowMs = (clock: Clock.Clock): number => Number(clock.unsafeCurrentTimeNanos()) / 1e6

export const nowMs: Effect.Effect<number> = Effect.clockWith((clock) => Effect.sync(() => unsafeNowMs(clock)))
