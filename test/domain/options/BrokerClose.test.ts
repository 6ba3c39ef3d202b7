import { assert, describe, it } from "@effect/vitest"
import * as Money from "../../../src/domain/Money.ts"
import * as BrokerClose from "../../../src/domain/options/BrokerClose.ts"

const closeMs = Date.parse("2026-08-25T15:35:00+05:30")
const worth = (instrumentType: "CE" | "PE" | "FUT", strike: string, price: number, atMs: number | null) =>
  BrokerClose.settles({ instrumentType, expiry: "2026-08-25" }, new Money.Decimal(strike), { price, atMs })?.toFixed()

describe("a settlement price from the broker", () => {
  it("BE-DAY-03 a future is worth the broker's close of its underlying, an option its exercise value", () => {
    assert.deepStrictEqual(
      [worth("CE", "24500", 24_550.35, closeMs), worth("PE", "24500", 24_550.35, closeMs), worth("FUT", "0", 24_550.35, closeMs)],
      ["50.35", "0", "24550.35"]
    )
  })
  it("a price of another day, without a time, or of zero settles nothing", () => {
    const nextMorning = Date.parse("2026-08-26T09:15:00+05:30")
    assert.deepStrictEqual(
      [worth("CE", "24500", 24_550, nextMorning), worth("CE", "24500", 24_550, null), worth("PE", "24500", 0, closeMs)],
      [undefined, undefined, undefined]
    )
  })
})
