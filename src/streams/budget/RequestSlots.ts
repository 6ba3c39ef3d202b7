/**
 * Slots that all processes of a cluster share. A slot is a key of a NATS bucket. The process that creates the key owns the slot. The server
 * removes the key one second after its last write. So the machines' clocks do not matter, and the slots of a process that died are free
 * after a second.
 */
import { Effect, Either, Option, Ref } from "effect"
import { type KV, StorageType } from "nats"
import * as Stalls from "../../loop/Stalls.ts"
import * as SteadyTime from "../../loop/SteadyTime.ts"
import * as Turn from "../../loop/Turn.ts"
import { isConflict, JetStream, NatsError } from "../JetStream.ts"
import { natsReplicas } from "../Replicas.ts"
import * as Subject from "../Subject.ts"

const bucket = "budgets"
/** The broker counts requests by the second. */
export const slotMs = 1_000
/** A slot in use is written again this often, because a request may reach the broker at any time until it is answered. */
const keepEveryMs = 400
/** In a longer stall of its process a slot in use may be lost, because its next write comes too late. */
const stallMsMax = slotMs - keepEveryMs
/** Pause between two looks for a free slot. */
const lookEveryMs = 50
/** If NATS does not answer within this time, the slots count as unavailable. */
const answerMax = "2 seconds"
/** How often a request to NATS is repeated because this process stalled meanwhile. Then no answer says nothing about NATS. */
const repeatsMax = 2

export interface Wish {
  /** Parts of a key: the owner of the slots, and their purpose. */
  readonly of: readonly [account: string, family: string]
  /** How many slots there are. */
  readonly count: number
  /** How many of these slots are reserved for others. */
  readonly kept: number
  readonly waitMsMax: number
}

export interface Slot {
  readonly key: string
  /** Steady time at which this process sent the write that made the slot. The server keeps the slot for a second from then at least. */
  readonly writtenMs: number
}

/** A slot, or the reason why there is no slot: all were taken during the whole wait, or NATS is away. */
export type Taken =
  | { readonly _tag: "Slot"; readonly slot: Slot; readonly waitedMs: number }
  | { readonly _tag: "Full" }
  | { readonly _tag: "Away" }

export const make = Effect.gen(function* () {
  const { js } = yield* JetStream
  const replicas = yield* natsReplicas
  const stalls = yield* Stalls.watch(stallMsMax)
  const attempt = <A>(op: string, run: () => Promise<A>, repeats = 0): Effect.Effect<A, NatsError> =>
    Effect.gen(function* () {
      const failed = (cause: unknown) => new NatsError({ op: `${op} (bucket ${bucket})`, cause })
      const beganMs = yield* SteadyTime.nowMs
      const asked = Effect.tryPromise({ try: run, catch: failed })
      const answer = yield* Effect.either(Turn.inTime(asked, answerMax, () => failed(new Error("no answer"))))
      const isRepeated = Either.isLeft(answer) && !isConflict(answer.left) && repeats < repeatsMax && stalls.endedAtMs() > beganMs
      return yield* isRepeated ? attempt(op, run, repeats + 1) : answer
    })
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
    attempt(`create ${key}`, () => kv.put(key, empty, { previousSeq: 0 })).pipe(
      Effect.as(true),
      Effect.catchIf(isConflict, () => Effect.succeed(false))
    )
  const write = (key: string) => forgetting(Effect.flatMap(open, (kv) => attempt(`put ${key}`, () => kv.put(key, empty))))

  /**
   * Waits while processes write their slots again after a stall. The stall may have been the whole machine's: then slots whose requests
   * have not reached the broker yet look free.
   */
  const afterStall: Effect.Effect<void> = Effect.flatMap(SteadyTime.nowMs, (nowMs) =>
    nowMs - stalls.endedAtMs() < keepEveryMs ? Effect.zipRight(Effect.sleep(lookEveryMs), afterStall) : Effect.void
  )
  /**
   * Takes the first free slot. It never takes one of the `kept` slots, which are the first ones. A slot whose answer came after a second is
   * no longer this process's.
   */
  const once = ({ count, kept, of }: Wish) =>
    Effect.gen(function* () {
      const kv = yield* open
      for (let at = kept; at < count; at++) {
        yield* afterStall
        const key = Subject.kvKey(...of, String(at))
        const writtenMs = yield* SteadyTime.nowMs
        if ((yield* create(kv, key)) && (yield* SteadyTime.nowMs) - writtenMs < slotMs) return { key, writtenMs }
      }
      return undefined
    }).pipe(forgetting)
  /** Send the request right after this, in the same turn of the event loop: the slot is known to be this process's only now. */
  const take = (wish: Wish): Effect.Effect<Taken> =>
    Effect.gen(function* () {
      const beganMs = yield* SteadyTime.nowMs
      while (true) {
        const slot = yield* once(wish)
        const waitedMs = (yield* SteadyTime.nowMs) - beganMs
        if (slot !== undefined) return { _tag: "Slot", slot, waitedMs } as const
        if (waitedMs >= wish.waitMsMax) return { _tag: "Full" } as const
        yield* Effect.sleep(lookEveryMs)
      }
    }).pipe(
      Effect.catchAll((error) => Effect.as(Effect.logDebug("request slots cannot be read", error.message), { _tag: "Away" } as const))
    )
  /** Runs a request that owns a slot. The slot is free a second after the request's end. */
  const holding = <A, E>({ key, writtenMs }: Slot, self: Effect.Effect<A, E>): Effect.Effect<A, E> => {
    const keep = Effect.ignore(write(key))
    // A write does not wait for the answer of the one before it.
    const keepOn = Effect.forever(Effect.zipRight(Effect.fork(keep), Effect.sleep(keepEveryMs)))
    const untilFirst = Effect.map(SteadyTime.nowMs, (nowMs) => Math.max(0, writtenMs + keepEveryMs - nowMs))
    const keeping = Effect.zipRight(Effect.flatMap(untilFirst, Effect.sleep), keepOn)
    return Effect.scoped(Effect.zipRight(Effect.forkScoped(keeping), Effect.ensuring(self, keep)))
  }
  return { take, holding } as const
})
