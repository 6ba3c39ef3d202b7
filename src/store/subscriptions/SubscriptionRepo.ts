import * as SqlClient from "@effect/sql/SqlClient"
import { Data, Effect, Option } from "effect"
import * as Caller from "../owners/Caller.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"
import { AccountCapacity } from "./AccountCapacity.ts"
import * as SubscriptionActivation from "./SubscriptionActivation.ts"
import * as SubscriptionPlaces from "./SubscriptionPlaces.ts"
import * as SubscriptionRows from "./SubscriptionRows.ts"

/** Legs or open fills of these strategies, of any owner, need the instrument. */
export class SubscriptionNeeded extends Data.TaggedError("SubscriptionNeeded")<{
  readonly token: number
  readonly strategies: ReadonlyArray<number>
}> {}

export interface Patch {
  readonly status?: SubscriptionRows.Status | undefined
  readonly requestedMode?: SubscriptionRows.Mode | undefined
  readonly accountId?: string | undefined
}
type Save = SubscriptionPlaces.Save

/** What a caller saw of a row before it decided to change it. Meanwhile the row may have become another contract's or user's. */
type Seen = Pick<SubscriptionRows.Row, "tradingsymbol" | "createdBy" | "origin">
const isStill = (row: Seen, seen: Seen): boolean =>
  row.tradingsymbol === seen.tradingsymbol && row.createdBy === seen.createdBy && row.origin === seen.origin

/**
 * Fails while a strategy needs the instrument. Strategies of all users count, so it runs for the platform. Legs and fills of another
 * contract, which had the token on an earlier day, do not count.
 */
const refuseWhileNeeded = (sql: SqlClient.SqlClient, token: number) =>
  Effect.flatMap(
    sql<{
      readonly id: string
    }>`SELECT l.strategy_id AS id FROM strategy_legs l JOIN subscriptions s USING (instrument_token, tradingsymbol)
        WHERE l.instrument_token = ${token}
      UNION SELECT f.strategy_id FROM strategy_fills f JOIN subscriptions s USING (instrument_token, tradingsymbol)
        WHERE f.instrument_token = ${token} GROUP BY f.strategy_id
        HAVING sum(CASE f.side WHEN 'BUY' THEN f.quantity ELSE -f.quantity END) <> 0
      ORDER BY 1`,
    (rows) =>
      rows.length === 0 ? Effect.void : Effect.fail(new SubscriptionNeeded({ token, strategies: rows.map(({ id }) => Number(id)) }))
  )

const makeChanges = (sql: SqlClient.SqlClient, instrumentsMax: number) => {
  const { loads, lockedByTokens } = SubscriptionRows.reads(sql)
  const { update } = SubscriptionRows.writes(sql)
  const { kept, lock, requested } = SubscriptionActivation.make(sql, instrumentsMax)

  // The row's lock serialises this with adding a leg, which takes the same lock.
  const patch = (token: number, it: Patch, seen?: Seen) =>
    Effect.gen(function* () {
      const mayNeedRoom = it.status === "active" || it.accountId !== undefined
      if (mayNeedRoom) yield* lock
      const [row] = yield* lockedByTokens([token])
      if (row === undefined || (seen !== undefined && !isStill(row, seen))) return Option.none<SubscriptionRows.Row>()
      if (it.status === "inactive") yield* refuseWhileNeeded(sql, token)
      const next = {
        token,
        status: it.status ?? row.status,
        mode: it.requestedMode ?? row.requestedMode,
        account: it.accountId ?? row.accountId
      }
      if (mayNeedRoom)
        yield* Option.match(SubscriptionPlaces.refusalOf(row, next, { loads: yield* loads(), instrumentsMax }), {
          onNone: () => Effect.void,
          onSome: Effect.fail
        })
      return Option.some(yield* update(next))
    }).pipe(Postgres.transaction(sql), Caller.asPlatform)

  /** Saves all subscriptions except those for which no account has room, and those beyond the limit of their user. */
  const saveAll = (all: ReadonlyArray<Save>, accounts: ReadonlyArray<string>) => requested(all, accounts).pipe(Postgres.transaction(sql))

  const keepAll = (all: ReadonlyArray<Save>, accounts: ReadonlyArray<string>) => kept(all, accounts).pipe(Postgres.transaction(sql))

  const save = (it: Save, accounts: ReadonlyArray<string>) =>
    Effect.flatMap(saveAll([it], accounts), ([saved]) => saved ?? Effect.die("not saved"))

  /** Assigns new rows to the accounts in turn. Stored rows do not change. */
  const addAll = (all: ReadonlyArray<Save>, accounts: ReadonlyArray<string>) => sql`
      INSERT INTO subscriptions (instrument_token, tradingsymbol, segment, status, requested_mode, account_id, created_by, origin)
      SELECT it.token, it.tradingsymbol, it.segment, 'active', it.mode, (${accounts}::text[])[1 + (it.place - 1) % ${accounts.length}], it.created_by,
        it.origin
      FROM unnest(${all.map((it) => it.instrumentToken)}::bigint[], ${all.map((it) => it.tradingsymbol)}::text[],
        ${all.map((it) => it.segment)}::text[], ${all.map((it) => it.requestedMode)}::text[], ${all.map((it) => it.createdBy)}::text[],
        ${all.map((it) => it.origin ?? "person")}::text[])
        WITH ORDINALITY AS it (token, tradingsymbol, segment, mode, created_by, origin, place)
      ON CONFLICT (instrument_token) DO NOTHING RETURNING instrument_token`

  return { patch, save, saveAll, keepAll, addAll } as const
}

