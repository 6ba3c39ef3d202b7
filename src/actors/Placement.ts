import {
  Entity,
  EntityId,
  MessageStorage,
  RunnerAddress,
  RunnerHealth,
  RunnerStorage,
  Runners,
  Sharding,
  ShardingConfig,
  SocketRunner
} from "@effect/cluster"
import { NodeClusterSocket } from "@effect/platform-node"
import { Rpc, RpcSerialization } from "@effect/rpc"
import { Config, Context, Duration, Effect, FiberHandle, FiberMap, Layer, Option, Schedule, Schema } from "effect"
import type * as KeyValue from "../streams/KeyValue.ts"
import * as Subject from "../streams/Subject.ts"
import * as Leases from "./Leases.ts"
import * as NatsStorage from "./RunnerStorage.ts"
import { supervise } from "./Supervisor.ts"

/** KV bucket of the actors that should exist: `<kind>.<name>.<name>`; a value is the actor's own to read. */
export const bucket = "actors"

/** How an actor of a kind runs, given the names in its key. Services are taken when the kinds are made. */
export type Kinds = Readonly<Record<string, (names: ReadonlyArray<string>) => Effect.Effect<unknown, unknown>>>
export class ActorKinds extends Context.Tag("actors/Kinds")<
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
/** Every so many looks all actors are told, not only those that are not as they should be. */
const tellAllEvery = 20
/** Longer than any pause between two tellings: an actor that is wanted must never idle out. */
const idleMax = "1 minute"
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
      const leases = yield* Leases.Leases
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

/** Follows the bucket. A change counts at once; the list now and then finds what a watch may have missed. */
const follow = (roll: Roll, kinds: Kinds, kv: KeyValue.KeyValue, settle: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const unknown = new Set<string>()
    let changes = 0
    const want = (key: string) =>
      Effect.suspend(() => {
        const [kind = ""] = Subject.kvNames(key)
        if (Object.hasOwn(kinds, kind)) return Effect.sync(() => void roll.wanted.add(key))
        if (unknown.has(key)) return Effect.void
        unknown.add(key)
        return Effect.logWarning("no actor of that kind, its key is left alone").pipe(Effect.annotateLogs({ bucket, key }))
      })
    const take = ({ key, value }: KeyValue.Change) =>
      Option.isSome(value) ? want(key) : Effect.sync(() => void (unknown.delete(key), roll.wanted.delete(key)))
    const watch = Effect.flatMap(kv.watch(), (read) =>
      read.takeAll.pipe(
        Effect.tap((all) => Effect.forEach(all, take, { discard: true })),
        Effect.tap((all) => {
          changes += all.length
          return settle
        }),
        Effect.forever
      )
    ).pipe(Effect.scoped)
    return { watch, want, changes: () => changes }
  })
