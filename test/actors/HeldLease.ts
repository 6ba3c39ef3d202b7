import { Effect, Layer } from "effect"
import { type Lease, Leases } from "../../src/actors/runtime/Leases.ts"

/** A lease that never ends, for tests in which one process owns every actor. */
export const heldLease: Lease = { epoch: 1, isHeld: () => true }
export const heldLeases = Layer.succeed(Leases, { of: () => Effect.succeed(heldLease) })
