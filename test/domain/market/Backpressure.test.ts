import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Backpressure from "../../../src/domain/market/Backpressure.ts"

const load = (share: number, more: Partial<Backpressure.Load> = {}): Backpressure.Load => ({
  bufferedBytes: share * 1_000,
  bufferedBytesMax: 1_000,
  isWindowFull: share > 0,
  lagMs: 0,
  dropped: 0,
  ...more
})
/** A sink with few frames under way, whose oldest acknowledgement is this late. */
const late = (lagMs: number) => load(0, { lagMs })
const levelsOf = (loads: ReadonlyArray<Backpressure.Load>): ReadonlyArray<Backpressure.Level> => {
  let level: Backpressure.Level = "HEALTHY"
  return loads.map((one) => {
    level = Backpressure.next(level, one)
    return level
  })
}

describe("Backpressure", () => {
  it("TC-PERF-030 rises with the waiting bytes, and falls by one level at each check", () => {
    assert.deepStrictEqual(levelsOf([load(0), load(0.01), load(0.6), load(0.97), load(0.3), load(0.2), load(0), load(0)]), [
      "HEALTHY",
      "WARNING",
      "CRITICAL",
      "OVERLOAD",
      "CRITICAL",
      "WARNING",
      "HEALTHY",
      "HEALTHY"
    ])
  })

  it("a dropped packet is an overload, even if little waits now; waiting without a full window is normal", () => {
    assert.deepStrictEqual(levelsOf([load(0.1, { dropped: 1 }), load(0), load(0.1, { isWindowFull: false })]), [
      "OVERLOAD",
      "CRITICAL",
      "WARNING"
    ])
    assert.deepStrictEqual(levelsOf([load(0.1, { isWindowFull: false })]), ["HEALTHY"])
  })

  it("a level ends at half of the load at which it began, so that it does not flicker", () => {
    assert.deepStrictEqual(levelsOf([load(0.51), load(0.49), load(0.26), load(0.24)]), ["CRITICAL", "CRITICAL", "CRITICAL", "WARNING"])
    assert.deepStrictEqual(levelsOf([load(0.96), load(0.5), load(0.46), load(0.4)]), ["OVERLOAD", "OVERLOAD", "CRITICAL", "CRITICAL"])
  })

  it("TC-PERF-030 a sink that answers late is a WARNING and then CRITICAL, with nothing waiting and however long it is silent", () => {
    assert.deepStrictEqual(levelsOf([late(999)]), ["HEALTHY"])
    assert.deepStrictEqual(levelsOf([late(1_000), late(4_999), late(5_000), late(3_600_000)]), [
      "WARNING",
      "WARNING",
      "CRITICAL",
      "CRITICAL"
    ])
    assert.deepStrictEqual(levelsOf([late(60_000), late(0), late(0)]), ["CRITICAL", "WARNING", "HEALTHY"])
  })

  it("a level that began with a lag holds until half of it", () => {
    assert.deepStrictEqual(levelsOf([late(5_000), late(2_500), late(2_499), late(500), late(499)]), [
      "CRITICAL",
      "CRITICAL",
      "WARNING",
      "WARNING",
      "HEALTHY"
    ])
  })

  it.prop(
    "a longer lag never leads to a better level",
    [FastCheck.constantFrom(...Backpressure.levels), FastCheck.nat(12_000), FastCheck.nat(12_000)],
    ([level, one, more]) => {
      const rank = (lagMs: number) => Backpressure.levels.indexOf(Backpressure.next(level, late(lagMs)))
      assert.isAtLeast(rank(one + more), rank(one))
      assert.isAtMost(rank(one + more), Math.max(2, Backpressure.levels.indexOf(level)))
    }
  )

  it.prop(
    "is never below the level of the check itself, and never falls by more than one",
    [FastCheck.array(FastCheck.tuple(FastCheck.nat(100), FastCheck.nat(1), FastCheck.nat(6_000)), { maxLength: 30 })],
    ([looks]) => {
      let level: Backpressure.Level = "HEALTHY"
      for (const [percent, dropped, lagMs] of looks) {
        const before = Backpressure.levels.indexOf(level)
        const now = load(percent / 100, { dropped, lagMs })
        level = Backpressure.next(level, now)
        const rank = Backpressure.levels.indexOf(level)
        assert.isAtLeast(rank, before - 1)
        assert.isAtLeast(rank, Backpressure.levels.indexOf(Backpressure.next("HEALTHY", now)))
      }
    }
  )
})
