/** Statements that a connection to Postgres keeps, so that they are read and planned once for each connection and not each time. */
import { Effect, FiberRef } from "effect"

/** Texts that this process prepares. Later ones are sent as others are. A plan takes some ten kilobytes of each connection. */
export const textsMax = 64

/** Whether the statements of this fiber are kept. */
export const wanted: FiberRef.FiberRef<boolean> = FiberRef.unsafeMake(false)

/**
 * Keeps the statements of an effect. For those that a waiting order needs, whose texts are few and whose plans do not depend on the values:
 * Postgres may use a plan for any values after some runs (PostgreSQL manual, PREPARE).
 */
export const kept = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => Effect.locally(self, wanted, true)

const numbers = new Map<string, number>()
let generation = 0

/**
 * The message with which Postgres refuses a plan after somebody changed the type of a column that it returns, as a migration of a later version
 * does. The statement did nothing then.
 */
export const isOutdated = (message: string): boolean => message.startsWith("cached plan must not change result type")
/** Lets every statement be read again under another name: a connection would refuse the old one for ever. */
export const renew = (): void => void generation++

/**
 * The name of a text. A caller's plans carry the conditions of row security and the platform's do not, so each kind has names of its own:
 * Postgres would plan a statement again whenever the other kind runs it.
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
