import { randomUUID } from "node:crypto"
import * as ClusterError from "@effect/cluster/ClusterError"
import * as RunnerStorage from "@effect/cluster/RunnerStorage"
import { Config, Context, Data, Duration, Effect, Either, Layer, Option, Schema } from "effect"
import { connect, type JetStreamClient, type KV, type NatsConnection, StorageType } from "nats"
import { apiErrorOf, NatsError, signIn } from "../streams/JetStream.ts"
import * as Subject from "../streams/Subject.ts"

/**
 * Where the processes of a cluster meet: a KV bucket with
 * `shard.<group>.<n>` a lease on a shard, `runner.<address>` who is there, `machine.<n>` a number for each runner's ids.
 * A key lives for `ttl` after its last write and the server's clock alone decides, so clocks need not agree. Every write is a
 * compare-and-swap on the key's revision.
 */
export const bucket = "cluster"

export interface Lease {
  /** Revision of the write that took the shard: grows with every owner, is never used again. */
  readonly epoch: number
  /** Whether this taking certainly still counts: asked before every side effect. */
  readonly isHeld: () => boolean
}

/** The leases of this process, by shard (`<group>:<number>`). */
export class ShardLeases extends Context.Tag("actors/ShardLeases")<ShardLeases, { readonly of: (shard: string) => Lease | undefined }>() {}

/** The bucket was made with a setting that this process would not be safe with. */
export class BucketMismatch extends Data.TaggedError("BucketMismatch")<{
  readonly setting: string
  readonly wanted: unknown
  readonly found: unknown
  readonly help: string
}> {
  override get message() {
    return `bucket ${bucket} has ${this.setting} ${this.found}, this process needs ${this.wanted}: ${this.help}`
  }
}

/** Other processes run actors here, in another way than this one is about to. */
export class OtherRunners extends Data.TaggedError("OtherRunners")<{ readonly runners: ReadonlyArray<string>; readonly help: string }> {
  override get message() {
    return `other processes run actors here (${this.runners.join(", ")}): ${this.help}`
  }
}

/** With the margin and one refresh less than this, every hiccup of NATS would stop all actors. */
const ttlMsMin = 4_000
/** How long a lease lives without a refresh: what a crash costs, and what an outage of NATS may last. */
export const ttlMs = Config.duration("PLACEMENT_TTL").pipe(
  Config.withDefault(Duration.seconds(8)),
  Config.map(Duration.toMillis),
  Config.validate({ message: `PLACEMENT_TTL must be ${ttlMsMin / 1_000} seconds or more`, validation: (ms) => ms >= ttlMsMin })
)
const replicas = Config.integer("NATS_REPLICAS").pipe(Config.withDefault(1))

const openTimeoutMs = 5_000
const attempt = <A>(op: string, run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: (cause) => new NatsError({ op: `${op} (bucket ${bucket})`, cause }) })

/** The bucket, made where it is missing. In files: revisions must survive a restart of the server, or an epoch could fall. */
export const open = (js: JetStreamClient) =>
  Effect.gen(function* () {
    const options = { ttl: yield* ttlMs, replicas: yield* replicas }
    // Reads go to the leader: a replica that lags must not answer.
    return yield* attempt("open", () => js.views.kv(bucket, { ...options, history: 1, storage: StorageType.File, allow_direct: false }))
  })

const mismatch = (kv: KV, wantedMs: number) =>
  Effect.gen(function* () {
    const { ttl, storage } = yield* attempt("status", () => kv.status())
    if (ttl !== wantedMs) {
      return yield* new BucketMismatch({
        setting: "time to live (ms)",
        wanted: wantedMs,
        found: ttl,
        help: `set PLACEMENT_TTL to the bucket's, or stop every process and run "nats stream edit KV_${bucket} --max-age ${wantedMs}ms"`
      })
    }
    if (storage !== StorageType.File) {
      return yield* new BucketMismatch({
        setting: "storage",
        wanted: StorageType.File,
        found: storage,
        help: "back up, then make it again"
      })
    }
  })

