import { Context, Effect, Layer } from "effect"
import * as KeyValue from "../streams/KeyValue.ts"

/** A number that grows with every owner: what an actor sends along, so that a sink can refuse one that was replaced. */
export class Leases extends Context.Tag("actors/Leases")<
  Leases,
  {
    /** Epoch of the write that made this process the owner. */
    readonly epoch: number
    /** Asked before a side effect. */
    readonly isHeld: () => boolean
  }
>() {}

const bucket = "cluster"

/**
 * One process owns everything. Its epoch comes from a KV write like that of several would, so going from one process to many never makes it fall.
 */
export const singleProcess = Layer.effect(
  Leases,
  Effect.gen(function* () {
    const kv = yield* KeyValue.open(bucket)
    const epoch = yield* kv.put("single", new TextEncoder().encode(JSON.stringify({ pid: process.pid })))
    return { epoch, isHeld: () => true }
  })
)
