import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import { anIndex } from "./AnInstrument.ts"

const reference = process.env["TARANG_REFERENCE_DATA"] ?? ""
const dump = join(reference, "nse/kite_instruments_nfo_bfo_2026-08-18.csv.gz")
const header = Instrument.columns.join(",")

const make = (over: Partial<Instrument.Instrument>): Instrument.Instrument => ({
  token: 12073986,
  exchangeToken: 47164,
  tradingsymbol: "NIFTY26NOV24500CE",
  name: "NIFTY",
  expiry: "2026-11-24",
  strike: 2450000,
  tickSize: 5,
  lotSize: 65,
  instrumentType: "CE",
  segment: "NFO-OPT",
  exchange: "NFO",
  ...over
})
const index = (tradingsymbol: string, exchange?: string) => anIndex(256265, tradingsymbol, exchange)

describe("Instrument", () => {
  it("reads Kite's columns as integers in the token's own price units", () => {
    const { instruments, rejected } = Instrument.parseCsv(
      `${header}\r\n12073986,47164,NIFTY26NOV24500CE,NIFTY,0.0,2026-11-24,24500.0,0.05,65,CE,NFO-OPT,NFO\r\n` +
        `412675,1612,USDINR26NOV84.25CE,USDINR,0,2026-11-26,84.25,0.0025,1,CE,CDS-OPT,CDS\r\n` +
        `408065,1594,INFY,"INFOSYS ""A"", LTD",0.0,,0.0,0.01,1,EQ,NSE,NSE\r\n`
    )
    assert.deepStrictEqual(rejected, [])
    assert.deepStrictEqual(instruments[0], make({}))
    assert.deepStrictEqual([instruments[1]!.strike, instruments[1]!.tickSize], [842_500_000, 25_000])
    assert.deepStrictEqual([instruments[2]!.name, instruments[2]!.expiry, instruments[2]!.tickSize], ['INFOSYS "A", LTD', null, 1])
  })

  it("rejects a row by line and reason and keeps the others", () => {
    const rows = [
      "x,1,A,A,0,,0,0.05,1,EQ,NSE,NSE",
      "4294967296,1,A,A,0,,0,0.05,1,EQ,NSE,NSE",
      "0,1,A,A,0,,0,0.05,1,EQ,NSE,NSE",
      "257,1,A,A,0,,0,0.05,1,EQ,NSE",
      '513,2,"two\nlines",B,0,,0,0.05,1,EQ,NSE,NSE',
      "769,3,C,C,0,2026-02-30,0,0.05,1,FUT,NFO-FUT,NFO",
      "769,3,C,C,0,,0,0.05,1,FUT,NFO-FUT,NFO",
      "769,3,C,C,0,,0,0.005,1,EQ,NSE,NSE",
      "769,3,C,C,0,,1e5,0.05,1,EQ,NSE,NSE",
      "769,3,C,C,0,,-1,0.05,1,EQ,NSE,NSE",
      "769,3,C,C,0,,0,0.05,1.5,EQ,NSE,NSE",
      "769,3,C,C,0,,0,0.05,1,XX,NSE,NSE",
      "769,3,,C,0,,0,0.05,1,EQ,NSE,NSE",
      "769,3,C,C,0,,0,0.05,1,EQ,NSE,",
      "769,3,C,C,0,,0,0.05,1,EQ,NSE,NSE",
      "769,3,D,C,0,,0,0.05,1,EQ,NSE,NSE",
      "1025,4,C,C,0,,0,0.05,1,EQ,NSE,NSE",
      '1281,5,"E,E,0,,0,0.05,1,EQ,NSE,NSE',
      "1537,6,F,F,0,,0,0.05,1,EQ,NSE,NSE"
    ]
    const { instruments, rejected } = Instrument.parseCsv([header, ...rows].join("\n"))
    assert.deepStrictEqual(
      instruments.map((it) => it.tradingsymbol),
      ["two\nlines", "C", "F"]
    )
    // The row in quotes takes lines 6 and 7.
    assert.deepStrictEqual(
      rejected.map((it) => it.line),
      [2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20]
    )
    assert.match(rejected[4]!.reason, /expiry "2026-02-30"/)
    assert.match(rejected[6]!.reason, /tick_size .*more decimals/)
    assert.match(rejected[13]!.reason, /769 is already on an earlier line/)
    assert.match(rejected[15]!.reason, /quote never closes/)
  })

  it("finds columns by name and refuses a header without them", () => {
    const moved = Instrument.parseCsv(
      "exchange,segment,instrument_type,lot_size,tick_size,strike,expiry,name,tradingsymbol,exchange_token,instrument_token\nNSE,NSE,EQ,1,0.05,0,,A,A,1,257\n"
    )
    assert.strictEqual(moved.instruments[0]!.token, 257)
    assert.match(
      Instrument.parseCsv("a,b\n1,2\n3,4\n")
        .rejected.map((it) => it.reason)
        .join(),
      /^the header lacks instrument_token/
    )
    assert.deepStrictEqual(Instrument.parseCsv(""), { instruments: [], rejected: [{ line: 1, reason: "the file is empty" }] })
  })

  it.prop(
    "reads back what it writes",
    [
      FastCheck.array(
        FastCheck.record({
          token: FastCheck.tuple(FastCheck.nat(2 ** 24 - 1), FastCheck.constantFrom(1, 2, 3, 4, 5, 6, 7, 9, 12)).map(
            ([exchangeToken, segment]) => exchangeToken * 256 + segment
          ),
          exchangeToken: FastCheck.nat(),
          tradingsymbol: FastCheck.string({ minLength: 1 }).filter((text) => !text.startsWith("\uFEFF")),
          name: FastCheck.string(),
          expiry: FastCheck.constantFrom("2026-11-24", "2027-01-28"),
          strike: FastCheck.integer({ min: 0, max: 2 ** 40 }),
          tickSize: FastCheck.integer({ min: 0, max: 1_000_000 }),
          lotSize: FastCheck.nat(),
          instrumentType: FastCheck.constantFrom("CE" as const, "PE" as const, "FUT" as const, "EQ" as const),
          segment: FastCheck.constantFrom("NFO-OPT", "INDICES"),
          exchange: FastCheck.constantFrom("NFO", "BFO", "a,b")
        })
      )
    ],
    ([rows]) => {
      const unique = [...Instrument.makeMaster("2026-11-20", rows).byToken.values()]
      const back = Instrument.parseCsv(Instrument.formatCsv(unique))
      assert.deepStrictEqual(back.rejected, [])
      assert.deepStrictEqual(back.instruments, unique)
    }
  )

  it.skipIf(!existsSync(dump))("reads every row of a real dump (needs TARANG_REFERENCE_DATA) and prints it back", () => {
    const text = gunzipSync(readFileSync(dump)).toString("utf8")
    const { instruments, rejected } = Instrument.parseCsv(text)
    assert.deepStrictEqual(rejected, [])
    assert.strictEqual(instruments.length, text.trimEnd().split("\n").length - 1)
    assert.isTrue(
      instruments.every(
        (it) => it.token === it.exchangeToken * 256 + Instrument.segmentOf(it.token) && Instrument.underlyingOf(it) !== null
      )
    )
    assert.deepStrictEqual(Instrument.parseCsv(Instrument.formatCsv(instruments)).instruments, instruments)
    // Only the last price, which Kite does not keep up here, may print differently.
    assert.strictEqual(Instrument.formatCsv(instruments).split("\n")[0], text.split("\n")[0])
  })

  it("names one underlying for an index, its futures and its options", () => {
    const of = (it: Instrument.Instrument) => {
      const underlying = Instrument.underlyingOf(it)
      return underlying === null ? null : `${underlying.exchange} ${underlying.name}`
    }
    assert.strictEqual(of(make({})), "NSE NIFTY")
    assert.strictEqual(of(make({ instrumentType: "FUT", exchange: "BFO", name: "SENSEX" })), "BSE SENSEX")
    assert.strictEqual(of(make({ exchange: "MCX", name: "CRUDEOIL" })), "MCX CRUDEOIL")
    assert.strictEqual(of(make({ exchange: "CDS", name: "USDINR" })), "CDS USDINR")
    assert.strictEqual(of(make({ exchange: "BCD", name: "USDINR" })), "BCD USDINR")
    assert.strictEqual(of(make({ token: 257, instrumentType: "EQ", exchange: "NSE", tradingsymbol: "M&M", name: "MAHINDRA" })), "NSE M&M")
    const names = ["NIFTY 50", "NIFTY BANK", "NIFTY FIN SERVICE", "NIFTY MID SELECT", "NIFTY NEXT 50", "INDIA VIX"]
    assert.deepStrictEqual(
      names.map((name) => of(index(name))),
      ["NSE NIFTY", "NSE BANKNIFTY", "NSE FINNIFTY", "NSE MIDCPNIFTY", "NSE NIFTYNXT50", "NSE INDIA VIX"]
    )
    assert.deepStrictEqual(
      ["SENSEX", "BANKEX", "SNSX50"].map((name) => of(index(name, "BSE"))),
      ["BSE SENSEX", "BSE BANKEX", "BSE SENSEX50"]
    )
    assert.isNull(of(make({ name: "" })))
    assert.isNull(of(make({ exchange: "ELSEWHERE" })))
  })

  it("knows kinds, scales and segments from the token", () => {
    assert.strictEqual(Instrument.kindOf(index("NIFTY 50")), "INDEX")
    assert.strictEqual(Instrument.kindOf(make({})), "CE")
    assert.deepStrictEqual(
      [1, 2, 3, 4, 5, 6, 7, 9, 12].map((segment) => Instrument.priceScale(256 * 7 + segment)),
      [100, 100, 1e7, 100, 100, 1e4, 100, 100, 1e4]
    )
    assert.isTrue(Instrument.isIndex(256265))
    assert.isTrue(Instrument.isOption(make({ instrumentType: "PE" })))
    assert.isFalse(Instrument.isOption(make({ instrumentType: "FUT" })))
  })

  it("BE-DAY-08 rejects an instrument of an unknown segment by name and never assumes paise", () => {
    const token = 256 * 7 + 8
    const text = Instrument.formatCsv([make({})]).replace(String(make({}).token), String(token))
    const { instruments, rejected } = Instrument.parseCsv(text)
    assert.deepStrictEqual(instruments, [])
    assert.match(rejected[0]?.reason ?? "", /segment 8 \(token 1800\).*does not know this segment/)
    assert.throws(() => Instrument.priceScale(token), /segment 8/)
  })

  it("master data belongs to a trade date; a reused token is another instrument", () => {
    const monday = Instrument.makeMaster("2026-11-23", [make({}), make({ tradingsymbol: "LATER" })])
    const wednesday = Instrument.makeMaster("2026-11-25", [make({ tradingsymbol: "TCS26DEC4000CE", name: "TCS" })])
    assert.strictEqual(monday.byToken.get(12073986)?.tradingsymbol, "NIFTY26NOV24500CE")
    assert.strictEqual(wednesday.byToken.get(12073986)?.tradingsymbol, "TCS26DEC4000CE")
    assert.strictEqual(Instrument.bySymbol(monday, "NFO", "NIFTY26NOV24500CE")?.token, 12073986)
    assert.isUndefined(Instrument.bySymbol(monday, "BFO", "NIFTY26NOV24500CE"))
    assert.isUndefined(Instrument.bySymbol(monday, "NFO", "LATER"))
  })
})
