import * as ClusterSchema from "@effect/cluster/ClusterSchema"
import * as Entity from "@effect/cluster/Entity"
import * as MessageStorage from "@effect/cluster/MessageStorage"
import * as RunnerAddress from "@effect/cluster/RunnerAddress"
import * as RunnerHealth from "@effect/cluster/RunnerHealth"
import * as RunnerStorage from "@effect/cluster/RunnerStorage"
import * as Runners from "@effect/cluster/Runners"
import * as Sharding from "@effect/cluster/Sharding"
import * as ShardingConfig from "@effect/cluster/ShardingConfig"
import * as SocketRunner from "@effect/cluster/SocketRunner"
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import * as Rpc from "@effect/rpc/Rpc"
import * as RpcSerialization from "@effect/rpc/RpcSerialization"
import { type Clock, Config, Context, Duration, Effect, FiberHandle, FiberMap, Layer, Option, Schema } from "effect"
import { JetStream } from "../../streams/JetStream.ts"
import * as KeyValue from "../../streams/KeyValue.ts"
import * as LeaseBucket from "../../streams/LeaseBucket.ts"
import * as Patience from "../../streams/Patience.ts"
import * as Subject from "../../streams/Subject.ts"
import { supervise } from "../../streams/Supervisor.ts"
import { Leases } from "../runtime/Leases.ts"
import * as ActorGroups from "./ActorGroups.ts"
import * as Leasing from "./Leasing.ts"
import * as MachineClocks from "./MachineClocks.ts"
import * as NatsStorage from "./RunnerStorage.ts"

/** The KV bucket of the actors that should exist, by key `<kind>.<name>.<name>`. Only the actor reads the value. */
export const bucket = "actors"

/** How an actor of each kind runs, given the names in its key. */
export type Kinds = Readonly<Record<string, (names: ReadonlyArray<string>) => Effect.Effect<unknown, unknown>>>
export class ActorKinds extends Context.Tag("actors/placement/Kinds")<
  ActorKinds,
  {
    readonly kinds: Kinds
    /** Keys of actors that always exist, once in the whole cluster. */
    readonly always: ReadonlyArray<string>
  }
>() {}

/** The message to an actor that the wanted set may have changed. Only local calls are made; commands travel by JetStream. */
const entityOf = (groups: ActorGroups.ActorGroups["Type"]) =>
  Entity.make("Actor", [Rpc.make("Settle", { success: Schema.Void })]).annotate(ClusterSchema.ShardGroup, (key) =>
    ActorGroups.shardGroupOfKey(groups, key)
  )
type Actor = ReturnType<typeof entityOf>

const lookEvery = "250 millis"
/** Every actor is called once in this many looks, a few actors per look, because calling all at once would delay ticks. */
const callAllIn = 80
/**
 * Much longer than those looks take on a busy machine, so that the library never ends a wanted actor as idle. An unwanted actor has stopped
 * by then.
 */
const idleMax = "10 minutes"
const listEvery = "30 seconds"
const callTimeoutMs = 15_000
/** An actor drains and saves its state while it stops. */
const stopMax = "25 seconds"

/** The keys of actors that should run, and of those that run in this process. The library decides which keys belong to this process. */
interface Roll {
  readonly wanted: Set<string>
  readonly running: Set<string>
}

const live = (Actor: Actor, roll: Roll, kinds: Kinds, clock: Clock.Clock) =>
  Actor.toLayer(
    Effect.gen(function* () {
      const { entityId: key } = yield* Entity.CurrentAddress
      const leases = yield* Leases
      const jetStream = yield* JetStream
      const fiber = yield* FiberHandle.make()
      const [kind = "", ...names] = Subject.kvNames(key)
      const make = kinds[kind]
      if (make === undefined) return yield* Effect.dieMessage(`no actor of kind ${kind}`)
      const name = names.join(".")
      const run = Effect.gen(function* () {
        const lease = yield* Effect.option(leases.of(key))
        const annotated = Effect.annotateLogs({ actor: kind, key: name, epoch: Option.getOrNull(Option.map(lease, ({ epoch }) => epoch)) })
        yield* Effect.acquireRelease(annotated(Effect.logInfo("actor runs here")), () =>
          annotated(Effect.logInfo("actor has stopped here"))
        )
        yield* Effect.acquireRelease(
          Effect.sync(() => roll.running.add(key)),
          () => Effect.sync(() => roll.running.delete(key))
        )
        return yield* supervise(kind, name, make(names), Patience.connected(jetStream, kind))
      }).pipe(Effect.scoped, Effect.withClock(clock))
      return {
        Settle: () =>
          Effect.suspend(() => (roll.wanted.has(key) ? FiberHandle.run(fiber, run, { onlyIfMissing: true }) : FiberHandle.clear(fiber)))
      }
    }),
    { maxIdleTime: idleMax, concurrency: 1 }
  )

