import * as EntityId from "@effect/cluster/EntityId"
import * as Sharding from "@effect/cluster/Sharding"
import { Effect, Layer } from "effect"
import { JetStream } from "../../streams/JetStream.ts"
import * as LeaseBucket from "../../streams/LeaseBucket.ts"
import * as Subject from "../../streams/Subject.ts"
import { type Lease, Leases, NotHeld } from "../runtime/Leases.ts"
import * as ActorGroups from "./ActorGroups.ts"
import * as RunnerRegistry from "./RunnerRegistry.ts"
import { OtherRunners } from "./RunnerStorage.ts"
import { ShardLeases } from "./ShardLeases.ts"
import * as SingleLease from "./SingleLease.ts"

/** The shard of the actor with that key. */
export const shardOf = (sharding: Sharding.Sharding["Type"], groups: ActorGroups.ActorGroups["Type"], key: string) =>
  sharding.getShardId(EntityId.make(key), ActorGroups.shardGroupOfKey(groups, key))

/** Leases of one process in a cluster. Actors of one shard share a lease and its epoch. */
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
 * Leases of a single process, which runs every actor of its groups. It refuses to start beside a cluster. If another single process runs
 * the same groups, it replaces that process.
 */
export const singleProcess = Layer.scoped(
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
    const { ofKind } = yield* ActorGroups.ActorGroups
    const endProcess = yield* Effect.once(yield* SingleLease.EndProcess)
    const leases = new Map<ActorGroups.Name, Lease>()
    for (const group of yield* ActorGroups.here) leases.set(group, yield* SingleLease.make(group, endProcess))
    return {
      of: (key) =>
        Effect.suspend(() => {
          const [kind = ""] = Subject.kvNames(key)
          const lease = leases.get(ofKind(kind))
          return lease?.isHeld() === true ? Effect.succeed(lease) : Effect.fail(new NotHeld({ key }))
        })
    }
  })
)
