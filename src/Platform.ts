import { Effect, Layer, Schedule } from "effect"
import * as Actors from "./actors/Actors.ts"
import { Accounts } from "./broker/Accounts.ts"
import { Broker } from "./broker/Broker.ts"
import { ApiKeys } from "./gateway/Auth.ts"
import { GatewayLive } from "./gateway/Http.ts"
import * as Server from "./gateway/Server.ts"
import { CandleRepo } from "./store/CandleRepo.ts"
import { FillRepo } from "./store/FillRepo.ts"
import { InstrumentRegistry } from "./store/InstrumentRegistry.ts"
import { InstrumentRepo } from "./store/InstrumentRepo.ts"
import { Migrated } from "./store/Migrations.ts"
import { PostgresLive } from "./store/Postgres.ts"
import { Redis } from "./store/Redis.ts"
import { StrategyRepo } from "./store/StrategyRepo.ts"
import { SubscriptionRepo } from "./store/SubscriptionRepo.ts"
import { FrameFeed } from "./streams/FrameFeed.ts"
import { JetStream } from "./streams/JetStream.ts"
import { MarketClock } from "./streams/MarketClock.ts"
import { Snapshots } from "./streams/Snapshots.ts"
import * as Streams from "./streams/Streams.ts"

export type Role = "actors" | "gateway"

/** Postgres with its schema, and what is kept there: one pool for every role of the process. */
const Store = Layer.mergeAll(
  InstrumentRegistry.Default,
  SubscriptionRepo.Default,
  StrategyRepo.Default,
  CandleRepo.Default,
  FillRepo.Default
).pipe(Layer.provideMerge(InstrumentRepo.Default), Layer.provide(Migrated), Layer.provideMerge(PostgresLive))
const Shared = Layer.mergeAll(Store, Accounts.Default, Redis.Default)

/** Each role signs in to NATS as its own user, so that the server holds it to its own subjects. */
const ActorsRole = Actors.layer.pipe(
  Layer.provide([FrameFeed.Default, Snapshots.Default, Broker.Default]),
  Layer.provide(MarketClock.Default),
  Layer.provide(Streams.layer),
  Layer.provide(JetStream.layer("engine"))
)
const GatewayRole = GatewayLive.pipe(
  Layer.provideMerge(Server.layerConfig),
  Layer.provide(ApiKeys.none),
  Layer.provide(MarketClock.Default),
  Layer.provide(Streams.layer),
  Layer.provide(JetStream.layer("gateway"))
)

/** A gateway without actors beside it learns of the day's instruments from Postgres. */
const instrumentsEvery = "1 minute"
const InstrumentsFromStore = Layer.scopedDiscard(
  Effect.flatMap(InstrumentRegistry, ({ load }) =>
    load().pipe(
      Effect.tapError((error) => Effect.logWarning("instruments not read, keeping those there are", error)),
      Effect.ignore,
      Effect.repeat(Schedule.spaced(instrumentsEvery)),
      Effect.forkScoped
    )
  )
)

/**
 * The platform in the given roles. Its address is in the HttpServer that comes out with a gateway. Actors come up before the gateway answers:
 * a start that fails leaves nothing listening.
 */
export const layer = (roles: ReadonlyArray<Role>) => {
  const gateway = roles.includes("actors") ? GatewayRole : Layer.merge(GatewayRole, InstrumentsFromStore)
  const wanted = !roles.includes("gateway") ? ActorsRole : roles.includes("actors") ? Layer.provide(gateway, ActorsRole) : gateway
  return Layer.provide(wanted, Shared)
}
