import { Data, type Duration, Effect, Option } from "effect"
import * as SimulatedMarket from "../../broker/SimulatedMarket.ts"
import type { Dependency } from "../../contract/service/HealthReport.ts"
import * as Turn from "../../loop/Turn.ts"
import { Redis } from "../../store/Redis.ts"
import { SubscriptionRepo } from "../../store/subscriptions/SubscriptionRepo.ts"
import { JetStream } from "../../streams/JetStream.ts"
import * as Metrics from "../shared/Metrics.ts"
import { missesMax, Verdict } from "./Verdict.ts"

const probeEvery = "1 second"
/** On a busy machine an answer can take a second, and a report `down` for that would take a gateway out of service. */
const probeTimeout = "2 seconds"

class Late extends Data.TaggedError("Late") {}

/** Fails if the probe has no answer within the time. */
export const inTime = <A, E, R>(probe: Effect.Effect<A, E, R>, within: Duration.DurationInput = probeTimeout) =>
  Turn.inTime(probe, within, () => new Late())

/** Results of the probes. A backend is down when two probes in a row had no answer. */
export interface Known {
  database: Dependency
  nats: Dependency
  activeSubscriptions: number
  /** Whether the database has answered since the start. */
  hasSeenDatabase: boolean
  simulated: Option.Option<SimulatedMarket.SimulatedMarket>
}

/** Probes every backend at once, then every second until the scope closes. Returns the facts that the probes keep up to date. */
export const start = Effect.gen(function* () {
  const simulator = yield* SimulatedMarket.url
  const js = yield* JetStream
  const redis = yield* Redis
  const subscriptions = yield* SubscriptionRepo
  const known: Known = { database: "down", nats: "down", activeSubscriptions: 0, hasSeenDatabase: false, simulated: Option.none() }

  const database = new Verdict()
  const nats = new Verdict()

  const probeDatabase = inTime(subscriptions.count("active")).pipe(
    Effect.match({
      onFailure: () => database.missed(),
      onSuccess: (total) => {
        database.answered()
        known.hasSeenDatabase = true
        known.activeSubscriptions = total
      }
    })
  )
  const probeNats = inTime(Effect.tryPromise(() => js.nc.rtt())).pipe(
    Effect.match({ onFailure: () => nats.missed(), onSuccess: () => (js.isConnected() ? nats.answered() : nats.missed()) })
  )
  // The connection knows by itself whether it is up, but it finds a mute server only by a command that stays without an answer.
  const probeRedis = Effect.ignore(redis.use((client) => client.ping()))
  let marketMisses = 0
  const probeMarket = Option.match(simulator, {
    onNone: () => Effect.void,
    onSome: (url) =>
      Effect.map(Effect.option(inTime(SimulatedMarket.ask(url))), (answer) => {
        marketMisses = Option.isSome(answer) ? 0 : marketMisses + 1
        if (Option.isSome(answer) || marketMisses >= missesMax) known.simulated = answer
      })
  })
  const probe = Effect.all([probeDatabase, probeNats, probeRedis, probeMarket], { concurrency: "unbounded", discard: true }).pipe(
    Effect.tap(() => {
      known.database = database.isUp ? "ok" : "down"
      known.nats = nats.isUp ? "ok" : "down"
      Metrics.dependency("database", known.database === "ok")
      Metrics.dependency("nats", known.nats === "ok")
      if (redis.state() !== "not configured") Metrics.dependency("redis", redis.state() === "up")
    }),
    Effect.catchAllCause((cause) => Effect.logError("health probe failed", cause))
  )
  yield* probe
  yield* probe.pipe(Effect.delay(probeEvery), Effect.forever, Effect.forkScoped)

  return { known: known as Readonly<Known>, hasSimulator: Option.isSome(simulator) } as const
})
