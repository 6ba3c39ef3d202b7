import { assert, describe, it } from "@effect/vitest"
import { Decimal } from "../../../src/domain/Money.ts"
import * as StopText from "../../../web/src/limits/StopText.ts"

const closing = { mode: "paper", status: "running", message: null, rounds: 0, updated_at: "2026-11-24T05:00:00.000Z" } as const
const stop = {
  stop_id: 1,
  action: "square_off",
  reason: "its profit of -1200 today has reached the limit of its loss, 1000",
  profit: new Decimal(-1200),
  at: "2026-11-24T05:00:01.000Z"
} as const
const account = { ...stop, max_daily_loss: new Decimal(1000) }
const head = `The account is stopped since 24 Nov, 10:30:01 IST: ${stop.reason}. Its orders may only lower positions.`

describe("StopText", () => {
  it("says since when and why an account is stopped, and how far its positions are closed", () => {
    assert.strictEqual(StopText.ofAccount({ ...account, action: "block", square_off: null }), head)
    const said = (status: "running" | "done" | "incomplete" | "released", message: string | null) =>
      StopText.ofAccount({ ...account, square_off: { ...closing, status, message } })
    assert.strictEqual(said("running", null), `${head} Its positions are being closed.`)
    assert.strictEqual(said("running", "2 orders are open"), `${head} Its positions are being closed (2 orders are open).`)
    assert.strictEqual(said("done", "all positions are closed"), `${head} Its positions are closed.`)
    const left = "Not all of its positions could be closed, so somebody must look (NIFTY26DECFUT: 75 left)."
    assert.strictEqual(said("incomplete", "NIFTY26DECFUT: 75 left"), `${head} ${left}`)
    assert.strictEqual(said("released", null), `${head} Its positions are no longer being closed.`)
  })

  it("names each account in which a strategy's positions are closed", () => {
    const strategy = { ...stop, max_loss: new Decimal(1000), square_offs: [] }
    const start = head.replace("The account", "The strategy")
    assert.strictEqual(StopText.ofStrategy(strategy), start)
    const square_offs = [
      { ...closing, account_id: "a1", status: "done" as const },
      { ...closing, account_id: "a2" }
    ]
    const said = StopText.ofStrategy({ ...strategy, square_offs })
    assert.strictEqual(said, `${start} In a1, its positions are closed. In a2, its positions are being closed.`)
  })
})
