import { Cache, Duration, Effect, Either, Equal, Exit, Hash } from "effect"
import type * as Problem from "../../contract/shared/Problem.ts"
import * as Metrics from "../shared/Metrics.ts"
import { type At, type AtRequest, IndicatorSeries } from "./IndicatorSeries.ts"

/** Answers that the cache holds, each of one bar. When there are more, the one that was unused for longest is dropped. */
export const entriesMax = 2_000
/** How long an answer is used. The open bar of an index is published once a second. */
export const freshMax = Duration.seconds(1)

/** Requests are equal when they name the same bars, indicators and offset. */
class Key implements Equal.Equal {
  readonly of: AtRequest
  private readonly id: string
  constructor(of: AtRequest) {
    const { instrument, interval, indicators, offset } = of
    this.of = of
    this.id = [instrument.exchange, instrument.tradingsymbol, interval.short, offset, ...indicators.map(({ id }) => id)].join(" ")
  }
  [Equal.symbol](that: Equal.Equal): boolean {
    return that instanceof Key && that.id === this.id
  }
  [Hash.symbol](): number {
    return Hash.string(this.id)
  }
}

/** The values of indicators at one bar. Equal requests within a moment share one computation; a failure is not kept. */
export class IndicatorCache extends Effect.Service<IndicatorCache>()("gateway/indicators/IndicatorCache", {
  effect: Effect.gen(function* () {
    const series = yield* IndicatorSeries
    const cache = yield* Cache.makeWith({
      capacity: entriesMax,
      lookup: ({ of }: Key) => series.at(of),
      timeToLive: (exit) => (Exit.isSuccess(exit) ? freshMax : Duration.zero)
    })
    const showSize = Effect.map(cache.size, (size) => {
      Metrics.indicatorCacheSize.unsafeUpdate(size, [])
      return size
    })
    return {
      at: (request: AtRequest): Effect.Effect<At, Problem.Unavailable | Problem.Invalid> =>
        cache.getEither(new Key(request)).pipe(
          Effect.tap((found) => Metrics.indicatorCache(Either.isLeft(found))),
          Effect.map(Either.merge),
          Effect.zipLeft(showSize)
        ),
      /** Drops all answers. Returns how many there were. */
      clear: Effect.zipLeft(showSize, Effect.zipRight(cache.invalidateAll, showSize))
    } as const
  })
}) {}
