/** Logging for work that is tried again and again, for example for an account that has no login for a whole night. */
import { Effect } from "effect"

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Logs the reason of a failure once, until the work succeeds or fails for another reason. `what` says what did not happen. */
export const logged = (what: string) => {
  let newest: string | undefined
  return <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    self.pipe(
      Effect.tap(() => {
        newest = undefined
      }),
      Effect.tapError((error) => {
        const reason = reasonOf(error)
        if (reason === newest) return Effect.void
        newest = reason
        return Effect.logWarning(what, reason)
      })
    )
}
