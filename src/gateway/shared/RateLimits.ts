import { Config, Data, Duration, Effect, Option } from "effect"
import type * as Access from "../../domain/access/Access.ts"
import { BoundedMap } from "../../domain/BoundedMap.ts"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import { Redis } from "../../store/Redis.ts"
import * as Metrics from "./Metrics.ts"

/** The caller has used up the requests of the present window. */
export class RateLimited extends Data.TaggedError("RateLimited")<{ readonly retryAfterSeconds: number }> {}

/** Windows that this process counts. Beyond that the oldest are forgotten. */
const windowsMax = 100_000
/** After a request waited too long for Redis, this process asks it no more for a moment, and counts alone. */
const redisRestMs = 1_000

/** Requests of one user to one endpoint in a window. 0 is no limit. */
export const settings = Config.all({
  reads: Config.integer("RATE_LIMIT_READS").pipe(Config.withDefault(6_000)),
  writes: Config.integer("RATE_LIMIT_WRITES").pipe(Config.withDefault(100)),
  orders: Config.integer("RATE_LIMIT_ORDERS").pipe(Config.withDefault(600)),
  /** How long a request waits for Redis. */
  redisWait: Config.duration("RATE_LIMIT_REDIS_WAIT").pipe(Config.withDefault(Duration.millis(50))),
  windowMs: Config.duration("RATE_LIMIT_WINDOW").pipe(Config.withDefault(Duration.minutes(1)), Config.map(Duration.toMillis))
})

/** A stop of orders is never refused. */
const isExempt = (route: string): boolean => route.endsWith("/kill")

interface Window {
  readonly endsAtMs: number
  count: number
}
/** Requests so far in a window, and when it ends. */
interface Counted {
  readonly count: number
  readonly endsAtMs: number
}

/** Counts in this process. A window begins with its first request. */
const makeLocal = (windowMs: number) => {
  const windows = new BoundedMap<string, Window>(windowsMax)
  return (name: string, nowMs: number): Counted => {
    let window = windows.get(name)
    if (window === undefined || window.endsAtMs <= nowMs) {
      window = { endsAtMs: nowMs + windowMs, count: 0 }
      windows.renew(name, window)
      Metrics.rateWindows.unsafeUpdate(windows.size, [])
    }
    window.count++
    return window
  }
}

/** Adds one and says how long the window lasts, in one step: another gateway may count at the same time. */
const script = `
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return {count, left}`

/**
 * Limits each user's requests to each endpoint, by fixed windows: all of them may come at once, and the next one waits for the window's
 * end. Gateways count together in Redis; while it is away or slow, each counts alone.
 */
export class RateLimits extends Effect.Service<RateLimits>()("gateway/shared/RateLimits", {
  effect: Effect.gen(function* () {
    const redis = yield* Redis
    const limits = yield* settings
    const local = makeLocal(limits.windowMs)
    let restsUntilMs = 0

    const limitOf = ({ group, verb }: Access.Need): number =>
      verb === "read" ? limits.reads : group === "orders" ? limits.orders : limits.writes

    const shared = (name: string, nowMs: number): Effect.Effect<Option.Option<Counted>> =>
      redis.state() !== "up" || nowMs < restsUntilMs
        ? Effect.succeedNone
        : redis
            .use((client) => client.eval(script, 1, name, limits.windowMs) as Promise<readonly [number, number]>)
            .pipe(
              Effect.timeout(limits.redisWait),
              Effect.map(([count, leftMs]) => Option.some({ count, endsAtMs: nowMs + leftMs })),
              Effect.catchAll(() =>
                Effect.sync(() => {
                  restsUntilMs = nowMs + redisRestMs
                  return Option.none()
                })
              )
            )
    return {
      /** Counts a request. Fails when it is one too many. */
      take: (userId: string, need: Access.Need, method: string, route: string): Effect.Effect<void, RateLimited> =>
        Effect.gen(function* () {
          const limit = limitOf(need)
          if (limit === 0 || isExempt(route)) return
          const nowMs = yield* SteadyTime.nowMs
          const name = `tarang:rate:${JSON.stringify([userId, method, route])}`
          const own = local(name, nowMs)
          // If this process alone has counted too many requests, it need not ask Redis.
          const counted = own.count > limit ? own : Option.getOrElse(yield* shared(name, nowMs), () => own)
          if (counted.count <= limit) return
          Metrics.rateLimited(need.group)
          return yield* new RateLimited({ retryAfterSeconds: Math.max(1, Math.ceil((counted.endsAtMs - nowMs) / 1_000)) })
        })
    } as const
  })
}) {}
