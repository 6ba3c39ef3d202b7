/** Activates subscriptions and assigns them to accounts. The transactions of legs and fills use it too. */
import type * as SqlClient from "@effect/sql/SqlClient"
import { Effect, Either } from "effect"
import * as SubscriptionPlaces from "./SubscriptionPlaces.ts"
import * as SubscriptionRows from "./SubscriptionRows.ts"

export interface Saved {
  readonly row: SubscriptionRows.Row
  /** False if the contract already had a row, active or not. */
  readonly created: boolean
}
export type Outcome = Either.Either<Saved, SubscriptionPlaces.Refusal>

/** The key of the lock that serialises assignments, so that two concurrent ones do not both choose the same account as the emptiest. */
const assignmentLock = 81_062_027

/** `instrumentsMax`: how many instruments one account can stream (AccountCapacity). */
export const make = (sql: SqlClient.SqlClient, instrumentsMax: number) => {
  const { loads, lockedByTokens } = SubscriptionRows.reads(sql)
  const { activate } = SubscriptionRows.writes(sql)
  const lock = sql`SELECT pg_advisory_xact_lock(${assignmentLock})`

  /** The number of statements does not depend on the number of subscriptions. */
  const placed = (saves: ReadonlyArray<SubscriptionPlaces.Save>, accounts: ReadonlyArray<string>, purpose: SubscriptionPlaces.Purpose) =>
    Effect.gen(function* () {
      if (saves.length === 0) return []
      yield* lock
      const stored = yield* lockedByTokens(saves.map((one) => one.instrumentToken))
      const rows = new Map(stored.map((row) => [row.instrumentToken, row]))
      const outcomes = SubscriptionPlaces.assign({ rows, loads: yield* loads(), instrumentsMax }, saves, accounts, purpose)
      // Of two saves of one instrument the later one counts.
      const writes = new Map(outcomes.filter(Either.isRight).map(({ right: { row } }) => [row.instrumentToken, row]))
      const written = writes.size === 0 ? [] : yield* activate([...writes.values()])
      const byToken = new Map(written.map((row) => [row.instrumentToken, row]))
      return outcomes.map(
        Either.flatMap(({ row: { instrumentToken }, created }): Outcome => {
          const row = byToken.get(instrumentToken)
          if (row === undefined) throw new Error(`The subscription of ${instrumentToken} was not written.`)
          return Either.right({ row, created })
        })
      )
    })
  return {
    /** Without it, two transactions could take the last free place. */
    lock,
    /** Activates what has a place, in the order of `saves`, and says of each other one why it has none. Only inside a transaction. */
    requested: (saves: ReadonlyArray<SubscriptionPlaces.Save>, accounts: ReadonlyArray<string>) => placed(saves, accounts, "request"),
    /** Like `requested`, for what a window or a new day's list needs: an active subscription stays as it is. */
    kept: (saves: ReadonlyArray<SubscriptionPlaces.Save>, accounts: ReadonlyArray<string>) => placed(saves, accounts, "need"),
    /** Activates all that legs and fills need. Fails with AccountFull if one has no place. Only inside a transaction. */
    needed: (saves: ReadonlyArray<SubscriptionPlaces.Save>, accounts: ReadonlyArray<string>) =>
      Effect.flatMap(placed(saves, accounts, "need"), (outcomes) => Effect.all(outcomes, { discard: true })).pipe(
        Effect.catchTags({ LimitReached: Effect.die, TakesAway: Effect.die }) // only requests are refused for these
      )
  } as const
}
