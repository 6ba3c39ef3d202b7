import { Effect, Option, Schema } from "effect"
import { NatsError } from "../../streams/JetStream.ts"
import { attempt, bucket, keysLike, keysOf, type LeaseBucket, type LeaseConnection, openTimeoutMs } from "../../streams/LeaseBucket.ts"
import * as Subject from "../../streams/Subject.ts"
import { Holder } from "./ShardLeases.ts"

const Registration = Schema.Struct({
  address: Schema.String,
  id: Schema.String,
  runner: Schema.String,
  healthy: Schema.Boolean,
  shards: Schema.Int
})

/** The runners whose registrations have not expired. */
export const runnersOf = (nc: LeaseConnection, kv: LeaseBucket, timeoutMs = openTimeoutMs) =>
  Effect.gen(function* () {
    const { read } = keysOf(kv, Registration)
    const keys = yield* keysLike(nc, "runner.*", timeoutMs)
    const found = yield* Effect.forEach(keys, read, { concurrency: "unbounded" })
    return found.flatMap((entry) => Option.toArray(Option.flatMap(entry, ({ value }) => value)))
  })

/** The library uses 10 bits of a machine number. */
const machinesMax = 1_024
/** A write of a runner's health is tried this many times, because several processes may write it at once. */
const healthAttemptsMax = 5

/** Keeps this process's registration and its machine number alive. */
export const make = (kv: LeaseBucket, me: { readonly id: string; readonly shards: number }) => {
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
    // The library keeps refreshing while the actors stop. That must not create the key again.
    self = undefined
    if (gone === undefined) return
    const key = keyOf(gone.value.address)
    const found = yield* runners.read(key)
    if (Option.isSome(found) && Option.exists(found.value.value, ({ id }) => id === me.id)) yield* runners.remove(key, found.value.revision)
    yield* machines.remove(Subject.kvKey("machine", String(gone.machine)), gone.machineRevision)
  })

  /** Keeps this runner's keys alive. Another process may have changed its health; on a conflict the other's health is kept. */
  const beat = Effect.gen(function* () {
    const here = self
    // Without a registration, only check that the bucket can be reached.
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
