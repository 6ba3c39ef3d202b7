import { assert, describe, it } from "@effect/vitest"
import { isDue } from "../../../src/actors/market/InstrumentRefresh.ts"
import { ist } from "../../domain/market/Ist.ts"

const halfPastEight = 8.5 * 3_600_000

describe("InstrumentRefresh", () => {
  it.each([
    ["loaded at night, before the hour", "2026-11-24T07:00:00", "2026-11-24T08:29:59.999", false],
    ["loaded at night, at the hour", "2026-11-24T07:00:00", "2026-11-24T08:30:00", true],
    ["loaded after the hour", "2026-11-24T08:30:00", "2026-11-25T08:29:00", false],
    ["the next day", "2026-11-24T09:00:00", "2026-11-25T08:30:01", true],
    ["loaded yesterday before the hour, the machine slept over it", "2026-11-23T07:00:00", "2026-11-24T02:00:00", true],
    ["market time stepped back", "2026-11-24T09:00:00", "2026-11-23T10:00:00", false]
  ])("is due once a day at the hour: %s", (_, loaded, now, due) => {
    assert.strictEqual(isDue(ist(loaded), ist(now), halfPastEight), due)
  })
})
