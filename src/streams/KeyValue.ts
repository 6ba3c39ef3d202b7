import { Effect, Option, type Scope } from "effect"
import { type KV, StorageType } from "nats"
import { JetStream, type Message, NatsError } from "./JetStream.ts"
import * as OrderedRead from "./OrderedRead.ts"
import { natsReplicas } from "./Replicas.ts"

/** A change that a watcher sees: the newest value of a key, or none when the key was removed. Revision 0: the whole bucket was deleted. */
export interface Change {
  readonly key: string
  readonly revision: number
  readonly value: Option.Option<Uint8Array>
}

export interface KeyValue {
  readonly get: (key: string) => Effect.Effect<Option.Option<{ readonly value: Uint8Array; readonly revision: number }>, NatsError>
  /** Answers the key's new revision. Revisions grow over the whole bucket. */
  readonly put: (key: string, value: Uint8Array) => Effect.Effect<number, NatsError>
  /** Removes a key and leaves a marker, so that watchers see the removal. */
  readonly remove: (key: string) => Effect.Effect<void, NatsError>
  /** Removes keys and leaves no marker, so watchers see nothing. Use it for keys that nobody watches. `filter` may have wildcards. */
  readonly erase: (filter: string) => Effect.Effect<void, NatsError>
  /** When the bucket was made, UNIX ms. A bucket that was deleted and made again is empty and has another time. */
  readonly createdMs: Effect.Effect<number, NatsError>
  readonly keys: (filter?: string) => Effect.Effect<ReadonlyArray<string>, NatsError>
  /** First every key's present value (or its removal), then the changes as they come. A lost connection loses no change. */
  readonly watch: (filter?: string) => Effect.Effect<{ readonly takeAll: Effect.Effect<ReadonlyArray<Change>> }, NatsError, Scope.Scope>
}

const keysReadMax = "10 seconds"

/** The bucket of the newest session of each account that signs in automatically, by account. The tokens are sealed. */
export const sessions = "sessions"

/** The platform's buckets, which are made again when somebody deletes them. LeaseBucket looks after the bucket of the leases. */
export const buckets = ["actors", "instruments", "snapshots", "incarnations", sessions] as const

/** The name of the stream that stores a bucket. */
export const streamOf = (bucket: string): string => `KV_${bucket}`

/** The subject of a key: github.com/nats-io/nats-architecture-and-design, ADR-8. */
export const subjectOf = (bucket: string, key: string): string => `$KV.${bucket}.${key}`

/**
 * Makes a bucket where it is missing. One value per key, kept in files: revisions must survive a server restart, or an epoch could fall.
 */
export const bind = (bucket: string): Effect.Effect<KV, NatsError, JetStream> =>
  Effect.gen(function* () {
    const { js } = yield* JetStream
    const failed = (cause: unknown) => new NatsError({ op: `open (bucket ${bucket})`, cause })
    const replicas = yield* Effect.mapError(natsReplicas, failed)
    return yield* Effect.tryPromise({
      try: () => js.views.kv(bucket, { history: 1, storage: StorageType.File, allow_direct: false, replicas }),
      catch: failed
    })
  })

/** A bucket, made where it is missing. */
export const open = (bucket: string): Effect.Effect<KeyValue, NatsError, JetStream> =>
  Effect.gen(function* () {
    const jetStream = yield* JetStream
    const attempt = <A>(op: string, run: () => Promise<A>) =>
      Effect.tryPromise({ try: run, catch: (cause) => new NatsError({ op: `${op} (bucket ${bucket})`, cause }) })
    const kv = yield* bind(bucket)

    const prefix = subjectOf(bucket, "")
    const changeOf = (message: Message): Change => ({
      key: message.subject.slice(prefix.length),
      revision: message.seq,
      value: message.header("KV-Operation") === "" ? Option.some(message.data) : Option.none()
    })
    const watch = (filter = ">") =>
      Effect.gen(function* () {
        const read = yield* OrderedRead.make({ stream: streamOf(bucket), filters: [prefix + filter], start: { _tag: "LastPerSubject" } })
        const present = new Set<string>()
        const changesOf = (item: Message | OrderedRead.Gap): ReadonlyArray<Change> => {
          if (item._tag === "Message") {
            const change = changeOf(item)
            if (Option.isSome(change.value)) present.add(change.key)
            else present.delete(change.key)
            return [change]
          }
          // The bucket was deleted and made again: its present values come next.
          const gone = Array.from(present, (key): Change => ({ key, revision: 0, value: Option.none() }))
          present.clear()
          return gone
        }
        return { takeAll: Effect.map(read.takeAll, (items) => items.flatMap(changesOf)) }
      }).pipe(Effect.provideService(JetStream, jetStream))

    return {
      get: (key) =>
        Effect.map(
          attempt(`get ${key}`, () => kv.get(key)),
          (entry) =>
            entry === null || entry.operation !== "PUT" ? Option.none() : Option.some({ value: entry.value, revision: entry.revision })
        ),
      put: (key, value) => attempt(`put ${key}`, () => kv.put(key, value)),
      remove: (key) => attempt(`remove ${key}`, () => kv.purge(key)),
      erase: (filter) =>
        Effect.asVoid(attempt(`erase ${filter}`, () => jetStream.jsm.streams.purge(streamOf(bucket), { filter: prefix + filter }))),
      createdMs: Effect.map(jetStream.info(streamOf(bucket)), ({ createdMs }) => createdMs),
      keys: (filter) =>
        attempt("keys", async () => {
          const found: Array<string> = []
          for await (const key of await kv.keys(filter)) found.push(key)
          return found
        }).pipe(
          // The client asks for the keys one by one. It would wait for ever for an answer that was lost with a connection.
          Effect.timeoutFail({
            duration: keysReadMax,
            onTimeout: () => new NatsError({ op: `keys (bucket ${bucket})`, cause: new Error(`not all keys came within ${keysReadMax}`) })
          })
        ),
      watch
    }
  })
