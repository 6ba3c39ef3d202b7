import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Option, Schema } from "effect"
import { isIdentity } from "../../domain/Ids.ts"
import { BigIntColumn, TimeColumn } from "../Columns.ts"
import { LimitReached } from "../LimitReached.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"

/** The most open backfills of one user. */
export const openMax = 5
/** Ended backfills of one user that are kept; older ones are deleted when the user begins another. */
const endedKeptMax = 20
/** How often an instrument is tried before it counts as failed. */
export const triesMax = 10

const State = Schema.Literal("waiting", "running", "completed", "cancelled")
const InstrumentState = Schema.Literal("waiting", "done", "failed")

export interface NewBackfill {
  readonly minutes: number
  /** "YYYY-MM-DD" in India, both inclusive. */
  readonly fromDay: string
  readonly toDay: string
  readonly instruments: ReadonlyArray<{ readonly exchange: string; readonly tradingsymbol: string }>
}

const Job = Schema.Struct({
  backfillId: BigIntColumn,
  createdBy: Schema.String,
  minutes: Schema.Int,
  fromDay: Schema.String,
  toDay: Schema.String,
  state: State,
  problem: Schema.NullOr(Schema.String),
  total: BigIntColumn,
  done: BigIntColumn,
  failed: BigIntColumn,
  daysMissing: BigIntColumn,
  requests: BigIntColumn,
  rows: BigIntColumn,
  createdAt: TimeColumn,
  endedAt: Schema.NullOr(TimeColumn)
})
const Part = Schema.Struct({
  place: Schema.Int,
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  state: InstrumentState,
  daysMissing: Schema.Int,
  requests: Schema.Int,
  rows: BigIntColumn,
  tries: Schema.Int,
  error: Schema.NullOr(Schema.String)
})
const Next = Schema.Struct({
  backfillId: BigIntColumn,
  place: Schema.Int,
  minutes: Schema.Int,
  fromDay: Schema.String,
  toDay: Schema.String,
  exchange: Schema.String,
  tradingsymbol: Schema.String
})
const Id = Schema.Struct({ backfillId: BigIntColumn })
const Count = Schema.Struct({ total: BigIntColumn })

const reads = (sql: SqlClient.SqlClient) => {
  const jobs = sql.literal(`SELECT b.backfill_id AS "backfillId", b.created_by AS "createdBy", b.minutes, b.from_day::text AS "fromDay",
    b.to_day::text AS "toDay", b.state, b.problem, b.created_at AS "createdAt", b.ended_at AS "endedAt", s.* FROM backfills b,
    LATERAL (SELECT count(*) AS total, count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE state = 'failed') AS failed,
      coalesce(sum(days_missing), 0)::bigint AS "daysMissing", coalesce(sum(requests), 0)::bigint AS requests,
      coalesce(sum(rows), 0)::bigint AS rows FROM backfill_instruments i WHERE i.backfill_id = b.backfill_id) s`)
  return {
    one: SqlSchema.findOne({ Request: Schema.Int, Result: Job, execute: (id) => sql`${jobs} WHERE b.backfill_id = ${id}` }),
    page: SqlSchema.findAll({
      Request: Schema.Struct({ limit: Schema.Int, offset: Schema.Int }),
      Result: Job,
      execute: ({ limit, offset }) => sql`${jobs} ORDER BY b.backfill_id DESC LIMIT ${limit} OFFSET ${offset}`
    }),
    count: SqlSchema.single({ Request: Schema.Void, Result: Count, execute: () => sql`SELECT count(*) AS total FROM backfills` }),
    parts: SqlSchema.findAll({
      Request: Schema.Struct({ id: Schema.Int, limit: Schema.Int, offset: Schema.Int }),
      Result: Part,
      execute: ({ id, limit, offset }) => sql`SELECT place, exchange, tradingsymbol, state, days_missing AS "daysMissing", requests, rows,
          tries, error FROM backfill_instruments WHERE backfill_id = ${id} ORDER BY place LIMIT ${limit} OFFSET ${offset}`
    }),
    open: SqlSchema.single({
      Request: Schema.Void,
      Result: Count,
      execute: () => sql`SELECT count(*) AS total FROM backfills WHERE ended_at IS NULL`
    }),
    openOf: SqlSchema.single({
      Request: Schema.String,
      Result: Count,
      execute: (user) => sql`SELECT count(*) AS total FROM backfills WHERE created_by = ${user} AND ended_at IS NULL`
    })
  }
}

