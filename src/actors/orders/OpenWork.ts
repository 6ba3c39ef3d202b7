import { Effect, Schedule } from "effect"
import type { StoreUnavailable } from "../../store/StoreError.ts"
import * as RepeatedFailure from "./RepeatedFailure.ts"

const lookEvery = "1 second"

export interface OpenWork<A, E, R> {
  /** The pieces of work that still have to be done. */
  readonly open: Effect.Effect<ReadonlyArray<A>, StoreUnavailable, R>
  readonly lookAt: (one: A) => Effect.Effect<void, E, R>
  /** The log's text if one piece of work failed, and if the open work could not be read. */
  readonly failed: string
  readonly unread: string
  /** The log annotations that name one piece of work. */
  readonly named: (one: A) => Readonly<Record<string, unknown>>
}

/** Handles all open work once a second. Work that fails does not hold up the rest, and is tried again at the next look. */
export const watch = <A, E, R>({ failed, lookAt, named, open, unread }: OpenWork<A, E, R>) => {
  const lookAtOne = (one: A) =>
    Effect.catchAll(lookAt(one), (error) => Effect.logWarning(failed, String(error)).pipe(Effect.annotateLogs(named(one))))
  return Effect.flatMap(open, (all) => Effect.forEach(all, lookAtOne, { discard: true })).pipe(
    RepeatedFailure.logged(unread),
    Effect.ignore,
    Effect.repeat(Schedule.spaced(lookEvery))
  )
}
