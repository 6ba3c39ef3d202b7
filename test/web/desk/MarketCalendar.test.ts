import { assert, describe, it } from "@effect/vitest"
import * as MarketCalendar from "../../../web/src/desk/MarketCalendar.ts"

type Status = Parameters<typeof MarketCalendar.rowsOf>[0]
type Holiday = Parameters<typeof MarketCalendar.rowsOf>[1][number]

const open: Status = {
  exchange: "NFO",
  segment: "NSE_FO",
  phase: "normal",
  is_trading_day: true,
  session: { opens_at: "2026-08-03T03:45:00.000Z", closes_at: "2026-08-03T10:00:00.000Z" },
  next_open: "2026-08-04T03:45:00.000Z",
  rules: "2026-08-22",
  as_of: "2026-08-03T04:00:00.000Z"
}
const day = (date: string, name: string, kind: string): Holiday => ({
  id: null,
  date,
  name,
  kind,
  calendars: ["NSE_FO"],
  sessions: [],
  source: ["FAOP71777"],
  confidence: 2
})

describe("MarketCalendar", () => {
  it("shows the phase, today's session, the next opening, and the next holiday and special session", () => {
    const holidays = [
      day("2026-10-02", "Gandhi Jayanti", "holiday"),
      day("2026-11-08", "Diwali (Muhurat)", "muhurat"),
      day("2026-12-25", "Christmas", "holiday")
    ]
    assert.deepStrictEqual(MarketCalendar.rowsOf(open, holidays), [
      ["Exchange", "NFO"],
      ["Now", "normal"],
      ["Session today", "09:15 to 15:30 IST"],
      ["Opens next", "Tue 4 Aug, 09:15 IST"],
      ["Next holiday", "2 Oct 26, Gandhi Jayanti"],
      ["Next special session", "8 Nov 26, Diwali (Muhurat)"]
    ])
  })
  it("says what no exchange has published yet, and what is unknown", () => {
    const closed: Status = { ...open, phase: "closed", is_trading_day: false, session: null, next_open: null }
    assert.deepStrictEqual(MarketCalendar.rowsOf(closed, []), [
      ["Exchange", "NFO"],
      ["Now", "closed"],
      ["Session today", "none"],
      ["Opens next", "unknown"],
      ["Next holiday", "none is published yet"]
    ])
    assert.deepInclude(MarketCalendar.rowsOf({ ...closed, is_trading_day: null }, []), ["Session today", "unknown"])
  })
})