/** The server's numbers for "wrong last sequence": somebody else wrote first. */
const conflictCodes = new Set([10_071, 10_164])
const isConflict = (error: NatsError) => conflictCodes.has(apiErrorOf(error)?.err_code ?? 0)

interface Entry<A> {
  readonly revision: number
  /** None where the key was deleted. */
  readonly value: Option.Option<A>
}
/** Compare-and-swap on keys of one kind. Revision 0 stands for "must not be there" and, as an answer, for "somebody else was first". */
const keysOf = <A, I>(kv: KV, schema: Schema.Schema<A, I>) => {
  const json = Schema.parseJson(schema)
  const encode = Schema.encodeSync(json)
  const decode = Schema.decodeUnknown(json)
  const isFirst = <B>(write: Effect.Effect<B, NatsError>, other: B) => Effect.catchIf(write, isConflict, () => Effect.succeed(other))
  return {
    read: (key: string): Effect.Effect<Option.Option<Entry<A>>, NatsError> =>
      Effect.gen(function* () {
        const found = yield* attempt(`read ${key}`, () => kv.get(key))
        if (found === null) return Option.none()
        if (found.operation !== "PUT") return Option.some({ revision: found.revision, value: Option.none() })
        const value = yield* Effect.mapError(
          decode(found.string()),
          (cause) => new NatsError({ op: `read ${key} (bucket ${bucket})`, cause })
        )
        return Option.some({ revision: found.revision, value: Option.some(value) })
      }),
    write: (key: string, value: A, revision: number): Effect.Effect<number, NatsError> =>
      isFirst(
        attempt(`write ${key}`, () => kv.put(key, encode(value), { previousSeq: revision })),
        0
      ),
    remove: (key: string, revision: number): Effect.Effect<boolean, NatsError> =>
      isFirst(
        Effect.as(
          attempt(`remove ${key}`, () => kv.delete(key, { previousSeq: revision })),
          true
        ),
        false
      )
  }
}

/** Who holds a shard or a machine number; `id` is one incarnation of the process at that address. */
const Holder = Schema.Struct({ address: Schema.String, id: Schema.String, epoch: Schema.Int })
const Registration = Schema.Struct({
  address: Schema.String,
  id: Schema.String,
  runner: Schema.String,
  healthy: Schema.Boolean,
  shards: Schema.Int
})

interface Instant {
  readonly wallMs: number
  readonly steadyMs: number
}
const now = (): Instant => ({ wallMs: Date.now(), steadyMs: performance.now() })
/** One clock moves while the machine is suspended, the other never steps back: the larger answer is the safe one. */
const elapsedMs = (since: Instant) => Math.max(Date.now() - since.wallMs, performance.now() - since.steadyMs)

interface Held {
  revision: number
  readonly epoch: number
  /** When the newest confirmed write was sent: the server counts from later on. */
  confirmed: Instant
}

