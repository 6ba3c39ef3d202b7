import * as Entity from "@effect/cluster/Entity"
import * as EntityId from "@effect/cluster/EntityId"
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
import { Config, Context, Duration, Effect, FiberHandle, FiberMap, Layer, Option, Schema } from "effect"
import * as KeyValue from "../../streams/KeyValue.ts"
import * as LeaseBucket from "../../streams/LeaseBucket.ts"
import * as Subject from "../../streams/Subject.ts"
import { supervise } from "../../streams/Supervisor.ts"
import { Leases } from "../runtime/Leases.ts"
import * as Leasing from "./Leasing.ts"
import * as NatsStorage from "./RunnerStorage.ts"

/** KV bucket of the actors that should exist: `<kind>.<name>.<name>`; a value is the actor's own to read. */
export const bucket = "actors"

/** How an actor of a kind runs, given the names in its key. Services are taken when the kinds are made. */
export type Kinds = Readonly<Record<string, (names: ReadonlyArray<string>) => Effect.Effect<unknown, unknown>>>
export class ActorKinds extends Context.Tag("actors/placement/Kinds")<
  ActorKinds,
  {
    readonly kinds: Kinds
    /** Keys of actors that exist whatever the bucket says: once in the whole cluster. */
    readonly always: ReadonlyArray<string>
  }
>() {}

/** A local call only: commands travel by JetStream, this one just says that what is wanted may have changed. */
const Actor = Entity.make("Actor", [Rpc.make("Settle", { success: Schema.Void })])

const lookEvery = "250 millis"
/** In so many looks each actor is told once though it is as it should be: a few of them in each look, for all at once would hold up the ticks. */
const tellAllIn = 80
/** Much longer than those looks take on a busy machine: an actor that is wanted must never idle out. What is not wanted has ended by then. */
const idleMax = "10 minutes"
const listEvery = "30 seconds"
const callTimeoutMs = 15_000
/** An actor that stops drains and saves its state. */
const stopMax = "25 seconds"

/** What should run and what runs here. The sets belong to one process; the library decides which keys are this process's. */
interface Roll {
  readonly wanted: Set<string>
  readonly running: Set<string>
}

const live = (roll: Roll, kinds: Kinds) =>
  Actor.toLayer(
    Effect.gen(function* () {
      const { entityId: key } = yield* Entity.CurrentAddress
      const leases = yield* Leases
      const fiber = yield* FiberHandle.make()
      const [kind = "", ...names] = Subject.kvNames(key)
      const make = kinds[kind]
      if (make === undefined) return yield* Effect.dieMessage(`no actor of kind ${kind}`)
      const name = names.join(".")
      const run = Effect.gen(function* () {
        const lease = yield* Effect.option(leases.of(key))
        const told = Effect.annotateLogs({ actor: kind, key: name, epoch: Option.getOrNull(Option.map(lease, ({ epoch }) => epoch)) })
        yield* Effect.acquireRelease(told(Effect.logInfo("actor runs here")), () => told(Effect.logInfo("actor has stopped here")))
        yield* Effect.acquireRelease(
          Effect.sync(() => roll.running.add(key)),
          () => Effect.sync(() => roll.running.delete(key))
        )
        return yield* supervise(kind, name, make(names))
      }).pipe(Effect.scoped)
      return {
        Settle: () =>
          Effect.suspend(() => (roll.wanted.has(key) ? FiberHandle.run(fiber, run, { onlyIfMissing: true }) : FiberHandle.clear(fiber)))
      }
    }),
    { maxIdleTime: idleMax, concurrency: 1 }
  )

/** Keeps the roll equal to the bucket: a change counts at once; the list now and then finds what a watch may have missed. */
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
    const take = ({ key, value }: KeyValue.Change) => (Option.isSome(value) ? want(key) : Effect.sync(() => forget(key)))

    const watch = Effect.gen(function* () {
      const read = yield* kv.watch()
      while (true) {
        const all = yield* read.takeAll
        changes += all.length
        yield* Effect.forEach(all, take, { discard: true })
        yield* settle
      }
    }).pipe(Effect.scoped)
    const list = Effect.gen(function* () {
      const before = changes
      const keys = new Set(yield* kv.keys())
      // What came meanwhile is newer than the list.
      if (changes !== before) return
      for (const key of [...roll.wanted, ...unknown]) if (!keys.has(key)) forget(key)
      yield* Effect.forEach(keys, want, { discard: true })
    }).pipe(Effect.delay(listEvery), Effect.forever)
    return { watch, list }
  })

