/** One process of the platform's placement. Its actors only report every 100 ms that they run. */
import { Config, Effect, Layer, Schedule } from "effect"
import * as ActorGroups from "../../src/actors/placement/ActorGroups.ts"
import * as Placement from "../../src/actors/placement/Placement.ts"
import { type Lease, Leases } from "../../src/actors/runtime/Leases.ts"
import { JetStream } from "../../src/streams/JetStream.ts"
import * as Subject from "../../src/streams/Subject.ts"
import * as Beat from "./Beat.ts"

/** The actors that run in this process, with their leases. */
const running = new Map<string, Lease>()

const actor = ([name = ""]: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const lease = yield* Effect.flatMap(Leases, ({ of }) => of(Subject.kvKey(Beat.kind, name)))
    yield* Effect.acquireRelease(
      Effect.sync(() => running.set(name, lease)),
      () => Effect.sync(() => running.delete(name))
    )
    return yield* Effect.never
  }).pipe(Effect.scoped)

const kinds = Layer.effect(
  Placement.ActorKinds,
  Effect.map(Effect.context<Leases>(), (context) => ({
    kinds: { [Beat.kind]: (names: ReadonlyArray<string>) => Effect.provide(actor(names), context) },
    always: []
  }))
)

const beat = Effect.gen(function* () {
  const { nc } = yield* JetStream
  const process = yield* Config.string("BENCH_PROCESS")
  const send = Effect.sync(() => {
    // It checks its lease, as an actor does before it acts. It reads the time first, so that a freeze in the middle of a beat is not
    // hidden.
    const atMs = Date.now()
    const actors = [...running].flatMap(([name, lease]) => (lease.isHeld() ? [[name, lease.epoch] as const] : []))
    nc.publish(Beat.subject, JSON.stringify({ process, atMs, actors } satisfies Beat.Beat))
  })
  return yield* Effect.repeat(send, Schedule.spaced(Beat.everyMs))
})

const program = Layer.scopedDiscard(Effect.forkScoped(beat)).pipe(
  Layer.provideMerge(Placement.layer),
  Layer.provide(kinds),
  Layer.provideMerge(Placement.cluster),
  Layer.provide(Layer.succeed(ActorGroups.ActorGroups, { ofKind: () => "market" })),
  Layer.provideMerge(JetStream.layer("engine"))
)
const stop = new AbortController()
process.once("SIGTERM", () => stop.abort())
Effect.runPromise(Layer.launch(program), { signal: stop.signal }).catch((error: unknown) => {
  if (stop.signal.aborted) process.exit(0)
  process.stderr.write(`${String(error)}\n`)
  process.exit(1)
})
