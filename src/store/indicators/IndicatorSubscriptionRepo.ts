import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Schema } from "effect"
import { BigIntColumn, TimeColumn } from "../Columns.ts"
import { LimitReached } from "../LimitReached.ts"
import * as StoreError from "../StoreError.ts"

/** The most indicators of one holder. Equal wishes of several holders share one actor. */
export const perHolderMax = 200
/** A connection's rows stay this long without being renewed, for example after its gateway crashed. */
export const sessionSeconds = 60

/** One indicator on the bars of one instrument. */
export interface Wish {
  readonly exchange: string
  readonly tradingsymbol: string
  readonly minutes: number
  readonly indicator: string
}

/** A user's shared set. */
export const ofUser = (userId: string): string => `user:${userId}`
/** The set of one connection, whose id has 36 characters. Postgres finds the user behind them. */
export const ofSession = (connectionId: string, userId: string): string => `session:${connectionId}:${userId}`

const Row = Schema.Struct({
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  minutes: Schema.Int,
  indicator: Schema.String,
  createdAt: TimeColumn
})
/** All wanted indicators of one instrument and timeframe, and how many holders want any of them. */
const Wanted = Schema.Struct({
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  minutes: Schema.Int,
  indicators: Schema.Array(Schema.String),
  holders: BigIntColumn
})
const Count = Schema.Struct({ total: BigIntColumn })

const columnsOf = (wishes: ReadonlyArray<Wish>) => ({
  exchanges: wishes.map((it) => it.exchange),
  symbols: wishes.map((it) => it.tradingsymbol),
  minutes: wishes.map((it) => it.minutes),
  indicators: wishes.map((it) => it.indicator)
})

/** Which indicators people and connections want, in Postgres: the director makes an actor for each instrument and timeframe. */
export class IndicatorSubscriptionRepo extends Effect.Service<IndicatorSubscriptionRepo>()("store/indicators/IndicatorSubscriptionRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const expiry = (isSession: boolean) => (isSession ? sql`now() + make_interval(secs => ${sessionSeconds})` : sql`NULL::timestamptz`)
    const rows = (wishes: ReadonlyArray<Wish>) => {
      const { exchanges, symbols, minutes, indicators } = columnsOf(wishes)
      return sql`unnest(${exchanges}::text[], ${symbols}::text[], ${minutes}::smallint[], ${indicators}::text[])`
    }
    const countOf = SqlSchema.single({
      Request: Schema.String,
      Result: Count,
      execute: (holder) => sql`SELECT count(*) AS total FROM indicator_subscriptions WHERE holder = ${holder}`
    })
    const add = (holder: string, isSession: boolean, wishes: ReadonlyArray<Wish>) =>
      sql.withTransaction(
        Effect.gen(function* () {
          // Two requests of one holder at once would both see room for the last place.
          yield* sql`SELECT pg_advisory_xact_lock(hashtextextended(${holder}, 19))`
          yield* sql`INSERT INTO indicator_subscriptions (holder, exchange, tradingsymbol, minutes, indicator, expires_at)
            SELECT ${holder}, w.*, ${expiry(isSession)} FROM ${rows(wishes)} AS w ON CONFLICT DO NOTHING`
          const { total } = yield* countOf(holder)
          if (total > perHolderMax) return yield* new LimitReached({ what: "indicators", field: "indicators", max: perHolderMax })
          return total
        })
      )
    const remove = (holder: string, wishes: ReadonlyArray<Wish>) =>
      Effect.map(
        sql`DELETE FROM indicator_subscriptions s USING ${rows(wishes)} AS w (exchange, tradingsymbol, minutes, indicator)
          WHERE s.holder = ${holder} AND s.exchange = w.exchange AND s.tradingsymbol = w.tradingsymbol AND s.minutes = w.minutes
            AND s.indicator = w.indicator RETURNING 1`,
        (removed) => removed.length
      )
    const page = SqlSchema.findAll({
      Request: Schema.Struct({ holder: Schema.String, limit: Schema.Int, offset: Schema.Int }),
      Result: Row,
      execute: ({ holder, limit, offset }) => sql`
        SELECT exchange, tradingsymbol, minutes, indicator, created_at AS "createdAt" FROM indicator_subscriptions WHERE holder = ${holder}
        ORDER BY exchange, tradingsymbol, minutes, indicator LIMIT ${limit} OFFSET ${offset}`
    })
    const wanted = SqlSchema.findAll({
      Request: Schema.Void,
      Result: Wanted,
      execute: () => sql`
        SELECT exchange, tradingsymbol, minutes, array_agg(DISTINCT indicator ORDER BY indicator) AS indicators,
          count(DISTINCT holder) AS holders
        FROM indicator_subscriptions WHERE expires_at IS NULL OR expires_at > now()
        GROUP BY exchange, tradingsymbol, minutes ORDER BY exchange, tradingsymbol, minutes`
    })

    return {
      /** Adds the wishes that the holder does not have yet, all or none. Returns how many the holder has then. */
      add: (holder: string, isSession: boolean, wishes: ReadonlyArray<Wish>) =>
        StoreError.guard(add(holder, isSession, wishes)).pipe(Effect.withSpan("IndicatorSubscriptionRepo.add")),
      /** Returns how many were removed. */
      remove: (holder: string, wishes: ReadonlyArray<Wish>) =>
        StoreError.guard(remove(holder, wishes)).pipe(Effect.withSpan("IndicatorSubscriptionRepo.remove")),
      count: (holder: string) =>
        StoreError.guardRead(Effect.map(countOf(holder), ({ total }) => total)).pipe(Effect.withSpan("IndicatorSubscriptionRepo.count")),
      list: (query: { readonly holder: string; readonly limit: number; readonly offset: number }) =>
        StoreError.guardRead(page(query)).pipe(Effect.withSpan("IndicatorSubscriptionRepo.list")),
      /** Ends the sets of closed connections. */
      release: (holders: ReadonlyArray<string>) =>
        Effect.asVoid(StoreError.guard(sql`DELETE FROM indicator_subscriptions WHERE holder = ANY(${holders})`)).pipe(
          Effect.withSpan("IndicatorSubscriptionRepo.release")
        ),
      /** Renews the sets of open connections, and deletes those that were not renewed. */
      renew: (holders: ReadonlyArray<string>) =>
        StoreError.guard(
          Effect.zipRight(
            sql`UPDATE indicator_subscriptions SET expires_at = ${expiry(true)} WHERE expires_at IS NOT NULL AND holder = ANY(${holders})`,
            Effect.asVoid(sql`DELETE FROM indicator_subscriptions WHERE expires_at <= now()`)
          )
        ).pipe(Effect.withSpan("IndicatorSubscriptionRepo.renew")),
      /** The wishes of all holders together, by instrument and timeframe. */
      wanted: StoreError.guardRead(wanted()).pipe(Effect.withSpan("IndicatorSubscriptionRepo.wanted"))
    } as const
  })
}) {}
export declare namespace IndicatorSubscriptionRepo {
  export type Wanted = typeof Wanted.Type
}
