import { assert, describe, it } from "@effect/vitest"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import * as MarketState from "../../../src/gateway/service/MarketState.ts"

const at = (ist: string) => Date.parse(`${ist}+05:30`)
const never = 0
const state = (ist: string, runningForS: number, newestTickMs = never) =>
  MarketState.ofLive(shipped, { nowMs: at(ist), newestTickMs, runningForMs: runningForS * 1_000 })

describe("the state of a live market", () => {
  it("BE-SVC-04 in a gateway's first minute it is the rulebook's, because the first tick may not have come", () => {
    assert.deepStrictEqual(
      [
        state("2026-08-04T11:00:00", 1),
        state("2026-08-04T15:39:59", 60),
        state("2026-07-28T15:39:59", 1),
        state("2026-08-04T22:00:00", 1),
        state("2026-08-01T11:00:00", 1),
        // Budget Sunday; the holidays of 2028 are not published.
        state("2026-02-01T11:00:00", 1),
        state("2028-08-02T11:00:00", 1)
      ],
      ["running", "running", "closed", "closed", "closed", "running", "closed"]
    )
  })

  it("after that its ticks decide: a minute of silence in market hours counts as closed", () => {
    const now = "2026-08-04T11:00:00"
    assert.deepStrictEqual(
      [
        state(now, 61),
        state(now, 61, at(now) - 60_000),
        state(now, 61, at(now) - 60_001),
        state("2026-08-04T22:00:00", 1, at("2026-08-04T22:00:00"))
      ],
      ["closed", "running", "closed", "running"]
    )
  })
})
