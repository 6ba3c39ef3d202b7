import * as SqlClient from "@effect/sql/SqlClient"
import * as SqlSchema from "@effect/sql/SqlSchema"
import { Effect, Schema } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type { Ohlcv } from "../../domain/market/Ohlcv.ts"
import type * as Hours from "../../domain/rules/Hours.ts"
import * as Buckets from "../Buckets.ts"
import { BigIntColumn, TimeColumn } from "../Columns.ts"
import * as Slices from "../Slices.ts"
import * as StoreError from "../StoreError.ts"

/** `live`: built by us from ticks, always one-minute bars. `broker`: from the broker's history. */
export type Source = "live" | "broker"

/** One bar. Prices are integers in the token's scale; `at` is when it opens. */
export interface NewBar extends Pick<Ohlcv, "open" | "high" | "low" | "close" | "volume"> {
  readonly exchange: string
  readonly tradingsymbol: string
  /** The token with which the bar came. It does not identify the instrument, because exchanges reuse tokens. */
  readonly instrumentToken: number
  readonly minutes: number
  readonly source: Source
  readonly at: Date
  readonly oi: number | null
  /** False if ticks may be missing. */
  readonly complete: boolean
}

const Stored = Schema.Struct({
  at: TimeColumn,
  open: BigIntColumn,
  high: BigIntColumn,
  low: BigIntColumn,
  close: BigIntColumn,
  volume: BigIntColumn,
  oi: Schema.NullOr(BigIntColumn),
  /** True for a bar made from our own ticks, false for the broker's. */
  ours: Schema.Boolean,
  /** False if ticks or minutes may be missing in it. */
  complete: Schema.Boolean
})

/** Minutes of one instrument and day of which our own bars are incomplete; both ends included. */
const Gap = Schema.Struct({
  exchange: Schema.String,
  instrumentToken: BigIntColumn,
  tradingsymbol: Schema.String,
  from: TimeColumn,
  to: TimeColumn
})
/** The most gaps of one answer, the newest first. Older ones follow when these are filled. */
const gapsMax = 10_000

const decodeStored = Schema.decodeUnknown(Schema.Array(Stored))

/** An instrument and the length of its bars in minutes. */
export interface Of {
  readonly exchange: string
  readonly tradingsymbol: string
  /** 1 to 60, a divisor of the day; or 1440 for days. */
  readonly minutes: number
}
export interface Range extends Of {
  /** Both inclusive, by the bar's start. */
  readonly from: Date
  readonly to: Date
  /** Market time. It limits how much of the newest bar can exist. */
  readonly now: Date
  /** The known sessions of the days in the range. They limit how much of a bar can exist. */
  readonly sessions: ReadonlyArray<Hours.Session>
  /** Start of a day's bar grid: milliseconds after India's midnight. */
  readonly gridOpenMs: number
}

const RangeRequest = Schema.Struct({
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  minutes: Schema.Int,
  from: Schema.DateFromSelf,
  to: Schema.DateFromSelf,
  now: Schema.DateFromSelf,
  opens: Schema.Array(Schema.String),
  closes: Schema.Array(Schema.String),
  gridOpenMs: Schema.Int
})
/** Rows per INSERT. */
const batchRows = 2_000
const requestOf = ({ sessions, ...range }: Range): typeof RangeRequest.Type => ({
  ...range,
  opens: sessions.map(({ opensAtMs }) => IndiaTime.isoTime(opensAtMs)),
  closes: sessions.map(({ closesAtMs }) => IndiaTime.isoTime(closesAtMs))
})

/** The minutes between two incomplete bars may have no bar at all, so a gap is a span. */
const gapsOf = (sql: SqlClient.SqlClient) =>
  SqlSchema.findAll({
    Request: Schema.Struct({ from: Schema.DateFromSelf, to: Schema.DateFromSelf }),
    Result: Gap,
    execute: ({ from, to }) => sql`
    SELECT b.exchange, max(b.instrument_token) AS "instrumentToken", b.tradingsymbol, min(b.at) AS "from", max(b.at) AS "to" FROM bars b
    WHERE b.source = 'live' AND NOT b.complete AND b.at >= ${from} AND b.at <= ${to} AND NOT EXISTS (
      SELECT 1 FROM bars f WHERE f.exchange = b.exchange AND f.minutes = 1 AND f.source = 'broker' AND f.at = b.at
        AND f.tradingsymbol = b.tradingsymbol)
    GROUP BY b.exchange, b.tradingsymbol, (b.at AT TIME ZONE 'Asia/Kolkata')::date
    ORDER BY max(b.at) DESC, b.exchange, b.tradingsymbol LIMIT ${gapsMax}`
  })