const makeLeases = (kv: KV, me: { readonly id: string; readonly ttlMs: number; readonly marginMs: number }) => {
  const { read, write, remove } = keysOf(kv, Holder)
  const held = new Map<string, Held>()
  const keyOf = (shard: string) => {
    const at = shard.lastIndexOf(":")
    return Subject.kvKey("shard", shard.slice(0, at), shard.slice(at + 1))
  }
  const isMine = (entry: Entry<typeof Holder.Type>) => Option.exists(entry.value, ({ id }) => id === me.id)
  const isFree = (entry: Entry<typeof Holder.Type>, address: string) =>
    // Who has this address now has it alone: what an earlier process there held is this one's.
    Option.match(entry.value, { onNone: () => true, onSome: (holder) => holder.address === address })

  const take = (address: string, shard: string) =>
    Effect.gen(function* () {
      const key = keyOf(shard)
      const confirmed = now()
      // The epoch of a taking is the revision it is about to get.
      const value = { address, id: me.id, epoch: 0 }
      let revision = yield* write(key, value, 0)
      if (revision === 0) {
        const found = yield* read(key)
        if (Option.isNone(found)) revision = yield* write(key, value, 0)
        else if (isFree(found.value, address)) revision = yield* write(key, value, found.value.revision)
      }
      if (revision > 0) held.set(shard, { revision, epoch: revision, confirmed })
      return revision > 0
    })

  const renew = (address: string, shard: string) =>
    Effect.gen(function* () {
      const lease = held.get(shard)
      if (lease === undefined) return false
      const key = keyOf(shard)
      const value = { address, id: me.id, epoch: lease.epoch }
      const confirmed = now()
      let revision = yield* write(key, value, lease.revision)
      if (revision === 0) {
        // A write of ours that timed out may have landed after all; anybody else's means that the lease is lost.
        const found = yield* read(key)
        if (Option.isSome(found) && isMine(found.value)) revision = yield* write(key, value, found.value.revision)
      }
      if (revision === 0) {
        if (held.get(shard) === lease) held.delete(shard)
        return false
      }
      lease.revision = revision
      lease.confirmed = confirmed
      return true
    }).pipe(
      Effect.catchAll((error) => {
        const lease = held.get(shard)
        // NATS is away: nobody can take the shard before the lease ends, so it is kept while there is time left to stop.
        return lease !== undefined && elapsedMs(lease.confirmed) < me.ttlMs - me.marginMs ? Effect.succeed(true) : Effect.fail(error)
      })
    )

  const drop = (shard: string) =>
    Effect.gen(function* () {
      const lease = held.get(shard)
      if (lease === undefined) return
      held.delete(shard)
      const key = keyOf(shard)
      if (yield* remove(key, lease.revision)) return
      const found = yield* read(key)
      if (Option.isSome(found) && isMine(found.value)) yield* remove(key, found.value.revision)
    })

  const of = (shard: string): Lease | undefined => {
    const lease = held.get(shard)
    if (lease === undefined) return undefined
    return { epoch: lease.epoch, isHeld: () => held.get(shard) === lease && elapsedMs(lease.confirmed) < me.ttlMs }
  }
  return { take, renew, drop, dropAll: Effect.suspend(() => each([...held.keys()], drop)), of }
}

const each = <A, B, E>(all: Iterable<A>, run: (one: A) => Effect.Effect<B, E>) =>
  Effect.forEach(all, (one) => Effect.either(run(one)), { concurrency: "unbounded" })

/** The runners whose keys live. */
export const runnersOf = (nc: NatsConnection, kv: KV, timeoutMs = openTimeoutMs) =>
  Effect.gen(function* () {
    const { read } = keysOf(kv, Registration)
    const prefix = `$KV.${bucket}.`
    const { state } = yield* attempt("runners", async () =>
      (await nc.jetstreamManager({ timeout: timeoutMs, checkAPI: false })).streams.info(`KV_${bucket}`, {
        subjects_filter: `${prefix}runner.*`
      })
    )
    const keys = Object.keys(state.subjects ?? {}).map((subject) => subject.slice(prefix.length))
    const found = yield* Effect.forEach(keys, read, { concurrency: "unbounded" })
    return found.flatMap((entry) => Option.toArray(Option.flatMap(entry, ({ value }) => value)))
  })

/** The library uses 10 bits of it. */
const machinesMax = 1_024
/** Health is written by whoever checked, the rest by the runner itself: they meet at most so often in a row. */
const healthAttemptsMax = 5

