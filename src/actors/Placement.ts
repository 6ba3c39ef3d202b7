import { Entity, MessageStorage, RunnerHealth, RunnerStorage, Runners, Sharding, ShardingConfig } from "@effect/cluster"
import { Rpc } from "@effect/rpc"
import { Context, Effect, FiberHandle, Layer, Option, Schedule, Schema } from "effect"
import * as KeyValue from "../streams/KeyValue.ts"
import * as Subject from "../streams/Subject.ts"
import { supervise } from "./Supervisor.ts"

/** KV bucket of the actors that should exist: `<kind>.<name>.<name>`; a value is the actor's own to read. */
export const bucket = "actors"

/** How an actor of a kind runs, given the names in its key. Services are taken when the kinds are made. */
export type Kinds = Readonly<Record<string, (names: ReadonlyArray<string>) => Effect.Effect<unknown, unknown>>>
export class ActorKinds extends Context.Tag("actors/Kinds")<ActorKinds, Kinds>() {}

/** Local calls only: commands travel by JetStream, these two just say what the bucket says. */
const Actor = Entity.make("Actor", [Rpc.make("Touch", { success: Schema.Void }), Rpc.make("Stop", { success: Schema.Void })])

const reconcileEveryMs = 5_000
const callTimeoutMs = 15_000

const ActorLive = Actor.toLayer(
  Effect.gen(function* () {
    const { entityId } = yield* Entity.CurrentAddress
    const kinds = yield* ActorKinds
    const fiber = yield* FiberHandle.make()
    const [kind = "", ...names] = Subject.kvNames(entityId)
    const make = kinds[kind]
    if (make === undefined) return yield* Effect.dieMessage(`no actor of kind ${kind}`)
    return {
      Touch: () => Effect.asVoid(FiberHandle.run(fiber, supervise(kind, names.join("."), make(names)), { onlyIfMissing: true })),
      Stop: () => FiberHandle.clear(fiber)
    }
  }),
  { maxIdleTime: "20 seconds", concurrency: 1 }
)

/** Makes what runs here equal to what the bucket says: at every change, and all of it every few seconds (a touch also keeps an actor from idling out). */
const Reconciler = Layer.scopedDiscard(
  Effect.gen(function* () {
    const sharding = yield* Sharding.Sharding
    const client = yield* Actor.client
    const kv = yield* KeyValue.open(bucket)
    const changes = yield* kv.watch()
    const wanted = new Set<string>()
    const isHere = (key: string) => sharding.hasShardId(sharding.getShardId(key as never, "default"))
    const call = (key: string, what: "Touch" | "Stop") =>
      Effect.suspend(() => client(key)[what]()).pipe(
        Effect.timeout(callTimeoutMs),
        Effect.catchAllCause((cause) => Effect.logWarning("actor not reached", cause).pipe(Effect.annotateLogs({ key, what })))
      )

    const follow = ({ key, value }: KeyValue.Change) => {
      const isWanted = Option.isSome(value)
      if (isWanted) wanted.add(key)
      else wanted.delete(key)
      return isHere(key) ? call(key, isWanted ? "Touch" : "Stop") : Effect.void
    }
    yield* changes.takeAll.pipe(
      Effect.flatMap((all) => Effect.forEach(all, follow, { discard: true })),
      Effect.forever,
      Effect.forkScoped
    )
    yield* Effect.suspend(() =>
      Effect.forEach([...wanted].filter(isHere), (key) => call(key, "Touch"), { concurrency: 50, discard: true })
    ).pipe(Effect.repeat(Schedule.spaced(reconcileEveryMs)), Effect.forkScoped)
  })
)

/** All shards here: no storage, no messages over the wire, the same entities as with many processes. */
const singleProcess = Sharding.layer.pipe(
  Layer.provideMerge(Runners.layerNoop),
  Layer.provideMerge(MessageStorage.layerNoop),
  Layer.provide([RunnerStorage.layerMemory, RunnerHealth.layerNoop]),
  Layer.provide(ShardingConfig.layer({ shardsPerGroup: 100, simulateRemoteSerialization: false, entityTerminationTimeout: "25 seconds" }))
)

/** Runs the actors of the bucket in this process. */
export const layer = Reconciler.pipe(Layer.provideMerge(ActorLive), Layer.provide(singleProcess))
