/** The table of subscriptions: its rows and its single statements. */
import type * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Schema } from "effect"
import { BigIntColumn, TimeColumn } from "../Columns.ts"

export const Status = Schema.Literal("active", "inactive")
export type Status = typeof Status.Type
export const Mode = Schema.Literal("FULL", "QUOTE", "LTP")
export type Mode = typeof Mode.Type

/** Who requested the subscription: a person, or a window of strikes that follows the spot price. */
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
export type Row = typeof Row.Type

/** A row to write as active. */
const NewRow = Row.pick("instrumentToken", "tradingsymbol", "segment", "requestedMode", "accountId", "createdBy", "origin")
export type NewRow = typeof NewRow.Type

/** How many active rows there are of an account, a creator and an origin. */
const Load = Schema.Struct({ accountId: Schema.NullOr(Schema.String), createdBy: Schema.String, origin: Origin, count: Schema.Int })
export type Load = typeof Load.Type

const columnsOf = (sql: SqlClient.SqlClient) =>
  sql.literal(`instrument_token AS "instrumentToken", tradingsymbol, segment, status, requested_mode AS "requestedMode",
    account_id AS "accountId", created_by AS "createdBy", origin, ended_reason AS "endedReason", created_at AS "createdAt", updated_at AS "updatedAt"`)

export const reads = (sql: SqlClient.SqlClient) => {
  const columns = columnsOf(sql)
  return {
    byToken: SqlSchema.findOne({
      Request: Schema.Int,
      Result: Row,
      execute: (token) => sql`SELECT ${columns} FROM subscriptions WHERE instrument_token = ${token}`
    }),
    /** In the order of tokens, so that two transactions never wait for each other. */
    lockedByTokens: SqlSchema.findAll({
      Request: Schema.Array(Schema.Int),
      Result: Row,
      execute: (tokens) => sql`SELECT ${columns} FROM subscriptions WHERE instrument_token = ANY(${tokens}::bigint[])
        ORDER BY instrument_token FOR UPDATE`
    }),
    loads: SqlSchema.findAll({
      Request: Schema.Void,
      Result: Load,
      execute: () => sql`SELECT account_id AS "accountId", created_by AS "createdBy", origin, count(*)::integer AS count
        FROM subscriptions WHERE status = 'active' GROUP BY account_id, created_by, origin`
    }),
    byTokens: SqlSchema.findAll({
      Request: Schema.Array(Schema.Int),
      Result: Row,
      execute: (tokens) => sql`SELECT ${columns} FROM subscriptions WHERE instrument_token = ANY(${tokens}::bigint[])`
    }),
    page: SqlSchema.findAll({
      Request: Schema.Struct({ status: Schema.NullOr(Status), limit: Schema.Int, offset: Schema.Int }),
      Result: Row,
      execute: ({ status, limit, offset }) => sql`SELECT ${columns} FROM subscriptions
        WHERE (${status}::text IS NULL OR status = ${status}) ORDER BY instrument_token LIMIT ${limit} OFFSET ${offset}`
    }),
    count: SqlSchema.single({
      Request: Schema.NullOr(Status),
      Result: Schema.Struct({ total: BigIntColumn }),
      execute: (status) => sql`SELECT count(*) AS total FROM subscriptions WHERE (${status}::text IS NULL OR status = ${status})`
    }),
    active: SqlSchema.findAll({
      Request: Schema.Void,
      Result: Row,
      execute: () => sql`SELECT ${columns} FROM subscriptions WHERE status = 'active' ORDER BY instrument_token`
    }),
    endedFor: SqlSchema.findAll({
      Request: Schema.String,
      Result: Row,
      execute: (reason) => sql`SELECT ${columns} FROM subscriptions WHERE status = 'inactive' AND ended_reason = ${reason}
        ORDER BY instrument_token`
    }),
    isEmpty: Effect.map(sql`SELECT 1 FROM subscriptions LIMIT 1`, (rows) => rows.length === 0)
  } as const
}

export const writes = (sql: SqlClient.SqlClient) => {
  const columns = columnsOf(sql)
  return {
    /**
     * Inserts active rows, or writes them over the stored rows of their tokens, which become active. A token may occur once. Another
     * contract than the stored one, which had the token on an earlier day, counts as created now. An active row keeps its creator: row
     * security lets users insert rows of their own only, so this statement decides it.
     */
    activate: SqlSchema.findAll({
      Request: Schema.Array(Schema.typeSchema(NewRow)),
      Result: Row,
      execute: (
        rows
      ) => sql`INSERT INTO subscriptions (instrument_token, tradingsymbol, segment, status, requested_mode, account_id, created_by, origin)
      SELECT it.token, it.tradingsymbol, it.segment, 'active', it.mode, it.account, it.created_by, it.origin
      FROM unnest(${rows.map((it) => it.instrumentToken)}::bigint[], ${rows.map((it) => it.tradingsymbol)}::text[],
        ${rows.map((it) => it.segment)}::text[], ${rows.map((it) => it.requestedMode)}::text[], ${rows.map((it) => it.accountId)}::text[],
        ${rows.map((it) => it.createdBy)}::text[], ${rows.map((it) => it.origin)}::text[])
        AS it (token, tradingsymbol, segment, mode, account, created_by, origin)
      ON CONFLICT (instrument_token) DO UPDATE SET tradingsymbol = excluded.tradingsymbol, segment = excluded.segment, status = 'active',
        requested_mode = excluded.requested_mode, account_id = excluded.account_id,
        origin = excluded.origin, ended_reason = NULL, updated_at = now(),
        created_by = CASE WHEN subscriptions.status = 'active' AND subscriptions.tradingsymbol = excluded.tradingsymbol
          THEN subscriptions.created_by ELSE excluded.created_by END,
        created_at = CASE WHEN subscriptions.tradingsymbol = excluded.tradingsymbol THEN subscriptions.created_at ELSE now() END
      RETURNING ${columns}`
    }),
    update: SqlSchema.single({
      Request: Schema.Struct({ token: Schema.Int, status: Status, mode: Mode, account: Schema.NullOr(Schema.String) }),
      Result: Row,
      execute: ({ token, status, mode, account }) => sql`UPDATE subscriptions
        SET status = ${status}, requested_mode = ${mode}, account_id = ${account}, updated_at = now(),
          ended_reason = NULL
        WHERE instrument_token = ${token} RETURNING ${columns}`
    }),
    end: (rows: ReadonlyArray<Pick<Row, "instrumentToken" | "tradingsymbol">>, reason: string) => sql`UPDATE subscriptions s
      SET status = 'inactive', ended_reason = ${reason}, updated_at = now()
      FROM unnest(${rows.map((it) => it.instrumentToken)}::bigint[], ${rows.map((it) => it.tradingsymbol)}::text[]) AS it (token, tradingsymbol)
      WHERE s.instrument_token = it.token AND s.tradingsymbol = it.tradingsymbol AND s.status = 'active' RETURNING s.instrument_token`
  } as const
}
