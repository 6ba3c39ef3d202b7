import * as SqlClient from "@effect/sql/SqlClient"
import { Effect, Schema } from "effect"
import * as Buckets from "../Buckets.ts"
import { TimeColumn } from "../Columns.ts"
import * as Postgres from "../Postgres.ts"
import * as Slices from "../Slices.ts"
import * as StoreError from "../StoreError.ts"
import { type NewChain, type NewStrike, StoredChain, StoredStrike } from "./ChainMinuteRows.ts"

/** The most options of one INSERT. */
const batchRows = 2_000
/** Rows that one statement of the retention deletes, so that it never holds locks for long. */
const deletedMax = 10_000

/** A chain, and the buckets of a span. Each bucket is represented by its last stored minute, with the time of that minute. */
export interface Of {
  /** The underlying's exchange. */
  readonly exchange: string
  readonly underlying: string
  readonly expiry: string
  /** Both inclusive, by the minute. */
  readonly from: Date
  readonly to: Date
  /** 1 to 60, or 1440 for days. */
  readonly minutes: number
  /** Start of a day's bucket grid: milliseconds after India's midnight. */
  readonly gridOpenMs: number
  /** The most buckets of the answer, ascending, after the first `offset` buckets. */
  readonly limit: number
  readonly offset: number
}

const insertChains = (sql: SqlClient.SqlClient, all: ReadonlyArray<NewChain>) => sql<{ readonly at: Date }>`
  INSERT INTO chain_minutes (exchange, underlying, expiry, at, as_of, spot, forward, forward_source, atm_strike, atm_iv, max_pain, pcr_oi,
    pcr_volume, call_oi, put_oi, convention)
  SELECT DISTINCT ON (c.exchange, c.underlying, c.expiry, c.at) c.* FROM unnest(${all.map((it) => it.exchange)}::text[],
    ${all.map((it) => it.underlying)}::text[], ${all.map((it) => it.expiry)}::date[], ${all.map((it) => it.at.toISOString())}::timestamptz[],
    ${all.map((it) => it.asOf.toISOString())}::timestamptz[], ${all.map((it) => it.spot)}::numeric[], ${all.map((it) => it.forward)}::numeric[],
    ${all.map((it) => it.forwardSource)}::text[], ${all.map((it) => it.atmStrike)}::numeric[],
    ${all.map((it) => it.atmIv)}::double precision[], ${all.map((it) => it.maxPain)}::numeric[],
    ${all.map((it) => it.pcrOi)}::double precision[], ${all.map((it) => it.pcrVolume)}::double precision[],
    ${all.map((it) => it.callOi)}::bigint[], ${all.map((it) => it.putOi)}::bigint[], ${all.map((it) => it.convention)}::text[])
    AS c (exchange, underlying, expiry, at, as_of, spot, forward, forward_source, atm_strike, atm_iv, max_pain, pcr_oi, pcr_volume, call_oi,
      put_oi, convention)
  ORDER BY c.exchange, c.underlying, c.expiry, c.at, c.as_of
  ON CONFLICT (exchange, underlying, expiry, at) DO NOTHING RETURNING at`

interface Row {
  readonly chain: NewChain
  readonly option: NewStrike
}

const insertStrikes = (sql: SqlClient.SqlClient, rows: ReadonlyArray<Row>) => {
  const texts = (value: (option: NewStrike) => string) => rows.map(({ option }) => value(option))
  const numbers = (value: (option: NewStrike) => number | null) => rows.map(({ option }) => value(option))
  return sql`
  INSERT INTO strike_minutes (exchange, tradingsymbol, at, underlying_exchange, underlying, expiry, strike, side, instrument_token, last_price,
    bid, ask, volume, oi, oi_change, iv, delta, gamma, theta, vega, rho, quality)
  SELECT DISTINCT ON (s.exchange, s.tradingsymbol, s.at) s.* FROM unnest(${texts((it) => it.exchange)}::text[],
    ${texts((it) => it.tradingsymbol)}::text[], ${rows.map(({ chain }) => chain.at.toISOString())}::timestamptz[],
    ${rows.map(({ chain }) => chain.exchange)}::text[], ${rows.map(({ chain }) => chain.underlying)}::text[],
    ${rows.map(({ chain }) => chain.expiry)}::date[], ${numbers((it) => it.strike)}::numeric[], ${texts((it) => it.side)}::text[],
    ${numbers((it) => it.instrumentToken)}::bigint[], ${numbers((it) => it.lastPrice)}::numeric[], ${numbers((it) => it.bid)}::numeric[],
    ${numbers((it) => it.ask)}::numeric[], ${numbers((it) => it.volume)}::bigint[], ${numbers((it) => it.oi)}::bigint[],
    ${numbers((it) => it.oiChange)}::bigint[], ${numbers((it) => it.iv)}::double precision[], ${numbers((it) => it.delta)}::double precision[],
    ${numbers((it) => it.gamma)}::double precision[], ${numbers((it) => it.theta)}::double precision[],
    ${numbers((it) => it.vega)}::double precision[], ${numbers((it) => it.rho)}::double precision[], ${texts((it) => it.quality)}::text[])
    AS s (exchange, tradingsymbol, at, underlying_exchange, underlying, expiry, strike, side, instrument_token, last_price, bid, ask, volume,
      oi, oi_change, iv, delta, gamma, theta, vega, rho, quality)
  ORDER BY s.exchange, s.tradingsymbol, s.at
  ON CONFLICT (exchange, tradingsymbol, at) DO NOTHING`
}

