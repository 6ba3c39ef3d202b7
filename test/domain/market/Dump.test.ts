import { assert, describe, it } from "@effect/vitest"
import * as Dump from "../../../src/domain/market/Dump.ts"
import * as Instrument from "../../../src/domain/market/Instrument.ts"

const header =
  "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange"
const row = (token: number, exchange: string) => `${token},1,S${token},S,0.0,,0.0,0.05,1,EQ,${exchange},${exchange}`
/** A dump with the given number of rows per exchange, followed by extra lines. */
const dump = (counts: Readonly<Record<string, number>>, ...more: ReadonlyArray<string>) => {
  let token = 1 // the lowest byte of NSE
  const rows = Object.entries(counts).flatMap(([exchange, count]) =>
    Array.from({ length: count }, () => {
      token += 256
      return row(token, exchange)
    })
  )
  return Instrument.parseCsv([header, ...rows, ...more].join("\n"))
}
const yesterday = Dump.countsOf(dump({ NSE: 100, NFO: 200 }).instruments)

describe("BE-DAY-05 a dump of instruments", () => {
  it("is complete when every exchange is there with a reasonable number of rows", () => {
    assert.deepStrictEqual(Dump.flaws(dump({ NSE: 90, NFO: 100, BSE: 5 }), yesterday), [])
    assert.deepStrictEqual(Dump.flaws(dump({ NSE: 1 }), new Map()), [])
  })
  it("names an exchange that is missing, and one that lost more than half of its rows", () => {
    assert.deepStrictEqual(Dump.flaws(dump({ NSE: 100 }), yesterday), ["exchange NFO is missing; it had 200 instruments"])
    assert.deepStrictEqual(Dump.flaws(dump({ NSE: 49, NFO: 200 }), yesterday), ["exchange NSE has 49 instruments; it had 100"])
  })
  it("names a token that appears twice", () => {
    const twice = dump({ NSE: 100, NFO: 200 }, row(257, "NFO"))
    assert.deepStrictEqual(Dump.flaws(twice, yesterday), ["instrument_token 257 appears twice (1 such rows)"])
  })
  it("names rows that cannot be read when they are many", () => {
    const broken = Array.from({ length: 4 }, () => "half a ro")
    assert.deepStrictEqual(Dump.flaws(dump({ NSE: 100, NFO: 200 }, ...broken), yesterday), [
      "4 rows cannot be read, the first on line 302: 1 fields, but the header has 12"
    ])
    assert.deepStrictEqual(Dump.flaws(dump({ NSE: 100, NFO: 200 }, ...broken.slice(1)), yesterday), [])
  })
  it("names an empty file", () => {
    assert.deepStrictEqual(Dump.flaws(Instrument.parseCsv(""), yesterday), ["it has no instruments"])
  })
  it("is parsed in steps of a few rows, so that a process can stream meanwhile", () => {
    const text = [header, ...Array.from({ length: 10_000 }, (_, at) => row(at + 1, "NSE"))].join("\n")
    const steps = Instrument.parseCsvInSteps(text)
    let turns = 0
    let step = steps.next()
    while (step.done !== true) {
      turns++
      step = steps.next()
    }
    assert.strictEqual(turns, 5)
    assert.deepStrictEqual(step.value, Instrument.parseCsv(text))
  })
})
