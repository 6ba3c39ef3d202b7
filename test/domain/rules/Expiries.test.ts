import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import * as Day from "../../../src/domain/rules/Day.ts"
import * as Expiries from "../../../src/domain/rules/Expiries.ts"
import * as ExpiryInstant from "../../../src/domain/rules/ExpiryInstant.ts"
import * as Hours from "../../../src/domain/rules/Hours.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"

const year = (exchange: string, underlying: string, of: number) => Expiries.inYear(shipped, exchange, underlying, of)
const dates = (exchange: string, underlying: string, month: string) =>
  year(exchange, underlying, Number(month.slice(0, 4)))
    .map(({ day }) => Day.iso(day))
    .filter((it) => it.startsWith(month))
const instant = (exchange: string, underlying: string, expiry: string) => {
  const found = ExpiryInstant.expiresAtMs(shipped, { exchange, underlying, expiry })
  return Either.match(found, {
    onLeft: ({ message }) => message,
    onRight: (ms) => new Date(ms + 19_800_000).toISOString().slice(0, 16)
  })
}

describe("expiry dates", () => {
  it("BE-SVC-01 move before holidays, skip the monthly's week and follow the change of weekday", () => {
    assert.deepStrictEqual(dates("NFO", "NIFTY", "2025-10"), ["2025-10-07", "2025-10-14", "2025-10-20", "2025-10-28"])
    assert.deepStrictEqual(dates("NFO", "NIFTY", "2025-09"), ["2025-09-02", "2025-09-09", "2025-09-16", "2025-09-23", "2025-09-30"])
    assert.deepStrictEqual(dates("NFO", "MIDCPNIFTY", "2023-11"), ["2023-11-06", "2023-11-13", "2023-11-20", "2023-11-24"])
    assert.deepStrictEqual(dates("NFO", "BANKNIFTY", "2026-08"), ["2026-08-25"])
    assert.deepStrictEqual(dates("NFO", "RELIANCE", "2026-03"), ["2026-03-30"])
  })

  it("BE-DAY-01 an expiry whose holidays are not published is an error, and so is one without a rule", () => {
    const message = (found: Either.Either<unknown, Error>) => Either.match(found, { onLeft: (it) => it.message, onRight: () => "" })
    assert.match(message(Expiries.monthly(shipped, "NFO", "NIFTY", "2027-01")), /holidays around the day are not in the rulebook/)
    assert.match(message(Expiries.next(shipped, "MCX", "CRUDEOIL", Day.ofIso("2026-08-01"))), /take the date from the instrument dump/)
    assert.match(message(Expiries.next(shipped, "BFO", "RELIANCE", Day.ofIso("2026-08-01"))), /no expiry rule/)
    assert.match(message(Expiries.next(shipped, "NYSE", "SPX", Day.ofIso("2026-08-01"))), /no expiry rule/)
  })

  const underlyings = fc.constantFrom(["NFO", "NIFTY"], ["NFO", "BANKNIFTY"], ["BFO", "SENSEX"], ["NFO", "INFY"])
  it.prop(
    "every expiry is a trading day and each month has one monthly",
    [underlyings, fc.integer({ min: 2021, max: 2026 })],
    ([named, of]) => {
      const [exchange = "", underlying = ""] = named
      const all = year(exchange, underlying, of)
      for (const { day } of all)
        assert.isTrue(Either.getOrThrow(Hours.isTradingDay(shipped, exchange === "NFO" ? "NSE_FO" : "BSE_FO", day)))
      const months = all.filter(({ contract }) => contract === "monthly").map(({ day }) => Day.iso(day).slice(0, 7))
      assert.strictEqual(new Set(months).size, months.length)
      assert.deepStrictEqual(
        all.map(({ day }) => day),
        [...new Set(all.map(({ day }) => day))].sort((a, b) => a - b)
      )
    }
  )
})

describe("the instant of expiry", () => {
  it("BE-DAY-02 is 15:30 before 2026-08-03 and 15:40 from then on; commodities and currencies have their own", () => {
    assert.strictEqual(instant("NFO", "NIFTY", "2026-07-28"), "2026-07-28T15:30")
    assert.strictEqual(instant("NFO", "NIFTY", "2026-08-04"), "2026-08-04T15:40")
    assert.strictEqual(instant("BFO", "SENSEX", "2026-08-13"), "2026-08-13T15:40")
    assert.strictEqual(instant("MCX", "CRUDEOIL", "2026-07-16"), "2026-07-16T23:30")
    assert.strictEqual(instant("MCX", "CRUDEOIL", "2026-11-16"), "2026-11-16T23:55")
    assert.strictEqual(instant("MCX", "MENTHAOIL", "2026-07-31"), "2026-07-31T17:00")
    assert.strictEqual(instant("MCX", "COTTONCNDY", "2026-07-31"), "2026-07-31T21:00")
    assert.strictEqual(instant("NCO", "CRUDEOILM", "2026-10-16"), "2026-10-16T23:30")
    assert.strictEqual(instant("CDS", "USDINR", "2026-03-25"), "2026-03-25T12:30")
  })

  it("BE-DAY-02 needs no holiday list: contracts beyond the published years expire too", () => {
    assert.strictEqual(instant("NFO", "NIFTY", "2031-06-24"), "2031-06-24T15:40")
    assert.strictEqual(instant("MCX", "GOLD", "2028-07-05"), "2028-07-05T23:30")
    assert.match(instant("NYSE", "SPX", "2026-07-28"), /segment of NYSE is unknown/)
  })

  it("pricing uses calendar time in years of 365 days", () => {
    assert.strictEqual(ExpiryInstant.yearsTo(365 * 86_400_000, 0), 1)
  })
})
