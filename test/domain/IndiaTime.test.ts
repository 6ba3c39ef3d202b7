import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as IndiaTime from "../../src/domain/IndiaTime.ts"

describe("IndiaTime", () => {
  it("BE-DAT-02 the Indian day begins at 18:30 UTC", () => {
    assert.strictEqual(IndiaTime.istDate(Date.parse("2026-11-23T18:29:59.999Z")), "2026-11-23")
    assert.strictEqual(IndiaTime.istDate(Date.parse("2026-11-23T18:30:00Z")), "2026-11-24")
    assert.strictEqual(IndiaTime.istTimeOfDayMs(Date.parse("2026-11-24T03:45:00Z")), 9.25 * 3_600_000)
    assert.strictEqual(IndiaTime.istTimeOfDayMs(Date.parse("1969-12-31T18:29:59Z")), 86_399_000)
  })

  it("counts years by Act/365", () => {
    const expiry = Date.parse("2026-11-24T10:10:00Z")
    assert.strictEqual(IndiaTime.yearsTo(expiry, expiry - 365 * 86_400_000), 1)
    assert.strictEqual(IndiaTime.yearsTo(expiry, expiry - 15 * 60_000), 15 / 525_600)
    assert.strictEqual(IndiaTime.yearsTo(expiry, expiry), 0)
    assert.isBelow(IndiaTime.yearsTo(expiry, expiry + 1), 0)
  })

  it("knows which days exist", () => {
    assert.strictEqual(IndiaTime.isoDate(2024, 2, 29), "2024-02-29")
    assert.isNull(IndiaTime.isoDate(2026, 2, 29))
    assert.isNull(IndiaTime.isoDate(2026, 13, 1))
    assert.isNull(IndiaTime.isoDate(2026, 4, 0))
    for (const bad of ["2026-2-9", "2026-02-30", "20260209", "", "2026-02-09T00:00"]) assert.isFalse(IndiaTime.isIsoDate(bad), bad)
    assert.isTrue(IndiaTime.isIsoDate("2026-02-09"))
  })

  it.prop(
    "BE-DAT-02 an instant is within its minute and its Indian day",
    [FastCheck.integer({ min: 0, max: 4_102_444_800_000 })],
    ([ms]) => {
      const start = IndiaTime.minuteFloor(ms)
      assert.isTrue(start <= ms && ms - start < 60_000 && start % 60_000 === 0)
      assert.strictEqual(IndiaTime.istMidnightMs(IndiaTime.istDate(ms)) + IndiaTime.istTimeOfDayMs(ms), ms)
      assert.strictEqual(IndiaTime.startOfDayMs(ms), IndiaTime.istMidnightMs(IndiaTime.istDate(ms)))
    }
  )
})
