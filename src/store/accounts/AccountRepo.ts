import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Data, Effect, Schema } from "effect"
import { AccountId } from "../../domain/Ids.ts"
import { TimeColumn } from "../Columns.ts"
import * as Outbox from "../orders/Outbox.ts"
import * as Caller from "../owners/Caller.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"

/** Most accounts that one user may link. */
export const accountsPerUserMax = 10
/** Most accounts that all users together may link. */
export const linkedMax = 256

/**
 * The id cannot be linked. `taken`: another account has it. `own`: the user has the most accounts that one may link. `all`: the platform
 * has.
 */
export class NotLinked extends Data.TaggedError("NotLinked")<{ readonly why: "taken" | "own" | "all" }> {}
/** The account has order tasks that have not ended. */
export class AccountBusy extends Data.TaggedError("AccountBusy")<{ readonly tasks: number }> {}

const Linked = Schema.Struct({
  accountId: AccountId,
  owner: Schema.String,
  userId: Schema.String,
  apiKey: Schema.Redacted(Schema.String),
  apiSecret: Schema.Redacted(Schema.String),
  createdAt: TimeColumn
})
const Session = Schema.Struct({ accountId: Schema.String, accessToken: Schema.Redacted(Schema.String), signedInAt: TimeColumn })

/** `apiKey` and `apiSecret` are sealed. */
export interface NewAccount {
  readonly accountId: string
  readonly owner: string
  readonly userId: string
  readonly apiKey: string
  readonly apiSecret: string
}
/** A field of a row whose secret has to be sealed with the newest key. */
export interface Resealed {
  readonly accountId: string
  readonly field: "api_key" | "api_secret" | "access_token" | "request_token"
  readonly from: string
  readonly to: string
}

const makeReads = (sql: SqlClient.SqlClient) => {
  const linked = SqlSchema.findAll({
    Request: Schema.Void,
    Result: Linked,
    execute: () => sql`SELECT account_id AS "accountId", owner, user_id AS "userId", api_key AS "apiKey", api_secret AS "apiSecret",
      created_at AS "createdAt" FROM accounts WHERE removed_at IS NULL ORDER BY created_at, account_id`
  })
  const sessions = SqlSchema.findAll({
    Request: Schema.Void,
    Result: Session,
    execute: () => sql`SELECT account_id AS "accountId", access_token AS "accessToken", signed_in_at AS "signedInAt" FROM account_logins
      WHERE access_token IS NOT NULL ORDER BY account_id`
  })
  return { linked: linked(), sessions: sessions() } as const
}

/** The key of a lock that allows one link or removal at a time, so that two requests cannot take the last place. */
const lock = 81_062_028