const makeRegistry = (kv: KV, me: { readonly id: string; readonly shards: number }) => {
  const runners = keysOf(kv, Registration)
  const machines = keysOf(kv, Holder)
  const keyOf = (address: string) => Subject.kvKey("runner", address)
  let self: { readonly machine: number; machineRevision: number; revision: number; value: typeof Registration.Type } | undefined

  const takeMachine = (address: string) =>
    Effect.gen(function* () {
      const value = { address, id: me.id, epoch: 0 }
      for (let machine = 0; machine < machinesMax; machine++) {
        const key = Subject.kvKey("machine", String(machine))
        const created = yield* machines.write(key, value, 0)
        if (created > 0) return { machine, revision: created }
        const found = yield* machines.read(key)
        if (Option.isNone(found) || Option.exists(found.value.value, (holder) => holder.address !== address)) continue
        const revision = yield* machines.write(key, value, found.value.revision)
        if (revision > 0) return { machine, revision }
      }
      return yield* new NatsError({ op: `register (bucket ${bucket})`, cause: new Error(`all ${machinesMax} machine numbers are taken`) })
    })

  const register = (address: string, runner: string, healthy: boolean) =>
    Effect.gen(function* () {
      const { machine, revision: machineRevision } = yield* takeMachine(address)
      const value = { address, id: me.id, runner, healthy, shards: me.shards }
      const found = yield* runners.read(keyOf(address))
      const revision = yield* runners.write(
        keyOf(address),
        value,
        Option.match(found, { onNone: () => 0, onSome: (entry) => entry.revision })
      )
      if (revision === 0) return yield* new NatsError({ op: `register (bucket ${bucket})`, cause: new Error("another write was first") })
      self = { machine, machineRevision, revision, value }
      return machine
    })

  const unregister = Effect.gen(function* () {
    const gone = self
    // The library goes on refreshing while actors stop: that must not bring the key back.
    self = undefined
    if (gone === undefined) return
    const key = keyOf(gone.value.address)
    const found = yield* runners.read(key)
    if (Option.isSome(found) && Option.exists(found.value.value, ({ id }) => id === me.id)) yield* runners.remove(key, found.value.revision)
    yield* machines.remove(Subject.kvKey("machine", String(gone.machine)), gone.machineRevision)
  })

  /** Keeps this runner's keys alive. Its health may have been changed by another, so a conflict takes that over. */
  const beat = Effect.gen(function* () {
    const here = self
    // Nothing to keep: the answer says whether the bucket can be reached.
    if (here === undefined) return void (yield* attempt("probe", () => kv.status()))
    const { address } = here.value
    let revision = yield* runners.write(keyOf(address), here.value, here.revision)
    if (revision === 0) {
      const found = yield* runners.read(keyOf(address))
      const healthy = Option.match(
        Option.flatMap(found, ({ value }) => value),
        { onNone: () => true, onSome: (other) => other.healthy }
      )
      here.value = { ...here.value, healthy }
      if (self !== here) return
      revision = yield* runners.write(
        keyOf(address),
        here.value,
        Option.match(found, { onNone: () => 0, onSome: (entry) => entry.revision })
      )
    }
    if (revision > 0) here.revision = revision
    const key = Subject.kvKey("machine", String(here.machine))
    const kept = yield* machines.write(key, { address, id: me.id, epoch: 0 }, here.machineRevision)
    if (kept > 0) here.machineRevision = kept
  })

  const setHealth = (address: string, healthy: boolean) =>
    Effect.gen(function* () {
      for (let attempts = 0; attempts < healthAttemptsMax; attempts++) {
        const found = yield* runners.read(keyOf(address))
        if (Option.isNone(found) || Option.isNone(found.value.value)) return
        if ((yield* runners.write(keyOf(address), { ...found.value.value.value, healthy }, found.value.revision)) > 0) return
      }
    })

  return { register, unregister, beat, setHealth }
}

export interface Timing {
  /** How many shards there are; the same in every process. */
  readonly shards: number
  readonly refreshMs: number
}
/** A write must have failed before the next refresh is due. */
const operationShare = 0.6
/**
 * A lease that nothing confirms is given up this many refreshes before its end. The last good look can be just before, the next comes one
 * refresh later, and the library tries for one more before it stops the actors.
 */