/** Saves a chain and its options together, so that a minute is complete or missing. Returns how many chains are new. */
const saveIn = (sql: SqlClient.SqlClient) => (chains: ReadonlyArray<NewChain>) =>
  Postgres.transaction(sql)(
    Effect.gen(function* () {
      const rows = chains.flatMap((chain) => chain.strikes.map((option): Row => ({ chain, option })))
      for (let from = 0; from < rows.length; from += batchRows) yield* insertStrikes(sql, rows.slice(from, from + batchRows))
      return (yield* insertChains(sql, chains)).length
    })
  )

/** The last stored minute of each bucket of a chain, one page of them. */
const bucketsOf = (sql: SqlClient.SqlClient, it: Of) => {
  const origin = Buckets.originOf(it.minutes, it.gridOpenMs)
  return sql`
    SELECT date_bin(make_interval(mins => ${it.minutes}), at, ${origin}::timestamptz) AS bucket, max(at) AS at FROM chain_minutes
    WHERE exchange = ${it.exchange} AND underlying = ${it.underlying} AND expiry = ${it.expiry}::date
      AND at BETWEEN ${it.from.toISOString()}::timestamptz AND ${it.to.toISOString()}::timestamptz
    GROUP BY bucket ORDER BY bucket LIMIT ${it.limit} OFFSET ${it.offset}`
}

const countIn = (sql: SqlClient.SqlClient) => (it: Of) =>
  Effect.map(
    sql<{ readonly total: string }>`SELECT count(*) AS total FROM (${bucketsOf(sql, { ...it, limit: 2 ** 31 - 1, offset: 0 })}) b`,
    ([row]) => Number(row?.total ?? 0)
  )

const decodeChains = Schema.decodeUnknown(Schema.Array(StoredChain))
const decodeStrikes = Schema.decodeUnknown(Schema.Array(StoredStrike))

const chainColumns = (sql: SqlClient.SqlClient) => sql`c.expiry::text AS expiry, c.spot, c.forward, c.atm_strike AS "atmStrike",
  c.atm_iv AS "atmIv", c.max_pain AS "maxPain", c.pcr_oi AS "pcrOi", c.pcr_volume AS "pcrVolume", c.call_oi AS "callOi", c.put_oi AS "putOi"`

const chainsIn = (sql: SqlClient.SqlClient) => (it: Of) =>
  Effect.flatMap(
    sql`
    SELECT b.at, ${chainColumns(sql)} FROM (${bucketsOf(sql, it)}) b
    JOIN chain_minutes c ON c.exchange = ${it.exchange} AND c.underlying = ${it.underlying} AND c.expiry = ${it.expiry}::date AND c.at = b.at
    ORDER BY b.at`,
    (rows) => Slices.flatMap(rows, (slice) => decodeChains(slice))
  )

/** Which strikes of a chain to read: some prices, those within some steps of the money in each minute, or all. */
export type Which =
  | { readonly _tag: "Prices"; readonly strikes: ReadonlyArray<number> }
  | { readonly _tag: "NearMoney"; readonly steps: number }
  | { readonly _tag: "All" }

const strikesIn = (sql: SqlClient.SqlClient) => (it: Of, which: Which) => {
  const options = sql`
    SELECT s.*, c.forward, c.atm_strike, dense_rank() OVER (PARTITION BY s.at ORDER BY s.strike) AS place
    FROM (${bucketsOf(sql, it)}) b
    JOIN chain_minutes c ON c.exchange = ${it.exchange} AND c.underlying = ${it.underlying} AND c.expiry = ${it.expiry}::date AND c.at = b.at
    JOIN strike_minutes s ON s.underlying_exchange = ${it.exchange} AND s.underlying = ${it.underlying} AND s.expiry = ${it.expiry}::date
      AND s.at = b.at ${which._tag === "Prices" ? sql`AND s.strike = ANY(${which.strikes.map(String)}::numeric[])` : sql``}`
  const near = which._tag === "NearMoney" ? sql`WHERE abs(place - money) <= ${which.steps}` : sql``
  const rows = sql`
    WITH options AS (${options}),
      placed AS (SELECT *, max(place) FILTER (WHERE strike = atm_strike) OVER (PARTITION BY at) AS money FROM options)
    SELECT at, forward, exchange, tradingsymbol, strike, side, instrument_token AS "instrumentToken", last_price AS "lastPrice", bid, ask,
      volume, oi, oi_change AS "oiChange", iv, delta, gamma, theta, vega, rho, quality
    FROM placed ${near} ORDER BY at, strike, side`
  return Effect.flatMap(rows, (found) => Slices.flatMap(found, (slice) => decodeStrikes(slice)))
}

