import * as SqlClient from "@effect/sql/SqlClient"
import { Effect, Option } from "effect"
import type * as Dump from "../../domain/market/Dump.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Postgres from "../Postgres.ts"
import * as StoreError from "../StoreError.ts"

/** Trade dates kept besides the one being written. */
export const tradeDatesKept = 10
/** Rows of one INSERT. It takes about a tenth of a second, far below the query timeout. */
const batchRows = 5_000
/** First key of the advisory lock of a trade date's rows; the second is the date. */
const lockClass = 81_062_026

/** A trade date's dump that was rejected, and the reason. */
export interface Refusal {
  readonly tradeDate: string
  readonly reason: string
}

interface Row {
  readonly instrument_token: string
  readonly exchange_token: string
  readonly tradingsymbol: string
  readonly name: string
  readonly expiry: string | null
  readonly strike: string
  readonly tick_size: string
  readonly lot_size: string
  readonly instrument_type: Instrument.InstrumentType
  readonly segment: string
  readonly exchange: string
}

// There are a hundred thousand rows, so no schema decodes them. The columns' constraints guarantee their form.
const fromRow = (row: Row): Instrument.Instrument => ({
  token: Number(row.instrument_token),
  exchangeToken: Number(row.exchange_token),
  tradingsymbol: row.tradingsymbol,
  name: row.name,
  expiry: row.expiry,
  strike: Number(row.strike),
  tickSize: Number(row.tick_size),
  lotSize: Number(row.lot_size),
  instrumentType: row.instrument_type,
  segment: row.segment,
  exchange: row.exchange
})

/** Every future of an underlying on the stored trade dates, those that have expired too, by expiry. */
const futuresOf = (sql: SqlClient.SqlClient) => (exchange: string, name: string) =>
  Effect.map(
    sql<Row>`SELECT DISTINCT ON (expiry, tradingsymbol) instrument_token, exchange_token, tradingsymbol, name, expiry::text AS expiry,
        strike, tick_size, lot_size, instrument_type, segment, exchange
      FROM instruments WHERE exchange = ${exchange} AND name = ${name} AND instrument_type = 'FUT' AND expiry IS NOT NULL
      ORDER BY expiry, tradingsymbol, trade_date DESC`,
    (rows) => rows.map(fromRow)
  ).pipe(StoreError.guardRead, Effect.withSpan("InstrumentRepo.futures"))

/** The last stored trade date on which a token named another contract. */
const lastOfAnother = (sql: SqlClient.SqlClient) => (token: number, tradingsymbol: string) =>
  Effect.map(
    sql<{ readonly day: string }>`SELECT d.trade_date::text AS day FROM instrument_days d
      JOIN instruments i ON i.trade_date = d.trade_date AND i.instrument_token = ${token}
      WHERE i.tradingsymbol <> ${tradingsymbol} ORDER BY d.trade_date DESC LIMIT 1`,
    ([found]) => Option.fromNullable(found?.day)
  ).pipe(StoreError.guardRead, Effect.withSpan("InstrumentRepo.lastOfAnother"))

/** The tokens that, by the stored dumps since a day, have named more than one contract. */
const renamedOf = (sql: SqlClient.SqlClient) => (tokens: ReadonlyArray<number>, day: string) =>
  Effect.map(
    sql<{ readonly token: string }>`SELECT instrument_token AS token FROM instruments WHERE instrument_token = ANY(${tokens}::bigint[])
      AND trade_date >= coalesce((SELECT max(trade_date) FROM instrument_days WHERE trade_date <= ${day}::date), '-infinity')
      GROUP BY instrument_token HAVING count(DISTINCT (exchange, tradingsymbol)) > 1`,
    (found) => found.map(({ token }) => Number(token))
  ).pipe(StoreError.guardRead, Effect.withSpan("InstrumentRepo.renamed"))

