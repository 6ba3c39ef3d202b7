import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it, layer } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, Stream } from "effect"
import { parquetReadObjects } from "hyparquet"
import * as Problem from "../../../src/contract/shared/Problem.ts"
import * as CsvFile from "../../../src/gateway/exports/CsvFile.ts"
import * as Download from "../../../src/gateway/exports/Download.ts"
import * as ParquetFile from "../../../src/gateway/exports/ParquetFile.ts"
import type { Column, Row } from "../../../src/gateway/exports/Table.ts"
import { ChainMinuteRepo } from "../../../src/store/chains/ChainMinuteRepo.ts"
import type { NewChain } from "../../../src/store/chains/ChainMinuteRows.ts"
import { BarRepo, type NewBar } from "../../../src/store/history/BarRepo.ts"
import { ask, token, tokens, World, world } from "../GatewayWorld.ts"

const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array => Buffer.concat(parts)
const read = (bytes: Uint8Array): Promise<Array<Record<string, unknown>>> => parquetReadObjects({ file: new Uint8Array(bytes).buffer })

/** Fields of RFC 4180, read by the test itself. */
const csvRows = (text: string): ReadonlyArray<ReadonlyArray<string>> =>
  text
    .split("\r\n")
    .slice(0, -1)
    .map((line) =>
      [...`,${line}`.matchAll(/,(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? "")
    )

const columns: ReadonlyArray<Column> = [
  { name: "date", kind: "time" },
  { name: "name", kind: "text" },
  { name: "count", kind: "integer" },
  { name: "price", kind: "number" }
]
const atMs = Date.parse("2026-08-19T03:45:00.000Z")
const table: ReadonlyArray<Row> = [
  [atMs, 'M&M "26", CE', 9_007_199_254_740_991, 24_500.05],
  [null, null, null, null],
  [atMs + 60_000, "=1+1", -75, 1e-7],
  [atMs + 120_000, "", 0, -0.1]
]

describe("Files of tables", () => {
  it("a CSV file is RFC 4180: quotes, empty fields, ISO times, and no text that a spreadsheet computes", () => {
    const writer = CsvFile.format.begin(columns)
    const text = new TextDecoder().decode(
      joined([writer.head(), writer.rows(table.slice(0, 2)), writer.rows(table.slice(2)), writer.end()])
    )
    assert.deepStrictEqual(csvRows(text), [
      ["date", "name", "count", "price"],
      ["2026-08-19T03:45:00.000Z", 'M&M "26", CE', "9007199254740991", "24500.05"],
      ["", "", "", ""],
      ["2026-08-19T03:46:00.000Z", "'=1+1", "-75", "1e-7"],
      ["2026-08-19T03:47:00.000Z", "", "0", "-0.1"]
    ])
  })

  it("a Parquet file written in pieces is read by hyparquet with every value, also without a row", async () => {
    const writer = ParquetFile.format.begin(columns)
    const file = joined([writer.head(), writer.rows(table.slice(0, 1)), writer.rows(table.slice(1)), writer.end()])
    assert.deepStrictEqual(
      await read(file),
      table.map(([date, name, count, price]) => ({
        date: date === null ? null : new Date(Number(date)),
        name,
        count: count === null ? null : BigInt(Number(count)),
        price
      }))
    )
    const empty = ParquetFile.format.begin(columns)
    assert.deepStrictEqual(await read(joined([empty.head(), empty.end()])), [])
  })

  it("a Parquet file of many pieces keeps nothing of the earlier ones", async () => {
    const writer = ParquetFile.format.begin(columns)
    const pieces = Array.from({ length: 50 }, (_, piece) =>
      Array.from({ length: 100 }, (_, at): Row => [atMs + at, `T${piece}`, piece * 100 + at, piece + at / 8])
    )
    const parts = pieces.map((rows) => writer.rows(rows))
    const largest = Math.max(...parts.map(({ length }) => length))
    assert.isBelow(largest, 3 * Math.min(...parts.map(({ length }) => length)), "no piece contains the pieces before it")
    const rows = await read(joined([writer.head(), ...parts, writer.end()].filter(({ length }) => length > 0)))
    assert.deepStrictEqual(
      rows.map(({ count }) => Number(count)),
      Array.from({ length: 5_000 }, (_, at) => at)
    )
  })
})

describe("Downloads", () => {
  /** A table whose first piece comes at once and whose second piece never comes. */
  const endless: Download.Table<number, never> = {
    name: "endless",
    columns,
    first: 0,
    read: (at) => (at === 0 ? Effect.succeed({ rows: table, next: Option.some(1) }) : Effect.never)
  }
  const streamOf = ({ body }: HttpServerResponse.HttpServerResponse) => {
    assert(body._tag === "Stream")
    return body.stream
  }

  it.live("a gateway writes a limited number of files at once, and a client that goes away frees its place", () =>
    Effect.gen(function* () {
      const download = Download.make()
      const begin = Effect.gen(function* () {
        const answer = yield* download(endless, CsvFile.format)
        const begun = yield* Deferred.make<void>()
        const fiber = yield* Effect.forkScoped(Stream.runForEach(streamOf(answer), () => Deferred.succeed(begun, undefined)))
        yield* Deferred.await(begun)
        return fiber
      })
      const fibers = yield* Effect.replicateEffect(begin, Download.downloadsMax)
      const refused = yield* Effect.flip(download(endless, CsvFile.format))
      assert.strictEqual(refused._tag, "TooManyRequests")
      assert(fibers[0] !== undefined)
      yield* Fiber.interrupt(fibers[0])
      const next = yield* download({ ...endless, read: () => Effect.succeed({ rows: table, next: Option.none() }) }, CsvFile.format)
      const text = yield* Stream.mkString(Stream.decodeText(streamOf(next)))
      assert.strictEqual(csvRows(text).length, 1 + table.length)
    }).pipe(Effect.scoped)
  )

  it.live("a failure in the middle ends the answer with an error, so that the client sees a file that is not whole", () =>
    Effect.gen(function* () {
      const away = new Problem.Unavailable({ detail: "Database unavailable" })
      const broken = { ...endless, read: (at: number) => (at === 0 ? endless.read(0) : Effect.fail(away)) }
      const exit = yield* Effect.exit(Stream.runDrain(streamOf(yield* Download.make()(broken, CsvFile.format))))
      assert.isTrue(Exit.isFailure(exit))
    })
  )
})

const expiry = "2019-08-29"
const opens = Date.parse("2019-08-19T03:45:00Z")
const strikes = Array.from({ length: 60 }, (_, at) => 23_000 + at * 50)
/** More minutes than one piece reads, so that pieces join. */
const minutes = 45
const chain = (n: number): NewChain => ({
  exchange: "NSE",
  underlying: "NIFTY",
  expiry,
  at: new Date(opens + n * 60_000),
  asOf: new Date(opens + n * 60_000),
  spot: 24_500.05,
  forward: 24_510 + n,
  forwardSource: "parity",
  atmStrike: 24_500,
  atmIv: 0.12,
  maxPain: null,
  pcrOi: 1.5,
  pcrVolume: null,
  callOi: 75 * n,
  putOi: 150 * n,
  convention: "b76",
  strikes: strikes.flatMap((strike) =>
    (["CE", "PE"] as const).map((side) => ({
      exchange: "NFO",
      tradingsymbol: `NIFTY19AUG${strike}${side}`,
      strike,
      side,
      instrumentToken: strike * 512 + (side === "CE" ? 2 : 258),
      lastPrice: n + strike / 100 + 0.05,
      bid: null,
      ask: null,
      volume: 75,
      oi: strike * n,
      oiChange: null,
      iv: 0.12,
      delta: 0.5,
      gamma: 0.001,
      theta: -7.3,
      vega: 10,
      rho: -1,
      quality: "live" as const
    }))
  )
})
const bar = (n: number): NewBar => ({
  exchange: "NSE",
  tradingsymbol: "NIFTY 50",
  instrumentToken: tokens.nifty,
  minutes: 1,
  source: "live",
  at: new Date(opens + n * 60_000),
  open: 2_450_000 + n,
  high: 2_450_005 + n,
  low: 2_449_995 + n,
  close: 2_450_001 + n,
  volume: n,
  oi: null,
  complete: true
})

/** A file as bytes, with the answer's headers. */
const file = (path: string) =>
  Effect.gen(function* () {
    const { url } = yield* World
    const jwt = yield* token()
    return yield* Effect.promise(async () => {
      const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${jwt}` } })
      return { status: answer.status, headers: answer.headers, bytes: new Uint8Array(await answer.arrayBuffer()) }
    })
  })

layer(world(), { excludeTestServices: true })("Exports", (it) => {
  const day = "from=2019-08-19&to=2019-08-19"
  const of = `symbol=NIFTY&expiry=${expiry}&${day}`
  const saved = Effect.gen(function* () {
    const chains = yield* ChainMinuteRepo
    yield* chains.save(Array.from({ length: minutes }, (_, n) => chain(n)))
    const bars = yield* BarRepo
    yield* bars.save(Array.from({ length: 10 }, (_, n) => bar(n)))
    for (const minutes of [1, 5])
      yield* bars.markFetched({ exchange: "NSE", tradingsymbol: "NIFTY 50", minutes, instrumentToken: tokens.nifty }, ["2019-08-19"])
  })

  it.effect("every table has the rows of its endpoint in CSV and in Parquet, whatever the pieces in which it was read", () =>
    Effect.gen(function* () {
      yield* saved
      const tables = [
        ["bars", `instrument_token=${tokens.nifty}&interval=minute&${day}`, 10],
        ["chains", of, minutes],
        ["strikes", of, minutes * strikes.length * 2],
        ["moneyness-series", `${of}&metric=last_price&bucket=ATM,OTM1`, minutes * 2],
        ["premium-decay", of, minutes],
        ["strike-distribution", of, minutes]
      ] as const
      for (const [name, query, count] of tables) {
        const csv = yield* file(`/exports/${name}.csv?${query}`)
        const parquet = yield* file(`/exports/${name}.parquet?${query}`)
        assert.deepStrictEqual([csv.status, parquet.status], [200, 200], name)
        assert.strictEqual(csv.headers.get("content-type"), "text/csv; charset=utf-8")
        assert.strictEqual(parquet.headers.get("content-type"), "application/vnd.apache.parquet")
        assert.strictEqual(parquet.headers.get("content-disposition"), `attachment; filename="${name}.parquet"`)
        const [names = [], ...lines] = csvRows(new TextDecoder().decode(csv.bytes))
        const rows = yield* Effect.promise(() => read(parquet.bytes))
        assert.strictEqual(rows.length, count, name)
        const text = (value: unknown) => (value === null ? "" : value instanceof Date ? value.toISOString() : String(value))
        assert.deepStrictEqual(
          rows.map((row) => names.map((one) => text(row[one]))),
          lines,
          name
        )
      }
    })
  )

  it.effect("the values are those of the endpoints", () =>
    Effect.gen(function* () {
      yield* saved
      const rows = yield* Effect.flatMap(file(`/exports/strikes.parquet?${of}&strikes=24500`), ({ bytes }) =>
        Effect.promise(() => read(bytes))
      )
      const { points } = (yield* ask(`/fo/strikes/history?${of}&strikes=24500`)).body
      const values = (date: unknown, side: string, option: Record<string, unknown>) => [
        date,
        side,
        option["last_price"],
        Number(option["oi"]),
        option["iv"]
      ]
      assert.deepStrictEqual(
        rows.map((row) => values((row["date"] as Date).toISOString(), String(row["side"]), row)),
        points.flatMap(({ date, call, put }: { date: string; call: Record<string, unknown>; put: Record<string, unknown> }) => [
          values(date, "CE", call),
          values(date, "PE", put)
        ])
      )
      const bars = yield* Effect.flatMap(file(`/exports/bars.parquet?instrument_token=${tokens.nifty}&interval=5m&${day}`), ({ bytes }) =>
        Effect.promise(() => read(bytes))
      )
      const { candles } = (yield* ask(`/history?instrument_token=${tokens.nifty}&interval=5m&${day}`)).body
      assert.isNotEmpty(candles)
      assert.deepStrictEqual(
        bars.map(({ date, open, high, low, close, volume }) => ({
          date: (date as Date).toISOString(),
          open,
          high,
          low,
          close,
          volume: Number(volume)
        })),
        candles.map(({ date, open, high, low, close, volume }: Record<string, unknown>) => ({ date, open, high, low, close, volume }))
      )
    })
  )

  it.effect("without stored data the file has no rows; a wrong request gets its status before the file begins", () =>
    Effect.gen(function* () {
      const empty = yield* file("/exports/strikes.parquet?symbol=NIFTY&expiry=2099-12-31")
      assert.deepStrictEqual(yield* Effect.promise(() => read(empty.bytes)), [])
      const head = (yield* ask("/exports/chains.csv?symbol=NIFTY&expiry=2099-12-31")).body
      assert.match(head, /^date,expiry,spot,[a-z_,]+\r\n$/)
      for (const [path, status] of [
        ["strikes.csv?symbol=NOSUCH&expiry=2099-12-31", 404],
        ["strikes.parquet?symbol=NIFTY&expiry=2031-01-07", 404],
        ["bars.csv?instrument_token=1&interval=minute", 404],
        ["chains.parquet?symbol=NIFTY&expiry=2099-12-31&from=2010-01-01", 422],
        ["premium-decay.csv?symbol=NIFTY&expiry=2099-12-31&steps=51", 422]
      ] as const) {
        const answer = yield* ask(`/exports/${path}`)
        assert.strictEqual(answer.status, status, path)
        assert.property(answer.body, "request_id", path)
      }
      assert.strictEqual((yield* ask("/exports/chains.csv?symbol=NIFTY&expiry=2099-12-31", { as: null })).status, 401)
    })
  )
})
