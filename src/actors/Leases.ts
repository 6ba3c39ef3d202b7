import * as EntityId from "@effect/cluster/EntityId"
import * as Sharding from "@effect/cluster/Sharding"
import { Context, Data, Effect, Layer } from "effect"
import { JetStream, NatsError } from "../streams/JetStream.ts"
import * as RunnerStorage from "./RunnerStorage.ts"

/** This process does not hold the shard of that actor, or no longer. */
export class NotHeld extends Data.TaggedError("NotHeld")<{ readonly key: string }> {
  override get message() {
    return `this process holds no lease for ${this.key}`
  }
}

/** This process may no longer run the actor, as after a freeze: whoever may has gone on from what was published. */
export class Replaced extends Data.TaggedError("Replaced")<{ readonly key: string }> {
  override get message() {
    return `the lease for ${this.key} has ended`
  }
}

/** By what right this process runs an actor: an epoch to send along, so that a sink can refuse one that was replaced, and whether it still counts. */
export class Leases extends Context.Tag("actors/Leases")<
  Leases,
  {
    /** The lease under which the actor of that key (as in the bucket of actors) runs here. An actor takes it when it starts and keeps it. */
    readonly of: (key: string) => Effect.Effect<RunnerStorage.Lease, NotHeld>
  }
>() {}

/** The group of shards that every actor belongs to. */
export const group = "default"

/** One lease for each shard: actors of one shard share an epoch. */
export const cluster = Layer.effect(
  Leases,
  Effect.gen(function* () {
    const sharding = yield* Sharding.Sharding
    const leases = yield* RunnerStorage.ShardLeases
    return {
      of: (key) =>
        Effect.suspend(() => {
          const lease = leases.of(sharding.getShardId(EntityId.make(key), group).toString())
          return lease === undefined ? Effect.fail(new NotHeld({ key })) : Effect.succeed(lease)
        })
    }
  })
)

/**
 * One process owns everything, and nobody else may. Its epoch comes from a write to the bucket of the leases, so going from one process to
 * many, or back, never makes it fall.
 */
export const singleProcess = Layer.effect(
  Leases,
  Effect.gen(function* () {
    const { nc, js } = yield* JetStream
    const kv = yield* RunnerStorage.open(js)
    const runners = yield* RunnerStorage.runnersOf(nc, kv)
    if (runners.length > 0) {
      return yield* new RunnerStorage.OtherRunners({
        runners: runners.map(({ address }) => address),
        help: "set PLACEMENT=cluster, or stop them (one that was killed is forgotten within PLACEMENT_TTL)"
      })
    }
    const epoch = yield* Effect.tryPromise({
      try: () => kv.put("single", JSON.stringify({ pid: process.pid })),
      catch: (cause) => new NatsError({ op: `take an epoch (bucket ${RunnerStorage.bucket})`, cause })
    })
    const lease = { epoch, isHeld: () => true }
    return { of: () => Effect.succeed(lease) }
  })
)
