import { type Clock, Effect } from "effect"

/** A clock whose wall time somebody sets ahead or back, and on which more time may have passed. Its sleeps are those of `clock`. */
export const stepped = (clock: Clock.Clock, wallAheadMs: () => number, passedMs: () => number = () => 0): Clock.Clock => {
  const millis = () => clock.unsafeCurrentTimeMillis() + wallAheadMs() + passedMs()
  const nanos = () => clock.unsafeCurrentTimeNanos() + BigInt(passedMs()) * 1_000_000n
  return {
    ...clock,
    unsafeCurrentTimeMillis: millis,
    unsafeCurrentTimeNanos: nanos,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanos: Effect.sync(nanos),
    sleep: (duration) => clock.sleep(duration)
  }
}
