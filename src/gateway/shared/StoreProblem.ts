import { Effect } from "effect"
import * as Problem from "../../contract/shared/Problem.ts"
import type { LimitReached } from "../../store/LimitReached.ts"
import type { StoreError, StoreInvalid, StoreUnavailable } from "../../store/StoreError.ts"
import type { AccountFull, TakesAway } from "../../store/subscriptions/SubscriptionPlaces.ts"

type Answer<E> =
  | Exclude<E, StoreError | AccountFull | LimitReached | TakesAway>
  | (E extends TakesAway ? Problem.Forbidden : never)
  | (E extends StoreUnavailable ? Problem.Unavailable : never)
  | (E extends StoreInvalid | AccountFull | LimitReached ? Problem.Invalid : never)

export const noRoomText = ({ account, instrumentsMax }: AccountFull): string => {
  const who = account === null ? "every account streams" : `account ${account} streams`
  const what = account === null ? "add an account" : "name another account"
  return `${who} ${instrumentsMax} instruments, the most it can: deactivate some, or ${what}`
}
const noRoom = (full: AccountFull): Problem.Invalid => Problem.invalidField("account_id", noRoomText(full))

const owners = {
  alerts: "a user",
  backfills: "a user",
  indicators: "a set",
  keys: "a user",
  labels: "a user",
  legs: "a strategy",
  strategies: "a user",
  subscriptions: "a user"
} as const
export const tooManyText = ({ max, what }: LimitReached): string => `${owners[what]} has at most ${max} ${what}`
const tooMany = (reached: LimitReached): Problem.Invalid => Problem.invalidField(reached.field, tooManyText(reached))

export const databaseAway = "Database unavailable"

const hasTag = (error: unknown): error is { readonly _tag: string } => typeof error === "object" && error !== null && "_tag" in error

/** Converts the store's errors to the contract's. Constraint names stay in the log, because callers do not know them. */
export const orProblem = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, Answer<E>, R> =>
  Effect.catchAll(effect, (error): Effect.Effect<never, Answer<E>> => {
    if (hasTag(error)) {
      switch (error._tag) {
        case "StoreUnavailable":
          return Effect.zipRight(
            Effect.logWarning("database unavailable", error),
            Effect.fail(new Problem.Unavailable({ detail: databaseAway }) as Answer<E>)
          )
        case "StoreConflict":
          // No table has a unique key that a caller could violate.
          return Effect.die(error)
        case "AccountFull":
          return Effect.fail(noRoom(error as unknown as AccountFull) as Answer<E>)
        case "TakesAway":
          return Effect.fail(new Problem.Forbidden({ detail: "Forbidden" }) as Answer<E>)
        case "LimitReached":
          return Effect.fail(tooMany(error as unknown as LimitReached) as Answer<E>)
        case "StoreInvalid":
          return Effect.zipRight(
            Effect.logInfo("database refused a value", error),
            Effect.fail(new Problem.Invalid({ detail: "Validation error: a value is out of range" }) as Answer<E>)
          )
      }
    }
    return Effect.fail(error as Answer<E>)
  })
