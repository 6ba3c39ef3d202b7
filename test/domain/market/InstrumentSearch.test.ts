import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import type * as Instrument from "../../../src/domain/market/Instrument.ts"
import * as InstrumentSearch from "../../../src/domain/market/InstrumentSearch.ts"

let tokens = 1
const equity = (tradingsymbol: string, name: string, exchange = "NSE"): Instrument.Instrument => ({
  token: tokens++ * 256 + 1,
  exchangeToken: tokens,
  tradingsymbol,
  name,
  expiry: null,
  strike: 0,
  tickSize: 5,
  lotSize: 1,
  instrumentType: "EQ",
  segment: exchange,
  exchange
})
const derived = (name: string, expiry: string, strike: number, type: "CE" | "PE" | "FUT"): Instrument.Instrument => ({
  ...equity(`${name}${expiry.slice(2, 4)}NOV${strike === 0 ? "" : strike}${type}`, name, "NFO"),
  token: tokens * 256 + 2,
  expiry,
  strike: strike * 100,
  instrumentType: type,
  segment: type === "FUT" ? "NFO-FUT" : "NFO-OPT"
})
const index: Instrument.Instrument = { ...equity("NIFTY 50", "NIFTY 50"), token: 256265, segment: "INDICES", lotSize: 0, tickSize: 0 }

const strikes = [24_400, 24_500, 24_600]
const all: ReadonlyArray<Instrument.Instrument> = [
  ...strikes.flatMap((strike) => [derived("NIFTY", "2026-11-24", strike, "CE"), derived("NIFTY", "2026-11-24", strike, "PE")]),
  derived("NIFTY", "2026-11-24", 0, "FUT"),
  derived("BANKNIFTY", "2026-11-24", 57_500, "CE"),
  derived("M&M", "2026-11-24", 187.5, "PE"),
  equity("RELIANCE", "RELIANCE INDUSTRIES"),
  equity("RELIANCE", "RELIANCE INDUSTRIES", "BSE"),
  equity("INFY", "INFOSYS"),
  equity("M&M", "MAHINDRA & MAHINDRA"),
  equity("BAJAJ-AUTO", "BAJAJ AUTO"),
  equity("TATAMOTORS", "TATA MOTORS"),
  index
]
const made = InstrumentSearch.make(all)
const page = { limit: 100, offset: 0 }
const find = (query: string, filter: InstrumentSearch.Filter = {}) =>
  InstrumentSearch.search(made, query, filter, page).instruments.map(({ tradingsymbol }) => tradingsymbol)

describe("InstrumentSearch", () => {
  it("ranks symbols that start with the query first: the underlying, its future, its options by strike, then the rest", () => {
    assert.deepStrictEqual(find("nifty"), [
      "NIFTY 50",
      "NIFTY26NOVFUT",
      "NIFTY26NOV24400CE",
      "NIFTY26NOV24400PE",
      "NIFTY26NOV24500CE",
      "NIFTY26NOV24500PE",
      "NIFTY26NOV24600CE",
      "NIFTY26NOV24600PE",
      "BANKNIFTY26NOV57500CE"
    ])
    assert.deepStrictEqual(find("NIFTY26NOV245"), ["NIFTY26NOV24500CE", "NIFTY26NOV24500PE"])
  })

  it.each([
    ["nifty 24500 ce", ["NIFTY26NOV24500CE"]],
    ["24500 pe nifty 24nov", ["NIFTY26NOV24500PE"]],
    ["nifty 2026-11-24 fut", ["NIFTY26NOVFUT"]],
    ["infosys", ["INFY"]],
    ["m&m 187.5", ["M&M26NOV187.5PE"]],
    ["mahindra", ["M&M"]],
    ["bajaj auto", ["BAJAJ-AUTO"]],
    ["bajaj-auto", ["BAJAJ-AUTO"]],
    ["tata mot", ["TATAMOTORS"]],
    ["nifty 50", ["NIFTY 50"]]
  ])("every word counts, wherever it stands: %s", (query, expected) => {
    assert.include(find(query), expected[0])
    assert.strictEqual(find(query)[0], expected[0])
  })

  it.each([
    ["relaince", "RELIANCE"],
    ["infosis", "INFY"],
    ["tata motos", "TATAMOTORS"],
    ["mahindar", "M&M"]
  ])("a misspelt word finds what is spelt like it: %s", (query, expected) => {
    assert.strictEqual(find(query)[0], expected)
  })

  it("finds nothing for an unknown word or for punctuation alone", () => {
    for (const query of ["zzzzzz", "nifty zzzzzz", "&&&", "%_", "'; drop table"]) assert.deepStrictEqual(find(query), [], query)
    assert.strictEqual(find("").length, all.length)
    assert.strictEqual(find("   ").length, all.length)
  })

  it("filters narrow a search and also work without a query", () => {
    assert.deepStrictEqual(find("reliance", { exchange: "BSE" }), ["RELIANCE"])
    assert.deepStrictEqual(find("", { underlying: "NIFTY", segment: "NFO-FUT" }), ["NIFTY26NOVFUT"])
    assert.deepStrictEqual(find("", { underlying: "M&M" }), ["M&M", "M&M26NOV187.5PE"])
    assert.strictEqual(find("", { expiry: "2026-11-24" }).length, 9)
    assert.deepStrictEqual(find("", { expiry: "2026-11-25" }), [])
  })

  it.prop(
    "BE-DAT-07 pages of any size join to the whole result, without a repeated row, for any query",
    [FastCheck.constantFrom("", "nifty", "relaince", "ce", "n", "24500"), FastCheck.integer({ min: 1, max: 7 })],
    ([query, limit]) => {
      const whole = InstrumentSearch.search(made, query, {}, page)
      const joined: Array<number> = []
      for (let offset = 0; offset < whole.total + limit; offset += limit) {
        const part = InstrumentSearch.search(made, query, {}, { limit, offset })
        assert.strictEqual(part.total, whole.total)
        joined.push(...part.instruments.map(({ token }) => token))
      }
      assert.deepStrictEqual(
        joined,
        whole.instruments.map(({ token }) => token)
      )
      assert.strictEqual(new Set(joined).size, whole.total)
    }
  )

  it.prop("searches any text without an error", [FastCheck.string({ maxLength: 300 })], ([query]) => {
    assert.isAtMost(InstrumentSearch.search(made, query, {}, page).total, all.length)
  })

  it("the order of the master does not change the result", () => {
    const turned = InstrumentSearch.make([...all].reverse())
    assert.deepStrictEqual(InstrumentSearch.search(turned, "nifty", {}, page), InstrumentSearch.search(made, "nifty", {}, page))
  })
})
