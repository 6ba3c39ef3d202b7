import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Data, Effect, Either, Option, Schema } from "effect"
import { BigIntColumn, TimeColumn } from "./Columns.ts"
import * as Postgres from "./Postgres.ts"
import * as StoreError from "./StoreError.ts"

export const Status = Schema.Literal("active", "inactive")
export type Status = typeof Status.Type
export const Mode = Schema.Literal("FULL", "QUOTE", "LTP")
export type Mode = typeof Mode.Type

/** Who asked for it: a person, or a window that follows the money. */
export const Origin = Schema.Literal("person", "window")
export type Origin = typeof Origin.Type

const Row = Schema.Struct({
  instrumentToken: BigIntColumn,
  tradingsymbol: Schema.String,
  segment: Schema.String,
  status: Status,
  requestedMode: Mode,
  accountId: Schema.NullOr(Schema.String),
  createdBy: Schema.String,
  origin: Origin,
  endedReason: Schema.NullOr(Schema.String),
  createdAt: TimeColumn,
  updatedAt: TimeColumn
})
type Row = typeof Row.Type

/** Legs or open fills of these strategies, of whatever owner, need the instrument. */
export class SubscriptionNeeded extends Data.TaggedError("SubscriptionNeeded")<{
  readonly token: number
  readonly strategies: ReadonlyArray<number>
}> {}

/** Active instruments of one account: what one connection of Kite's carries (kite.trade/docs/connect/v3/websocket). */
export const instrumentsMax = 3_000
/** The account has no room for one more active instrument; null: none of them has. */
export class AccountFull extends Data.TaggedError("AccountFull")<{ readonly account: string | null }> {}

export interface Save {
  readonly instrumentToken: number
  readonly tradingsymbol: string
  readonly segment: string
  readonly requestedMode: Mode
  /** Given: this account from now on. Else the stored one stays while it is configured and has room, else the one with the fewest active ones. */
  readonly accountId?: string | undefined
  readonly createdBy: string
  /** "person" unless given. What a person asked for stays a person's. */
  readonly origin?: Origin
}
export interface Patch {
  readonly status?: Status | undefined
  readonly requestedMode?: Mode | undefined
  readonly accountId?: string | undefined
}
export interface Saved {
  readonly row: Row
  /** False where the token had a row before, active or not. */
  readonly created: boolean
}

/** Serialises assignments, so that two at once do not both count the same account as the emptiest. */
const assignmentLock = 81_062_027

