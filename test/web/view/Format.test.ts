import { assert, describe, it } from "@effect/vitest"
import { Decimal } from "../../../src/domain/Money.ts"
import * as Format from "../../../web/src/view/Format.ts"

describe("Format", () => {
  it("counts in lakh and crore, with the correct signs", () => {
    assert.deepStrictEqual([null, 0, 999, 1_234, 123_456, 12_345_678].map(Format.count), ["–", "0", "999", "1.2K", "1.23L", "1.23Cr"])
    assert.deepStrictEqual([-1_500, 0, 65].map(Format.signedCount), ["−1.5K", "0", "+65"])
    assert.deepStrictEqual([Format.fixed(-0.001, 2), Format.fixed(-0.126, 2)], ["0.00", "−0.13"])
    assert.deepStrictEqual(
      [...["-4699.5", "100000", "0"].map((text) => Format.rupees(new Decimal(text))), Format.rupees(null)],
      ["−4,699.50", "+1,00,000.00", "0.00", "–"]
    )
  })
  it("gives the day's change in points and per cent of the previous close", () => {
    assert.strictEqual(Format.dayChange(110.25, 24_610.25), "+110.25 (+0.45%)")
    assert.strictEqual(Format.dayChange(-12.3, 87.7), "−12.30 (−12.30%)")
    assert.deepStrictEqual([Format.dayChange(0, 100), Format.dayChange(null, 100), Format.dayChange(5, 5)], ["0.00 (0.00%)", "", "+5.00"])
    assert.deepStrictEqual(
      [4, -1, null].map((points) => Format.dayChangePercent(points, 104)),
      ["+4.0", "−1.0", "–"]
    )
  })
  it("counts the calendar days in India to an expiry", () => {
    assert.strictEqual(Format.daysTo("2026-11-24", Date.parse("2026-11-23T18:29:00Z")), 1)
    assert.strictEqual(Format.daysTo("2026-11-24", Date.parse("2026-11-23T18:31:00Z")), 0)
    assert.strictEqual(Format.daysTo("2027-01-01", Date.parse("2026-12-31T23:59:00Z")), 0)
  })
  it("shows an age in its largest unit, and Indian time", () => {
    assert.deepStrictEqual([999, 59_999, 61_000, 7_300_000].map(Format.age), ["0 s", "59 s", "1 min", "2 h"])
    assert.strictEqual(Format.clock(Date.parse("2026-11-24T04:00:01Z")), "09:30:01")
  })
})
