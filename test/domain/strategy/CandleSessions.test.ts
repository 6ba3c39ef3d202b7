import { assert, describe, it } from "@effect/vitest"
import type * as RuleSet from "../../../src/domain/rules/RuleSet.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import * as M2mDecider from "../../../src/domain/strategy/M2mDecider.ts"
import * as Deciding from "../Deciding.ts"
import { ist } from "../market/Ist.ts"
import { contract, future, futureToken, leg, Recorder, settings } from "../record/Recorder.ts"
import { outage } from "../rules/Outage.ts"

const candlesOf = (recorder: Recorder) => {
  const decider = M2mDecider.make({ settings, rules: shipped })
  return Deciding.fold(decider, decider.initial, recorder.inputs)[1].flatMap((output) =>
    output.kind === "candle"
      ? [[output.message.timestamp.slice(11, 16), output.message.open.toFixed(), output.message.close.toFixed()]]
      : []
  )
}

describe("candles of sessions", () => {
  it("BE-DAY-07 a snapshot at night and the pre-open make no candle of a strategy, but their price counts until the next trade", () => {
    const recorder = new Recorder()
      .reference([future])
      .definition([leg(1, "BUY", future, 75, "24500")])
      .frame(ist("2026-07-28T06:00:05"), [{ token: futureToken, price: 24_400 }])
      .clock(ist("2026-07-28T06:01:00"))
      .frame(ist("2026-07-28T09:05:00"), [{ token: futureToken, price: 24_000 }])
      .clock(ist("2026-07-28T09:06:00"))
      .frame(ist("2026-07-28T09:15:10"), [{ token: futureToken, price: 24_510 }])
      .frame(ist("2026-07-28T09:15:40"), [{ token: futureToken, price: 24_520 }])
      .clock(ist("2026-07-28T09:16:00"))
    assert.deepStrictEqual(candlesOf(recorder), [["03:45", "-1838250", "-1839000"]])
  })

  it("a price that waits for its clock does not replace the newer one with which a changed strategy starts", () => {
    const recorder = new Recorder()
      .reference([future])
      .definition([leg(1, "BUY", future, 75, "24500")])
      .frame(ist("2026-07-28T09:15:20"), [{ token: futureToken, price: 24_400 }])
      .frame(ist("2026-07-28T09:15:30"), [{ token: futureToken, price: 24_510 }])
      .definition([leg(1, "BUY", future, 75, "24500")])
      .clock(ist("2026-07-28T09:16:00"))
    assert.deepStrictEqual(candlesOf(recorder), [["03:45", "-1838250", "-1838250"]])
  })

  it("BE-SVC-04 an entry that comes during the day ends the candles with its session, and the chains' ends are asked for again", () => {
    const closed = outage("2026-07-28", ["NSE_CM", "NSE_FO"], "continuous 09:15-12:00")
    const deciderUnder = (rules: RuleSet.RuleSet) => M2mDecider.make({ settings, ends: rules, rules })
    const recorder = new Recorder()
      .reference([future])
      .definition([leg(1, "BUY", future, 75, "24500")])
      .frame(ist("2026-07-28T11:30:10"), [{ token: futureToken, price: 24_510 }])
      .clock(ist("2026-07-28T11:31:00"))
    const before = recorder.inputs.length
    recorder
      .frame(ist("2026-07-28T11:59:10"), [{ token: futureToken, price: 24_520 }])
      .clock(ist("2026-07-28T12:00:00"))
      .frame(ist("2026-07-28T12:30:10"), [{ token: futureToken, price: 24_530 }])
      .clock(ist("2026-07-28T12:31:00"))
    const first = deciderUnder(shipped)
    const second = deciderUnder(closed)
    const [state, morning] = Deciding.fold(first, first.initial, recorder.inputs.slice(0, before))
    const [after, noon] = Deciding.fold(second, state, recorder.inputs.slice(before))
    const starts = [...morning, ...noon].flatMap((output) => (output.kind === "candle" ? [output.message.timestamp.slice(11, 16)] : []))
    assert.deepStrictEqual(starts, ["06:00", "06:29"])
    assert.strictEqual(after.rules, closed.version)
  })
})

describe("a share in the closing auction", () => {
  const share = contract({ instrument_token: 1594 * 256 + 1, kind: "EQ", tradingsymbol: "INFY", segment: "NSE", lot_size: 1 })
  const other = contract({ instrument_token: 1595 * 256 + 1, kind: "EQ", tradingsymbol: "TCS", segment: "NSE", lot_size: 1 })
  const held = [leg(1, "BUY", share, 10, "1500", "INFY"), leg(2, "BUY", other, 10, "3000", "TCS"), leg(3, "SELL", future, 75, "24500")]
  /** Whether the share is missing in the newest mark of a minute in which the future traded. The share's last trade was at 15:14:59. */
  const missingAt = (time: string, rules?: RuleSet.RuleSet) => {
    const recorder = new Recorder()
      .reference([future])
      .definition(held)
      .frame(ist("2026-08-03T15:14:59"), [{ token: share.instrument_token, price: 1_500 }], { underlying: "INFY" })
      .frame(ist("2026-08-03T15:14:59"), [{ token: other.instrument_token, price: 3_000 }], { underlying: "TCS" })
      .clock(ist("2026-08-03T15:15:00"))
      .frame(ist(`2026-08-03T${time}`), [{ token: futureToken, price: 24_510 }])
      .clock(ist(`2026-08-03T${time}`) + 250)
    const decider = M2mDecider.make({ settings, ...(rules === undefined ? {} : { rules }) })
    const outputs = Deciding.fold(decider, decider.initial, recorder.inputs)[1]
    return outputs.flatMap((output) => (output.kind === "mark" ? [output.message.missing] : [])).at(-1)
  }

  it("BE-FIN-03 BE-SVC-04 is not missing while only its auction keeps its price: F&O trades on to 15:40", () => {
    assert.deepStrictEqual(
      ["15:20:00", "15:39:00", "15:45:00"].map((time) => missingAt(time, shipped)),
      [[], [], [1, 2]]
    )
  })

  it("in a market that never closes an old price is missing at any time", () => {
    assert.deepStrictEqual(missingAt("15:20:00"), [1, 2])
  })
})