/**
 * A chain's last row within this many minutes of the day's end counts as its close, because an illiquid chain has no row in the very last
 * minute.
 */
const closeMinutes = 30

/** One expiry at the last minute of a day of market time. */
const DayClose = Schema.Struct({ at: TimeColumn, expiry: Schema.String, atmIv: Schema.NullOr(Schema.Number) })
const decodeCloses = Schema.decodeUnknown(Schema.Array(DayClose))

/** Finds each day's last minute by one index look-up, so that it does not read a year of minutes. */
const closesIn = (sql: SqlClient.SqlClient) => (exchange: string, underlying: string, from: Date, to: Date) =>
  Effect.flatMap(
    sql`
    SELECT l.at, c.expiry::text AS expiry, c.atm_iv AS "atmIv"
    FROM generate_series(${from.toISOString()}::timestamptz, ${to.toISOString()}::timestamptz - interval '1 microsecond', interval '1 day') AS d (starts)
    CROSS JOIN LATERAL (SELECT max(at) AS at FROM chain_minutes WHERE exchange = ${exchange} AND underlying = ${underlying}
      AND at >= d.starts AND at < d.starts + interval '1 day') l
    CROSS JOIN LATERAL (SELECT DISTINCT ON (expiry) expiry, atm_iv FROM chain_minutes WHERE exchange = ${exchange} AND underlying = ${underlying}
      AND at > l.at - make_interval(mins => ${closeMinutes}) AND at <= l.at ORDER BY expiry, at DESC) c
    WHERE l.at IS NOT NULL ORDER BY l.at, c.expiry`,
    (rows) => Slices.flatMap(rows, (slice) => decodeCloses(slice))
  )

/** A table of this repository that the retention shortens. */
export type Kept = "chain_minutes" | "strike_minutes"

const deleteIn = (sql: SqlClient.SqlClient) => (table: Kept, before: Date) =>
  Effect.map(
    sql<{ readonly at: Date }>`DELETE FROM ${sql(table)} WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM ${sql(table)}
      WHERE at < ${before.toISOString()}::timestamptz LIMIT ${deletedMax}) RETURNING at`,
    (rows) => rows.length
  )

/** Chains and their options, once a minute of trading. */
export class ChainMinuteRepo extends Effect.Service<ChainMinuteRepo>()("store/chains/ChainMinuteRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const save = saveIn(sql)
    const count = countIn(sql)
    const chains = chainsIn(sql)
    const strikes = strikesIn(sql)
    const closes = closesIn(sql)
    const deleteSome = deleteIn(sql)
    return {
      /** Returns how many chains were new. A minute that is already stored keeps its values. */
      save: (all: ReadonlyArray<NewChain>) =>
        StoreError.guard(all.length === 0 ? Effect.succeed(0) : save(all)).pipe(Effect.withSpan("ChainMinuteRepo.save")),
      /** The number of buckets of a span, whatever its page. */
      count: (of: Of) => StoreError.guardRead(count(of)).pipe(Effect.withSpan("ChainMinuteRepo.count")),
      /** The chain at the last minute of each bucket, ascending. */
      chains: (of: Of) => StoreError.guardRead(chains(of)).pipe(Effect.withSpan("ChainMinuteRepo.chains")),
      /** The chain's options, ascending by minute, strike and side. */
      strikes: (of: Of, which: Which) => StoreError.guardRead(strikes(of, which)).pipe(Effect.withSpan("ChainMinuteRepo.strikes")),
      /** Each day's last minute with the volatility of every expiry, ascending. `from` is a midnight of India, `to` is exclusive. */
      closes: (exchange: string, underlying: string, from: Date, to: Date) =>
        StoreError.guardRead(closes(exchange, underlying, from, to)).pipe(Effect.withSpan("ChainMinuteRepo.closes")),
      /** Deletes up to a named number of rows that are older. Returns how many; zero when none is left. */
      deleteBefore: (table: Kept, before: Date) =>
        StoreError.guard(deleteSome(table, before)).pipe(Effect.withSpan("ChainMinuteRepo.deleteBefore"))
    } as const
  })
}) {}
