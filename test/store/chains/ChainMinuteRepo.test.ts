import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as ChainRetention from "../../../src/actors/edge/ChainRetention.ts"
import { ChainMinuteRepo, type Of } from "../../../src/store/chains/ChainMinuteRepo.ts"
import type { NewChain, NewStrike } from "../../../src/store/chains/ChainMinuteRows.ts"
import * as Migrations from "../../../src/store/Migrations.ts"
import { freshDatabase } from "../../TestBackends.ts"
import { fresh, pool } from "../Stores.ts"

const ist = (time: string, day = "2026-08-19") => new Date(`${day}T${time}:00+05:30`)
const expiry = "2026-08-25"
const strikes = [24_400, 24_450.5, 24_500, 24_600]

let underlyings = 0
/** A separate underlying for each test. */
const named = () => ({ exchange: "NSE", underlying: `U${++underlyings}`, expiry })

const option = (underlying: string, strike: number, side: "CE" | "PE", value: number, more: Partial<NewStrike> = {}): NewStrike => ({
  exchange: "NFO",
  tradingsymbol: `${underlying}26AUG${strike}${side}`,
  strike,
  side,
  instrumentToken: strike * 512 + 2,
  lastPrice: value,
  bid: 0.05,
  ask: null,
  volume: 75,
  oi: 9_007_199_254_740_991,
  oiChange: -75,
  iv: 0.123_45,
  delta: side === "CE" ? 0.5012 : -0.4988,
  gamma: 0.000_123_4,
  theta: -12.3456,
  vega: 10.1,
  rho: -0.5,
  quality: "live",
  ...more
})
const chain = (of: ReturnType<typeof named>, at: Date, atmStrike: number, more: Partial<NewChain> = {}): NewChain => ({
  ...of,
  at,
  asOf: new Date(at.getTime() + 250),
  spot: 24_500.05,
  forward: 24_512.3412,
  forwardSource: "parity",
  atmStrike,
  atmIv: 0.123_45,
  maxPain: 24_450.5,
  pcrOi: 0.9876,
  pcrVolume: null,
  callOi: 9_007_199_254_740_991,
  putOi: 0,
  convention: "b76",
  strikes: strikes.flatMap((strike) =>
    (["CE", "PE"] as const).map((side) => option(of.underlying, strike, side, at.getUTCMinutes() + (side === "CE" ? 0.05 : 0.1)))
  ),
  ...more
})
const span = (of: ReturnType<typeof named>, more: Partial<Of> = {}): Of => ({
  ...of,
  from: ist("09:15"),
  to: ist("15:40"),
  minutes: 1,
  gridOpenMs: 33_300_000,
  limit: 100,
  offset: 0,
  ...more
})

