import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Data, Effect, Option, Schema } from "effect"
import { TimeColumn } from "../Columns.ts"
import * as Outbox from "../orders/Outbox.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"

/** A login has to reach its callback within this time. */
export const stateMsMax = 10 * 60_000
/** Most logins of one account that may wait for their callback; the oldest is dropped first. */
export const statesMax = 20
/** If an exchange did not end within this time, its process counts as dead, and another one takes it over. */
export const exchangeSecondsMax = 30

/** No open login has this state: it is unknown, was used already, or is too old. */
export class NoSuchLogin extends Data.TaggedError("NoSuchLogin") {}

const Waiting = Schema.Struct({
  accountId: Schema.String,
  number: Schema.Int,
  requestToken: Schema.Redacted(Schema.String),
  receivedAt: TimeColumn
})
export type Waiting = typeof Waiting.Type
const Outcome = Schema.Struct({ number: Schema.Int, isWaiting: Schema.Boolean, failure: Schema.NullOr(Schema.String) })

/** A kind of event and the time that it is about, such as "the session ends at 06:00 of this day". */
export interface Announcement {
  readonly accountId: string
  readonly kind: "logged_in" | "expires_soon" | "expired"
  readonly about: Date
  readonly message: string
  readonly detail: unknown
}

const makeReceipt = (sql: SqlClient.SqlClient) => {
  const begin = (stateHash: string, accountId: string, userId: string) =>
    Effect.gen(function* () {
      yield* sql`DELETE FROM account_login_states WHERE expires_at < now() OR state_hash IN (
        SELECT state_hash FROM account_login_states WHERE account_id = ${accountId} ORDER BY expires_at DESC OFFSET ${statesMax - 1})`
      yield* sql`INSERT INTO account_login_states (state_hash, account_id, user_id, expires_at)
        VALUES (${stateHash}, ${accountId}, ${userId}, now() + make_interval(secs => ${stateMsMax / 1_000}))`
    }).pipe(Postgres.transaction(sql))
  const begun = SqlSchema.findOne({
    Request: Schema.String,
    Result: Schema.Struct({ accountId: Schema.String, userId: Schema.String }),
    execute: (stateHash) => sql`DELETE FROM account_login_states WHERE state_hash = ${stateHash} AND expires_at > now()
      RETURNING account_id AS "accountId", user_id AS "userId"`
  })
  const store = SqlSchema.single({
    Request: Schema.Struct({ accountId: Schema.String, requestToken: Schema.String }),
    Result: Schema.Struct({ number: Schema.Int }),
    execute: ({
      accountId,
      requestToken
    }) => sql`INSERT INTO account_logins (account_id, request_token) VALUES (${accountId}, ${requestToken})
      ON CONFLICT (account_id) DO UPDATE SET number = account_logins.number + 1, request_token = excluded.request_token,
        received_at = now(), exchange_at = NULL, failure = NULL RETURNING number`
  })
  /** Deletes the state and stores the token in one transaction. So a crash loses neither, and a repeated callback finds no state. */
  const receive = <E>(
    stateHash: string,
    seal: (begun: { readonly accountId: string; readonly userId: string }) => Effect.Effect<string, E>
  ) =>
    Effect.gen(function* () {
      const found = Option.getOrUndefined(yield* begun(stateHash))
      if (found === undefined) return yield* new NoSuchLogin()
      const { number } = yield* store({ accountId: found.accountId, requestToken: yield* seal(found) })
      return { accountId: found.accountId, number }
    }).pipe(Postgres.transaction(sql))
  return { begin, receive } as const
}

