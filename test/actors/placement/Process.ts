import { ConfigProvider, Effect, Exit, Layer, Logger, Scope } from "effect"
import * as ActorGroups from "../../../src/actors/placement/ActorGroups.ts"
import * as Placement from "../../../src/actors/placement/Placement.ts"
import * as SingleLease from "../../../src/actors/placement/SingleLease.ts"
import type { Lease } from "../../../src/actors/runtime/Leases.ts"
import { Leases, type NotHeld } from "../../../src/actors/runtime/Leases.ts"
import { JetStream } from "../../../src/streams/JetStream.ts"
import * as KeyValue from "../../../src/streams/KeyValue.ts"
import type { NatsServer } from "../../TestBackends.ts"

export interface Process {
  /** Starts and stops of actors by key, in order. */
  readonly events: ReadonlyArray<readonly [what: "start" | "stop", key: string]>
  readonly running: () => ReadonlyArray<string>
  readonly lease: (key: string) => Effect.Effect<Lease, NotHeld>
  readonly logs: ReadonlyArray<string>
  /** How often the process ended itself. */
  readonly ends: () => number
  readonly actors: KeyValue.KeyValue
  readonly stop: Effect.Effect<void>
}

/** One process of a platform whose actors only report that they run. Those in `faulty` die at once. */
export const begin = (
  server: NatsServer,
  config: Readonly<Record<string, string>> = {},
  always: ReadonlyArray<string> = [],
  libraryClock: Layer.Layer<never> = Layer.empty
) =>
  Effect.gen(function* () {
    const events: Array<readonly ["start" | "stop", string]> = []
    const running = new Map<string, number>()
    const logs: Array<string> = []
    let ends = 0
    const runs = (kind: string) => (names: ReadonlyArray<string>) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const key = [kind, ...names].join(".")
          events.push(["start", key])
          running.set(key, (running.get(key) ?? 0) + 1)
          return key
        }),
        (key) =>
          Effect.sync(() => {
            events.push(["stop", key])
            running.set(key, (running.get(key) ?? 0) - 1)
          })
      ).pipe(Effect.zipRight(Effect.never), Effect.scoped)
    const recorder = Logger.make(({ message, annotations }) => {
      logs.push(`${String(message)} ${JSON.stringify(Object.fromEntries(annotations))}`)
    })
    const provider = ConfigProvider.fromMap(
      new Map(Object.entries({ NATS_URL: server.url, NATS_ENGINE_PASSWORD: server.passwords.engine, ...config }))
    )
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    const live = Layer.effect(
      Placement.ActorKinds,
      Effect.map(Leases, () => ({
        kinds: { good: runs("good"), order: runs("order"), other: runs("other"), faulty: () => Effect.die("a bug") },
        always
      }))
    ).pipe(
      (kinds) => Placement.layer.pipe(Layer.provide(kinds)),
      Layer.provideMerge(Placement.cluster),
      Layer.provide(Layer.succeed(ActorGroups.ActorGroups, { ofKind: (kind) => (kind === "order" ? "orders" : "market") })),
      Layer.provideMerge(JetStream.layer("engine")),
      Layer.provide(libraryClock),
      Layer.provide(Layer.setConfigProvider(provider)),
      Layer.provide(Logger.replace(Logger.defaultLogger, recorder)),
      Layer.provide(
        Layer.succeed(
          SingleLease.EndProcess,
          Effect.sync(() => void ends++)
        )
      )
    )
    const context = yield* Layer.buildWithScope(live, scope)
    const actors = yield* KeyValue.open(Placement.bucket).pipe(Effect.provide(context))
    return {
      events,
      running: () => [...running].filter(([, count]) => count > 0).map(([key]) => key),
      lease: (key) => Effect.flatMap(Leases, ({ of }) => of(key)).pipe(Effect.provide(context)),
      logs,
      ends: () => ends,
      actors,
      stop: Scope.close(scope, Exit.void)
    } satisfies Process
  })
export const noValue = new TextEncoder().encode("")
export const sorted = (keys: ReadonlyArray<string>) => [...keys].sort().join(" ")
