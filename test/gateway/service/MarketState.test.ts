import { assert, describe, it } from "@effect/vitest"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import * as MarketState from "../../../src/gateway/service/MarketState.ts"

const at = (ist: string) => Date.parse(`${ist}+05:30`)
const never = 0
const state = (ist: string, runningForS: number, newestTickMs = never) =>
  MarketState.ofLive(shipped, { nowMs: at(ist), newestTickMs, runningForMs: runningForS * 1_000 })

describe("the end of a holiday list", () => {
  it("BE-SVC-04 is said from two weeks before it, with the calendars that end on that day", () => {
    const said = (ist: string) => MarketState.unlistedDays(shipped, at(ist))
    assert.deepStrictEqual(said("2026-12-18T23:59:59"), [])
    const text =
      "no holiday list of NSE_CM, BSE_CM, NSE_FO, BSE_FO, NSE_CD, BSE_CD, MCX, NSE_COM, BSE_COM covers 2027-01-01: orders of that day are refused until POST /calendar/holidays has one"
    assert.deepStrictEqual(said("2026-12-19T00:00:00"), [text])
    assert.deepStrictEqual(said("2026-12-31T12:00:00"), [text])
    assert.deepStrictEqual(said("2027-01-02T12:00:00"), [text.replace("2027-01-01", "2027-01-04")])
  })
})

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
