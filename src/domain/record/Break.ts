import { Schema } from "effect"

/**
 * Why packets of an account are missing. `connection`: its broker connection was lost, or brought a message that could not be read. `room`: its
 * publisher had no room. `lease`: they came after its process had lost the right to publish. `stopped`: its ticker ended.
 */
export const Cause = Schema.Literal("connection", "room", "lease", "stopped")
export type Cause = typeof Cause.Type

/** md.break.<exchange>.<underlying>: an interruption of what one account streams of an underlying. Bars of that time are incomplete. */
export const Break = Schema.Struct({
  v: Schema.Literal(1),
  exchange: Schema.String,
  underlying: Schema.String,
  account: Schema.String,
  /** The incarnation of the account's ticker in which the interruption happened. */
  incarnation: Schema.Int,
  cause: Cause,
  /** When the last packet before the interruption was received. */
  from: Schema.DateFromString,
  /** When packets came again; null while none come: the next start of the account ends it, or another message with the same start. */
  to: Schema.NullOr(Schema.DateFromString),
  /** Packets known to be lost; null where nobody can count them. */
  packets: Schema.NullOr(Schema.Int)
})
export type Break = typeof Break.Type
