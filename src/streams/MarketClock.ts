import { Config, Effect } from "effect"
import { BoundedClock } from "../domain/record/BoundedClock.ts"
import * as ClockFrame from "../domain/record/ClockFrame.ts"
import * as ServerTime from "./clock/ServerTime.ts"
import * as OrderedRead from "./OrderedRead.ts"
import * as Subjects from "./Subjects.ts"

/** `feed` is for a recording, whose time is not the machine's. `machine` is for places where NATS's clock cannot be trusted. */
export const configuredMode = Config.literal("real", "machine", "feed")("MARKET_CLOCK").pipe(Config.withDefault("real" as const))

/**
 * Market time calls `before` on all listeners and then `after`, so that everything of the old time is handled before the new time is known.
 * This holds within one process. Between processes event time waits for the slowest live account (LiveClocks).
 */
export interface Advance {
  readonly before: () => void
  readonly after: (atMs: number) => void
}

/**
 * Market time. `real`: the machine's clock, corrected to the NATS server's time. `machine`: the machine's clock alone. `feed`: the largest
 * exchange time of all packets so far, so that the platform can replay a recorded day at any speed. Every process follows the clock frames
 * of all accounts.
 */
export class MarketClock extends Effect.Service<MarketClock>()("streams/MarketClock", {
  scoped: Effect.gen(function* () {
    const mode = yield* configuredMode
    const bounded = new BoundedClock()
    const clock = yield* Effect.clock
    const listeners = new Set<Advance>()
    let newestMs = 0

    const observe = (atMs: number): void => {
      if (mode !== "feed" || !(atMs > newestMs)) return // this form also ignores NaN, which bytes that are not a clock decode to
      newestMs = atMs
      for (const { before } of listeners) before()
      for (const { after } of listeners) after(atMs)
    }
    const unsafeNow = (): number => {
      if (mode === "real") return bounded.now(clock.unsafeCurrentTimeMillis(), performance.now())
      // Before a recording begins, market time is the machine's time.
      return newestMs === 0 ? clock.unsafeCurrentTimeMillis() : newestMs
    }
    if (mode === "real") yield* ServerTime.follow(bounded)

    if (mode === "feed") {
      // Read the last clocks first: after a restart or a break the recording may have ended, and no clock follows.
      const read = yield* OrderedRead.make({
        stream: Subjects.Clock.stream,
        filters: [Subjects.Clock.filter()],
        start: { _tag: "LastPerSubject" }
      })
      const follow = Effect.map(read.takeAll, (items) => {
        for (const item of items) if (item._tag === "Message") observe(ClockFrame.decode(item.data))
        return items.length
      })
      for (let left = read.pendingAtStart; left > 0; ) left -= yield* follow
      yield* follow.pipe(Effect.forever, Effect.forkScoped)
    }

    /** Called, synchronously, whenever market time advances; feed mode only. */
    const onAdvance = (listener: Advance) =>
      Effect.acquireRelease(
        Effect.sync(() => listeners.add(listener)),
        () => Effect.sync(() => listeners.delete(listener))
      )

    /** True if market time is known. Only a recording that has not begun has none. */
    const hasBegun = (): boolean => mode !== "feed" || newestMs > 0
    return { mode, hasBegun, now: Effect.sync(unsafeNow), unsafeNow, observe, onAdvance } as const
  })
}) {}