/** Kite's instruments dumps by trade date. */
export class InstrumentRepo extends Effect.Service<InstrumentRepo>()("store/instruments/InstrumentRepo", {
  effect: Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient

    const insert = (tradeDate: string, batch: ReadonlyArray<Instrument.Instrument>) =>
      sql`INSERT INTO instruments (trade_date, instrument_token, exchange_token, tradingsymbol, name, expiry, strike, tick_size, lot_size,
            instrument_type, segment, exchange)
          SELECT ${tradeDate}::date, * FROM unnest(
            ${batch.map((it) => it.token)}::bigint[], ${batch.map((it) => it.exchangeToken)}::bigint[],
            ${batch.map((it) => it.tradingsymbol)}::text[], ${batch.map((it) => it.name)}::text[], ${batch.map((it) => it.expiry)}::date[],
            ${batch.map((it) => it.strike)}::bigint[], ${batch.map((it) => it.tickSize)}::bigint[], ${batch.map((it) => it.lotSize)}::bigint[],
            ${batch.map((it) => it.instrumentType)}::text[], ${batch.map((it) => it.segment)}::text[], ${batch.map((it) => it.exchange)}::text[])`

    const prune = (written: string) =>
      Effect.gen(function* () {
        const old = yield* sql<{ readonly trade_date: string }>`SELECT trade_date::text AS trade_date FROM instrument_days
          WHERE trade_date <> ${written}::date ORDER BY trade_date DESC OFFSET ${tradeDatesKept}`
        for (const { trade_date } of old) {
          yield* sql`DELETE FROM instruments WHERE trade_date = ${trade_date}::date`
          yield* sql`DELETE FROM instrument_days WHERE trade_date = ${trade_date}::date`
        }
      })

    const lockDay = (tradeDate: string) => sql`SELECT pg_advisory_xact_lock(${lockClass}, (${tradeDate}::date - '1970-01-01'::date))`
    const replace = (tradeDate: string, instruments: ReadonlyArray<Instrument.Instrument>, version: string | undefined) =>
      Effect.gen(function* () {
        yield* lockDay(tradeDate)
        if (version !== undefined && Option.getOrElse(yield* versionOf(tradeDate), () => "") !== version) return false
        yield* sql`DELETE FROM instruments WHERE trade_date = ${tradeDate}::date`
        for (let at = 0; at < instruments.length; at += batchRows) yield* insert(tradeDate, instruments.slice(at, at + batchRows))
        yield* sql`INSERT INTO instrument_days (trade_date, instruments) VALUES (${tradeDate}::date, ${instruments.length})
          ON CONFLICT (trade_date) DO UPDATE SET instruments = excluded.instruments, loaded_at = now()`
        yield* sql`DELETE FROM instrument_refusals WHERE trade_date <= ${tradeDate}::date`
        yield* prune(tradeDate)
        return true
      }).pipe(Postgres.transaction(sql))

    const newest = (before: string | null) =>
      Effect.gen(function* () {
        const [day] = yield* sql<{ readonly trade_date: string }>`SELECT trade_date::text AS trade_date FROM instrument_days
          WHERE trade_date <= coalesce(${before}::date, 'infinity') ORDER BY trade_date DESC LIMIT 1`
        if (day === undefined) return Option.none<Instrument.Master>()
        const rows =
          yield* sql<Row>`SELECT instrument_token, exchange_token, tradingsymbol, name, expiry::text AS expiry, strike, tick_size,
            lot_size, instrument_type, segment, exchange
          FROM instruments WHERE trade_date = ${day.trade_date}::date ORDER BY instrument_token`
        return Option.some(Instrument.makeMaster(day.trade_date, rows.map(fromRow)))
      })

    const versionOf = (tradeDate: string) =>
      Effect.map(
        sql<{ readonly version: string }>`SELECT trade_date::text || ' ' || loaded_at::text AS version FROM instrument_days
          WHERE trade_date <= ${tradeDate}::date ORDER BY trade_date DESC LIMIT 1`,
        ([day]) => Option.fromNullable(day?.version)
      )

    const countsAsOf = (tradeDate: string) =>
      Effect.map(
        sql<{ readonly exchange: string; readonly rows: string }>`SELECT exchange, count(*) AS rows FROM instruments
          WHERE trade_date = (SELECT max(trade_date) FROM instrument_days WHERE trade_date <= ${tradeDate}::date) GROUP BY exchange`,
        (found): Dump.Counts => new Map(found.map(({ exchange, rows }) => [exchange, Number(rows)]))
      )
    const refuse = (tradeDate: string, reason: string) => sql`INSERT INTO instrument_refusals (trade_date, reason)
      VALUES (${tradeDate}::date, ${reason}) ON CONFLICT (trade_date) DO UPDATE SET reason = excluded.reason, refused_at = now()`
    const refusal = Effect.map(
      sql<Refusal>`SELECT trade_date::text AS "tradeDate", reason FROM instrument_refusals ORDER BY trade_date DESC LIMIT 1`,
      ([newest]) => Option.fromNullable(newest)
    )
    return {
      /**
       * Stores all instruments of `tradeDate` ("YYYY-MM-DD") and replaces the stored ones. Prices are integers in the token's scale. If
       * `version`, a result of `versionAsOf`, is given and another process has stored other instruments since, it stores nothing and
       * returns false.
       */
      replace: (tradeDate: string, instruments: ReadonlyArray<Instrument.Instrument>, version?: string) =>
        StoreError.guard(replace(tradeDate, instruments, version)).pipe(Effect.withSpan("InstrumentRepo.replace")),
      /** Number of rows per exchange of the dump in use on `tradeDate`; empty if none is stored. */
      countsAsOf: (tradeDate: string) => StoreError.guardRead(countsAsOf(tradeDate)).pipe(Effect.withSpan("InstrumentRepo.countsAsOf")),
      /** Stores why a trade date's dump was rejected. */
      refuse: (tradeDate: string, reason: string) =>
        Effect.asVoid(StoreError.guard(refuse(tradeDate, reason))).pipe(Effect.withSpan("InstrumentRepo.refuse")),
      /** The newest refusal, unless a complete dump followed it. */
      refusal: StoreError.guardRead(refusal).pipe(Effect.withSpan("InstrumentRepo.refusal")),
      lastOfAnother: lastOfAnother(sql),
      renamed: renamedOf(sql),
      futures: futuresOf(sql),
      /** A text that changes whenever the result of `asOf` changes. It is cheap to query. */
      versionAsOf: (tradeDate: string) => StoreError.guardRead(versionOf(tradeDate)).pipe(Effect.withSpan("InstrumentRepo.versionAsOf")),
      /** The newest trade date's master. */
      latest: StoreError.guardRead(newest(null)).pipe(Effect.withSpan("InstrumentRepo.latest")),
      /** The master of `tradeDate`, or of the nearest trade date before it. */
      asOf: (tradeDate: string) => StoreError.guardRead(newest(tradeDate)).pipe(Effect.withSpan("InstrumentRepo.asOf"))
    } as const
  })
}) {}
