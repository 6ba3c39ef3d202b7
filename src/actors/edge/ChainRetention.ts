import { Config, Effect } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import { ChainMinuteRepo, type Kept } from "../../store/chains/ChainMinuteRepo.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as Metrics from "../runtime/Metrics.ts"

export const kind = "chain-retention"

const lookEvery = "10 minutes"

/** How many days of market time are kept, for the totals of chains (which a rank over a year needs) and for their options. */
const days = Config.all({
  chain_minutes: Config.integer("CHAIN_MINUTES_DAYS").pipe(Config.withDefault(400)),
  strike_minutes: Config.integer("STRIKE_MINUTES_DAYS").pipe(Config.withDefault(90))
}).pipe(
  Config.validate({
    message: "CHAIN_MINUTES_DAYS and STRIKE_MINUTES_DAYS are whole numbers of days, 1 or more",
    validation: (all) => Object.values(all).every((one) => one >= 1)
  })
)

/** Deletes what is older, in statements of a bounded number of rows. */
export const shorten = (kept: Readonly<Record<Kept, number>>, nowMs: number) =>
  Effect.flatMap(ChainMinuteRepo, ({ deleteBefore }) =>
    Effect.forEach(
      ["chain_minutes", "strike_minutes"] as const,
      (table) =>
        deleteBefore(table, new Date(nowMs - kept[table] * IndiaTime.dayMs)).pipe(
          Effect.tap((count) => Effect.sync(() => Metrics.chainRowsExpired(table, count))),
          Effect.repeat({ while: (count) => count > 0 })
        ),
      { discard: true }
    )
  )

/** Shortens the stored chains to their retention, by market time: the days of a recording do not count against today. */
export const make = Effect.gen(function* () {
  const clock = yield* MarketClock
  const repo = yield* ChainMinuteRepo
  const kept = yield* days
  return Effect.suspend(() => (clock.hasBegun() ? shorten(kept, clock.unsafeNow()) : Effect.void)).pipe(
    Effect.provideService(ChainMinuteRepo, repo),
    Effect.catchTag("StoreUnavailable", (error) => Effect.logWarning("stored chains not shortened; next try in ten minutes", error)),
    Effect.zipRight(Effect.sleep(lookEvery)),
    Effect.forever
  )
})
