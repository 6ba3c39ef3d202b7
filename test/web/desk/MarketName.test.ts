import { assert, describe, it } from "@effect/vitest"
import * as MarketName from "../../../web/src/desk/MarketName.ts"

type Market = Parameters<typeof MarketName.of>[0]
const market: Market = { mode: "live", state: "running", time: "2026-08-03T04:00:00Z", phase: "normal", speed: null }

describe("MarketName", () => {
  it.each<[Partial<Market>, string, string]>([
    [{ mode: "synthetic" }, "simulated", "SIMULATED"],
    [{ mode: "days", speed: 60 }, "simulated", "SIMULATED 3 Aug 2026 · 60×"],
    [{ mode: "recorded", speed: 10 }, "recorded", "RECORDED 3 Aug 2026 · 10×"],
    [{ mode: "recorded", speed: "max", state: "ended" }, "recorded", "RECORDED 3 Aug 2026 · as fast as it can · ended"],
    [{ phase: "pre_open" }, "live", "LIVE · pre-open"],
    [{ phase: null }, "live", "LIVE"],
    [{ state: "closed", phase: "closed" }, "closed", "CLOSED"]
  ])("%o is %s: %s", (change, kind, text) => {
    const shown = MarketName.of({ ...market, ...change })
    assert.deepStrictEqual([shown.kind, shown.text], [kind, text])
  })
})
