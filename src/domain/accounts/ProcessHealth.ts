import { Schema } from "effect"
import * as Backpressure from "../market/Backpressure.ts"
import { BackpressureStatus } from "../market/TickerStatus.ts"

/** The groups of actors. A process can run one group alone. */
export const ActorGroup = Schema.Literal("market", "orders")

/**
 * sys.health.<process>: how far the record is behind the accounts that one process of actors streams. It is published when a level changes and
 * once a second.
 */
export const ProcessHealth = Schema.Struct({
  v: Schema.Literal(1),
  as_of: Schema.String,
  /** The name of the process, which a restart keeps. */
  process: Schema.String,
  /** The groups of actors that the process runs. */
  actors: Schema.Array(ActorGroup),
  /** The worst level of its accounts. HEALTHY for a process that streams none. */
  level: Backpressure.Level,
  /** By account, for those whose ticker runs here. */
  accounts: Schema.Record({ key: Schema.String, value: BackpressureStatus })
})
export type ProcessHealth = typeof ProcessHealth.Type
