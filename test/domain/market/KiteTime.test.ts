import { assert, describe, it } from "@effect/vitest"
import { FastCheck, Schema } from "effect"
import * as KiteTime from "../../../src/domain/market/KiteTime.ts"

describe("KiteTime", () => {
  it("reads Indian time, with a blank or a T", () => {
    assert.strictEqual(KiteTime.instantMs("2021-01-01 16:15:14"), Date.UTC(2021, 0, 1, 10, 45, 14))
    assert.strictEqual(KiteTime.instantMs("2021-01-01T16:15:14"), Date.UTC(2021, 0, 1, 10, 45, 14))
  })

  it.each(["", "2021-02-30 10:00:00", "2021-01-01", "2021-01-01 24:00:00", "2021-13-01 10:00:00", "01-01-2021 10:00:00"])(
    "rejects %j",
    (text) => {
      assert.isNull(KiteTime.instantMs(text))
      assert.strictEqual(Schema.decodeUnknownEither(KiteTime.IstDateTime)(text)._tag, "Left")
    }
  )

  it.prop("reads back what it writes", [FastCheck.integer({ min: 0, max: 4_000_000_000 })], ([seconds]) => {
    const text = Schema.encodeSync(KiteTime.IstDateTime)(new Date(seconds * 1000))
    assert.strictEqual(Schema.decodeSync(KiteTime.IstDateTime)(text).getTime(), seconds * 1000)
  })

  it("reads a candle's time with or without a colon in its offset, and no other text", () => {
    const atMs = Date.parse("2026-08-19T09:15:00+05:30")
    assert.strictEqual(KiteTime.candleMs("2026-08-19T09:15:00+0530"), atMs)
    assert.strictEqual(KiteTime.candleMs("2026-08-19T09:15:00+05:30"), atMs)
    assert.strictEqual(KiteTime.candleText(atMs), "2026-08-19T09:15:00+0530")
    for (const text of ["", "2026-08-19 09:15:00", "2026-08-19T09:15:00Z", "2026-99-19T09:15:00+0530"])
      assert.isNull(KiteTime.candleMs(text), text)
  })
})
