import { assert, describe, it } from "@effect/vitest"
import type * as ChainMessage from "../../../src/domain/options/ChainMessage.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import * as M2mDecider from "../../../src/domain/strategy/M2mDecider.ts"
import * as UnderlyingDecider from "../../../src/domain/underlying/UnderlyingDecider.ts"
import * as Deciding from "../Deciding.ts"
import { chain, chainPackets, leg, option, Recorder, settings, spot, spotToken } from "../record/Recorder.ts"

const ist = (text: string) => Date.parse(`${text}+05:30`)
const forward = 24_510
/** One day and a half after the close, so that a night would change the volatility by a third. */
const expiry = "2026-08-06"
const lastMs = ist("2026-08-04T15:39:59")
const rows = chain(expiry)
const sold = rows.find(({ strike, kind }) => strike === 24_500 && kind === "CE") ?? option(24_500, "CE")

const until = (at: string) =>
  new Recorder()
    .clock(ist("2026-08-04T15:00:00"))
    .reference([spot, ...rows])
    .definition([leg(1, "SELL", sold, 65, "100")])
    .frame(lastMs, [{ token: spotToken, price: forward }, ...chainPackets(forward, 0.14, lastMs, expiry)])
    .clock(ist(at))

const chainAt = (at: string, rules: typeof shipped | undefined): ChainMessage.Chain => {
  const decider = UnderlyingDecider.make({ exchange: "NSE", underlying: "NIFTY", settings, rules })
  const found = Deciding.fold(decider, decider.initial, until(at).inputs)[1].findLast((one) => one.kind === "chain")
  if (found?.kind !== "chain") throw new Error(`no chain at ${at}`)
  return found.message
}
const numbersOf = ({ columns: { delta, gamma, iv, theta, vega } }: ChainMessage.Chain) => ({ delta, gamma, iv, theta, vega })

describe("A chain after the close", () => {
  it("keeps the volatility and the Greeks of the close until the next open, and says from when it counts", () => {
    const atClose = chainAt("2026-08-04T15:40:00", shipped)
    assert.strictEqual(atClose.valued_at, new Date(ist("2026-08-04T15:40:00")).toISOString())
    assert.closeTo(atClose.columns.iv[atClose.columns.strike.indexOf(24_500)] ?? 0, 0.14, 0.0005)
    for (const at of ["2026-08-04T23:59:59", "2026-08-05T06:00:00", "2026-08-05T09:14:59"]) {
      const later = chainAt(at, shipped)
      assert.strictEqual(later.as_of, new Date(ist(at)).toISOString())
      assert.strictEqual(later.valued_at, atClose.valued_at)
      assert.deepStrictEqual(numbersOf(later), numbersOf(atClose), at)
    }
  })

  it("counts from now again when the market opens, and always in a market that never closes", () => {
    const opened = chainAt("2026-08-05T09:15:00", shipped)
    assert.strictEqual(opened.valued_at, opened.as_of)
    const night = chainAt("2026-08-04T23:59:59", undefined)
    assert.strictEqual(night.valued_at, night.as_of)
    assert.notDeepEqual(numbersOf(night), numbersOf(chainAt("2026-08-04T15:40:00", undefined)))
  })

  it("a strategy's Greeks are those of the close too", () => {
    const markAt = (at: string) => {
      const decider = M2mDecider.make({ settings, rules: shipped })
      const mark = Deciding.fold(decider, decider.initial, until(at).inputs)[1].findLast((one) => one.kind === "mark")
      if (mark?.kind !== "mark") throw new Error(`no mark at ${at}`)
      const { net_delta, net_gamma, net_theta, net_vega } = mark.message
      return { net_delta, net_gamma, net_theta, net_vega }
    }
    const atClose = markAt("2026-08-04T15:40:00")
    assert.isNotNull(atClose.net_vega)
    assert.deepStrictEqual(markAt("2026-08-05T06:00:00"), atClose)
  })

  it("an option expires at its instant, though its market has closed", () => {
    const gone = chainAt("2026-08-06T15:40:00", shipped)
    assert.isTrue(gone.columns.quality.every((quality) => quality === "expired"))
  })
})