const creation = (sql: SqlClient.SqlClient) => {
  const keyOf = ({ exchange, tradingsymbol }: NewBackfill["instruments"][number]) => `${exchange}:${tradingsymbol}`
  /** The user's open backfill of the same days and instruments. */
  const same = SqlSchema.findOne({
    Request: Schema.Struct({ user: Schema.String, of: Schema.Any, keys: Schema.Array(Schema.String) }),
    Result: Id,
    execute: ({ user, of, keys }) => sql`SELECT b.backfill_id AS "backfillId" FROM backfills b
      WHERE created_by = ${user} AND ended_at IS NULL AND minutes = ${of.minutes} AND from_day = ${of.fromDay}::date AND to_day = ${of.toDay}::date
        AND (SELECT array_agg(exchange || ':' || tradingsymbol ORDER BY place) FROM backfill_instruments i
          WHERE i.backfill_id = b.backfill_id) = ${keys}::text[] LIMIT 1`
  })
  const insert = SqlSchema.single({
    Request: Schema.Struct({ user: Schema.String, of: Schema.Any }),
    Result: Id,
    execute: ({ user, of }) => sql`INSERT INTO backfills (created_by, minutes, from_day, to_day)
      VALUES (${user}, ${of.minutes}, ${of.fromDay}::date, ${of.toDay}::date) RETURNING backfill_id AS "backfillId"`
  })
  const { openOf } = reads(sql)
  return (user: string, of: NewBackfill) =>
    Effect.gen(function* () {
      // Without the lock, two requests of one user could both see room for the last backfill, or neither would see the other.
      yield* sql`SELECT pg_advisory_xact_lock(hashtextextended(${user}, 28))`
      const existing = yield* same({ user, of, keys: of.instruments.map(keyOf) })
      if (Option.isSome(existing)) return existing.value.backfillId
      if ((yield* openOf(user)).total >= openMax) return yield* new LimitReached({ what: "backfills", field: "symbols", max: openMax })
      yield* sql`DELETE FROM backfills WHERE backfill_id IN (SELECT backfill_id FROM backfills
        WHERE created_by = ${user} AND ended_at IS NOT NULL ORDER BY backfill_id DESC OFFSET ${endedKeptMax})`
      const { backfillId } = yield* insert({ user, of })
      yield* sql`INSERT INTO backfill_instruments (backfill_id, place, exchange, tradingsymbol)
        SELECT ${backfillId}::bigint, n - 1, e, t FROM unnest(${of.instruments.map(({ exchange }) => exchange)}::text[],
          ${of.instruments.map(({ tradingsymbol }) => tradingsymbol)}::text[]) WITH ORDINALITY AS u (e, t, n)`
      return backfillId
    })
}

const turns = (sql: SqlClient.SqlClient) => {
  const turn = SqlSchema.findOne({
    Request: Schema.Void,
    Result: Id,
    // After a wait for a cancel, Postgres checks only the outer condition again. The inner one has the answer from before the cancel.
    execute: () => sql`UPDATE backfills SET turn_at = clock_timestamp(), state = 'running'
      WHERE backfill_id = (SELECT backfill_id FROM backfills WHERE ended_at IS NULL ORDER BY turn_at, backfill_id LIMIT 1)
        AND ended_at IS NULL
      RETURNING backfill_id AS "backfillId"`
  })
  const waiting = SqlSchema.findOne({
    Request: Schema.Int,
    Result: Next,
    execute: (id) => sql`SELECT b.backfill_id AS "backfillId", i.place, b.minutes, b.from_day::text AS "fromDay", b.to_day::text AS "toDay",
        i.exchange, i.tradingsymbol
      FROM backfills b JOIN backfill_instruments i USING (backfill_id)
      WHERE b.backfill_id = ${id} AND i.state = 'waiting' ORDER BY i.tries, i.place LIMIT 1`
  })
  /** The next instrument of the backfill that has waited longest. A backfill without a next instrument is completed. */
  return Effect.gen(function* () {
    while (true) {
      const open = yield* turn()
      if (Option.isNone(open)) return Option.none<typeof Next.Type>()
      const next = yield* waiting(open.value.backfillId)
      if (Option.isSome(next)) return next
      yield* sql`UPDATE backfills SET state = 'completed', problem = NULL, ended_at = now()
        WHERE backfill_id = ${open.value.backfillId} AND ended_at IS NULL`
    }
  })
}

