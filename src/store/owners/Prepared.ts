/** Prepared statements. Postgres parses and plans them once for each connection, not each time. */
import { Effect, FiberRef } from "effect"

/** The most texts that this process prepares. Further texts are sent unprepared. A plan takes some ten kilobytes in each connection. */
export const textsMax = 64

/** Whether the statements of this fiber are prepared. */
export const wanted: FiberRef.FiberRef<boolean> = FiberRef.unsafeMake(false)

/**
 * Prepares the statements of an effect. Use it for statements that an order waits for. Their texts must be few, and their plans must not depend
 * on the values: after some runs Postgres may use one plan for all values (PostgreSQL manual, PREPARE).
 */
export const kept = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => Effect.locally(self, wanted, true)

const numbers = new Map<string, number>()
let generation = 0

/**
 * The message with which Postgres refuses a plan after somebody changed the type of a column that it returns, as a migration of a later version
 * does. The statement did nothing then.
 */
export const isOutdated = (message: string): boolean => message.startsWith("cached plan must not change result type")
/** Gives every statement a new name, because a connection would refuse the old one for ever. */
export const renew = (): void => void generation++

/**
 * The name of a text; none if it is not prepared. Only callers' plans contain the conditions of row security, so callers and the platform use
 * different names. Under one name Postgres would plan the statement again whenever the other of them runs it.
 */
export const nameOf = (kind: "caller" | "platform", text: string): { readonly name?: string } => {
  let number = numbers.get(text)
  if (number === undefined) {
    if (numbers.size >= textsMax) return {}
    number = numbers.size
    numbers.set(text, number)
  }
  return { name: `${kind}_${number}_${generation}` }
}