const marginRefreshes = 2.2
/** The library's storage of runners and shards on the bucket, and the leases behind it. */
export const make = (nc: NatsConnection, { shards, refreshMs }: Timing) =>
  Effect.gen(function* () {
    const wantedMs = yield* ttlMs
    yield* Effect.flatMap(open(nc.jetstream({ timeout: openTimeoutMs })), (kv) => mismatch(kv, wantedMs))
    const timeoutMs = refreshMs * operationShare
    const kv = yield* attempt("open", () => nc.jetstream({ timeout: timeoutMs }).views.kv(bucket, { bindOnly: true, allow_direct: false }))
    const id = randomUUID()
    const leases = makeLeases(kv, { id, ttlMs: wantedMs, marginMs: refreshMs * marginRefreshes })
    const registry = makeRegistry(kv, { id, shards })
    const runners = runnersOf(nc, kv, timeoutMs)

    const others = (yield* runnersOf(nc, kv)).filter((other) => other.shards !== shards)
    if (others.length > 0) {
      return yield* new OtherRunners({
        runners: others.map((other) => `${other.address} with ${other.shards} shards`),
        help: `this process has ${shards} shards; stop those first`
      })
    }
    const persisted = <A>(effect: Effect.Effect<A, NatsError>) =>
      Effect.mapError(effect, (cause) => new ClusterError.PersistenceError({ cause }))

    const done = (all: ReadonlyArray<string>, answers: ReadonlyArray<Either.Either<boolean, NatsError>>) =>
      all.filter((_, at) => Option.contains(Option.flatMap(Option.fromNullable(answers[at]), Either.getRight), true))
    const acquire = (address: string, wanted: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        const taken = yield* each(wanted, (shard) => leases.take(address, shard))
        const failed = taken.filter(Either.isLeft)
        if (failed.length === taken.length && failed[0] !== undefined) return yield* Effect.fail(failed[0].left)
        return done(wanted, taken)
      })
    const refresh = (address: string, holding: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        const beat = Effect.either(Effect.as(registry.beat, true))
        const [beaten, renewed] = yield* Effect.all([beat, each(holding, (shard) => leases.renew(address, shard))], {
          concurrency: "unbounded"
        })
        const failed = (holding.length === 0 ? [beaten] : renewed).filter(Either.isLeft)
        // The library stops every actor then.
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

/** A connection for the leases alone: ticks that queue must not delay a renewal, and a dead peer must show within seconds. */
const connection = Effect.gen(function* () {
  const as = yield* signIn("engine")
  return yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: () =>
        connect({
          ...as,
          name: "tarang-leases",
          inboxPrefix: "_INBOX_engine",
          maxReconnectAttempts: -1,
          ignoreAuthErrorAbort: true,
          reconnectTimeWait: 250,
          reconnectJitter: 100,
          pingInterval: 2_000,
          maxPingOut: 2
        }),
      catch: (cause) => new NatsError({ op: "Failed to connect to NATS", cause })
    }),
    (nc) => Effect.promise(() => nc.close())
  )
})

/** A process that can never hold a lease again is of no use: it stops as on SIGTERM, and whoever watches it starts it anew. */
const endProcess = Effect.zipRight(
  Effect.logFatal("the connection that holds the leases closed for good, ending the process"),
  Effect.sync(() => process.kill(process.pid, "SIGTERM"))
)
/** Runs `end` when the connection closes by itself, not when the scope does. */
export const endWith = (nc: NatsConnection, end: Effect.Effect<unknown>) =>
  Effect.promise(() => nc.closed()).pipe(Effect.zipRight(end), Effect.forkScoped)

export const layer = (timing: Timing) =>
  Layer.scopedContext(
    Effect.gen(function* () {
      const nc = yield* connection
      yield* endWith(nc, endProcess)
      const { storage, leases } = yield* make(nc, timing)
      return Context.make(RunnerStorage.RunnerStorage, storage).pipe(Context.add(ShardLeases, leases))
    })
  )
