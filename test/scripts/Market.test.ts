import { assert, describe, it } from "@effect/vitest"
import { marketName, recordingName } from "../../scripts/lib/market.mjs"

type Market = Parameters<typeof marketName>[0]
const market: Market = { mode: "live", state: "running", time: "2026-08-03T04:00:05Z", phase: "normal", speed: null }

describe("the terminal's name of a market", () => {
  it.each<[Partial<Market>, string]>([
    [{ mode: "synthetic" }, "SIMULATED (the simulator's prices, no exchange takes part)"],
    [{ mode: "days", speed: 60 }, "SIMULATED 3 Aug 2026 09:30:05, 60 times as fast"],
    [{ mode: "days", speed: "max", state: "ended" }, "SIMULATED 3 Aug 2026 09:30:05, as fast as it can, ended"],
    [{ mode: "recorded" }, "RECORDED 3 Aug 2026 09:30:05"],
    [{ mode: "recorded", speed: "max", state: "ended" }, "RECORDED 3 Aug 2026 09:30:05, as fast as it can, ended"],
    [{}, "LIVE, normal"],
    [{ phase: "pre_open" }, "LIVE, pre-open"],
    [{ phase: null }, "LIVE"],
    [{ state: "closed", phase: "closed" }, "CLOSED"],
    [{ state: "closed", phase: "normal" }, "CLOSED, normal"]
  ])("%o is %s", (change, text) => {
    assert.strictEqual(marketName({ ...market, ...change }), text)
  })
})

describe("the terminal's line about a recording", () => {
  it.each<[Partial<Parameters<typeof recordingName>[1]>, string]>([
    [{}, "day.csv: 1,20,000 contracts; its open interest is in units"],
    [
      { not_in_dump: 2, lines_skipped: 1, counted: "contracts", counted_by: "values" },
      "day.csv: 1,20,000 contracts; 2 of them not in the instruments dump (made-up tokens); 1 line skipped (simulator.log says why); its open interest is in contracts, shown in units (--oi units if it is not)"
    ],
    [
      { lines_skipped: 2, counted_by: "values" },
      "day.csv: 1,20,000 contracts; 2 lines skipped (simulator.log says why); its open interest is in units (--oi contracts if it is not)"
    ]
  ])("%o is %s", (change, text) => {
    const facts = { contracts: 120_000, not_in_dump: 0, lines_skipped: 0, counted: "units", counted_by: "option" } as const
    assert.strictEqual(recordingName("/somewhere/day.csv", { ...facts, ...change }), text)
  })
})
