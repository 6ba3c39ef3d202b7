import { Context, Data, Effect } from "effect"

/** The right of one process to run an actor. */
export interface Lease {
  /** Grows with every owner and is never used again. A sink recognises a replaced process by its older epoch. */
  readonly epoch: number
  /** Whether the lease is still valid. An actor asks before every side effect. */
  readonly isHeld: () => boolean
}

/** This process does not hold the actor's shard, or holds it no longer. */
export class NotHeld extends Data.TaggedError("NotHeld")<{ readonly key: string }> {
  override get message() {
    return `this process holds no lease for ${this.key}`
  }
}

/** The actor's lease has ended, for example after a freeze. Another process continues from what was published. */
export class Replaced extends Data.TaggedError("Replaced")<{ readonly key: string }> {
  override get message() {
    return `the lease for ${this.key} has ended`
  }
}

/**
 * Fails once the lease has ended. After this process was frozen, another one may have written newer values than those that this one read,
 * so an actor asks before it writes.
 */
export const stillHeld = (lease: Lease, key: string): Effect.Effect<void, Replaced> =>
  Effect.suspend(() => (lease.isHeld() ? Effect.void : new Replaced({ key })))

/** Gives an actor its lease: the proof that this process owns it. */
export class Leases extends Context.Tag("actors/runtime/Leases")<
  Leases,
  {
    /** The lease of the actor with that key in the bucket of actors. An actor takes it when it starts and keeps it. */
    readonly of: (key: string) => Effect.Effect<Lease, NotHeld>
  }
>() {}