/** Inserts bars in slices. */
const savesOf = (sql: SqlClient.SqlClient) => {
  // A repeated bar changes nothing, unless the broker corrects it or it was incomplete before. Rows are locked in key order.
  const insert = (bars: ReadonlyArray<NewBar>) => sql`
    INSERT INTO bars (exchange, instrument_token, tradingsymbol, minutes, source, at, open, high, low, close, volume, oi, complete)
    SELECT DISTINCT ON (b.exchange, b.tradingsymbol, b.minutes, b.source, b.at) b.*
    FROM unnest(${bars.map((it) => it.exchange)}::text[], ${bars.map((it) => it.instrumentToken)}::bigint[], ${bars.map((it) => it.tradingsymbol)}::text[],
      ${bars.map((it) => it.minutes)}::smallint[], ${bars.map((it) => it.source)}::text[],
      ${bars.map((it) => it.at.toISOString())}::timestamptz[], ${bars.map((it) => it.open)}::bigint[], ${bars.map((it) => it.high)}::bigint[],
      ${bars.map((it) => it.low)}::bigint[], ${bars.map((it) => it.close)}::bigint[], ${bars.map((it) => it.volume)}::bigint[],
      ${bars.map((it) => it.oi)}::bigint[], ${bars.map((it) => it.complete)}::boolean[])
      AS b (exchange, token, tradingsymbol, minutes, source, at, open, high, low, close, volume, oi, complete)
    ORDER BY b.exchange, b.tradingsymbol, b.minutes, b.source, b.at, b.complete DESC
    ON CONFLICT (exchange, tradingsymbol, minutes, source, at) DO UPDATE SET instrument_token = excluded.instrument_token, open = excluded.open,
      high = excluded.high, low = excluded.low, close = excluded.close, volume = excluded.volume, oi = excluded.oi, complete = excluded.complete
    WHERE bars.source = 'broker' OR (excluded.complete AND NOT bars.complete)
    RETURNING 1`
  const save = (bars: ReadonlyArray<NewBar>) =>
    Effect.gen(function* () {
      let saved = 0
      for (let from = 0; from < bars.length; from += batchRows) saved += (yield* insert(bars.slice(from, from + batchRows))).length
      return saved
    })
  return save
}

