import { SqlClient } from "@effect/sql"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import type * as Instrument from "../../../src/domain/market/Instrument.ts"
import { DumpRefused, InstrumentRegistry } from "../../../src/store/instruments/InstrumentRegistry.ts"
import { InstrumentRepo, tradeDatesKept } from "../../../src/store/instruments/InstrumentRepo.ts"
import { anIndex } from "../../domain/market/AnInstrument.ts"
import { fresh } from "../Stores.ts"

const option = (token: number, more: Partial<Instrument.Instrument> = {}): Instrument.Instrument => ({
  token,
  exchangeToken: Math.floor(token / 256),
  tradingsymbol: `NIFTY${token}`,
  name: "NIFTY",
  expiry: "2026-08-25",
  strike: 2_450_000,
  tickSize: 5,
  lotSize: 65,
  instrumentType: "CE",
  segment: "NFO-OPT",
  exchange: "NFO",
  ...more
})
const day = (at: number) => new Date(Date.UTC(2026, 7, at)).toISOString().slice(0, 10)
const daysThere = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.map(
    sql<{ readonly day: string; readonly rows: string; readonly said: number }>`
      SELECT d.trade_date::text AS day, count(i.*) AS rows, min(d.instruments) AS said
      FROM instrument_days d LEFT JOIN instruments i USING (trade_date) GROUP BY 1 ORDER BY 1`,
    (rows) => rows.map((row) => [row.day, Number(row.rows), row.said])
  )
)

layer(fresh(), { excludeTestServices: true })("InstrumentRepo", (it) => {
  it.effect("is empty at first, and so is the registry", () =>
    Effect.gen(function* () {
      const registry = yield* InstrumentRegistry
      assert.deepStrictEqual(yield* Effect.flatMap(InstrumentRepo, (repo) => repo.latest), Option.none())
      assert.isFalse(yield* registry.load())
      assert.isUndefined(registry.current())
      assert.isUndefined(registry.byToken(256265))
      assert.isUndefined(registry.bySymbol("NSE", "NIFTY 50"))
      assert.deepStrictEqual(registry.expiries("NIFTY"), [])
      assert.deepStrictEqual(registry.ofUnderlying("NSE", "NIFTY"), [])
    })
  )

  it.effect(
    "keeps a hundred thousand instruments field for field, and writing them again changes nothing",
    () =>
      Effect.gen(function* () {
        const repo = yield* InstrumentRepo
        const many = Array.from({ length: 100_000 }, (_, i) =>
          i % 1000 === 0
            ? anIndex(256 * i + 9, `I "${i}", \\x {é}`)
            : option(4_294_967_294 - 256 * i, {
                tradingsymbol: `S${i}`,
                strike: i * 5,
                instrumentType: i % 2 === 0 ? "CE" : "PE",
                expiry: day(1 + (i % 60))
              })
        )
        yield* repo.replace(day(18), many)
        const stored = Option.getOrThrow(yield* repo.latest)
        assert.strictEqual(stored.tradeDate, day(18))
        assert.strictEqual(stored.byToken.size, 100_000)
        for (const one of many) assert.deepStrictEqual(stored.byToken.get(one.token), one)
        yield* repo.replace(day(18), many)
        assert.deepStrictEqual(yield* daysThere, [[day(18), 100_000, 100_000]])
        yield* repo.replace(day(18), many.slice(0, 10))
        assert.deepStrictEqual(yield* daysThere, [[day(18), 10, 10]])
      }),
    300_000
  )

  it.effect("keeps the newest trade dates and the one just written, even if that is the oldest", () =>
    Effect.gen(function* () {
      const repo = yield* InstrumentRepo
      const days = Array.from({ length: 15 }, (_, i) => day(1 + i))
      for (const each of days) yield* repo.replace(each, [option(1)])
      const kept = yield* daysThere
      assert.strictEqual(kept.length, tradeDatesKept + 1)
      yield* repo.replace("2026-01-05", [option(7, { tradingsymbol: "OLD" })])
      const after = yield* daysThere
      assert.deepStrictEqual(after[0], ["2026-01-05", 1, 1])
      assert.strictEqual(after.length, tradeDatesKept + 1)
      assert.strictEqual(Option.getOrThrow(yield* repo.asOf("2026-02-01")).tradeDate, "2026-01-05")
      assert.deepStrictEqual(yield* repo.asOf("2026-01-04"), Option.none())
      assert.strictEqual(Option.getOrThrow(yield* repo.latest).tradeDate, day(18))
    })
  )

  it.effect("BE-DB-01 a dump with one impossible row leaves the day's earlier rows unchanged", () =>
    Effect.gen(function* () {
      const repo = yield* InstrumentRepo
      yield* repo.replace(day(30), [option(1), option(2)])
      const bad = Array.from({ length: 6000 }, (_, i) => option(i + 1, { tradingsymbol: `S${i}`, strike: i === 5999 ? -1 : 0 }))
      const error = yield* Effect.flip(repo.replace(day(30), bad))
      assert.strictEqual(error._tag, "StoreInvalid")
      assert.deepStrictEqual((yield* daysThere).at(-1), [day(30), 2, 2])
    })
  )

  it.effect("two instances that store the same day at once leave it complete", () =>
    Effect.gen(function* () {
      const repo = yield* InstrumentRepo
      const rows = Array.from({ length: 500 }, (_, i) => option(i + 1, { tradingsymbol: `S${i}` }))
      yield* Effect.all([repo.replace(day(31), rows), repo.replace(day(31), rows), repo.replace(day(31), rows)], { concurrency: 3 })
      assert.deepStrictEqual((yield* daysThere).at(-1), [day(31), 500, 500])
    })
  )

  it.effect("the registry finds instruments by token, symbol and underlying, and replaces all of them on a new day", () =>
    Effect.gen(function* () {
      const repo = yield* InstrumentRepo
      const registry = yield* InstrumentRegistry
      const nifty = anIndex(256265, "NIFTY 50")
      const members = [
        nifty,
        option(1002, { tradingsymbol: "B", expiry: "2026-09-29" }),
        option(1003, { tradingsymbol: "C", expiry: "2026-08-25" }),
        option(1004, { tradingsymbol: "D", expiry: "2026-08-25", instrumentType: "PE" }),
        option(1005, { tradingsymbol: "F", expiry: "2026-10-27", instrumentType: "FUT", strike: 0, segment: "NFO-FUT" })
      ]
      const abroad = option(1006, { tradingsymbol: "E", exchange: "BFO", expiry: "2026-08-27", segment: "BFO-OPT" })
      yield* repo.replace("2026-09-01", [...members, abroad])
      assert.isTrue(yield* registry.load())
      assert.strictEqual(registry.current()?.tradeDate, "2026-09-01")
      assert.deepStrictEqual(registry.byToken(256265), nifty)
      assert.deepStrictEqual(registry.bySymbol("NSE", "NIFTY 50"), nifty)
      assert.isUndefined(registry.bySymbol("NFO", "NIFTY 50"))
      assert.deepStrictEqual(registry.expiries("NIFTY", "NSE"), ["2026-08-25", "2026-09-29"])
      assert.deepStrictEqual(registry.expiries("NIFTY"), ["2026-08-25", "2026-08-27", "2026-09-29"])
      assert.deepStrictEqual(registry.expiries("NIFTY", "MCX"), [])
      assert.deepStrictEqual(registry.exchangesOf("NIFTY").toSorted(), ["BSE", "NSE"])
      assert.sameDeepMembers([...registry.ofUnderlying("NSE", "NIFTY")], members)
      const named = (exchange: string, tradingsymbol: string) => ({ exchange, tradingsymbol })
      assert.isTrue(registry.hasDerivatives(named("NSE", "NIFTY")))
      assert.isFalse(registry.hasDerivatives(named("NSE", "INFY")))
      assert.strictEqual(registry.lotOf(named("NFO", "C")), members[2]?.lotSize)
      assert.deepStrictEqual([registry.lotOf(named("NSE", "NIFTY 50")), registry.lotOf(named("NFO", "GONE"))], [null, null])
      yield* repo.replace("2026-01-05", [option(7)])
      assert.isTrue(yield* registry.load("2026-02-01"))
      assert.strictEqual(registry.current()?.tradeDate, "2026-01-05")
      assert.isUndefined(registry.byToken(256265))
    })
  )
})