/** Makes what runs here equal to the roll, as far as this process holds the shards. */
const Reconciler = (roll: Roll) =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const sharding = yield* Sharding.Sharding
      const client = yield* Actor.client
      const kinds = yield* ActorKinds
      const calls = yield* FiberMap.make<string>()
      for (const key of kinds.always) roll.wanted.add(key)

      const isHere = (key: string) => sharding.hasShardId(sharding.getShardId(EntityId.make(key), Leasing.group))
      const call = (key: string) =>
        Effect.suspend(() => client(key).Settle()).pipe(
          Effect.timeout(callTimeoutMs),
          Effect.catchAllCause((cause) => Effect.logWarning("actor not reached", cause).pipe(Effect.annotateLogs({ key }))),
          FiberMap.run(calls, key, { onlyIfMissing: true })
        )
      /** Those that are not as they should be, and those whose turn it is. */
      const tell = (turn?: number) =>
        Effect.suspend(() => {
          const missing = [...roll.wanted].filter((key, at) => !roll.running.has(key) || at % tellAllIn === turn)
          const surplus = [...roll.running].filter((key) => !roll.wanted.has(key))
          return Effect.forEach([...missing, ...surplus].filter(isHere), call, { discard: true })
        })
      let looks = 0
      const look = Effect.suspend(() => tell(looks++ % tellAllIn)).pipe(Effect.delay(lookEvery), Effect.forever)

      const { watch, list } = yield* follow(roll, kinds, tell())
      for (const [name, loop] of Object.entries({ watch, list, look })) yield* Effect.forkScoped(supervise("placement", name, loop))
    })
  )

/** Runs the actors of the bucket: all of them, or those whose shards this process holds. */
export const layer = Layer.unwrapEffect(
  Effect.map(ActorKinds, ({ kinds }) => {
    const roll: Roll = { wanted: new Set(), running: new Set() }
    return Reconciler(roll).pipe(Layer.provideMerge(live(roll, kinds)))
  })
)

const shards = 100
/** Refreshes in the life of a lease: a process that stands still for less than one of them (a busy machine) stops nothing. */
const refreshesPerLease = 5
const common = { shardsPerGroup: shards, simulateRemoteSerialization: false, entityTerminationTimeout: stopMax } as const

/** All shards here: no storage, no messages over the wire, the same entities as with many processes. */
const singleProcess = Sharding.layer.pipe(
  Layer.provideMerge(Runners.layerNoop),
  Layer.provideMerge(MessageStorage.layerNoop),
  Layer.provide([RunnerStorage.layerMemory, RunnerHealth.layerNoop]),
  Layer.provide(ShardingConfig.layer(common)),
  Layer.merge(Leasing.singleProcess)
)

const address = Config.all({
  host: Config.nonEmptyString("RUNNER_HOST"),
  port: Config.port("RUNNER_PORT").pipe(Config.withDefault(34_431))
})
/**
 * One process of several. Its address is what the others reach it by and what it listens on; nothing asks who calls, so it belongs on a
 * network of the platform's own.
 */
const oneOfSeveral = Layer.unwrapEffect(
  Effect.gen(function* () {
    const { host, port } = yield* address
    const ttlMs = yield* LeaseBucket.ttlMs
    const refreshMs = ttlMs / refreshesPerLease
    const config = ShardingConfig.layer({
      ...common,
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

/** `single`: this process runs every actor. `cluster`: it shares them with the others behind the same NATS. */
export const mode = Config.literal("single", "cluster")("PLACEMENT").pipe(Config.withDefault("single" as const))

/** What decides where an actor runs. */
export const cluster = Layer.unwrapEffect(
  Effect.map(mode, (wanted) => Layer.map(wanted === "cluster" ? oneOfSeveral : singleProcess, Context.pick(Sharding.Sharding, Leases)))
)
