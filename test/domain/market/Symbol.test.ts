import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import * as Symbol from "../../../src/domain/market/Symbol.ts"

const dump = join(process.env["TARANG_REFERENCE_DATA"] ?? "", "nse/kite_instruments_nfo_bfo_2026-08-18.csv.gz")
const date = (text: string): Symbol.Printed => ({ form: "date", date: text })
const month = (text: string): Symbol.Printed => ({ form: "month", month: text })

/** Kite's text, its parsed form, the master's expiry, OpenAlgo's text. */
const cases: ReadonlyArray<readonly [string, Symbol.Parsed, string | null, string]> = [
  ["NIFTY24NOV24000CE", { kind: "CE", name: "NIFTY", expiry: month("2024-11"), strike: "24000" }, "2024-11-28", "NIFTY28NOV2424000CE"],
  ["NIFTY24N2124000CE", { kind: "CE", name: "NIFTY", expiry: date("2024-11-21"), strike: "24000" }, "2024-11-21", "NIFTY21NOV2424000CE"],
  ["NIFTY24O0325000PE", { kind: "PE", name: "NIFTY", expiry: date("2024-10-03"), strike: "25000" }, "2024-10-03", "NIFTY03OCT2425000PE"],
  ["NIFTY20D1713600CE", { kind: "CE", name: "NIFTY", expiry: date("2020-12-17"), strike: "13600" }, "2020-12-17", "NIFTY17DEC2013600CE"],
  [
    "BANKNIFTY2020630900CE",
    { kind: "CE", name: "BANKNIFTY", expiry: date("2020-02-06"), strike: "30900" },
    "2020-02-06",
    "BANKNIFTY06FEB2030900CE"
  ],
  // A weekly that expires after that month's monthly: the form depends on the contract, not on the calendar.
  [
    "BANKNIFTY2413137500CE",
    { kind: "CE", name: "BANKNIFTY", expiry: date("2024-01-31"), strike: "37500" },
    "2024-01-31",
    "BANKNIFTY31JAN2437500CE"
  ],
  ["SENSEX2640977100CE", { kind: "CE", name: "SENSEX", expiry: date("2026-04-09"), strike: "77100" }, "2026-04-09", "SENSEX09APR2677100CE"],
  [
    "BANKNIFTY18JAN23500CE",
    { kind: "CE", name: "BANKNIFTY", expiry: month("2018-01"), strike: "23500" },
    "2018-01-25",
    "BANKNIFTY25JAN1823500CE"
  ],
  ["NIFTY24NOVFUT", { kind: "FUT", name: "NIFTY", expiry: month("2024-11") }, "2024-11-28", "NIFTY28NOV24FUT"],
  ["USDINR21903FUT", { kind: "FUT", name: "USDINR", expiry: date("2021-09-03") }, "2021-09-03", "USDINR03SEP21FUT"],
  [
    "NIFTYNXT5026SEP79300CE",
    { kind: "CE", name: "NIFTYNXT50", expiry: month("2026-09"), strike: "79300" },
    "2026-09-29",
    "NIFTYNXT5029SEP2679300CE"
  ],
  [
    "NIFTYNXT502691579300CE",
    { kind: "CE", name: "NIFTYNXT50", expiry: date("2026-09-15"), strike: "79300" },
    "2026-09-15",
    "NIFTYNXT5015SEP2679300CE"
  ],
  [
    "SENSEX502610825000PE",
    { kind: "PE", name: "SENSEX50", expiry: date("2026-01-08"), strike: "25000" },
    "2026-01-08",
    "SENSEX5008JAN2625000PE"
  ],
  ["M&M26AUG2850PE", { kind: "PE", name: "M&M", expiry: month("2026-08"), strike: "2850" }, "2026-08-25", "M&M25AUG262850PE"],
  [
    "BAJAJ-AUTO26AUG9000CE",
    { kind: "CE", name: "BAJAJ-AUTO", expiry: month("2026-08"), strike: "9000" },
    "2026-08-25",
    "BAJAJ-AUTO25AUG269000CE"
  ],
  ["360ONE26AUG1000CE", { kind: "CE", name: "360ONE", expiry: month("2026-08"), strike: "1000" }, "2026-08-25", "360ONE25AUG261000CE"],
  ["NBCC26AUG107.5PE", { kind: "PE", name: "NBCC", expiry: month("2026-08"), strike: "107.5" }, "2026-08-25", "NBCC25AUG26107.5PE"],
  ["726GS203324APRFUT", { kind: "FUT", name: "726GS2033", expiry: month("2024-04") }, "2024-04-25", "726GS203325APR24FUT"],
  ["INFY", { kind: "EQ", name: "INFY", series: null }, null, "INFY"],
  ["CENTRALBK-BE", { kind: "EQ", name: "CENTRALBK", series: "BE" }, null, "CENTRALBK-BE"],
  ["BAJAJ-AUTO", { kind: "EQ", name: "BAJAJ-AUTO", series: null }, null, "BAJAJ-AUTO"],
  ["BAJFINANCE", { kind: "EQ", name: "BAJFINANCE", series: null }, null, "BAJFINANCE"],
  ["NIFTY 50", { kind: "INDEX", name: "NIFTY 50" }, null, "NIFTY"],
  ["INDIA VIX", { kind: "INDEX", name: "INDIA VIX" }, null, "INDIAVIX"],
  ["SENSEX", { kind: "INDEX", name: "SENSEX" }, null, "SENSEX"]
]