/** The instruments that the platform streams: one row per instrument, however many users need it. */
export class SubscriptionRepo extends Effect.Service<SubscriptionRepo>()("store/SubscriptionRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const inTurn = yield* Postgres.inTurn
    const { active, byToken, byTokens, count, endedFor, isEmpty, page } = SubscriptionRows.reads(sql)
    const { end } = SubscriptionRows.writes(sql)
    const { addAll, keepAll, patch, save, saveAll } = makeChanges(sql, yield* AccountCapacity)

    return {
      /** Adds many rows at once to an empty table. Returns how many were new. */
      addAll: (all: ReadonlyArray<Save>, accounts: ReadonlyArray<string>) =>
        Effect.map(StoreError.guard(addAll(all, accounts)), (rows) => rows.length).pipe(Effect.withSpan("SubscriptionRepo.addAll")),
      /** Ordered by token. */
      list: (query: { readonly status?: SubscriptionRows.Status | undefined; readonly limit: number; readonly offset: number }) =>
        Effect.all({
          rows: page({ ...query, status: query.status ?? null }),
          total: Effect.map(count(query.status ?? null), ({ total }) => total)
        }).pipe(StoreError.guardRead, Effect.withSpan("SubscriptionRepo.list")),
      /** How many rows have this status. */
      count: (status: SubscriptionRows.Status) =>
        Effect.map(StoreError.guardRead(count(status)), ({ total }) => total).pipe(Effect.withSpan("SubscriptionRepo.count")),
      byToken: (token: number) => StoreError.guardRead(byToken(token)).pipe(Effect.withSpan("SubscriptionRepo.byToken")),
      /**
       * Creates or re-activates the row of a token. The user who re-activates an inactive row becomes its creator. `accounts` are the
       * ids to choose from. Fails with AccountFull if no account has room, with LimitReached if the user has as many subscriptions as one
       * may have, and with TakesAway if the request would lessen what others use.
       */
      save: (it: Save, accounts: ReadonlyArray<string>) =>
        save(it, accounts).pipe(StoreError.guard, inTurn, Effect.withSpan("SubscriptionRepo.save")),
      /** Saves all in one transaction. Returns for each the saved row, or one of the errors of `save`. */
      saveAll: (all: ReadonlyArray<Save>, accounts: ReadonlyArray<string>) =>
        saveAll(all, accounts).pipe(StoreError.guard, inTurn, Effect.withSpan("SubscriptionRepo.saveAll")),
      /** Makes all active in one transaction; what is active stays as it is. Returns for each the row or AccountFull. */
      keepAll: (all: ReadonlyArray<Save>, accounts: ReadonlyArray<string>) =>
        keepAll(all, accounts).pipe(StoreError.guard, inTurn, Effect.withSpan("SubscriptionRepo.keepAll")),
      /** Inactive rows that ended by themselves for this reason. */
      endedFor: (reason: string) => StoreError.guardRead(endedFor(reason)).pipe(Effect.withSpan("SubscriptionRepo.endedFor")),
      /** The rows of those `tokens` that have one. */
      byTokens: (tokens: ReadonlyArray<number>) =>
        StoreError.guardRead(byTokens(tokens)).pipe(Effect.withSpan("SubscriptionRepo.byTokens")),
      /**
       * None if the token has no row, or none like `seen`. Fails with SubscriptionNeeded if the row would become inactive but a leg or an open fill needs
       * it, and with AccountFull or LimitReached like `save`.
       */
      patch: (token: number, it: Patch, seen?: Seen) =>
        StoreError.guardRead(patch(token, it, seen)).pipe(Effect.withSpan("SubscriptionRepo.patch")),
      /** Makes the row inactive. It stays in the table. Answers and fails like `patch`. */
      deactivate: (token: number, seen?: Seen) =>
        StoreError.guardRead(patch(token, { status: "inactive" }, seen)).pipe(Effect.withSpan("SubscriptionRepo.deactivate")),
      /**
       * Deactivates those rows that are active and still of the same contract, and stores the reason. Their places are free at once.
       * Returns how many rows ended.
       */
      end: (rows: ReadonlyArray<Pick<SubscriptionRows.Row, "instrumentToken" | "tradingsymbol">>, reason: string) =>
        Effect.map(StoreError.guard(end(rows, reason)), (ended) => ended.length).pipe(Effect.withSpan("SubscriptionRepo.end")),
      /** All active rows, by token. */
      active: StoreError.guardRead(active()).pipe(Effect.withSpan("SubscriptionRepo.active")),
      isEmpty: StoreError.guardRead(isEmpty).pipe(Effect.withSpan("SubscriptionRepo.isEmpty"))
    } as const
  })
}) {}
export declare namespace SubscriptionRepo {
  export type Row = SubscriptionRows.Row
}