/** Backfills and their progress. Everybody may read them, because bars belong to nobody. */
export class BackfillRepo extends Effect.Service<BackfillRepo>()("store/backfill/BackfillRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const { count, one, open, page, parts } = reads(sql)
    const create = creation(sql)
    const next = turns(sql)
    const of = (id: number, place: number) => sql`backfill_id = ${id} AND place = ${place}`

    return {
      /** The number of the new backfill, or of the user's open one with the same days and instruments. */
      create: (user: string, it: NewBackfill) =>
        StoreError.guard(create(user, it).pipe(Postgres.transaction(sql))).pipe(Effect.withSpan("BackfillRepo.create")),
      byId: (id: number) => StoreError.guardRead(isIdentity(id) ? one(id) : Effect.succeedNone).pipe(Effect.withSpan("BackfillRepo.byId")),
      /** The newest first. */
      list: (limit: number, offset: number) =>
        Effect.all({ rows: page({ limit, offset }), total: Effect.map(count(), ({ total }) => total) }).pipe(
          StoreError.guardRead,
          Effect.withSpan("BackfillRepo.list")
        ),
      /** In the order of the request. */
      instruments: (id: number, limit: number, offset: number) =>
        StoreError.guardRead(parts({ id, limit, offset })).pipe(Effect.withSpan("BackfillRepo.instruments")),
      /** Cancels a backfill. False if it had already ended. */
      cancel: (id: number) =>
        Effect.map(
          StoreError.guardRead(sql`UPDATE backfills SET state = 'cancelled', ended_at = now()
            WHERE backfill_id = ${id} AND ended_at IS NULL RETURNING 1`),
          (rows) => rows.length > 0
        ).pipe(Effect.withSpan("BackfillRepo.cancel")),
      /** How many have not ended. */
      open: Effect.map(StoreError.guardRead(open()), ({ total }) => total).pipe(Effect.withSpan("BackfillRepo.open")),
      next: StoreError.guardRead(next).pipe(Effect.withSpan("BackfillRepo.next")),
      /** Notes how many days an instrument lacked. The largest number is kept, because a later try finds fewer missing days. */
      planned: (id: number, place: number, days: number) =>
        StoreError.guardRead(
          sql`UPDATE backfill_instruments SET days_missing = greatest(days_missing, ${days}) WHERE ${of(id, place)}`
        ).pipe(Effect.asVoid, Effect.withSpan("BackfillRepo.planned")),
      /** Notes a request that the broker answered. False if the backfill has ended meanwhile. */
      fetched: (id: number, place: number, rows: number) =>
        Effect.map(
          StoreError.guardRead(sql`WITH noted AS (UPDATE backfill_instruments SET requests = requests + 1, rows = rows + ${rows}
              WHERE ${of(id, place)})
            UPDATE backfills SET problem = NULL WHERE backfill_id = ${id} AND ended_at IS NULL RETURNING 1`),
          (found) => found.length > 0
        ).pipe(Effect.withSpan("BackfillRepo.fetched")),
      done: (id: number, place: number) =>
        StoreError.guardRead(sql`UPDATE backfill_instruments SET state = 'done', error = NULL WHERE ${of(id, place)}`).pipe(
          Effect.asVoid,
          Effect.withSpan("BackfillRepo.done")
        ),
      /** Notes a failed try. The instrument waits for its next turn, or has failed for good. */
      refused: (id: number, place: number, error: string, isFinal: boolean) =>
        StoreError.guardRead(sql`WITH noted AS (UPDATE backfill_instruments SET tries = tries + 1, error = ${error},
              state = CASE WHEN ${isFinal} OR tries + 1 >= ${triesMax} THEN 'failed' ELSE 'waiting' END WHERE ${of(id, place)})
          UPDATE backfills SET problem = ${error} WHERE backfill_id = ${id} AND ended_at IS NULL AND NOT ${isFinal}`).pipe(
          Effect.asVoid,
          Effect.withSpan("BackfillRepo.refused")
        )
    } as const
  })
}) {}
export declare namespace BackfillRepo {
  export type Job = typeof Job.Type
  export type Part = typeof Part.Type
  export type Next = typeof Next.Type
}
