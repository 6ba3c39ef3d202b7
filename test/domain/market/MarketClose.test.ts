import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as MarketClose from "../../../src/domain/market/MarketClose.ts"
import * as Day from "../../../src/domain/rules/Day.ts"
import * as Hours from "../../../src/domain/rules/Hours.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"

const ist = (text: string) => Date.parse(`${text}:00+05:30`)
const nifty = MarketClose.ofOptions(shipped, { exchange: "NSE", name: "NIFTY" })
const crude = MarketClose.ofOptions(shipped, { exchange: "MCX", name: "CRUDEOIL" })

describe("The close before a silent market", () => {
  for (const [what, closedSinceMs, at, since] of [
    ["while options trade there is no close", nifty, "2026-08-04T12:00", null],
    ["at the close of that date", nifty, "2026-08-04T15:40", "2026-08-04T15:40"],
    ["at the close of an earlier date", nifty, "2026-07-28T18:00", "2026-07-28T15:30"],
    ["before the open it is the day before", nifty, "2026-08-05T09:14", "2026-08-04T15:40"],
    ["on a Monday morning it is Friday", nifty, "2026-08-10T08:00", "2026-08-07T15:40"],
    ["on a holiday it is the last trading day", nifty, "2026-01-26T12:00", "2026-01-23T15:30"],
    ["after a budget Sunday it is that Sunday", nifty, "2026-02-02T08:00", "2026-02-01T15:30"],
    ["in the evening commodities trade", crude, "2026-08-04T18:00", null],
    ["commodities close by the American clock", crude, "2026-08-05T00:30", "2026-08-04T23:30"]
  ] as const)
    it(`${what}: ${at}`, () => {
      const found = closedSinceMs(ist(at))
      assert.strictEqual(Number.isNaN(found) ? null : found, since === null ? null : ist(since))
    })

  it("a market without rules, an unknown exchange and unpublished hours have no close", () => {
    const at = ist("2026-08-04T18:00")
    assert.isNaN(MarketClose.ofOptions(undefined, { exchange: "NSE", name: "NIFTY" })(at))
    assert.isNaN(MarketClose.ofOptions(shipped, { exchange: "NYSE", name: "NIFTY" })(at))
    // The hours of the Muhurat session of 2026 are not published.
    assert.isNaN(nifty(ist("2026-11-08T20:00")))
  })

  it.prop(
    "the close lies before the instant, and no option trades between the two",
    [FastCheck.integer({ min: ist("2025-01-01T00:00"), max: ist("2026-10-31T00:00") })],
    ([atMs]) => {
      const since = nifty(atMs)
      const isOpen = (ms: number) => {
        const session = Hours.likelySession(shipped, "NSE_FO", "option", Day.at(ms))
        return session !== null && session !== "unknown" && ms >= session.opensAtMs && ms < session.closesAtMs
      }
      if (Number.isNaN(since)) return isOpen(atMs)
      const minutes = Array.from({ length: 20 }, (_, i) => since + ((atMs - since) * i) / 20)
      return since <= atMs && isOpen(since - 1) && !minutes.some(isOpen)
    }
  )
})