/** Keeps the roll equal to the bucket. A watch applies changes at once; a periodic list finds changes that the watch may have missed. */
const follow = (roll: Roll, { kinds, always }: Context.Tag.Service<ActorKinds>, settle: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const kv = yield* KeyValue.open(bucket)
    const unknown = new Set<string>()
    let changes = 0

    const forget = (key: string) => {
      unknown.delete(key)
      if (!always.includes(key)) roll.wanted.delete(key)
    }
    const want = (key: string) =>
      Effect.suspend(() => {
        const [kind = ""] = Subject.kvNames(key)
        if (Object.hasOwn(kinds, kind)) roll.wanted.add(key)
        else if (!unknown.has(key)) {
          unknown.add(key)
          return Effect.logWarning("an actor of a kind that this version does not know, left alone").pipe(
            Effect.annotateLogs({ bucket, key })
          )
        }
        return Effect.void
      })
    // Revision 0 means that the whole bucket was deleted. The director fills it again within seconds, so no actor needs to stop meanwhile.
    const apply = ({ key, value, revision }: KeyValue.Change) =>
      Option.isSome(value) ? want(key) : Effect.sync(() => (revision === 0 ? undefined : forget(key)))

    const watch = Effect.gen(function* () {
      const read = yield* kv.watch()
      while (true) {
        const all = yield* read.takeAll
        changes += all.length
        yield* Effect.forEach(all, apply, { discard: true })
        yield* settle
      }
    }).pipe(Effect.scoped)
    let createdMs = yield* kv.createdMs
    const list = Effect.gen(function* () {
      const before = changes
      const nowMs = yield* kv.createdMs
      const isRemade = nowMs !== createdMs
      createdMs = nowMs
      if (isRemade) return
      const keys = new Set(yield* kv.keys())
      // Changes that came while the list was read are newer than it, so the list is not used.
      if (changes !== before) return
      for (const key of [...roll.wanted, ...unknown]) if (!keys.has(key)) forget(key)
      yield* Effect.forEach(keys, want, { discard: true })
    }).pipe(Effect.delay(listEvery), Effect.forever)
    return { watch, list }
  })

/** Starts and stops actors so that those of our shards match the roll. */
const Reconciler = (Actor: Actor, roll: Roll) =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const sharding = yield* Sharding.Sharding
      const client = yield* Actor.client
      const kinds = yield* ActorKinds
      const groups = yield* ActorGroups.ActorGroups
      const calls = yield* FiberMap.make<string>()
      for (const key of kinds.always) roll.wanted.add(key)

      const isHere = (key: string) => sharding.hasShardId(Leasing.shardOf(sharding, groups, key))
      const call = (key: string) =>
        Effect.suspend(() => client(key).Settle()).pipe(
          Effect.timeout(callTimeoutMs),
          Effect.catchAllCause((cause) => Effect.logWarning("actor not reached", cause).pipe(Effect.annotateLogs({ key }))),
          FiberMap.run(calls, key, { onlyIfMissing: true })
        )
      /** Calls the actors that are missing or surplus, and those whose turn it is. */
      const callDue = (turn?: number) =>
        Effect.suspend(() => {
          const missing = [...roll.wanted].filter((key, at) => !roll.running.has(key) || at % callAllIn === turn)
          const surplus = [...roll.running].filter((key) => !roll.wanted.has(key))
          return Effect.forEach([...missing, ...surplus].filter(isHere), call, { discard: true })
        })
      let looks = 0
      const look = Effect.suspend(() => callDue(looks++ % callAllIn)).pipe(Effect.delay(lookEvery), Effect.forever)

      const { watch, list } = yield* follow(roll, kinds, callDue())
      for (const [name, loop] of Object.entries({ watch, list, look })) yield* Effect.forkScoped(supervise("placement", name, loop))
    })
  )

