/** Activates subscriptions and assigns them to accounts. The transactions of legs and fills use it too. */
import type * as SqlClient from "@effect/sql/SqlClient"
import { Data, Effect, Option } from "effect"
import { LimitReached } from "./LimitReached.ts"
import * as SubscriptionRows from "./SubscriptionRows.ts"

/** Active instruments per account: two connections of 1,500 each (KITE_CONNECTION_INSTRUMENTS). Kite allows 3,000 on each (kite.trade/docs/connect/v3/websocket). */
export const instrumentsMax = 3_000
/**
 * A user with this many active subscriptions may not add another one. Legs are never refused because of this limit, but their subscriptions
 * count. Windows have a separate limit. An account has room for more than one user's subscriptions.
 */
export const subscriptionsPerUserMax = 2_000
/** The account has no room for another active instrument. Null: no account has room. */
export class AccountFull extends Data.TaggedError("AccountFull")<{ readonly account: string | null }> {}

export interface Save {
  readonly instrumentToken: number
  readonly tradingsymbol: string
  readonly segment: string
  readonly requestedMode: SubscriptionRows.Mode
  /**
   * The account to use. Without it the stored account is kept if it is configured and has room; otherwise the account with the fewest
   * active rows is used.
   */
  readonly accountId?: string | undefined
  readonly createdBy: string
  /** "person" by default. A subscription requested by a person keeps that origin. */
  readonly origin?: SubscriptionRows.Origin
}
export interface Saved {
  readonly row: SubscriptionRows.Row
  /** False if the token already had a row, active or not. */
  readonly created: boolean
}

/** The key of the lock that serialises assignments, so that two concurrent ones do not both choose the same account as the emptiest. */
const assignmentLock = 81_062_027

/** Use it only in a transaction that holds `lock`. Otherwise two transactions could take the last free place. */
const accountsOf = (sql: SqlClient.SqlClient) => {
  const isFull = (account: string) =>
    Effect.map(
      sql<{ readonly isFull: boolean }>`SELECT count(*) >= ${instrumentsMax} AS "isFull" FROM subscriptions
        WHERE account_id = ${account} AND status = 'active'`,
      (rows) => rows[0]?.isFull === true
    )
  /** The account with the fewest active rows; null if `accounts` is empty. */
  const leastLoaded = (accounts: ReadonlyArray<string>) =>
    Effect.flatMap(
      sql<{ readonly account: string; readonly isFull: boolean }>`
        SELECT a.account, count(s.instrument_token) >= ${instrumentsMax} AS "isFull"
        FROM unnest(${accounts}::text[]) WITH ORDINALITY AS a (account, place)
        LEFT JOIN subscriptions s ON s.account_id = a.account AND s.status = 'active'
        GROUP BY a.account, a.place ORDER BY count(s.instrument_token), a.place LIMIT 1`,
      ([least]) => (least?.isFull === true ? Effect.fail(new AccountFull({ account: null })) : Effect.succeed(least?.account ?? null))
    )
  /**
   * The account that streams the instrument: the wanted one; otherwise its present one if that is configured and has room; otherwise
   * the emptiest.
   */
  const accountFor = (wanted: string | undefined, before: SubscriptionRows.Row | null, accounts: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const kept = before?.accountId ?? null
      const own = wanted ?? (kept !== null && (accounts.length === 0 || accounts.includes(kept)) ? kept : null)
      // An active row of this account is already counted.
      if (own !== null && before?.status === "active" && own === kept) return own
      if (own !== null && !(yield* isFull(own))) return own
      if (wanted !== undefined || accounts.length === 0) return own === null ? null : yield* new AccountFull({ account: own })
      return yield* leastLoaded(accounts)
    })
  return { lock: sql`SELECT pg_advisory_xact_lock(${assignmentLock})`, isFull, accountFor } as const
}

/** Fails when the user has as many other subscriptions as one may have. Use it only in a transaction that holds `lock`. */
const refuseBeyondLimit = (sql: SqlClient.SqlClient) => (user: string, token: number) =>
  Effect.flatMap(
    sql<{ readonly isReached: boolean }>`SELECT count(*) >= ${subscriptionsPerUserMax} AS "isReached" FROM subscriptions
      WHERE created_by = ${user} AND status = 'active' AND origin = 'person' AND instrument_token <> ${token}`,
    ([row]) =>
      row?.isReached === true
        ? Effect.fail(new LimitReached({ what: "subscriptions", field: "instrument_token", max: subscriptionsPerUserMax }))
        : Effect.void
  )

export const make = (sql: SqlClient.SqlClient) => {
  const { lockedByToken } = SubscriptionRows.reads(sql)
  const { activate } = SubscriptionRows.writes(sql)
  const { lock, isFull, accountFor } = accountsOf(sql)
  return {
    lock,
    isFull,
    refuseBeyondLimit: refuseBeyondLimit(sql),
    /** Makes the subscription active and gives it an account. With `keepMode`, an active row keeps its mode. Only inside a transaction. */
    activate: (it: Save, accounts: ReadonlyArray<string>, keepMode: boolean) =>
      Effect.gen(function* () {
        yield* lock
        const stored = Option.getOrNull(yield* lockedByToken(it.instrumentToken))
        // On an earlier day the token may have named another contract, whose mode is not this one's.
        const before = stored?.tradingsymbol === it.tradingsymbol ? stored : null
        const accountId = yield* accountFor(it.accountId, stored, accounts)
        const requestedMode = keepMode && before?.status === "active" ? before.requestedMode : it.requestedMode
        const row = yield* activate({ origin: "person", ...it, requestedMode, accountId })
        return { row, created: before === null } satisfies Saved
      })
  } as const
}