/** The statements that the transactions of legs and fills need too. */
export const statements = (sql: SqlClient.SqlClient) => {
  const columns = sql.literal(`instrument_token AS "instrumentToken", tradingsymbol, segment, status, requested_mode AS "requestedMode",
    account_id AS "accountId", created_by AS "createdBy", origin, ended_reason AS "endedReason", created_at AS "createdAt", updated_at AS "updatedAt"`)
  const byToken = SqlSchema.findOne({
    Request: Schema.Int,
    Result: Row,
    execute: (token) => sql`SELECT ${columns} FROM subscriptions WHERE instrument_token = ${token}`
  })
  const lockedByToken = SqlSchema.findOne({
    Request: Schema.Int,
    Result: Row,
    execute: (token) => sql`SELECT ${columns} FROM subscriptions WHERE instrument_token = ${token} FOR UPDATE`
  })
  /** The account with the fewest active ones; null where there is none to choose from. */
  const leastLoaded = (accounts: ReadonlyArray<string>) =>
    Effect.flatMap(
      sql<{ readonly account: string; readonly isFull: boolean }>`
        SELECT a.account, count(s.instrument_token) >= ${instrumentsMax} AS "isFull"
        FROM unnest(${accounts}::text[]) WITH ORDINALITY AS a (account, place)
        LEFT JOIN subscriptions s ON s.account_id = a.account AND s.status = 'active'
        GROUP BY a.account, a.place ORDER BY count(s.instrument_token), a.place LIMIT 1`,
      ([least]) => (least?.isFull === true ? Effect.fail(new AccountFull({ account: null })) : Effect.succeed(least?.account ?? null))
    )
  /** Only behind the lock of assignments: two at once would both see the last place. */
  const isFull = (account: string) =>
    Effect.map(
      sql<{ readonly isFull: boolean }>`SELECT count(*) >= ${instrumentsMax} AS "isFull" FROM subscriptions
        WHERE account_id = ${account} AND status = 'active'`,
      (rows) => rows[0]?.isFull === true
    )
  const lockAssignments = sql`SELECT pg_advisory_xact_lock(${assignmentLock})`
  const write = SqlSchema.single({
    Request: Schema.Struct({
      instrumentToken: Schema.Int,
      tradingsymbol: Schema.String,
      segment: Schema.String,
      requestedMode: Mode,
      accountId: Schema.NullOr(Schema.String),
      createdBy: Schema.String,
      origin: Origin
    }),
    Result: Row,
    execute: (
      it
    ) => sql`INSERT INTO subscriptions (instrument_token, tradingsymbol, segment, status, requested_mode, account_id, created_by, origin)
      VALUES (${it.instrumentToken}, ${it.tradingsymbol}, ${it.segment}, 'active', ${it.requestedMode}, ${it.accountId}, ${it.createdBy},
        ${it.origin})
      ON CONFLICT (instrument_token) DO UPDATE SET tradingsymbol = excluded.tradingsymbol, segment = excluded.segment, status = 'active',
        requested_mode = excluded.requested_mode, account_id = excluded.account_id, updated_at = now(),
        ended_reason = NULL,
        origin = CASE WHEN subscriptions.status = 'active' AND subscriptions.origin = 'person' THEN 'person' ELSE excluded.origin END,
        created_by = CASE subscriptions.status WHEN 'inactive' THEN excluded.created_by ELSE subscriptions.created_by END
      RETURNING ${columns}`
  })

  /** The account that streams it from now on: the one asked for, else its own while that is configured and has room, else the emptiest. */
  const accountFor = (wanted: string | undefined, before: Row | null, accounts: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const kept = before?.accountId ?? null
      const own = wanted ?? (kept !== null && (accounts.length === 0 || accounts.includes(kept)) ? kept : null)
      // It counts already.
      if (own !== null && before?.status === "active" && own === kept) return own
      if (own !== null && !(yield* isFull(own))) return own
      if (wanted !== undefined || accounts.length === 0) return own === null ? null : yield* new AccountFull({ account: own })
      return yield* leastLoaded(accounts)
    })
  /** Active from now on, with an account. `keepMode`: an active one keeps its mode. Only inside a transaction. */
  const activate = (it: Save, accounts: ReadonlyArray<string>, keepMode: boolean) =>
    Effect.gen(function* () {
      yield* lockAssignments
      const before = Option.getOrNull(yield* lockedByToken(it.instrumentToken))
      const accountId = yield* accountFor(it.accountId, before, accounts)
      const requestedMode = keepMode && before?.status === "active" ? before.requestedMode : it.requestedMode
      const row = yield* write({ origin: "person", ...it, requestedMode, accountId })
      return { row, created: before === null } satisfies Saved
    })
  return { columns, byToken, lockedByToken, lockAssignments, isFull, activate } as const
}

