import { Effect } from "effect"
import { vi } from "vitest"

/** Stops the monotonic clock of this process until the scope closes. Answers a function that sets it ahead. */
export const stoppedClock = Effect.gen(function* () {
  let nowMs = performance.now()
  const spy = vi.spyOn(performance, "now").mockImplementation(() => nowMs)
  yield* Effect.addFinalizer(() => Effect.sync(() => spy.mockRestore()))
  return (byMs: number): void => {
    nowMs += byMs
  }
})