const makeExchange = (sql: SqlClient.SqlClient) => {
  const waiting = SqlSchema.findAll({
    Request: Schema.Void,
    Result: Waiting,
    execute: () => sql`SELECT account_id AS "accountId", number, request_token AS "requestToken", received_at AS "receivedAt"
      FROM account_logins WHERE request_token IS NOT NULL
        AND (exchange_at IS NULL OR exchange_at < now() - make_interval(secs => ${exchangeSecondsMax})) ORDER BY account_id`
  })
  /** Takes a waiting token, so that only one process exchanges it. */
  const take = (accountId: string, number: number) =>
    Effect.map(
      sql`UPDATE account_logins SET exchange_at = now() WHERE account_id = ${accountId} AND number = ${number} AND request_token IS NOT NULL
        AND (exchange_at IS NULL OR exchange_at < now() - make_interval(secs => ${exchangeSecondsMax})) RETURNING account_id`,
      (rows) => rows.length > 0
    )
  /** Makes the token wait for another try after the broker was not reached. */
  const putBack = (accountId: string, number: number) =>
    sql`UPDATE account_logins SET exchange_at = NULL WHERE account_id = ${accountId} AND number = ${number}`
  const done = (accountId: string, number: number, accessToken: string, signedInAt: Date) =>
    sql`UPDATE account_logins SET request_token = NULL, exchange_at = NULL, failure = NULL, access_token = ${accessToken},
      signed_in_at = ${signedInAt.toISOString()}::timestamptz WHERE account_id = ${accountId} AND number = ${number}`
  const refused = (accountId: string, number: number, reason: string) =>
    sql`UPDATE account_logins SET request_token = NULL, exchange_at = NULL, failure = ${reason}
      WHERE account_id = ${accountId} AND number = ${number}`
  const outcome = SqlSchema.findOne({
    Request: Schema.String,
    Result: Outcome,
    execute: (accountId) => sql`SELECT number, request_token IS NOT NULL AS "isWaiting", failure FROM account_logins
      WHERE account_id = ${accountId}`
  })
  return { waiting: waiting(), take, putBack, done, refused, outcome } as const
}

/** Announces an event once for each of its times, although several processes may notice it. */
const makeAnnounce = (sql: SqlClient.SqlClient) => {
  const { event, line } = Outbox.writes(sql)
  return ({ about, accountId, detail, kind, message }: Announcement) =>
    Effect.gen(function* () {
      const rows = yield* sql`INSERT INTO account_announcements (account_id, kind, about)
        VALUES (${accountId}, ${kind}, ${about.toISOString()}::timestamptz)
        ON CONFLICT (account_id, kind) DO UPDATE SET about = excluded.about WHERE account_announcements.about < excluded.about
        RETURNING account_id`
      if (rows.length === 0) return false
      yield* event({ accountId, taskId: null, kind, body: { message, detail } })
      yield* line({ accountId, taskId: null, who: "system", what: kind, detail })
      return true
    }).pipe(Postgres.transaction(sql))
}

/** Logins that a person began: from the state of /kite/login over the stored request token to the session. */
export class LoginRepo extends Effect.Service<LoginRepo>()("store/accounts/LoginRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const { begin, receive } = makeReceipt(sql)
    const { done, outcome, putBack, refused, take, waiting } = makeExchange(sql)
    const announce = makeAnnounce(sql)
    return {
      begin: (stateHash: string, accountId: string, userId: string) =>
        StoreError.guard(begin(stateHash, accountId, userId)).pipe(Effect.asVoid, Effect.withSpan("LoginRepo.begin")),
      /** `seal` seals the token for the account of the state. Returns the account and the number of its login. */
      receive: <E>(stateHash: string, seal: (begun: { readonly accountId: string; readonly userId: string }) => Effect.Effect<string, E>) =>
        StoreError.guardRead(receive(stateHash, seal)).pipe(Effect.withSpan("LoginRepo.receive")),
      waiting: StoreError.guardRead(waiting).pipe(Effect.withSpan("LoginRepo.waiting")),
      take: (accountId: string, number: number) => StoreError.guard(take(accountId, number)).pipe(Effect.withSpan("LoginRepo.take")),
      putBack: (accountId: string, number: number) =>
        StoreError.guard(putBack(accountId, number)).pipe(Effect.asVoid, Effect.withSpan("LoginRepo.putBack")),
      done: (accountId: string, number: number, accessToken: string, signedInAt: Date) =>
        StoreError.guard(done(accountId, number, accessToken, signedInAt)).pipe(Effect.asVoid, Effect.withSpan("LoginRepo.done")),
      refused: (accountId: string, number: number, reason: string) =>
        StoreError.guard(refused(accountId, number, reason)).pipe(Effect.asVoid, Effect.withSpan("LoginRepo.refused")),
      /** The newest login of the account; none if nobody ever signed in at /kite/login. */
      outcome: (accountId: string) => StoreError.guardRead(outcome(accountId)).pipe(Effect.withSpan("LoginRepo.outcome")),
      /** False if it was announced before. */
      announce: (it: Announcement) => StoreError.guardRead(announce(it)).pipe(Effect.withSpan("LoginRepo.announce"))
    } as const
  })
}) {}
