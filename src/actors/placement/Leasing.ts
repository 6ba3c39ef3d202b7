import * as EntityId from "@effect/cluster/EntityId"
import * as Sharding from "@effect/cluster/Sharding"
import { Effect, Layer } from "effect"
import { JetStream, NatsError } from "../../streams/JetStream.ts"
import * as LeaseBucket from "../../streams/LeaseBucket.ts"
import { Leases, NotHeld } from "../runtime/Leases.ts"
import * as ActorGroups from "./ActorGroups.ts"
import * as RunnerRegistry from "./RunnerRegistry.ts"
import { OtherRunners } from "./RunnerStorage.ts"
import { ShardLeases } from "./ShardLeases.ts"

/** The shard of the actor with that key. */
export const shardOf = (sharding: Sharding.Sharding["Type"], groups: ActorGroups.ActorGroups["Type"], key: string) =>
  sharding.getShardId(EntityId.make(key), ActorGroups.shardGroupOfKey(groups, key))

/** Leases of a process among several. Actors of one shard share a lease and its epoch. */
export const cluster = Layer.effect(
  Leases,
  Effect.gen(function* () {
    const sharding = yield* Sharding.Sharding
    const leases = yield* ShardLeases
    const groups = yield* ActorGroups.ActorGroups
    return {
      of: (key) =>
        Effect.suspend(() => {
          const lease = leases.of(shardOf(sharding, groups, key).toString())
          return lease === undefined ? Effect.fail(new NotHeld({ key })) : Effect.succeed(lease)
        })
    }
  })
)

/**
 * Leases of a process that owns every actor of its groups and allows no cluster beside it. Its epoch comes from a write to the bucket of the leases, so an epoch
 * never falls when a deployment goes from one process to several, or back.
 */
export const singleProcess = Layer.effect(
  Leases,
  Effect.gen(function* () {
    const { nc, js } = yield* JetStream
    const kv = yield* LeaseBucket.open(js)
    const runners = yield* RunnerRegistry.runnersOf(nc, kv)
    if (runners.length > 0) {
      return yield* new OtherRunners({
        runners: runners.map(({ address }) => address),
        help: "set PLACEMENT=cluster, or stop them (one that was killed is forgotten within PLACEMENT_TTL)"
      })
    }
    const epoch = yield* Effect.tryPromise({
      try: () => kv.put("single", JSON.stringify({ pid: process.pid })),
      catch: (cause) => new NatsError({ op: `take an epoch (bucket ${LeaseBucket.bucket})`, cause })
    })
    const lease = { epoch, isHeld: () => true }
    return { of: () => Effect.succeed(lease) }
  })
)
