import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Schema } from "effect"
import * as CorporateActions from "../../domain/market/CorporateActions.ts"
import { BigIntColumn, TimeColumn } from "../Columns.ts"
import * as Caller from "../owners/Caller.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"

const Row = Schema.Struct({
  actionId: BigIntColumn,
  exchange: Schema.String,
  symbol: Schema.String,
  exDate: Schema.String,
  kind: Schema.Literal(...CorporateActions.kinds),
  sharesBefore: Schema.Int,
  sharesAfter: Schema.Int,
  pricePaise: BigIntColumn,
  closePaise: BigIntColumn,
  source: Schema.Array(Schema.String),
  importedBy: Schema.String,
  importedAt: TimeColumn
})
type Row = typeof Row.Type
export type NewAction = Omit<Row, "actionId" | "importedBy" | "importedAt">

const Query = Schema.Struct({ symbol: Schema.NullOr(Schema.String), limit: Schema.Int, offset: Schema.Int })

interface Share {
  readonly exchange: string
  readonly symbol: string
}

const droppingBrokerBars = (sql: SqlClient.SqlClient) => (share: Share, lastDay: string) =>
  Effect.gen(function* () {
    const due = yield* sql<{ readonly exDate: string }>`UPDATE corporate_actions SET broker_refreshed = true
      WHERE exchange = ${share.exchange} AND symbol = ${share.symbol} AND ex_date <= ${lastDay}::date AND NOT broker_refreshed
      RETURNING ex_date::text AS "exDate"`
    const newest = due
      .map(({ exDate }) => exDate)
      .sort()
      .at(-1)
    if (newest === undefined) return
    yield* sql`DELETE FROM bars WHERE exchange = ${share.exchange} AND tradingsymbol = ${share.symbol} AND source = 'broker'
      AND (at AT TIME ZONE 'Asia/Kolkata')::date < ${newest}::date`
    yield* sql`DELETE FROM bar_days WHERE exchange = ${share.exchange} AND tradingsymbol = ${share.symbol} AND day < ${newest}::date`
  }).pipe(Postgres.transaction(sql), Caller.asPlatform)