layer(fresh(), { excludeTestServices: true })("ChainMinuteRepo", (it) => {
  it.effect("saves a minute once, with every value as it was published; a repeated message changes nothing", () =>
    Effect.gen(function* () {
      const repo = yield* ChainMinuteRepo
      const of = named()
      const first = chain(of, ist("09:15"), 24_500)
      assert.strictEqual(yield* repo.save([]), 0)
      assert.strictEqual(yield* repo.save([first, first]), 1)
      assert.strictEqual(yield* repo.save([{ ...first, spot: 1, strikes: [] }, chain(of, ist("09:16"), 24_500)]), 1)
      const [stored] = yield* repo.chains(span(of))
      const { exchange: _exchange, underlying: _underlying, asOf: _asOf, forwardSource: _source, convention: _id, ...values } = first
      const { strikes: options, ...totals } = values
      assert.deepStrictEqual({ ...stored }, totals)
      const rows = yield* repo.strikes(span(of, { limit: 1 }), { _tag: "All" })
      assert.deepStrictEqual(
        rows.map((row) => ({ ...row })),
        options.map((one) => ({ ...one, at: first.at, forward: first.forward }))
      )
    })
  )

  it.effect("a chain whose options cannot be saved is not saved either", () =>
    Effect.gen(function* () {
      const repo = yield* ChainMinuteRepo
      const of = named()
      const bad = chain(of, ist("09:15"), 24_500, { callOi: 1e19, strikes: [option(of.underlying, 24_500, "CE", 1)] })
      const refused = yield* Effect.flip(repo.save([bad]))
      assert.strictEqual(refused._tag, "StoreInvalid")
      assert.deepStrictEqual(yield* repo.chains(span(of)), [])
      const sql = yield* SqlClient.SqlClient
      assert.deepStrictEqual(yield* sql`SELECT 1 FROM strike_minutes WHERE underlying = ${of.underlying}`, [])
    })
  )

  it.effect("two exchanges may list options of one name, and one token may name two options on two days", () =>
    Effect.gen(function* () {
      const repo = yield* ChainMinuteRepo
      const of = named()
      const here = chain(of, ist("09:15"), 24_500)
      const there: NewChain = { ...here, exchange: "BSE", strikes: here.strikes.map((one) => ({ ...one, exchange: "BFO", lastPrice: 7 })) }
      const later: NewChain = {
        ...chain(of, ist("09:15", "2026-09-02"), 24_500),
        expiry: "2026-09-08",
        strikes: here.strikes.map((one) => ({ ...one, tradingsymbol: `${one.tradingsymbol}NEW`, lastPrice: 8 }))
      }
      assert.strictEqual(yield* repo.save([here, there, later]), 3)
      const prices = (query: Of) =>
        Effect.map(repo.strikes(query, { _tag: "Prices", strikes: [24_500] }), (rows) => rows.map(({ lastPrice }) => lastPrice))
      assert.deepStrictEqual(yield* prices(span(of)), [45.05, 45.1])
      assert.deepStrictEqual(yield* prices({ ...span(of), exchange: "BSE" }), [7, 7])
      const september = { from: ist("09:15", "2026-09-02"), to: ist("15:40", "2026-09-02") }
      assert.deepStrictEqual(yield* prices({ ...span(of), ...september, expiry: "2026-09-08" }), [8, 8])
    })
  )

  it.effect(
    "an interval is represented by its last stored minute, in pages; strikes are chosen by price or by their distance from the money",
    () =>
      Effect.gen(function* () {
        const repo = yield* ChainMinuteRepo
        const of = named()
        const minutes = ["09:15", "09:17", "09:19", "09:20", "09:21", "09:31"]
        yield* repo.save(minutes.map((time, n) => chain(of, ist(time), n < 3 ? 24_400 : 24_500)))
        const times = (rows: ReadonlyArray<{ readonly at: Date }>) =>
          rows.map(({ at }) => new Date(at.getTime() + 19_800_000).toISOString().slice(11, 16))
        const five = span(of, { minutes: 5 })
        assert.deepStrictEqual(times(yield* repo.chains(five)), ["09:19", "09:21", "09:31"])
        assert.deepStrictEqual(times(yield* repo.chains({ ...five, limit: 1, offset: 1 })), ["09:21"])
        assert.strictEqual(yield* repo.count({ ...five, limit: 1, offset: 1 }), 3)
        assert.deepStrictEqual(times(yield* repo.chains(span(of, { minutes: 1_440 }))), ["09:31"])
        const near = yield* repo.strikes({ ...five, limit: 2 }, { _tag: "NearMoney", steps: 1 })
        assert.deepStrictEqual(
          near.map(({ strike, side }) => `${strike} ${side}`),
          ["24400 CE", "24400 PE", "24450.5 CE", "24450.5 PE", "24450.5 CE", "24450.5 PE", "24500 CE", "24500 PE", "24600 CE", "24600 PE"]
        )
        const one = yield* repo.strikes(span(of, { minutes: 60 }), { _tag: "Prices", strikes: [24_450.5] })
        assert.deepStrictEqual(times(one), ["09:31", "09:31"])
      })
  )

  it.effect("the retention deletes what is older than its days of market time, and nothing else", () =>
    Effect.gen(function* () {
      const repo = yield* ChainMinuteRepo
      const of = named()
      const days = ["2026-08-17", "2026-08-18", "2026-08-19"]
      yield* repo.save(days.map((day) => chain(of, ist("10:00", day), 24_500)))
      const left = Effect.gen(function* () {
        const all = span(of, { from: ist("00:00", "2026-08-01") })
        const rows = yield* repo.strikes(all, { _tag: "Prices", strikes: [24_500] })
        return [(yield* repo.chains(all)).length, rows.length]
      })
      const shorten = (day: string) => ChainRetention.shorten({ chain_minutes: 10, strike_minutes: 1 }, ist("10:00", day).getTime())
      yield* shorten("2026-08-19")
      assert.deepStrictEqual(yield* left, [3, 4], "exactly one day old is kept")
      yield* shorten("2026-08-28")
      assert.deepStrictEqual(yield* left, [2, 0])
    })
  )
})

describe("chain_minutes", () => {
  it.live("where create_hypertable exists the migration calls it for both tables, and a second time is harmless", () =>
    Effect.flatMap(freshDatabase, (url) =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        // This is not TimescaleDB: it shows which calls the migration makes, not what the extension does with them.
        yield* sql`CREATE TABLE calls (relation text)`
        yield* sql`CREATE FUNCTION create_hypertable(relation regclass, time_column_name name, chunk_time_interval interval,
          if_not_exists boolean, migrate_data boolean) RETURNS void LANGUAGE sql AS $$ INSERT INTO calls VALUES (relation || ' ' || time_column_name) $$`
        yield* Migrations.up
        yield* Migrations.down(23)
        yield* Migrations.up
        const calls = yield* sql<{ readonly relation: string }>`SELECT DISTINCT relation FROM calls ORDER BY 1`
        assert.deepStrictEqual(
          calls.map(({ relation }) => relation),
          ["chain_minutes at", "strike_minutes at"]
        )
      }).pipe(Effect.provide(pool(url)))
    ).pipe(Effect.scoped)
  )
})
