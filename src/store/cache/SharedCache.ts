import { createHash, randomUUID } from "node:crypto"
import { Cache, Clock, Config, Duration, Effect, Either, Equal, Exit, Hash, Option, Redacted, Schema } from "effect"
import { counter } from "../../metrics/Labelled.ts"
import { Redis } from "../Redis.ts"

/** Larger values stay in the process that computed them. */
export const valueBytesMax = 64 * 1024
/** The longest wait for Redis. Computing the value is quicker than waiting for a slow cache. */
const answerMax = Duration.millis(50)
/** A Redis that failed is not asked again for this long. */
const restMs = 1_000

const asked = counter("shared_cache_total", "Questions to the cache on Redis: hit, miss, refused (full) or away", "result")

export interface Setup<K, A, I, E> {
  /** Part of each Redis key. */
  readonly name: string
  /** Values that this process holds. When there are more, the one that was unused for longest is dropped. */
  readonly capacity: number
  /** How long a value is used after it was computed, wherever it is held. */
  readonly ttl: Duration.Duration
  /** Equal texts name equal values. */
  readonly idOf: (key: K) => string
  readonly schema: Schema.Schema<A, I>
  /** A failure is not kept. */
  readonly compute: (key: K) => Effect.Effect<A, E>
}

interface Kept<A> {
  readonly value: A
  readonly untilMs: number
}

class Key<K> implements Equal.Equal {
  readonly of: K
  readonly id: string
  constructor(of: K, id: string) {
    this.of = of
    this.id = id
  }
  [Equal.symbol](that: Equal.Equal): boolean {
    return that instanceof Key && that.id === this.id
  }
  [Hash.symbol](): number {
    return Hash.string(this.id)
  }
}

const hashed = (text: string): string => createHash("sha256").update(text).digest("base64url").slice(0, 22)

/** Several platforms may share one Redis. The address of the database, without its credentials, tells them apart. */
const platform = Config.redacted("DATABASE_URL").pipe(
  Config.map(Redacted.value),
  Config.map((text) => (URL.canParse(text) ? new URL(text) : undefined)),
  Config.map((url) => hashed(`${url?.host ?? ""}${url?.pathname ?? ""}`)),
  Config.withDefault("")
)

/** The part of a cache that is stored on Redis. It never fails: without Redis there is no entry, and nothing is stored. */
const shelf = <A, I>({ name, ttl, schema }: Pick<Setup<never, A, I, never>, "name" | "ttl" | "schema">) =>
  Effect.gen(function* () {
    const redis = yield* Redis
    const prefix = `tarang:${yield* platform}:${name}`
    const generationKey = `${prefix}:generation`
    const keyOf = (id: string) => `${prefix}:${hashed(id)}`
    const json = Schema.parseJson(schema)
    const [encode, decode] = [Schema.encodeEither(json), Schema.decodeUnknownOption(json)]
    let restUntilMs = 0
    /** True if Redis missed a clear. The clear is repeated before anything is read. */
    let mustClear = false

    type Client = Parameters<Parameters<typeof redis.use>[0]>[0]
    const use = <B>(run: (client: Client) => Promise<B>): Effect.Effect<Option.Option<B>> =>
      Effect.flatMap(Clock.currentTimeMillis, (nowMs) => {
        if (redis.state() !== "up" || nowMs < restUntilMs) return Effect.succeedNone
        return redis.use(run).pipe(
          Effect.disconnect,
          Effect.timeout(answerMax),
          Effect.tapError(() =>
            Effect.sync(() => {
              restUntilMs = nowMs + restMs
            })
          ),
          Effect.option
        )
      })
    const clear = Effect.gen(function* () {
      mustClear = true
      const done = yield* use((client) => client.set(generationKey, randomUUID()))
      mustClear = Option.isNone(done)
    })

    /** The entry, if there is one, and the generation for `put`; without a generation nothing may be put. */
    const get = (id: string) =>
      Effect.gen(function* () {
        if (mustClear) yield* clear
        const found = mustClear
          ? Option.none()
          : yield* use((client) => client.pipeline().get(generationKey).get(keyOf(id)).pttl(keyOf(id)).exec())
        const [generation, entry, leftMs] = (Option.getOrNull(found) ?? []).map(([error, value]) => (error === null ? value : undefined))
        if (generation === undefined || entry === undefined || leftMs === undefined) {
          if (redis.state() !== "not configured") asked("away")
          return { generation: undefined, kept: Option.none<Kept<A>>() }
        }
        const mark = `${generation ?? ""}\n`
        const text = typeof entry === "string" && entry.startsWith(mark) ? entry.slice(mark.length) : undefined
        const nowMs = yield* Clock.currentTimeMillis
        const kept = Option.map(text === undefined ? Option.none() : decode(text), (value): Kept<A> => {
          return { value, untilMs: nowMs + Math.max(0, Number(leftMs)) }
        })
        asked(Option.isSome(kept) ? "hit" : "miss")
        return { generation: mark, kept }
      })
    const put = (id: string, mark: string, value: A) =>
      Effect.gen(function* () {
        const text = encode(value)
        if (text._tag === "Left" || Buffer.byteLength(text.right) > valueBytesMax) return
        // A full Redis refuses at once and still answers reads, so it is asked again without a pause.
        const write = redis.use((client) => client.set(keyOf(id), `${mark}${text.right}`, "PX", Duration.toMillis(ttl)))
        const stored = yield* write.pipe(Effect.disconnect, Effect.timeout(answerMax), Effect.option)
        if (Option.isNone(stored)) asked("refused")
      })
    return { get, put, clear } as const
  })

/**
 * A cache of computed values in two places: this process, and Redis, which all gateways share. Equal requests share one computation. Redis
 * only holds copies: when it is away, slow or full, the process's own part is used, with the same time to live and the same limit.
 */
export const make = <K, A, I, E>(setup: Setup<K, A, I, E>) =>
  Effect.gen(function* () {
    const { capacity, ttl, idOf, compute } = setup
    const clock = yield* Effect.clock
    const shared = yield* shelf(setup)
    const lookup = ({ of, id }: Key<K>): Effect.Effect<Kept<A>, E> =>
      Effect.gen(function* () {
        const { generation, kept } = yield* shared.get(id)
        if (Option.isSome(kept)) return kept.value
        const value = yield* compute(of)
        const untilMs = (yield* Clock.currentTimeMillis) + Duration.toMillis(ttl)
        if (generation !== undefined) yield* shared.put(id, generation, value)
        return { value, untilMs }
      })
    const own = yield* Cache.makeWith({
      capacity,
      lookup,
      timeToLive: (exit) =>
        Exit.isSuccess(exit) ? Duration.millis(Math.max(0, exit.value.untilMs - clock.unsafeCurrentTimeMillis())) : Duration.zero
    })
    const valueOf = ({ value }: Kept<A>): A => value
    // A life of zero ends with its millisecond, so that a question of the same millisecond would get the failure again.
    const find = (key: Key<K>) => Effect.tapError(own.getEither(key), () => own.invalidate(key))
    return {
      /** Left: this process held the value. Right: it came from Redis, or was computed. */
      get: (key: K): Effect.Effect<Either.Either<A, A>, E> =>
        Effect.map(find(new Key(key, idOf(key))), Either.mapBoth({ onLeft: valueOf, onRight: valueOf })),
      size: own.size,
      /**
       * Drops every value here and on Redis at once; other processes keep theirs until their time to live has ended. Returns how many were
       * here.
       */
      clear: Effect.gen(function* () {
        const size = yield* own.size
        yield* own.invalidateAll
        yield* shared.clear
        return size
      })
    } as const
  })
