import { Context, Effect, Option, Schema } from "effect"
import { type Entry, keysOf, type LeaseBucket } from "../../streams/LeaseBucket.ts"
import * as Subject from "../../streams/Subject.ts"
import type { Lease } from "../runtime/Leases.ts"

/** The leases of this process, by shard (`<group>:<number>`). */
export class ShardLeases extends Context.Tag("actors/placement/ShardLeases")<
  ShardLeases,
  { readonly of: (shard: string) => Lease | undefined }
>() {}

/** Who holds a shard or a machine number; `id` is one incarnation of the process at that address. */
export const Holder = Schema.Struct({ address: Schema.String, id: Schema.String, epoch: Schema.Int })

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

export const make = (kv: LeaseBucket, me: { readonly id: string; readonly ttlMs: number; readonly marginMs: number }) => {
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

/** Runs an operation for each item at once and keeps the failures apart. */
export const each = <A, B, E>(all: Iterable<A>, run: (one: A) => Effect.Effect<B, E>) =>
  Effect.forEach(all, (one) => Effect.either(run(one)), { concurrency: "unbounded" })
