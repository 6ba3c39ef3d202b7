import { Config, Effect, Layer, Option, Schedule } from "effect"
import * as Actors from "./actors/Actors.ts"
import * as BudgetsInNats from "./adapters/BudgetsInNats.ts"
import * as LinkedFromStore from "./adapters/LinkedFromStore.ts"
import * as LoginsInNats from "./adapters/LoginsInNats.ts"
import * as RulesFromStore from "./adapters/RulesFromStore.ts"
import * as TokensInMarketTime from "./adapters/TokensInMarketTime.ts"
import { Accounts, AccountTokens } from "./broker/Accounts.ts"
import { Broker } from "./broker/Broker.ts"
import * as IndiaTime from "./domain/IndiaTime.ts"
import { GatewayLive } from "./gateway/Gateway.ts"
import * as StoredKeys from "./gateway/keys/StoredKeys.ts"
import { OpsLive } from "./gateway/serve/OpsHttp.ts"
import * as Server from "./gateway/serve/Server.ts"
import * as Repositories from "./Repositories.ts"
import { InstrumentRegistry } from "./store/instruments/InstrumentRegistry.ts"
import { Migrated } from "./store/Migrations.ts"
import { PostgresLive } from "./store/Postgres.ts"
import { Redis } from "./store/Redis.ts"
import * as Copies from "./streams/Copies.ts"
import { FrameFeed } from "./streams/FrameFeed.ts"
import { JetStream } from "./streams/JetStream.ts"
import * as StoreWatch from "./streams/keep/StoreWatch.ts"
import { StreamKeeper } from "./streams/keep/StreamKeeper.ts"
import { MarketClock } from "./streams/MarketClock.ts"
import { Snapshots } from "./streams/Snapshots.ts"
import * as Tracing from "./Tracing.ts"

export type Role = "actors" | "gateway"

/** What this process runs: roles of the platform, or the simulated broker, which shares nothing with the platform. */
export const roles: Config.Config<ReadonlyArray<Role | "simulator">> = Config.array(
  Config.literal("actors", "gateway", "simulator")(),
  "ROLES"
).pipe(
  Config.validate({
    message: "ROLES: the simulator runs in a process of its own: ROLES=simulator there, ROLES=actors,gateway here",
    validation: (all) => !all.includes("simulator") || all.every((one) => one === "simulator")
  }),
  Config.withDefault(["actors", "gateway"] as const)
)

/** Postgres with its migrated schema, and the repositories. All roles of the process share one pool of connections. */
const Store = Repositories.layer.pipe(Layer.provide(Migrated), Layer.provideMerge(PostgresLive))
const Shared = Accounts.Default.pipe(Layer.provide(LinkedFromStore.layer), Layer.provideMerge(Store), Layer.merge(Redis.Default))

/**
 * How often a process reads the instruments that another process loaded into Postgres. Until it has found some, it reads every
 * `firstInstrumentsEvery`.
 */
const instrumentsEvery = "1 minute"
const firstInstrumentsEvery = "1 second"
const InstrumentsFromStore = Layer.scopedDiscard(
  Effect.gen(function* () {
    const registry = yield* InstrumentRegistry
    const clock = yield* MarketClock
    const follow = Effect.suspend(() => registry.follow(IndiaTime.istDate(clock.unsafeNow()))).pipe(
      Effect.tapError((error) => Effect.logWarning("the instruments cannot be read, the present ones stay in force", error)),
      Effect.ignore
    )
    const first = Effect.repeat(follow, {
      schedule: Schedule.spaced(firstInstrumentsEvery),
      until: () => registry.current() !== undefined
    })
    yield* Effect.forkScoped(Effect.zipRight(first, Effect.repeat(follow, Schedule.spaced(instrumentsEvery))))
  })
)

/** Each role signs in to NATS as its own user, so that the server holds it to its own subjects. */
const ActorsRole = InstrumentsFromStore.pipe(
  Layer.provideMerge(Actors.layer), // its start loads the day's instruments first, so that the reads of Postgres cannot put older ones in their place
  Layer.provide([
    FrameFeed.Default,
    Snapshots.Default,
    Layer.provide(Broker.Default, [TokensInMarketTime.layer, BudgetsInNats.layer, LoginsInNats.layer])
  ]),
  Layer.provide([MarketClock.Default, RulesFromStore.layer]),
  Layer.merge(Copies.layer),
  Layer.merge(StoreWatch.layer),
  Layer.provide(StreamKeeper.Default),
  Layer.provide(JetStream.layer("engine"))
)
const GatewayRole = GatewayLive.pipe(
  Layer.provideMerge(Server.layerConfig),
  Layer.provide(StoredKeys.layer),
  Layer.merge(InstrumentsFromStore),
  Layer.provide([MarketClock.Default, RulesFromStore.layer]),
  Layer.provide(StreamKeeper.watching),
  Layer.provide(JetStream.layer("gateway"))
)

/** A process without a gateway listens only if OPS_PORT is set, because several such processes may share a machine. */
const OpsRole = Layer.unwrapEffect(
  Effect.map(
    Config.all({ host: Config.string("OPS_HOST").pipe(Config.withDefault("127.0.0.1")), port: Config.option(Config.integer("OPS_PORT")) }),
    ({ host, port }) =>
      Option.match(port, { onNone: () => Layer.empty, onSome: (port) => Layer.provide(OpsLive, Server.layer({ host, port })) })
  )
)

/**
 * The platform in the given roles. With the gateway role, the layer provides the HttpServer, which has the address. Actors start before the
 * gateway listens, so a start that fails leaves nothing listening.
 */
export const layer = (roles: ReadonlyArray<Role>) => {
  const wanted = !roles.includes("gateway")
    ? Layer.provide(OpsRole, ActorsRole)
    : roles.includes("actors")
      ? Layer.provide(GatewayRole, ActorsRole)
      : GatewayRole
  const tokens = Layer.succeed(AccountTokens, roles.includes("actors") ? "opened" : "withheld")
  return wanted.pipe(Layer.provide(Layer.provide(Shared, tokens)), Layer.provide(Tracing.layer(roles)))
}
