import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Schema } from "effect"
import { isIdentity } from "../../domain/Ids.ts"
import * as Money from "../../domain/Money.ts"
import * as Buckets from "../Buckets.ts"
import { BigIntColumn, NumericColumn, TimeColumn } from "../Columns.ts"
import * as StoreError from "../StoreError.ts"

/** One minute of a strategy's m2m, in rupees; `minute` is its start. */
export interface NewCandle {
  readonly strategyId: number
  readonly minute: Date
  readonly open: Money.Decimal
  readonly high: Money.Decimal
  readonly low: Money.Decimal
  readonly close: Money.Decimal
  /** Total P&L at the end of the minute; null if it was unknown. */
  readonly totalPnl: Money.Decimal | null
}
/** `minute` is the start of the interval. */
const Candle = Schema.Struct({
  minute: TimeColumn,
  open: NumericColumn,
  high: NumericColumn,
  low: NumericColumn,
  close: NumericColumn,
  totalPnl: Schema.NullOr(NumericColumn)
})

export interface Range {
  readonly owner: string
  readonly strategyId: number
  /** Both inclusive, by the minute's start. */
  readonly from?: Date | undefined
  readonly to?: Date | undefined
  /** 1 to 60, or 1440 for days. */
  readonly intervalMinutes: number
  /** Start of a day's interval grid: milliseconds after India's midnight. */
  readonly gridOpenMs: number
  readonly limit: number
  readonly offset: number
}

const RangeRequest = Schema.Struct({
  owner: Schema.String,
  strategyId: Schema.Int,
  from: Schema.NullOr(Schema.DateFromSelf),
  to: Schema.NullOr(Schema.DateFromSelf),
  intervalMinutes: Schema.Int,
  gridOpenMs: Schema.Int,
  limit: Schema.Int,
  offset: Schema.Int
})

/** Minute candles of m2m. */
export class CandleRepo extends Effect.Service<CandleRepo>()("store/strategies/CandleRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const column = (candles: ReadonlyArray<NewCandle>, name: "open" | "high" | "low" | "close") =>
      candles.map((candle) => Money.format(candle[name]))
    // Only for strategies that still exist: a candle of a deleted strategy is not an error.
    const save = (candles: ReadonlyArray<NewCandle>) => sql`
      INSERT INTO strategy_m2m_candles (strategy_id, minute, open, high, low, close, total_pnl)
      SELECT c.* FROM unnest(${candles.map((it) => it.strategyId)}::bigint[], ${candles.map((it) => it.minute.toISOString())}::timestamptz[],
        ${column(candles, "open")}::numeric[], ${column(candles, "high")}::numeric[], ${column(candles, "low")}::numeric[],
        ${column(candles, "close")}::numeric[],
        ${candles.map(({ totalPnl }) => (totalPnl === null ? null : Money.format(totalPnl)))}::numeric[])
        AS c (strategy_id, minute, open, high, low, close, total_pnl)
      JOIN strategies s ON s.strategy_id = c.strategy_id
      ORDER BY c.strategy_id, c.minute
      FOR KEY SHARE OF s
      ON CONFLICT (strategy_id, minute) DO NOTHING RETURNING strategy_id`

    const buckets = (it: typeof RangeRequest.Type) => sql`
      SELECT date_bin(make_interval(mins => ${it.intervalMinutes}), c.minute, ${Buckets.originOf(it.intervalMinutes, it.gridOpenMs)}::timestamptz) AS bucket, c.*
      FROM strategy_m2m_candles c JOIN strategies s ON s.strategy_id = c.strategy_id
      WHERE s.owner = ${it.owner} AND c.strategy_id = ${it.strategyId}
        AND c.minute >= coalesce(${it.from}::timestamptz, '-infinity') AND c.minute <= coalesce(${it.to}::timestamptz, 'infinity')`
    const page = SqlSchema.findAll({
      Request: RangeRequest,
      Result: Candle,
      execute: (it) => sql`SELECT bucket AS minute, (array_agg(open ORDER BY minute))[1] AS open, max(high) AS high, min(low) AS low,
          (array_agg(close ORDER BY minute DESC))[1] AS close,
          (array_agg(total_pnl ORDER BY minute DESC) FILTER (WHERE total_pnl IS NOT NULL))[1] AS "totalPnl"
        FROM (${buckets(it)}) b GROUP BY bucket ORDER BY bucket LIMIT ${it.limit} OFFSET ${it.offset}`
    })
    const count = SqlSchema.single({
      Request: RangeRequest,
      Result: Schema.Struct({ total: BigIntColumn }),
      execute: (it) => sql`SELECT count(DISTINCT bucket) AS total FROM (${buckets(it)}) b`
    })

    return {
      /** Returns how many candles were new. An existing (strategy, minute) keeps its first values. */
      save: (candles: ReadonlyArray<NewCandle>) =>
        Effect.map(StoreError.guard(candles.length === 0 ? Effect.succeed([]) : save(candles)), (rows) => rows.length).pipe(
          Effect.withSpan("CandleRepo.save")
        ),
      /** Ascending: the first open, highest high, lowest low, last close and last known P&L of each interval; empty for another user's strategy. */
      range: (query: Range) => {
        const request = { ...query, from: query.from ?? null, to: query.to ?? null }
        return Effect.all({ candles: page(request), total: Effect.map(count(request), ({ total }) => total) }).pipe(
          Effect.when(() => isIdentity(query.strategyId)),
          Effect.map((found) => (found._tag === "Some" ? found.value : { candles: [], total: 0 })),
          StoreError.guardRead,
          Effect.withSpan("CandleRepo.range")
        )
      }
    } as const
  })
}) {}
export declare namespace CandleRepo {
  export type Candle = typeof Candle.Type
}
