import { Config, Effect, Option } from "effect"
import * as ClockFrame from "../domain/market/ClockFrame.ts"
import { JetStream } from "./JetStream.ts"
import * as Subjects from "./Subjects.ts"

/**
 * Market time. `real`: the machine's clock. `feed`: the largest exchange time that any packet has carried, so the platform lives in a
 * recording's day at any speed; every process follows the clock frames of all accounts.
 */
export class MarketClock extends Effect.Service<MarketClock>()("streams/MarketClock", {
  scoped: Effect.gen(function* () {
    const mode = yield* Config.literal("real", "feed")("MARKET_CLOCK").pipe(Config.withDefault("real" as const))
    const { nc, last } = yield* JetStream
    const clock = yield* Effect.clock
    const listeners = new Set<(atMs: number) => void>()
    let newestMs = 0

    const observe = (atMs: number): void => {
      if (mode === "real" || atMs <= newestMs) return
      newestMs = atMs
      for (const listener of listeners) listener(atMs)
    }
    const unsafeNow = (): number => (mode === "real" || newestMs === 0 ? clock.unsafeCurrentTimeMillis() : newestMs)

    if (mode === "feed") {
      const anyClock = Subjects.Clock.filter()
      yield* Effect.acquireRelease(
        Effect.sync(() =>
          nc.subscribe(anyClock, { callback: (error, msg) => void (error === null && observe(ClockFrame.decode(msg.data))) })
        ),
        (subscription) => Effect.sync(() => subscription.unsubscribe())
      )
      // After a restart the recording may be over and silent: its last clock is in the record.
      const newest = yield* last(Subjects.Clock.stream, anyClock)
      if (Option.isSome(newest)) observe(ClockFrame.decode(newest.value.data))
    }

    /** Called, synchronously, whenever market time advances; feed mode only. */
    const onAdvance = (listener: (atMs: number) => void) =>
      Effect.acquireRelease(
        Effect.sync(() => listeners.add(listener)),
        () => Effect.sync(() => listeners.delete(listener))
      )

    return { mode, now: Effect.sync(unsafeNow), unsafeNow, observe, onAdvance } as const
  })
}) {}
