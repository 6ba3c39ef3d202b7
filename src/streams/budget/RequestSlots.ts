/**
 * Slots that all processes of a cluster share. A slot is a key of a NATS bucket. The process that creates the key owns the slot. The server
 * removes the key one second after its last write. So the machines' clocks do not matter, and the slots of a process that died are free
 * after a second.
 */
import { Effect, Option, Ref } from "effect"
import { type KV, StorageType } from "nats"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import * as Turn from "../../loop/Turn.ts"
import { isConflict, JetStream, NatsError } from "../JetStream.ts"
import { natsReplicas } from "../Replicas.ts"
import * as Subject from "../Subject.ts"

const bucket = "budgets"
/** The broker counts requests by the second. */
export const slotMs = 1_000
/** A slot in use is written again this often, because a request may reach the broker at any time until it is answered. */
const keepEvery = "400 millis"
/** Pause between two looks for a free slot. */
const lookEveryMs = 50
/** If NATS does not answer within this time, the slots count as unavailable. */
const answerMax = "2 seconds"

export interface Wish {
  /** Parts of a key: the owner of the slots, and their purpose. */
  readonly of: readonly [account: string, family: string]
  /** How many slots there are. */
  readonly count: number
  /** How many of these slots are reserved for others. */
  readonly kept: number
  readonly waitMsMax: number
}

/** A slot, or the reason why there is no slot: all were taken during the whole wait, or NATS is away. */
export type Taken =
  | { readonly _tag: "Slot"; readonly key: string; readonly waitedMs: number }
  | { readonly _tag: "Full" }
  | { readonly _tag: "Away" }

export const make = Effect.gen(function* () {
  const { js } = yield* JetStream
  const replicas = yield* natsReplicas
  const attempt = <A>(op: string, run: () => Promise<A>) =>
    Turn.inTime(
      Effect.tryPromise({ try: run, catch: (cause) => new NatsError({ op: `${op} (bucket ${bucket})`, cause }) }),
      answerMax,
      () => new NatsError({ op: `${op} (bucket ${bucket})`, cause: new Error("no answer") })
    )
  const opened = yield* Ref.make(Option.none<KV>())
  const open = Effect.flatMap(
    Ref.get(opened),
    Option.match({
      onSome: Effect.succeed,
      onNone: () =>
        attempt("open", () => js.views.kv(bucket, { ttl: slotMs, history: 1, storage: StorageType.Memory, replicas })).pipe(
          Effect.tap((kv) => Ref.set(opened, Option.some(kv)))
        )
    })
  )
  // Somebody may have deleted the bucket. The next request opens it again.
  const forgetting = <A>(self: Effect.Effect<A, NatsError>) => Effect.tapError(self, () => Ref.set(opened, Option.none()))
  const empty = new Uint8Array()
  const create = (kv: KV, key: string) =>
    attempt(`create ${key}`, () => kv.create(key, empty)).pipe(
      Effect.as(true),
      Effect.catchIf(isConflict, () => Effect.succeed(false))
    )
  const write = (key: string) => forgetting(Effect.flatMap(open, (kv) => attempt(`put ${key}`, () => kv.put(key, empty))))

  /** Takes the first free slot. It never takes one of the `kept` slots, which are the first ones. */
  const once = ({ count, kept, of }: Wish) =>
    Effect.gen(function* () {
      const kv = yield* open
      for (let at = kept; at < count; at++) {
        const key = Subject.kvKey(...of, String(at))
        if (yield* create(kv, key)) return key
      }
      return undefined
    }).pipe(forgetting)
  const take = (wish: Wish): Effect.Effect<Taken> =>
    Effect.gen(function* () {
      const beganMs = yield* SteadyTime.nowMs
      while (true) {
        const key = yield* once(wish)
        const waitedMs = (yield* SteadyTime.nowMs) - beganMs
        if (key !== undefined) return { _tag: "Slot", key, waitedMs } as const
        if (waitedMs >= wish.waitMsMax) return { _tag: "Full" } as const
        yield* Effect.sleep(lookEveryMs)
      }
    }).pipe(
      Effect.catchAll((error) => Effect.as(Effect.logDebug("request slots cannot be read", error.message), { _tag: "Away" } as const))
    )
  /** Runs a request that owns a slot. The slot is free a second after the request's end. */
  const holding = <A, E>(key: string, self: Effect.Effect<A, E>): Effect.Effect<A, E> => {
    const keep = Effect.ignore(write(key))
    return Effect.scoped(Effect.zipRight(Effect.forkScoped(Effect.forever(Effect.delay(keep, keepEvery))), Effect.ensuring(self, keep)))
  }
  return { take, holding } as const
})
