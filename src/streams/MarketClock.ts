import { Config, Effect } from "effect"
import * as ClockFrame from "../domain/record/ClockFrame.ts"
import * as OrderedRead from "./OrderedRead.ts"
import * as Subjects from "./Subjects.ts"

/**
 * `before` is called on all listeners, then `after`: what belongs to the time until now comes before any word of the new one. That is so within
 * one process and while frames have room to leave; in another process, or with a store that stands still, an account's last packets of a
 * minute may come behind another account's clock, and count as late.
 */
export interface Advance {
  readonly before: () => void
  readonly after: (atMs: number) => void
}

/**
 * Market time. `real`: the machine's clock. `feed`: the largest exchange time that any packet has carried, so the platform lives in a
 * recording's day at any speed; every process follows the clock frames of all accounts.
 */
export class MarketClock extends Effect.Service<MarketClock>()("streams/MarketClock", {
  scoped: Effect.gen(function* () {
    const mode = yield* Config.literal("real", "feed")("MARKET_CLOCK").pipe(Config.withDefault("real" as const))
    const clock = yield* Effect.clock
    const listeners = new Set<Advance>()
    let newestMs = 0

    const observe = (atMs: number): void => {
      if (mode === "real" || !(atMs > newestMs)) return // so said that NaN, from bytes that are no clock, moves nothing
      newestMs = atMs
      for (const { before } of listeners) before()
      for (const { after } of listeners) after(atMs)
    }
    const unsafeNow = (): number => (mode === "real" || newestMs === 0 ? clock.unsafeCurrentTimeMillis() : newestMs)

    if (mode === "feed") {
      // The last clocks first: after a restart or a break the recording may be over and silent.
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

    return { mode, now: Effect.sync(unsafeNow), unsafeNow, observe, onAdvance } as const
  })
}) {}