describe("Symbol", () => {
  it("BE-DAT-01 weekly, monthly and future symbols contain name, printed expiry, strike and kind", () => {
    for (const [text, parsed] of cases) assert.deepStrictEqual(Symbol.parse(text), parsed, text)
  })

  it("BE-DAT-01 every symbol prints back as it was", () => {
    for (const [text] of cases) assert.strictEqual(Symbol.print(Symbol.parse(text)!), text)
  })

  it("BE-DAT-01 the weekly form of a monthly contract is another symbol that contains a day", () => {
    assert.deepStrictEqual(Symbol.parse("NIFTY24N2824000CE"), { kind: "CE", name: "NIFTY", expiry: date("2024-11-28"), strike: "24000" })
    assert.isTrue(Symbol.agrees(month("2024-11"), "2024-11-28"))
    assert.isFalse(Symbol.agrees(month("2024-11"), "2024-12-26"))
    assert.isFalse(Symbol.agrees(date("2024-11-21"), "2024-11-28"))
  })

  it("BE-DAT-01 rejects malformed symbols", () => {
    const bad = [
      "",
      " INFY",
      "INFY\n",
      "NIFTY2400325000PE",
      "NIFTY24Z2124000CE",
      "NIFTY24N3124000CE",
      "NIFTY24NOV024000CE",
      "NIFTY24NOV24000.CE",
      "24NOV24000CE",
      "NIFTY24FOOFUT",
      "x".repeat(65)
    ]
    for (const text of bad) assert.isNull(Symbol.parse(text), JSON.stringify(text))
  })

  it("BE-DAT-01 the known names decide where a name that ends in digits ends", () => {
    const names = new Set(["726GS2033", "USDINR", "NIFTY"])
    assert.deepStrictEqual(Symbol.parse("726GS20332142597PE", names), {
      kind: "PE",
      name: "726GS2033",
      expiry: date("2021-04-25"),
      strike: "97"
    })
    assert.isNull(Symbol.parse("BANKNIFTY24NOVFUT", names))
    assert.isNull(Symbol.parse("BANKNIFTY2020630900CE", names))
  })

  it("BE-DAT-01 OpenAlgo's form is an alias", () => {
    for (const [text, parsed, day, alias] of cases) assert.strictEqual(Symbol.toOpenAlgo(parsed, day), alias, text)
    assert.isNull(Symbol.toOpenAlgo(Symbol.parse("NIFTY24NOVFUT")!, null))
    assert.isNull(Symbol.toOpenAlgo(Symbol.parse("NIFTY24NOVFUT")!, "2024-12-26"))
    assert.strictEqual(Symbol.toOpenAlgo(Symbol.parse("NIFTY24N2124000CE")!, null), "NIFTY21NOV2424000CE")
  })

  const name = FastCheck.stringMatching(/^[A-Z]{1,8}[A-Z&-]?[A-Z]{1,3}$/)
  const day = FastCheck.integer({ min: Date.UTC(2015, 0, 1) / 864e5, max: Date.UTC(2099, 11, 31) / 864e5 }).map((n) =>
    IndiaTime.isoTime(n * 864e5).slice(0, 10)
  )
  const strike = FastCheck.integer({ min: 1, max: 9_999_999 }).map((n) => String(n / 100))
  const kind = FastCheck.constantFrom("CE" as const, "PE" as const, "FUT" as const)
  it.prop(
    "BE-DAT-01 print and parse return any contract unchanged",
    [name, day, strike, kind, FastCheck.boolean()],
    ([name, day, strike, kind, weekly]) => {
      const expiry = weekly ? date(day) : month(day.slice(0, 7))
      const symbol: Symbol.Parsed = kind === "FUT" ? { kind, name, expiry } : { kind, name, expiry, strike }
      assert.deepStrictEqual(Symbol.parse(Symbol.print(symbol)), symbol)
      assert.deepStrictEqual(Symbol.parse(Symbol.print(symbol), new Set([name])), symbol)
    }
  )

  it.skipIf(!existsSync(dump))(
    "BE-DAT-01 every row of a real dump (needs TARANG_REFERENCE_DATA) parses, agrees with its row and prints back",
    () => {
      const { instruments } = Instrument.parseCsv(gunzipSync(readFileSync(dump)).toString("utf8"))
      const names = new Set(instruments.map(({ name }) => name))
      const aliases = new Set<string | null>()
      let checked = 0
      for (const row of instruments) {
        for (const parsed of [Symbol.parse(row.tradingsymbol), Symbol.parse(row.tradingsymbol, names)]) {
          if (parsed === null || parsed.kind === "EQ" || parsed.kind === "INDEX") throw new Error(`${row.tradingsymbol} is no derivative`)
          const strike = parsed.kind === "FUT" ? "0" : parsed.strike
          const same = parsed.name === row.name && parsed.kind === row.instrumentType && strike === Instrument.strikeText(row)
          if (!same || !Symbol.agrees(parsed.expiry, row.expiry!) || Symbol.print(parsed) !== row.tradingsymbol)
            throw new Error(row.tradingsymbol)
          aliases.add(Symbol.toOpenAlgo(parsed, row.expiry))
        }
        checked++
      }
      assert.isAbove(checked, 39_000)
      assert.strictEqual(aliases.size, checked, "each instrument has its own alias")
    }
  )
})
