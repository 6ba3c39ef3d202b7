import { Clock, Config, Effect, Either, Option } from "effect"
import * as SimulatedMarket from "../../broker/SimulatedMarket.ts"
import type { Dependency, MarketState, Health as Report } from "../../contract/service/HealthReport.ts"
import * as Hours from "../../domain/rules/Hours.ts"
import { shipped } from "../../domain/rules/Shipped.ts"
import { InstrumentRegistry } from "../../store/InstrumentRegistry.ts"
import { Redis } from "../../store/Redis.ts"
import { SubscriptionRepo } from "../../store/SubscriptionRepo.ts"
import { JetStream } from "../../streams/JetStream.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { Bridge } from "../bridge/Bridge.ts"
import * as Metrics from "../shared/Metrics.ts"
import type { Heard } from "../views/TickerView.ts"
import { Views } from "../views/Views.ts"

const probeEvery = "1 second"
const probeTimeout = "900 millis"
/** A ticker or a writer reports once a second: after this long without a report its process is gone. */
const silenceMaxMs = 10_000
/** A live market without a tick for this long counts as closed. */
const marketSilenceMs = 60_000
/**
 * A recording that is over has ended here once its last instant has come out of its underlying's actor and nothing more has come out of any for
 * this long: its last values stand.
 */
const settledAfterMs = 1_500
/** One whose underlying nobody streams never comes out: it has ended once nothing has come for this long. */
const unstreamedAfterMs = 15_000

const settings = Config.all({
  environment: Config.string("ENVIRONMENT").pipe(Config.withDefault("development")),
  marketMode: Config.literal("live", "synthetic", "recorded", "days")("MARKET_MODE").pipe(Config.withDefault("live" as const)),
  simulator: SimulatedMarket.url
})

const phaseAt = (ms: number): string | null =>
  Either.match(Hours.phaseAt(shipped, "NSE_FO", "option", ms), { onLeft: () => null, onRight: Hours.nameOf })