/** What the platform streams: one row per instrument, of nobody in particular. */
export class SubscriptionRepo extends Effect.Service<SubscriptionRepo>()("store/SubscriptionRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const inTurn = yield* Postgres.inTurn
    const { activate, byToken, columns, isFull, lockAssignments, lockedByToken } = statements(sql)

    const page = SqlSchema.findAll({
      Request: Schema.Struct({ status: Schema.NullOr(Status), limit: Schema.Int, offset: Schema.Int }),
      Result: Row,
      execute: ({ status, limit, offset }) => sql`SELECT ${columns} FROM subscriptions
        WHERE (${status}::text IS NULL OR status = ${status}) ORDER BY instrument_token LIMIT ${limit} OFFSET ${offset}`
    })
    const count = SqlSchema.single({
      Request: Schema.NullOr(Status),
      Result: Schema.Struct({ total: BigIntColumn }),
      execute: (status) => sql`SELECT count(*) AS total FROM subscriptions WHERE (${status}::text IS NULL OR status = ${status})`
    })
    const active = SqlSchema.findAll({
      Request: Schema.Void,
      Result: Row,
      execute: () => sql`SELECT ${columns} FROM subscriptions WHERE status = 'active' ORDER BY instrument_token`
    })
    const byTokens = SqlSchema.findAll({
      Request: Schema.Array(Schema.Int),
      Result: Row,
      execute: (tokens) => sql`SELECT ${columns} FROM subscriptions WHERE instrument_token = ANY(${tokens}::bigint[])`
    })
    const end = (tokens: ReadonlyArray<number>, reason: string) => sql`UPDATE subscriptions
      SET status = 'inactive', ended_reason = ${reason}, updated_at = now()
      WHERE instrument_token = ANY(${tokens}::bigint[]) AND status = 'active' RETURNING instrument_token`
    const isEmpty = Effect.map(sql`SELECT 1 FROM subscriptions LIMIT 1`, (rows) => rows.length === 0)

    const refuseWhileNeeded = (token: number) =>
      Effect.flatMap(
        sql<{ readonly id: string }>`SELECT strategy_id AS id FROM strategy_legs WHERE instrument_token = ${token}
          UNION SELECT f.strategy_id FROM strategy_fills f JOIN subscriptions s USING (instrument_token, tradingsymbol)
            WHERE f.instrument_token = ${token} GROUP BY f.strategy_id
            HAVING sum(CASE f.side WHEN 'BUY' THEN f.quantity ELSE -f.quantity END) <> 0
          ORDER BY 1`,
        (rows) =>
          rows.length === 0 ? Effect.void : Effect.fail(new SubscriptionNeeded({ token, strategies: rows.map(({ id }) => Number(id)) }))
      )
    const update = SqlSchema.single({
      Request: Schema.Struct({ token: Schema.Int, status: Status, mode: Mode, account: Schema.NullOr(Schema.String) }),
      Result: Row,
      execute: ({ token, status, mode, account }) => sql`UPDATE subscriptions
        SET status = ${status}, requested_mode = ${mode}, account_id = ${account}, updated_at = now(),
          ended_reason = CASE ${status} WHEN 'active' THEN NULL ELSE ended_reason END
        WHERE instrument_token = ${token} RETURNING ${columns}`
    })
    // The row's lock makes a leg that is being added wait, or be seen: it takes the same lock.
    const patch = (token: number, it: Patch) =>
      Effect.gen(function* () {
        const mayNeedRoom = it.status === "active" || it.accountId !== undefined
        if (mayNeedRoom) yield* lockAssignments
        const stored = yield* lockedByToken(token)
        if (Option.isNone(stored)) return Option.none<Row>()
        if (it.status === "inactive") yield* refuseWhileNeeded(token)
        const row = stored.value
        const next = {
          token,
          status: it.status ?? row.status,
          mode: it.requestedMode ?? row.requestedMode,
          account: it.accountId ?? row.accountId
        }
        const isThere = row.status === "active" && row.accountId === next.account
        if (mayNeedRoom && next.status === "active" && next.account !== null && !isThere && (yield* isFull(next.account)))
          return yield* new AccountFull({ account: next.account })
        return Option.some(yield* update(next))
      }).pipe(Postgres.transaction(sql))

    /** Each on its own: what no account has room for is left out, and the others stand. */
    const saveAll = (all: ReadonlyArray<Save>, accounts: ReadonlyArray<string>) =>
      Effect.forEach(all, (it) =>
        activate(it, accounts, false).pipe(
          Effect.map((saved): Either.Either<Saved, AccountFull> => Either.right(saved)),
          Effect.catchIf(
            (error) => error instanceof AccountFull,
            (full) => Effect.succeed(Either.left(full))
          )
        )
      ).pipe(Postgres.transaction(sql))

    /** Dealt out to the accounts in turn; what is there already stays as it is. */
    const addAll = (all: ReadonlyArray<Save>, accounts: ReadonlyArray<string>) => sql`
      INSERT INTO subscriptions (instrument_token, tradingsymbol, segment, status, requested_mode, account_id, created_by)
      SELECT it.token, it.tradingsymbol, it.segment, 'active', it.mode, (${accounts}::text[])[1 + (it.place - 1) % ${accounts.length}], it.created_by
      FROM unnest(${all.map((it) => it.instrumentToken)}::bigint[], ${all.map((it) => it.tradingsymbol)}::text[],
        ${all.map((it) => it.segment)}::text[], ${all.map((it) => it.requestedMode)}::text[], ${all.map((it) => it.createdBy)}::text[])
        WITH ORDINALITY AS it (token, tradingsymbol, segment, mode, created_by, place)
      ON CONFLICT (instrument_token) DO NOTHING RETURNING instrument_token`

    return {
      /** Many at once, for a database that has none; answers how many were new. */
      addAll: (all: ReadonlyArray<Save>, accounts: ReadonlyArray<string>) =>
        Effect.map(StoreError.guard(addAll(all, accounts)), (rows) => rows.length).pipe(Effect.withSpan("SubscriptionRepo.addAll")),
      /** Ordered by token. */
      list: (query: { readonly status?: Status | undefined; readonly limit: number; readonly offset: number }) =>
        Effect.all({
          rows: page({ ...query, status: query.status ?? null }),
          total: Effect.map(count(query.status ?? null), ({ total }) => total)
        }).pipe(StoreError.guardRead, Effect.withSpan("SubscriptionRepo.list")),
      byToken: (token: number) => StoreError.guardRead(byToken(token)).pipe(Effect.withSpan("SubscriptionRepo.byToken")),
      /** AccountFull where no account has room. Creates or re-activates; the same token never stands twice. Who re-activates an inactive one is its creator from then on. `accounts` are the ids to choose from. */
      save: (it: Save, accounts: ReadonlyArray<string>) =>
        activate(it, accounts, false).pipe(Postgres.transaction(sql), StoreError.guard, inTurn, Effect.withSpan("SubscriptionRepo.save")),
      /** As `save`, in one transaction: for each in turn what was saved, or AccountFull. */
      saveAll: (all: ReadonlyArray<Save>, accounts: ReadonlyArray<string>) =>
        saveAll(all, accounts).pipe(StoreError.guard, inTurn, Effect.withSpan("SubscriptionRepo.saveAll")),
      /** Those of `tokens` that have a row. */
      byTokens: (tokens: ReadonlyArray<number>) =>
        StoreError.guardRead(byTokens(tokens)).pipe(Effect.withSpan("SubscriptionRepo.byTokens")),
      /** None where there is no such row; SubscriptionNeeded where a leg or an open fill needs what would become inactive, AccountFull as in save. */
      patch: (token: number, it: Patch) => StoreError.guardRead(patch(token, it)).pipe(Effect.withSpan("SubscriptionRepo.patch")),
      /** Kept in the table as inactive. */
      deactivate: (token: number) =>
        StoreError.guardRead(patch(token, { status: "inactive" })).pipe(Effect.withSpan("SubscriptionRepo.deactivate")),
      /** Ends active ones by themselves and says why; their places are free at once. Answers how many there were. */
      end: (tokens: ReadonlyArray<number>, reason: string) =>
        Effect.map(StoreError.guard(end(tokens, reason)), (rows) => rows.length).pipe(Effect.withSpan("SubscriptionRepo.end")),
      /** All active ones, by token. */
      active: StoreError.guardRead(active()).pipe(Effect.withSpan("SubscriptionRepo.active")),
      isEmpty: StoreError.guardRead(isEmpty).pipe(Effect.withSpan("SubscriptionRepo.isEmpty"))
    } as const
  })
}) {}
export declare namespace SubscriptionRepo {
  export type Row = typeof Row.Type
}