export class BarRepo extends Effect.Service<BarRepo>()("store/history/BarRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient

    const gaps = gapsOf(sql)
    const save = savesOf(sql)

    const bucketOf = (it: typeof RangeRequest.Type) =>
      sql`date_bin(make_interval(mins => ${it.minutes}), at, ${Buckets.originOf(it.minutes, it.gridOpenMs)}::timestamptz)`
    const sessionsOf = (it: typeof RangeRequest.Type) =>
      sql`(SELECT (opens AT TIME ZONE 'Asia/Kolkata')::date AS day, opens, closes
        FROM unnest(${it.opens}::timestamptz[], ${it.closes}::timestamptz[]) AS s (opens, closes))`
    // Our own bar is used if it has every minute that can exist by now. Otherwise the broker's bar is used if there is one.
    const rangeRows = (it: typeof RangeRequest.Type) =>
      sql`
        WITH minute AS (
          SELECT ${bucketOf(it)} AS bucket, * FROM bars
          WHERE exchange = ${it.exchange} AND tradingsymbol = ${it.tradingsymbol} AND minutes = 1 AND source = 'live'
            AND at >= date_bin(make_interval(mins => ${it.minutes}), ${it.from}::timestamptz, ${Buckets.originOf(it.minutes, it.gridOpenMs)}::timestamptz)
            AND at < ${it.to}::timestamptz + make_interval(mins => ${it.minutes})
        ), own AS (
          SELECT bucket, (array_agg(open ORDER BY at))[1] AS open, max(high) AS high, min(low) AS low,
            (array_agg(close ORDER BY at DESC))[1] AS close, sum(volume)::bigint AS volume,
            (array_agg(oi ORDER BY at DESC) FILTER (WHERE oi IS NOT NULL))[1] AS oi,
            bool_and(complete) AND count(*) >= greatest(1, floor(extract(epoch FROM
              least(${it.now}::timestamptz, bucket + make_interval(mins => ${it.minutes}), s.closes) - greatest(bucket, s.opens)) / 60)) AS whole
          FROM minute LEFT JOIN ${sessionsOf(it)} s ON s.day = (bucket AT TIME ZONE 'Asia/Kolkata')::date
          GROUP BY bucket, s.opens, s.closes
        ), fetched AS (
          SELECT at AS bucket, open, high, low, close, volume, oi FROM bars
          WHERE exchange = ${it.exchange} AND tradingsymbol = ${it.tradingsymbol} AND minutes = ${it.minutes} AND source = 'broker'
            AND at BETWEEN ${it.from}::timestamptz AND ${it.to}::timestamptz
        ), chosen AS (
          SELECT coalesce(own.bucket, fetched.bucket) AS at, own.bucket IS NOT NULL AND (own.whole OR fetched.bucket IS NULL) AS ours, own.whole,
            own.open AS o1, own.high AS h1, own.low AS l1, own.close AS c1, own.volume AS v1, own.oi AS i1,
            fetched.open AS o2, fetched.high AS h2, fetched.low AS l2, fetched.close AS c2, fetched.volume AS v2, fetched.oi AS i2
          FROM own FULL JOIN fetched ON fetched.bucket = own.bucket
        )
        SELECT at, CASE WHEN ours THEN o1 ELSE o2 END AS open, CASE WHEN ours THEN h1 ELSE h2 END AS high,
          CASE WHEN ours THEN l1 ELSE l2 END AS low, CASE WHEN ours THEN c1 ELSE c2 END AS close,
          CASE WHEN ours THEN v1 ELSE v2 END AS volume, CASE WHEN ours THEN i1 ELSE i2 END AS oi, ours,
          whole IS NOT FALSE OR NOT ours AS complete
        FROM chosen WHERE at BETWEEN ${it.from}::timestamptz AND ${it.to}::timestamptz ORDER BY at`
    const range = (it: typeof RangeRequest.Type) =>
      Effect.flatMap(rangeRows(it), (rows) => Slices.flatMap(rows, (slice) => decodeStored(slice)))

    // The day in India, as text: the driver would read a date in the host's time zone.
    const days = SqlSchema.findAll({
      Request: RangeRequest,
      Result: Schema.Struct({ day: Schema.String, fetched: Schema.Boolean, whole: BigIntColumn }),
      execute: (it) => sql`
        SELECT coalesce(own.day, fetched.day)::text AS day, fetched.day IS NOT NULL AS fetched, coalesce(own.whole, 0) AS whole
        FROM (SELECT s.day, count(*) FILTER (WHERE complete) AS whole FROM bars
          JOIN ${sessionsOf(it)} s ON s.day = (at AT TIME ZONE 'Asia/Kolkata')::date AND at >= s.opens AND at < s.closes
          WHERE exchange = ${it.exchange} AND tradingsymbol = ${it.tradingsymbol} AND minutes = 1 AND source = 'live'
            AND at BETWEEN ${it.from}::timestamptz AND ${it.to}::timestamptz
          GROUP BY 1) own
        FULL JOIN (SELECT day FROM bar_days
          WHERE exchange = ${it.exchange} AND tradingsymbol = ${it.tradingsymbol} AND minutes = ${it.minutes}
            AND day BETWEEN (${it.from}::timestamptz AT TIME ZONE 'Asia/Kolkata')::date AND (${it.to}::timestamptz AT TIME ZONE 'Asia/Kolkata')::date
          ) fetched ON fetched.day = own.day`
    })
    const markFetched = (of: Of & Pick<NewBar, "instrumentToken">, fetched: ReadonlyArray<string>) => sql`
      INSERT INTO bar_days (exchange, instrument_token, tradingsymbol, minutes, day)
      SELECT ${of.exchange}, ${of.instrumentToken}, ${of.tradingsymbol}, ${of.minutes}, d FROM unnest(${fetched}::date[]) AS d ON CONFLICT DO NOTHING`

    return {
      /** Returns how many bars were new or corrected. Saving again changes nothing. */
      save: (bars: ReadonlyArray<NewBar>) => StoreError.guard(save(bars)).pipe(Effect.withSpan("BarRepo.save")),
      /** Ascending, one bar per start: ours if complete, otherwise the broker's bar of that length, otherwise ours as it is. */
      range: (query: Range) => StoreError.guardRead(range(requestOf(query))).pipe(Effect.withSpan("BarRepo.range")),
      /**
       * For each day ("YYYY-MM-DD", India) in the range: whether the broker's data of the whole day was fetched, and the number of our
       * own complete minutes.
       */
      days: (query: Range) => StoreError.guardRead(days(requestOf(query))).pipe(Effect.withSpan("BarRepo.days")),
      /**
       * Spans in which our own minutes are incomplete and the broker's are not stored: one span for each instrument and day, the newest
       * first.
       */
      gaps: (from: Date, to: Date) => StoreError.guardRead(gaps({ from, to })).pipe(Effect.withSpan("BarRepo.gaps")),
      /** Marks days as completely fetched from the broker. */
      markFetched: (of: Of & Pick<NewBar, "instrumentToken">, fetched: ReadonlyArray<string>) =>
        StoreError.guard(fetched.length === 0 ? Effect.void : Effect.asVoid(markFetched(of, fetched))).pipe(
          Effect.withSpan("BarRepo.markFetched")
        )
    } as const
  })
}) {}
export declare namespace BarRepo {
  export type Stored = typeof Stored.Type
  export type Gap = typeof Gap.Type
}