/** How the platform is, from probes that run by themselves: a request for it does no I/O. */
export class Health extends Effect.Service<Health>()("gateway/service/Health", {
  scoped: Effect.gen(function* () {
    const { environment, marketMode, simulator } = yield* settings
    const js = yield* JetStream
    const redis = yield* Redis
    const subscriptions = yield* SubscriptionRepo
    const registry = yield* InstrumentRegistry
    const market = yield* MarketClock
    const bridge = yield* Bridge
    const views = yield* Views

    let database: Dependency = "down"
    let nats: Dependency = "down"
    let activeSubscriptions = 0
    let hasSeenDatabase = false
    let simulated = Option.none<SimulatedMarket.SimulatedMarket>()
    const startedMs = performance.now()

    const probeDatabase = subscriptions.list({ status: "active", limit: 1, offset: 0 }).pipe(
      Effect.disconnect,
      Effect.timeout(probeTimeout),
      Effect.match({
        onFailure: () => {
          database = "down"
        },
        onSuccess: ({ total }) => {
          database = "ok"
          hasSeenDatabase = true
          activeSubscriptions = total
        }
      })
    )
    const probeNats = Effect.tryPromise(() => js.nc.rtt()).pipe(
      Effect.disconnect,
      Effect.timeout(probeTimeout),
      Effect.match({
        onFailure: () => {
          nats = "down"
        },
        onSuccess: () => {
          nats = js.isConnected() ? "ok" : "down"
        }
      })
    )
    const probeMarket = Option.match(simulator, {
      onNone: () => Effect.void,
      onSome: (url) =>
        Effect.map(SimulatedMarket.ask(url).pipe(Effect.timeout(probeTimeout), Effect.option), (answer) => {
          simulated = answer
        })
    })
    const probe = Effect.all([probeDatabase, probeNats, probeMarket], { concurrency: "unbounded", discard: true }).pipe(
      Effect.tap(() => {
        Metrics.dependency("database", database === "ok")
        Metrics.dependency("nats", nats === "ok")
        if (redis.state() !== "not configured") Metrics.dependency("redis", redis.state() === "up")
      }),
      Effect.catchAllCause((cause) => Effect.logError("health probe failed", cause))
    )
    yield* probe
    yield* probe.pipe(Effect.delay(probeEvery), Effect.forever, Effect.forkScoped)

    const isFresh = ({ atMs }: { readonly atMs: number }, nowMs: number) => nowMs - atMs <= silenceMaxMs
    const stateOfSimulated = ({ state, time, underlying }: SimulatedMarket.SimulatedMarket): MarketState => {
      if (state !== "ended" || !bridge.isReady()) return "running"
      const last = underlying === null ? undefined : views.chains.state(underlying)
      const isOut = last !== undefined && Date.parse(last.as_of) >= time.getTime()
      const quietMs = performance.now() - Math.max(views.news.atMs, startedMs)
      return quietMs < (isOut ? settledAfterMs : unstreamedAfterMs) ? "running" : "ended"
    }
    const stateOfMarket = (heard: ReadonlyArray<Heard>): MarketState => {
      if (marketMode !== "live" && Option.isSome(simulator)) {
        return Option.match(simulated, { onNone: () => "closed" as const, onSome: stateOfSimulated })
      }
      const newestMs = Math.max(0, ...heard.map(({ status }) => (status.last_tick_at === null ? 0 : Date.parse(status.last_tick_at))))
      return market.unsafeNow() - newestMs <= marketSilenceMs ? "running" : "closed"
    }

    /** Why a required backend is down, then why something optional is not as it should be. */
    const complaints = (heard: ReadonlyArray<Heard>, nowMs: number) => {
      const down: Array<string> = []
      if (database === "down") down.push("database is down")
      if (nats === "down") down.push("NATS is down")
      if (redis.required && redis.state() !== "up") down.push("Redis is down")
      const degraded: Array<string> = []
      if (!redis.required && redis.state() === "down") degraded.push("Redis is down")
      for (const one of heard) {
        const { account_id, state, detail } = one.status
        if (!isFresh(one, nowMs)) degraded.push(`ticker ${account_id} is silent`)
        else if (state === "failed" || state === "mute")
          degraded.push(`ticker ${account_id} ${state}${detail === null ? "" : `: ${detail}`}`)
      }
      for (const one of views.writers.all()) {
        const { name, state, detail } = one.status
        if (!isFresh(one, nowMs)) degraded.push(`${name} is silent`)
        else if (state !== "writing") degraded.push(`${name} ${state}${detail === null ? "" : `: ${detail}`}`)
      }
      const refusal = registry.refusal()
      if (refusal !== undefined) {
        const inForce = registry.current()?.tradeDate ?? "no day"
        degraded.push(`instruments of ${refusal.tradeDate} are refused, those of ${inForce} stay in force: ${refusal.reason}`)
      }
      if (!bridge.isReady()) degraded.push(`subject bridge is catching up: ${bridge.behind().join(", ")}`)
      return { down, degraded }
    }

    const report: Effect.Effect<Report> = Effect.map(Clock.currentTimeMillis, (nowMs) => {
      const heard = views.tickers.all()
      const { down, degraded } = complaints(heard, nowMs)
      const master = registry.current()
      const redisState = redis.state()
      return {
        status: down.length > 0 ? "down" : degraded.length > 0 ? "degraded" : "ok",
        reason: down.length + degraded.length === 0 ? null : [...down, ...degraded].join("; "),
        environment,
        ticker: {
          running: heard.some((one) => isFresh(one, nowMs) && one.status.state !== "failed" && one.status.state !== "stopped"),
          active_subscriptions: activeSubscriptions,
          accounts: Object.fromEntries(
            heard.map(({ status: { account_id, state, detail, source, subscribed, ticks, last_tick_at, as_of } }) => [
              account_id,
              { state, detail, source, subscribed, ticks, last_tick_at, as_of }
            ])
          )
        },
        writers: Object.fromEntries(
          views.writers.all().map(({ status: { name, state, detail, waiting, as_of } }) => [name, { state, detail, waiting, as_of }])
        ),
        dependencies: {
          redis: redisState === "up" ? "ok" : redisState,
          database,
          nats,
          instrument_registry: {
            status: master === undefined ? "empty" : "ok",
            instruments: master?.byToken.size ?? 0,
            trade_date: master?.tradeDate ?? null
          }
        },
        market: {
          mode: marketMode,
          state: stateOfMarket(heard),
          phase: phaseAt(market.unsafeNow()),
          time: new Date(market.unsafeNow()).toISOString(),
          speed: marketMode === "recorded" || marketMode === "days" ? Option.getOrNull(Option.map(simulated, ({ speed }) => speed)) : null
        }
      }
    })

    /** Why no user should be sent here yet; a database that goes away later is no reason, streaming goes on. */
    const notReady = (): string | undefined => {
      if (!hasSeenDatabase) return "database has not answered yet"
      if (!js.isConnected()) return "NATS is down"
      if (!bridge.isReady()) return `subject bridge is catching up: ${bridge.behind().join(", ")}`
      return undefined
    }
    return { report, notReady } as const
  })
}) {}
