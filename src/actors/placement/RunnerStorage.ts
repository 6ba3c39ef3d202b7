import { randomUUID } from "node:crypto"
import * as ClusterError from "@effect/cluster/ClusterError"
import * as RunnerStorage from "@effect/cluster/RunnerStorage"
import { Context, Data, Effect, Either, Layer, Option } from "effect"
import type { NatsError } from "../../streams/JetStream.ts"
import * as LeaseBucket from "../../streams/LeaseBucket.ts"
import * as MachineClocks from "./MachineClocks.ts"
import * as RunnerRegistry from "./RunnerRegistry.ts"
import * as ShardLeases from "./ShardLeases.ts"
import * as SingleLease from "./SingleLease.ts"

/** Other processes run actors here, and their placement settings differ from ours. */
export class OtherRunners extends Data.TaggedError("OtherRunners")<{ readonly runners: ReadonlyArray<string>; readonly help: string }> {
  override get message() {
    return `other processes run actors here (${this.runners.join(", ")}): ${this.help}`
  }
}

export interface Timing {
  /** The number of shards, the same in every process. */
  readonly shards: number
  readonly refreshMs: number
}
/** The time limit of a write, as a share of the time between two refreshes, so that it ends before the next refresh. */
const operationShare = 0.6
/**
 * A lease that cannot be confirmed is given up this many refreshes before its end. The last successful check may be just before that
 * moment, the next check comes one refresh later, and the library tries for one more refresh before it stops the actors.
 */
const marginRefreshes = 2.2
/** Pause between two looks for shards that other processes still hold. */
const lookAgainAfterMs = 100
/**
 * The server removes the leases of a dead process in several steps, a quarter of a second apart. A process that got some shards waits this
 * long for the next step.
 */
const nextStepMs = 350
/**
 * A process that got no shards looks again for this many refreshes. This is longer than the library waits for an answer, which is one
 * refresh. Without an answer the library asks again at once, but after an answer it would pause for a second, in which a lease may end.
 */
const looksForRefreshes = 1.5
/** The library's storage of runners and shards, kept in the bucket, and the leases that it takes. */
export const make = (nc: LeaseBucket.LeaseConnection, { shards, refreshMs }: Timing, clocks = MachineClocks.real) =>
  Effect.gen(function* () {
    const wantedMs = yield* LeaseBucket.ttlMs
    yield* Effect.flatMap(LeaseBucket.open(nc.jetstream({ timeout: LeaseBucket.openTimeoutMs })), (kv) =>
      LeaseBucket.mismatch(kv, wantedMs)
    )
    const timeoutMs = refreshMs * operationShare
    const kv = yield* LeaseBucket.bind(nc, timeoutMs)
    const id = randomUUID()
    const leases = ShardLeases.make(kv, { id, ttlMs: wantedMs, marginMs: refreshMs * marginRefreshes }, clocks)
    const registry = RunnerRegistry.make(kv, { id, shards })
    const runners = RunnerRegistry.runnersOf(nc, kv, timeoutMs)

    const others = (yield* RunnerRegistry.runnersOf(nc, kv)).filter((other) => other.shards !== shards)
    if (others.length > 0) {
      return yield* new OtherRunners({
        runners: others.map((other) => `${other.address} with ${other.shards} shards`),
        help: `this process has ${shards} shards; stop those first`
      })
    }
    const singles = yield* SingleLease.holders(nc, kv, timeoutMs)
    if (singles.length > 0) {
      return yield* new OtherRunners({
        runners: singles,
        help: "they run with PLACEMENT=single; stop them (one that was killed is forgotten within PLACEMENT_TTL)"
      })
    }
    const persisted = <A>(effect: Effect.Effect<A, NatsError>) =>
      Effect.mapError(effect, (cause) => new ClusterError.PersistenceError({ cause }))

    const done = (all: ReadonlyArray<string>, answers: ReadonlyArray<Either.Either<boolean, NatsError>>) =>
      all.filter((_, at) => Option.contains(Option.flatMap(Option.fromNullable(answers[at]), Either.getRight), true))
    const acquire = (address: string, wanted: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        const taken = new Set<string>()
        let foundMs = 0
        const look = Effect.gen(function* () {
          const missing = wanted.filter((shard) => !taken.has(shard))
          const answers = yield* ShardLeases.each(missing, (shard) => leases.take(address, shard))
          const failed = answers.filter(Either.isLeft)
          if (taken.size === 0 && failed.length === answers.length && failed[0] !== undefined) return yield* Effect.fail(failed[0].left)
          const found = done(missing, answers)
          for (const shard of found) taken.add(shard)
          if (found.length > 0) foundMs = performance.now()
        })
        const endMs = performance.now() + refreshMs * looksForRefreshes
        yield* look
        // The actors of the found shards can only start after the answer, and the library pauses for a second after it. So the look ends
        // soon after shards were found.
        const isDone = (nowMs: number) =>
          taken.size === wanted.length || nowMs >= endMs || (taken.size > 0 && nowMs - foundMs >= nextStepMs)
        while (!isDone(performance.now())) {
          yield* Effect.sleep(lookAgainAfterMs)
          yield* look
        }
        return wanted.filter((shard) => taken.has(shard))
      })
    const refresh = (address: string, holding: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        const beat = Effect.either(Effect.as(registry.beat, true))
        const [beaten, renewed] = yield* Effect.all([beat, ShardLeases.each(holding, (shard) => leases.renew(address, shard))], {
          concurrency: "unbounded"
        })
        const failed = (holding.length === 0 ? [beaten] : renewed).filter(Either.isLeft)
        // After this failure the library stops every actor.
        if (failed[0] !== undefined) return yield* Effect.fail(failed[0].left)
        return done(holding, renewed)
      })

    const storage = RunnerStorage.makeEncoded({
      getRunners: persisted(Effect.map(runners, (all) => all.map(({ runner, healthy }) => [runner, healthy] as const))),
      register: (address, runner, healthy) => persisted(registry.register(address, runner, healthy)),
      unregister: () => persisted(registry.unregister),
      setRunnerHealth: (address, healthy) => persisted(registry.setHealth(address, healthy)),
      acquire: (address, wanted) => persisted(acquire(address, wanted)),
      refresh: (address, holding) => persisted(refresh(address, holding)),
      release: (_, shard) => persisted(leases.drop(shard)),
      releaseAll: () => Effect.asVoid(leases.dropAll)
    })
    return { storage, leases: { of: leases.of } }
  })

/**
 * A process whose lease connection is closed can never hold a lease again. It stops as on SIGTERM, and its service manager starts it again.
 */
const endProcess = Effect.zipRight(
  Effect.logFatal("the connection that holds the leases closed for good, ending the process"),
  Effect.sync(() => process.kill(process.pid, "SIGTERM"))
)
export const layer = (timing: Timing) =>
  Layer.scopedContext(
    Effect.gen(function* () {
      const nc = yield* LeaseBucket.connection
      yield* LeaseBucket.endWith(nc, endProcess)
      const { storage, leases } = yield* make(nc, timing)
      return Context.make(RunnerStorage.RunnerStorage, storage).pipe(Context.add(ShardLeases.ShardLeases, leases))
    })
  )
