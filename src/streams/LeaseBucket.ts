import { Config, Data, Duration, Effect, Option, Schema } from "effect"
import { connect, type JetStreamClient, type KV, type NatsConnection, StorageType } from "nats"
import { connectFailed, isConflict, NatsError, signIn } from "./JetStream.ts"
import { natsReplicas } from "./Replicas.ts"

/** The KV bucket through which the processes of a cluster find each other. */
export const bucket = "cluster"

/** The bucket with its leases: compare-and-swap on a key's revision. */
export type LeaseBucket = KV
/** The connection that keeps leases alive. */
export type LeaseConnection = NatsConnection

/** The bucket has a setting with which this process would not be safe. */
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

/** With a shorter time, any short delay of NATS would stop all actors: one refresh and a safety margin must fit in it. */
const ttlMsMin = 4_000
/** How long a lease lives without a refresh. A crash costs this time, and an outage of NATS may last no longer. */
export const ttlMs = Config.duration("PLACEMENT_TTL").pipe(
  Config.withDefault(Duration.seconds(8)),
  Config.map(Duration.toMillis),
  Config.validate({ message: `PLACEMENT_TTL must be ${ttlMsMin / 1_000} seconds or more`, validation: (ms) => ms >= ttlMsMin })
)

/** Time limit of the requests that open the bucket. */
export const openTimeoutMs = 5_000
export const attempt = <A>(op: string, run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: (cause) => new NatsError({ op: `${op} (bucket ${bucket})`, cause }) })

/**
 * Opens the bucket, and makes it if it is missing. It is stored in files: revisions must survive a restart of the server, or an epoch could
 * fall.
 */
export const open = (js: JetStreamClient) =>
  Effect.gen(function* () {
    const options = { ttl: yield* ttlMs, replicas: yield* natsReplicas }
    // Reads go to the leader: a replica that lags must not answer.
    return yield* attempt("open", () => js.views.kv(bucket, { ...options, history: 1, storage: StorageType.File, allow_direct: false }))
  })

/** Fails when the bucket has a setting that would make leases unsafe. */
export const mismatch = (kv: KV, wantedMs: number) =>
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

export interface Entry<A> {
  readonly revision: number
  /** None if the key was deleted. */
  readonly value: Option.Option<A>
}
/**
 * Compare-and-swap on keys of one kind. As an argument, revision 0 means that the key must not exist; as an answer, that another writer
 * was first.
 */
export const keysOf = <A, I>(kv: KV, schema: Schema.Schema<A, I>) => {
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

/** The present keys that match `pattern`. */
export const keysLike = (
  nc: LeaseConnection,
  pattern: string,
  timeoutMs = openTimeoutMs
): Effect.Effect<ReadonlyArray<string>, NatsError> => {
  const prefix = `$KV.${bucket}.`
  return Effect.map(
    attempt("list keys", async () =>
      (await nc.jetstreamManager({ timeout: timeoutMs, checkAPI: false })).streams.info(`KV_${bucket}`, {
        subjects_filter: `${prefix}${pattern}`
      })
    ),
    ({ state }) => Object.keys(state.subjects ?? {}).map((subject) => subject.slice(prefix.length))
  )
}

/** The bucket for requests with their own time limit; it must exist. */
export const bind = (nc: LeaseConnection, timeoutMs: number) =>
  attempt("open", () => nc.jetstream({ timeout: timeoutMs }).views.kv(bucket, { bindOnly: true, allow_direct: false }))

/** A separate connection for the leases: queued ticks must not delay a renewal, and a dead peer must be noticed within seconds. */
export const connection = Effect.gen(function* () {
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
      catch: connectFailed
    }),
    (nc) => Effect.promise(() => nc.close())
  )
})

/** Runs `end` when the connection closes by itself, not when the scope does. */
export const endWith = (nc: LeaseConnection, end: Effect.Effect<unknown>) =>
  Effect.promise(() => nc.closed()).pipe(Effect.zipRight(end), Effect.forkScoped)
