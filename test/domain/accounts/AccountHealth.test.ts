import { assert, describe, it } from "@effect/vitest"
import * as AccountHealth from "../../../src/domain/accounts/AccountHealth.ts"
import * as RateLimit from "../../../src/domain/accounts/RateLimit.ts"

type Report = AccountHealth.Report
const report = (atMs: number, state: Report["state"] = "streaming", more: Partial<Report> = {}): Report => ({
  atMs,
  state,
  isPartlyDown: false,
  needsLogin: false,
  limitedForMs: 0,
  detail: null,
  ...more
})
/** The condition after these reports. */
const conditionOf = (...reports: ReadonlyArray<Report>) =>
  reports.reduce<AccountHealth.Condition | undefined>((known, one) => AccountHealth.hear(known, one), undefined)
const healthAt = (nowMs: number, ...reports: ReadonlyArray<Report>) => AccountHealth.of(conditionOf(...reports), nowMs).health
/** A report each second. */
const each = (fromMs: number, toMs: number, state: Report["state"]) =>
  Array.from({ length: (toMs - fromMs) / 1_000 + 1 }, (_, at) => report(fromMs + at * 1_000, state))

describe("AccountHealth", () => {
  it("health is unknown before the first report, and when no report comes for a while", () => {
    assert.strictEqual(AccountHealth.of(undefined, 0).health, "unknown")
    assert.strictEqual(healthAt(AccountHealth.silentAfterMs, report(0)), "well")
    assert.strictEqual(healthAt(AccountHealth.silentAfterMs + 1, report(0)), "unknown")
    assert.isFalse(AccountHealth.isDelivering(conditionOf(report(0)), AccountHealth.silentAfterMs + 1))
  })

  it("an account is unwell while the broker limits its requests, and until a needed login has come", () => {
    const limited = report(1_000, "streaming", { limitedForMs: 30_000 })
    assert.strictEqual(healthAt(1_000, limited), "unwell")
    assert.strictEqual(healthAt(31_000, limited, report(31_000)), "well")
    assert.strictEqual(healthAt(1_000, report(1_000, "login_required", { needsLogin: true })), "unwell")
    assert.strictEqual(healthAt(2_000, report(1_000, "idle", { needsLogin: true }), report(2_000, "idle")), "well")
  })

  it("a short failure is ignored; a longer one counts, and so does the failure of one connection of several", () => {
    assert.strictEqual(healthAt(1_000, report(0, "failed"), report(1_000, "failed"), report(1_000)), "well")
    assert.strictEqual(healthAt(2_000, ...each(0, 2_000, "failed")), "unwell")
    assert.strictEqual(healthAt(7_000, ...each(0, 7_000, "connecting")), "well")
    assert.strictEqual(healthAt(8_000, ...each(0, 8_000, "connecting")), "unwell")
    const partly = [report(0, "streaming", { isPartlyDown: true }), report(2_000, "streaming", { isPartlyDown: true })]
    assert.strictEqual(healthAt(2_000, ...partly), "unwell")
    assert.isFalse(AccountHealth.isDelivering(conditionOf(...partly), 2_000))
  })

  it("after a failure the account rests, then it is tried again, and it rests twice as long after each further failure", () => {
    const first = each(0, 2_000, "failed")
    const idle = each(3_000, 17_000, "idle")
    assert.strictEqual(healthAt(16_999, ...first, ...idle), "unwell")
    assert.strictEqual(healthAt(17_000, ...first, ...idle), "well")
    const second = [...first, ...idle, ...each(18_000, 20_000, "failed")]
    assert.strictEqual(conditionOf(...second)?.restsUntilMs, 20_000 + 2 * AccountHealth.againAfterMs)
    const many = Array.from({ length: 10 }, (_, at) => [
      report(at * 600_000, "idle"),
      ...each(at * 600_000 + 1_000, at * 600_000 + 3_000, "failed")
    ]).flat()
    assert.strictEqual((conditionOf(...many)?.restsUntilMs ?? 0) - (many.at(-1)?.atMs ?? 0), AccountHealth.againAfterMsMax)
  })

  it("an account that keeps failing, because nobody can stand in for it, is not well between two rests", () => {
    const failing = each(0, 20_000, "failed")
    for (const nowMs of [2_000, 16_999, 17_000, 17_500, 20_000])
      assert.strictEqual(healthAt(nowMs, ...failing.filter(({ atMs }) => atMs <= nowMs)), "unwell", String(nowMs))
    assert.strictEqual(healthAt(22_000, ...failing, ...each(21_000, 22_000, "streaming")), "unwell")
    assert.strictEqual(healthAt(23_000, ...failing, ...each(21_000, 23_000, "streaming")), "well")
  })

  it("failures are forgiven after a minute of streaming", () => {
    const failed = each(0, 2_000, "failed")
    assert.strictEqual(conditionOf(...failed, ...each(20_000, 79_000, "streaming"))?.failures, 1)
    assert.strictEqual(conditionOf(...failed, ...each(20_000, 80_000, "streaming"))?.failures, 0)
  })

  it("an account rests for as long as the broker asks, up to a limit", () => {
    assert.deepStrictEqual([null, 0, -5, Number.NaN, 1_500.2, 86_400_000].map(RateLimit.restMs), [
      RateLimit.restsForMs,
      RateLimit.restsForMs,
      RateLimit.restsForMs,
      RateLimit.restsForMs,
      1_501,
      RateLimit.restsForMsMax
    ])
  })
})
