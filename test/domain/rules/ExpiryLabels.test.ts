import { assert, describe, it } from "@effect/vitest"
import * as Day from "../../../src/domain/rules/Day.ts"
import * as Expiries from "../../../src/domain/rules/Expiries.ts"
import * as ExpiryLabels from "../../../src/domain/rules/ExpiryLabels.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"

const labelled = (exchange: string, underlying: string, after: string, count: number) =>
  ExpiryLabels.label(
    Expiries.after(shipped, exchange, underlying, Day.ofIso(after))
      .slice(0, count)
      .map(({ day, contract }) => ({ date: Day.iso(day), contract }))
  ).map(({ date, kind, labels }) => [date, kind, ...labels].join(" "))

describe("expiry labels", () => {
  it("BE-SVC-01 follow holidays and the change of the expiry day", () => {
    assert.deepStrictEqual(labelled("NFO", "NIFTY", "2025-08-27", 7), [
      "2025-08-28 monthly current_week current_month",
      "2025-09-02 weekly next_week",
      "2025-09-09 weekly",
      "2025-09-16 weekly",
      "2025-09-23 weekly",
      "2025-09-30 quarterly next_month quarter",
      "2025-10-07 weekly"
    ])
    assert.deepStrictEqual(labelled("NFO", "NIFTY", "2025-10-14", 2), [
      "2025-10-20 weekly current_week",
      "2025-10-28 monthly next_week current_month"
    ])
  })

  it("BE-SVC-01 an underlying without weeklies has no weeks", () => {
    assert.deepStrictEqual(labelled("NFO", "BANKNIFTY", "2026-08-01", 3), [
      "2026-08-25 monthly current_month",
      "2026-09-29 quarterly next_month quarter",
      "2026-10-27 monthly"
    ])
  })
})