/** Runs the bucket's actors whose shards this process holds. A single process holds all shards of its groups. */
export const layer = Layer.unwrapEffect(
  Effect.gen(function* () {
    const { kinds } = yield* ActorKinds
    const Actor = entityOf(yield* ActorGroups.ActorGroups)
    const roll: Roll = { wanted: new Set(), running: new Set() }
    const actors = MachineClocks.onLibraryClock(live(Actor, roll, kinds, yield* Effect.clock))
    return Reconciler(Actor, roll).pipe(Layer.provideMerge(actors))
  })
)

const shards = 100
/**
 * How often a lease is refreshed within its life. If a process freezes for less than the time of one refresh, as on a busy machine, no
 * actor stops.
 */
const refreshesPerLease = 5
const common = { shardsPerGroup: shards, simulateRemoteSerialization: false, entityTerminationTimeout: stopMax } as const

const groupsOf = (here: ReadonlyArray<ActorGroups.Name>) => ({
  availableShardGroups: ActorGroups.names.map(ActorGroups.shardGroupOf),
  assignedShardGroups: here.map(ActorGroups.shardGroupOf)
})

/**
 * A single process, which holds all shards of its groups. It needs no storage and no network, and has the same entities as in a cluster.
 */
const singleProcess = Layer.unwrapEffect(
  Effect.map(ActorGroups.here, (here) =>
    Sharding.layer.pipe(
      Layer.provideMerge(Runners.layerNoop),
      Layer.provideMerge(MessageStorage.layerNoop),
      Layer.provide([RunnerStorage.layerMemory, RunnerHealth.layerNoop]),
      Layer.provide(ShardingConfig.layer({ ...common, ...groupsOf(here) })),
      Layer.merge(Leasing.singleProcess)
    )
  )
)

const address = Config.all({
  host: Config.nonEmptyString("RUNNER_HOST"),
  port: Config.port("RUNNER_PORT").pipe(Config.withDefault(34_431))
})
/**
 * One process of a cluster. It listens on its address, and the others reach it there. Calls are not authenticated, so the address must be
 * in a private network of the platform.
 */
const oneOfSeveral = Layer.unwrapEffect(
  Effect.gen(function* () {
    const { host, port } = yield* address
    const ttlMs = yield* LeaseBucket.ttlMs
    const refreshMs = ttlMs / refreshesPerLease
    const config = ShardingConfig.layer({
      ...common,
      ...groupsOf(yield* ActorGroups.here),
      runnerAddress: Option.some(RunnerAddress.make(host, port)),
      shardLockExpiration: Duration.millis(ttlMs),
      shardLockRefreshInterval: Duration.millis(refreshMs),
      refreshAssignmentsInterval: "500 millis",
      entityMessagePollInterval: "500 millis",
      runnerHealthCheckInterval: "1 second"
    })
    const health = RunnerHealth.layerPing.pipe(Layer.provide(Runners.layerRpc))
    return Leasing.cluster.pipe(
      Layer.provideMerge(SocketRunner.layer),
      Layer.provide(health),
      Layer.provide([NodeClusterSocket.layerSocketServer, NodeClusterSocket.layerClientProtocol]),
      Layer.provide([RpcSerialization.layerMsgPack, MessageStorage.layerNoop]),
      Layer.provide(config),
      Layer.provide(NatsStorage.layer({ shards, refreshMs }))
    )
  })
)

/** `single`: this process runs every actor of its groups. `cluster`: it shares them with the other processes on the same NATS. */
export const mode = Config.literal("single", "cluster")("PLACEMENT").pipe(Config.withDefault("single" as const))

/** The name of this process, which a restart keeps: in a cluster its address, otherwise its groups, because no other process runs them. */
export const processName = Effect.gen(function* () {
  if ((yield* mode) === "single") return (yield* ActorGroups.here).join("-")
  const { host, port } = yield* address
  return `${host}:${port}`
})

type Problem = Layer.Layer.Error<typeof oneOfSeveral> | Layer.Layer.Error<typeof singleProcess>
type Needed = Layer.Layer.Context<typeof oneOfSeveral> | Layer.Layer.Context<typeof singleProcess>

/** The services that decide where each actor runs. */
export const cluster = Layer.unwrapEffect(
  Effect.map(
    mode,
    (wanted): Layer.Layer<Sharding.Sharding | Leases, Problem, Needed> =>
      MachineClocks.onLibraryClock(
        wanted === "cluster"
          ? Layer.map(oneOfSeveral, Context.pick(Sharding.Sharding, Leases))
          : Layer.map(singleProcess, Context.pick(Sharding.Sharding, Leases))
      )
  )
)
