import { assert, describe, it } from "@effect/vitest"
import { Decimal } from "../../../src/client/Client.ts"
import * as AlertText from "../../../web/src/alerts/AlertText.ts"

const names = (id: number) => (id === 7 ? "Condor" : undefined)
const instrument = {
  source: "instrument",
  exchange: "NSE",
  tradingsymbol: "NIFTY 50",
  instrument_token: 256_265,
  underlying: { exchange: "NSE", name: "NIFTY" },
  field: "last_price"
} as const
const chain = { source: "chain", exchange: "NFO", symbol: "NIFTY", expiry: "2026-12-01", field: "atm_iv" } as const

describe("AlertText", () => {
  it.each<[AlertText.Watch, AlertText.Condition, string, string]>([
    [instrument, "above", "24600", "NIFTY 50 Last price at or above 24,600"],
    [chain, "crosses_below", "0.1225", "NIFTY 1 Dec 26 ATM IV % falls to 12.25"],
    [{ ...chain, field: "pcr_oi" }, "below", "0.85", "NIFTY 1 Dec 26 PCR at or below 0.85"],
    [{ source: "strategy", strategy_id: 7, field: "total_pnl" }, "below", "-150000.5", "Condor P&L at or below −1,50,000.5"],
    [{ source: "strategy", strategy_id: 8, field: "m2m" }, "above", "0", "Strategy 8 Net premium at or above 0"],
    [{ source: "feed", account_id: "sim1", field: "silent_s" }, "crosses_above", "30", "sim1 Seconds without a tick rises to 30"]
  ])("the rule of %o %s %s is: %s", (on, condition, threshold, text) => {
    assert.strictEqual(AlertText.rule({ on, condition, threshold: new Decimal(threshold) }, names), text)
  })

  it("an event says what fired, its value and its time in India", () => {
    const event = { event_id: 1, as_of: "2026-11-24T09:30:01.250Z", alert_id: 3, name: "Volatile", condition: "above", on: chain } as const
    const text = AlertText.fired({ ...event, threshold: new Decimal("0.2"), value: new Decimal("0.203") }, names)
    assert.strictEqual(text, "Volatile: NIFTY 1 Dec 26 ATM IV % is 20.3 at 15:00:01 IST")
  })

  it("a paused alert is paused whatever it waits for, one that fired can watch again, and any other can be paused", () => {
    assert.deepInclude(AlertText.state({ status: "paused", state: "done" }), { label: "Paused", action: "Resume" })
    assert.deepInclude(AlertText.state({ status: "active", state: "done" }), { label: "Fired", action: "Watch again" })
    for (const state of ["armed", "waiting"] as const)
      assert.deepInclude(AlertText.state({ status: "active", state }), { label: "Watching", action: "Pause" })
  })
})
