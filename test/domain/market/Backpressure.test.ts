import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Backpressure from "../../../src/domain/market/Backpressure.ts"

const load = (share: number, more: Partial<Backpressure.Load> = {}): Backpressure.Load => ({
  bufferedBytes: share * 1_000,
  bufferedBytesMax: 1_000,
  isWindowFull: share > 0,
  dropped: 0,
  ...more
})
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

  it.prop(
    "is never below the level of the check itself, and never falls by more than one",
    [FastCheck.array(FastCheck.tuple(FastCheck.nat(100), FastCheck.nat(1)), { maxLength: 30 })],
    ([looks]) => {
      let level: Backpressure.Level = "HEALTHY"
      for (const [percent, dropped] of looks) {
        const before = Backpressure.levels.indexOf(level)
        const now = load(percent / 100, { dropped })
        level = Backpressure.next(level, now)
        const rank = Backpressure.levels.indexOf(level)
        assert.isAtLeast(rank, before - 1)
        assert.isAtLeast(rank, Backpressure.levels.indexOf(Backpressure.next("HEALTHY", now)))
      }
    }
  )
})