layer(fresh(), { excludeTestServices: true })("InstrumentRegistry", (it) => {
  const parsed = (...instruments: ReadonlyArray<Instrument.Instrument>): Instrument.Parsed => ({ instruments, rejected: [] })
  /** Another process on the same database. */
  const otherProcess = Effect.provide(InstrumentRegistry, Layer.fresh(InstrumentRegistry.Default))

  it.effect("BE-DAY-05 an incomplete dump is refused by name, the one before stays in force, and a complete one ends that", () =>
    Effect.gen(function* () {
      const registry = yield* InstrumentRegistry
      const other = yield* otherProcess
      const whole = [anIndex(256265, "NIFTY 50"), option(1), option(2), option(3)]
      yield* registry.replace("2026-10-05", parsed(...whole), yield* registry.inForce("2026-10-05"))
      const refused = yield* Effect.flip(registry.replace("2026-10-06", parsed(...whole.slice(1)), yield* registry.inForce("2026-10-06")))
      assert.instanceOf(refused, DumpRefused)
      assert.strictEqual(refused.message, "the instruments of 2026-10-06 are incomplete: exchange NSE is missing; it had 1 instruments")
      assert.strictEqual(registry.current()?.tradeDate, "2026-10-05")
      yield* other.follow("2026-10-06")
      for (const each of [registry, other]) {
        assert.strictEqual(each.current()?.tradeDate, "2026-10-05")
        assert.deepStrictEqual(each.refusal(), { tradeDate: "2026-10-06", reason: "exchange NSE is missing; it had 1 instruments" })
      }
      yield* registry.replace("2026-10-06", parsed(...whole), yield* registry.inForce("2026-10-06"))
      yield* other.follow("2026-10-06")
      for (const each of [registry, other]) {
        assert.strictEqual(each.current()?.tradeDate, "2026-10-06")
        assert.isUndefined(each.refusal())
      }
    })
  )

  it.effect("BE-DAY-05 two processes that fetched at the same time agree on the dump that was stored first", () =>
    Effect.gen(function* () {
      const registry = yield* InstrumentRegistry
      const other = yield* otherProcess
      const before = yield* registry.inForce("2026-10-07")
      const beforeOther = yield* other.inForce("2026-10-07")
      const first = [anIndex(256265, "NIFTY 50"), option(11), option(12), option(13)]
      const second = [anIndex(256265, "NIFTY 50"), option(21), option(22), option(23)]
      yield* registry.replace("2026-10-07", parsed(...first), before)
      yield* other.replace("2026-10-07", parsed(...second), beforeOther)
      for (const each of [registry, other])
        assert.deepStrictEqual(
          [...(each.current()?.byToken.keys() ?? [])].sort((a, b) => a - b),
          [11, 12, 13, 256265]
        )
    })
  )
})