const makeWrites = (sql: SqlClient.SqlClient) => {
  const { event, line } = Outbox.writes(sql)
  const locked = sql`SELECT pg_advisory_xact_lock(${lock})`
  const announce = (accountId: string, who: string, kind: "linked" | "removed", message: string) =>
    Effect.zipRight(
      event({ accountId, taskId: null, kind, body: { message, detail: {} } }),
      line({ accountId, taskId: null, who, what: kind, detail: {} })
    )
  /** A linked account begins in paper mode, even if an earlier account with this id was in live mode. */
  const inPaper = (accountId: string) => sql`INSERT INTO order_accounts (account_id, mode) VALUES (${accountId}, 'paper')
    ON CONFLICT (account_id) DO UPDATE SET mode = 'paper', updated_at = now()`
  const forgetLogins = (accountId: string) =>
    Effect.all(
      [
        sql`DELETE FROM account_logins WHERE account_id = ${accountId}`,
        sql`DELETE FROM account_login_states WHERE account_id = ${accountId}`,
        sql`DELETE FROM account_announcements WHERE account_id = ${accountId}`
      ],
      { discard: true }
    )
  const refuseBeyondLimits = (owner: string) =>
    Effect.gen(function* () {
      const [counts] = yield* sql<{ readonly own: number; readonly all: number }>`
        SELECT count(*) FILTER (WHERE owner = ${owner})::int AS own, count(*)::int AS "all" FROM accounts WHERE removed_at IS NULL`
      if ((counts?.own ?? 0) >= accountsPerUserMax) return yield* new NotLinked({ why: "own" })
      if ((counts?.all ?? 0) >= linkedMax) return yield* new NotLinked({ why: "all" })
    })
  const link = (it: NewAccount) =>
    Effect.gen(function* () {
      yield* locked
      yield* refuseBeyondLimits(it.owner)
      const rows = yield* sql`INSERT INTO accounts (account_id, owner, user_id, api_key, api_secret)
        VALUES (${it.accountId}, ${it.owner}, ${it.userId}, ${it.apiKey}, ${it.apiSecret})
        ON CONFLICT (account_id) DO UPDATE SET user_id = excluded.user_id, api_key = excluded.api_key, api_secret = excluded.api_secret,
          created_at = now(), removed_at = NULL
        WHERE accounts.owner = excluded.owner AND accounts.removed_at IS NOT NULL RETURNING account_id`
      if (rows.length === 0) return yield* new NotLinked({ why: "taken" })
      yield* inPaper(it.accountId)
      yield* forgetLogins(it.accountId)
      yield* announce(it.accountId, it.owner, "linked", `account ${it.accountId} is linked and in paper mode: sign in at its broker`)
    }).pipe(Postgres.transaction(sql))
  const remove = (accountId: string, who: string) =>
    Effect.gen(function* () {
      yield* locked
      const [busy] = yield* sql<{ readonly tasks: number }>`SELECT count(*)::int AS tasks FROM order_tasks
        WHERE account_id = ${accountId} AND status IN ('PENDING', 'RUNNING', 'RETRYING')`
      if ((busy?.tasks ?? 0) > 0) return yield* new AccountBusy({ tasks: busy?.tasks ?? 0 })
      const rows = yield* sql`UPDATE accounts SET api_key = '', api_secret = '', removed_at = now()
        WHERE account_id = ${accountId} AND removed_at IS NULL RETURNING account_id`
      if (rows.length === 0) return false
      yield* inPaper(accountId)
      yield* forgetLogins(accountId)
      yield* announce(accountId, who, "removed", `account ${accountId} is removed`)
      return true
    }).pipe(Postgres.transaction(sql))
  const reseal = ({ accountId, field, from, to }: Resealed) => {
    const table = field === "api_key" || field === "api_secret" ? "accounts" : "account_logins"
    const column = sql.literal(field)
    return sql`UPDATE ${sql.literal(table)} SET ${column} = ${to} WHERE account_id = ${accountId} AND ${column} = ${from}`
  }
  return { link, remove, reseal } as const
}

/** Accounts that users linked, and the newest session of each account. Secrets are stored only sealed. */
export class AccountRepo extends Effect.Service<AccountRepo>()("store/accounts/AccountRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const { linked, sessions } = makeReads(sql)
    const { link, remove, reseal } = makeWrites(sql)
    return {
      linked: StoreError.guardRead(linked).pipe(Effect.withSpan("AccountRepo.linked")),
      sessions: StoreError.guardRead(sessions).pipe(Effect.withSpan("AccountRepo.sessions")),
      /**
       * Links an account. An owner may link an id again that the same owner removed. It runs for the platform, because the ids and the
       * number of all users' accounts decide.
       */
      link: (it: NewAccount) => StoreError.guard(link(it)).pipe(Caller.asPlatform, Effect.withSpan("AccountRepo.link")),
      /** Forgets the account's secrets and sessions. False if no such account is linked. */
      remove: (accountId: string, who: string) => StoreError.guard(remove(accountId, who)).pipe(Effect.withSpan("AccountRepo.remove")),
      /** Replaces a sealed secret, unless it changed meanwhile. */
      reseal: (it: Resealed) => StoreError.guard(reseal(it)).pipe(Effect.asVoid, Effect.withSpan("AccountRepo.reseal"))
    } as const
  })
}) {}
