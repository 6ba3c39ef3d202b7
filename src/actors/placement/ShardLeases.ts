import { Context, Effect, Option, Schema } from "effect"
import { type Entry, keysOf, type LeaseBucket } from "../../streams/LeaseBucket.ts"
import * as Subject from "../../streams/Subject.ts"
import type { Lease } from "../runtime/Leases.ts"
import * as MachineClocks from "./MachineClocks.ts"

/** The leases of this process, by shard (`<group>:<number>`). */
export class ShardLeases extends Context.Tag("actors/placement/ShardLeases")<
  ShardLeases,
  { readonly of: (shard: string) => Lease | undefined }
>() {}

/** The holder of a shard or of a machine number. `id` identifies one incarnation of the process at that address. */
export const Holder = Schema.Struct({ address: Schema.String, id: Schema.String, epoch: Schema.Int })

interface Held {
  revision: number
  readonly epoch: number
  /** When the newest confirmed write was sent. The server's time to live starts after that. */
  confirmed: MachineClocks.Instant
}

interface Me {
  readonly id: string
  readonly ttlMs: number
  readonly marginMs: number
}
export const make = (kv: LeaseBucket, me: Me, clocks: MachineClocks.Clocks) => {
  const { read, write, remove } = keysOf(kv, Holder)
  const held = new Map<string, Held>()
  const keyOf = (shard: string) => {
    const at = shard.lastIndexOf(":")
    return Subject.kvKey("shard", shard.slice(0, at), shard.slice(at + 1))
  }
  const isMine = (entry: Entry<typeof Holder.Type>) => Option.exists(entry.value, ({ id }) => id === me.id)
  const isFree = (entry: Entry<typeof Holder.Type>, address: string) =>
    // Only one process can use an address, so this process takes over what an earlier process at its address held.
    Option.match(entry.value, { onNone: () => true, onSome: (holder) => holder.address === address })

  const take = (address: string, shard: string) =>
    Effect.gen(function* () {
      const key = keyOf(shard)
      const confirmed = MachineClocks.now(clocks)
      // A lease's epoch is the revision of the write that took it, which is not known yet.
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
      const confirmed = MachineClocks.now(clocks)
      let revision = yield* write(key, value, lease.revision)
      if (revision === 0) {
        // Our own write may have landed although it timed out. A write by another process means that the lease is lost.
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
        // While NATS is away nobody can take the shard before the lease ends. Keep it while there is time left to stop.
        return lease !== undefined && MachineClocks.elapsedMs(clocks, lease.confirmed) < me.ttlMs - me.marginMs
          ? Effect.succeed(true)
          : Effect.fail(error)
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
    return { epoch: lease.epoch, isHeld: () => held.get(shard) === lease && MachineClocks.elapsedMs(clocks, lease.confirmed) < me.ttlMs }
  }
  return { take, renew, drop, dropAll: Effect.suspend(() => each([...held.keys()], drop)), of }
}

/** Runs an operation for all items at once, and returns the result or failure of each. */
export const each = <A, B, E>(all: Iterable<A>, run: (one: A) => Effect.Effect<B, E>) =>
  Effect.forEach(all, (one) => Effect.either(run(one)), { concurrency: "unbounded" })
