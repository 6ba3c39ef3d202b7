import { Chunk, Effect, Mailbox, Option, type Scope } from "effect"
import { type KV, type KvEntry, type KvWatchOptions, StorageType } from "nats"
import { JetStream, NatsError } from "./JetStream.ts"

/** What a watcher sees: the newest value of a key, or that it was removed. */
export interface Change {
  readonly key: string
  readonly revision: number
  readonly value: Option.Option<Uint8Array>
}

export interface KeyValue {
  readonly get: (key: string) => Effect.Effect<Option.Option<{ readonly value: Uint8Array; readonly revision: number }>, NatsError>
  /** Answers the key's new revision, which only ever grows over the whole bucket. */
  readonly put: (key: string, value: Uint8Array) => Effect.Effect<number, NatsError>
  readonly remove: (key: string) => Effect.Effect<void, NatsError>
  readonly keys: (filter?: string) => Effect.Effect<ReadonlyArray<string>, NatsError>
  /** Every key's present value first, then changes as they come. */
  readonly watch: (filter?: string) => Effect.Effect<{ readonly takeAll: Effect.Effect<ReadonlyArray<Change>> }, NatsError, Scope.Scope>
}

const changeOf = (entry: KvEntry): Change => ({
  key: entry.key,
  revision: entry.revision,
  value: entry.operation === "PUT" ? Option.some(entry.value) : Option.none()
})

/** A bucket with one value per key, kept in files: revisions must survive a server restart, or an epoch could fall. */
export const open = (bucket: string): Effect.Effect<KeyValue, NatsError, JetStream> =>
  Effect.gen(function* () {
    const { js } = yield* JetStream
    const attempt = <A>(op: string, run: () => Promise<A>) =>
      Effect.tryPromise({ try: run, catch: (cause) => new NatsError({ op: `${op} (bucket ${bucket})`, cause }) })
    const kv: KV = yield* attempt("open", () => js.views.kv(bucket, { history: 1, storage: StorageType.File, allow_direct: false }))

    const watch = (filter?: string) =>
      Effect.gen(function* () {
        const mailbox = yield* Mailbox.make<Change>()
        const options: KvWatchOptions = filter === undefined ? {} : { key: filter }
        const entries = yield* Effect.acquireRelease(
          attempt("watch", () => kv.watch(options)),
          (entries) => Effect.sync(() => entries.stop())
        )
        yield* Effect.tryPromise(async () => {
          for await (const entry of entries) mailbox.unsafeOffer(changeOf(entry))
        }).pipe(Effect.ignoreLogged, Effect.forkScoped)
        return { takeAll: Effect.map(mailbox.takeAll, ([changes]) => Chunk.toReadonlyArray(changes)) }
      })

    return {
      get: (key) =>
        Effect.map(
          attempt(`get ${key}`, () => kv.get(key)),
          (entry) =>
            entry === null || entry.operation !== "PUT" ? Option.none() : Option.some({ value: entry.value, revision: entry.revision })
        ),
      put: (key, value) => attempt(`put ${key}`, () => kv.put(key, value)),
      remove: (key) => attempt(`remove ${key}`, () => kv.purge(key)),
      keys: (filter) =>
        attempt("keys", async () => {
          const found: Array<string> = []
          for await (const key of await kv.keys(filter)) found.push(key)
          return found
        }),
      watch
    }
  })