/** Corporate actions of shares, as administrators imported them. */
export class CorporateActionRepo extends Effect.Service<CorporateActionRepo>()("store/calendar/CorporateActionRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const dropBrokerBars = droppingBrokerBars(sql)
    const columns =
      sql.literal(`action_id AS "actionId", exchange, symbol, ex_date::text AS "exDate", kind, shares_before AS "sharesBefore",
      shares_after AS "sharesAfter", price_paise AS "pricePaise", close_paise AS "closePaise", source, imported_by AS "importedBy",
      imported_at AS "importedAt"`)
    const page = SqlSchema.findAll({
      Request: Query,
      Result: Row,
      execute: ({
        symbol,
        limit,
        offset
      }) => sql`SELECT ${columns} FROM corporate_actions WHERE ${symbol}::text IS NULL OR symbol = ${symbol}
        ORDER BY ex_date DESC, action_id LIMIT ${limit} OFFSET ${offset}`
    })
    const count = SqlSchema.single({
      Request: Query,
      Result: Schema.Struct({ total: BigIntColumn }),
      execute: ({ symbol }) => sql`SELECT count(*) AS total FROM corporate_actions WHERE ${symbol}::text IS NULL OR symbol = ${symbol}`
    })
    const ofShare = SqlSchema.findAll({
      Request: Schema.Struct({ exchange: Schema.String, symbol: Schema.String }),
      Result: Row,
      execute: ({ exchange, symbol }) =>
        sql`SELECT ${columns} FROM corporate_actions WHERE exchange = ${exchange} AND symbol = ${symbol} ORDER BY ex_date`
    })
    const ofShares = SqlSchema.findAll({
      Request: Schema.Struct({ exchanges: Schema.Array(Schema.String), symbols: Schema.Array(Schema.String) }),
      Result: Row,
      execute: ({ exchanges, symbols }) => sql`SELECT ${columns} FROM corporate_actions
        WHERE (exchange, symbol) IN (SELECT * FROM unnest(${exchanges}::text[], ${symbols}::text[])) ORDER BY ex_date, action_id`
    })
    // A corrected action counts as a new one, so the broker's bars are fetched again.
    const save = (by: string) => (it: NewAction) =>
      sql`
      WITH saved AS (
      INSERT INTO corporate_actions (exchange, symbol, ex_date, kind, shares_before, shares_after, price_paise, close_paise, source, imported_by)
      VALUES (${it.exchange}, ${it.symbol}, ${it.exDate}, ${it.kind}, ${it.sharesBefore}, ${it.sharesAfter}, ${it.pricePaise},
        ${it.closePaise}, ${[...it.source]}, ${by})
      ON CONFLICT (exchange, symbol, ex_date, kind) DO UPDATE SET shares_before = excluded.shares_before, shares_after = excluded.shares_after,
        price_paise = excluded.price_paise, close_paise = excluded.close_paise, source = excluded.source, imported_by = excluded.imported_by,
        imported_at = now(), broker_refreshed = false
      WHERE (corporate_actions.shares_before, corporate_actions.shares_after, corporate_actions.price_paise, corporate_actions.close_paise,
        corporate_actions.source) IS DISTINCT FROM (excluded.shares_before, excluded.shares_after, excluded.price_paise, excluded.close_paise,
        excluded.source)
      RETURNING *)
      INSERT INTO corporate_action_changes (action_id, change, terms, changed_by)
      SELECT action_id, 'saved', to_jsonb(saved), ${by} FROM saved RETURNING action_id`
    const saveAll = (all: ReadonlyArray<NewAction>, by: string) =>
      Effect.map(Effect.forEach(all, save(by)), (rows) => rows.flat().length).pipe(Postgres.transaction(sql))

    return {
      /** Saves all or none. Returns how many were new or corrected. */
      save: (all: ReadonlyArray<NewAction>, by: string) =>
        StoreError.guard(saveAll(all, by)).pipe(Effect.withSpan("CorporateActionRepo.save")),
      /** Newest first. */
      list: (query: typeof Query.Type) =>
        Effect.all({ rows: page(query), total: Effect.map(count(query), ({ total }) => total) }).pipe(
          StoreError.guardRead,
          Effect.withSpan("CorporateActionRepo.list")
        ),
      /** True if there was such an action. The table of changes keeps its terms and who deleted it. */
      remove: (id: number, by: string) =>
        Effect.map(
          StoreError.guard(sql`WITH gone AS (DELETE FROM corporate_actions WHERE action_id = ${id} RETURNING *)
            INSERT INTO corporate_action_changes (action_id, change, terms, changed_by)
            SELECT action_id, 'deleted', to_jsonb(gone), ${by} FROM gone RETURNING action_id`),
          (rows) => rows.length > 0
        ).pipe(Effect.withSpan("CorporateActionRepo.remove")),
      /** Of one share, ascending by day. */
      ofShare: (exchange: string, symbol: string) =>
        StoreError.guardRead(ofShare({ exchange, symbol })).pipe(Effect.withSpan("CorporateActionRepo.ofShare")),
      /** Of several shares, ascending by day. */
      ofShares: (all: ReadonlyArray<Share>) =>
        StoreError.guardRead(ofShares({ exchanges: all.map((it) => it.exchange), symbols: all.map((it) => it.symbol) })).pipe(
          Effect.withSpan("CorporateActionRepo.ofShares")
        ),
      /**
       * Deletes, once for each action up to `lastDay`, the broker's older bars: they are fetched again in the newest shares. The broker must
       * have adjusted its history for actions of that day, or the old bars are fetched again and kept.
       */
      dropBrokerBars: (share: Share, lastDay: string) =>
        StoreError.guardRead(dropBrokerBars(share, lastDay)).pipe(Effect.withSpan("CorporateActionRepo.dropBrokerBars"))
    } as const
  })
}) {}
export declare namespace CorporateActionRepo {
  export type Action = Row
}
