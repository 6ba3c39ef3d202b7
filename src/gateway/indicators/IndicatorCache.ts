import { Duration, Effect, Either, Schema } from "effect"
import type * as Problem from "../../contract/shared/Problem.ts"
import * as SharedCache from "../../store/cache/SharedCache.ts"
import { CandleChanges } from "../shared/CandleChanges.ts"
import * as Metrics from "../shared/Metrics.ts"
import { type At, type AtRequest, IndicatorSeries } from "./IndicatorSeries.ts"

/** Answers that the cache holds, each of one bar. When there are more, the one that was unused for longest is dropped. */
export const entriesMax = 2_000
/** How long an answer is used. The open bar of an index is published once a second. */
export const freshMax = Duration.seconds(1)

/** Requests are equal when they name the same bars, indicators and offset. */
const idOf = ({ instrument, interval, indicators, offset }: AtRequest): string =>
  [instrument.exchange, instrument.tradingsymbol, interval.short, offset, ...indicators.map(({ id }) => id)].join(" ")

const schema = Schema.Struct({
  atMs: Schema.NullOr(Schema.Number),
  values: Schema.ReadonlyMap({ key: Schema.String, value: Schema.Record({ key: Schema.String, value: Schema.NullOr(Schema.Number) }) }),
  warning: Schema.NullOr(Schema.String)
})

/** The values of indicators at one bar. All gateways share them through Redis, if there is one. */
export class IndicatorCache extends Effect.Service<IndicatorCache>()("gateway/indicators/IndicatorCache", {
  effect: Effect.gen(function* () {
    const series = yield* IndicatorSeries
    const cache = yield* SharedCache.make({ name: "indicators", capacity: entriesMax, ttl: freshMax, idOf, schema, compute: series.at })
    const showSize = Effect.map(cache.size, (size) => Metrics.indicatorCacheSize.unsafeUpdate(size, []))
    const clear = series.forget.pipe(Effect.zipRight(cache.clear), Effect.zipLeft(showSize))
    const changes = yield* CandleChanges
    changes.register(clear)
    return {
      at: (request: AtRequest): Effect.Effect<At, Problem.Unavailable | Problem.Invalid> =>
        cache.get(request).pipe(
          Effect.tap((found) => Metrics.indicatorCache(Either.isLeft(found))),
          Effect.map(Either.merge),
          Effect.zipLeft(showSize)
        ),
      /** Drops all answers, because candles changed or somebody asks for it. Returns how many this process had. */
      clear
    } as const
  })
}) {}
