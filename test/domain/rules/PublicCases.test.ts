import { assert, describe, it } from "@effect/vitest"
import * as Instrument from "../../../src/domain/market/Instrument.ts"
import * as Life from "../../../src/domain/market/Life.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"

describe("public bug reports that the rulebook answers", () => {
  it("BE-DAY-08 case 1: NCO counts in 1/10000, so ALUMINI is at 378.20 and CRUDEOILM at 8494.00", () => {
    const rupees = (token: number, wire: number) => (wire / Instrument.priceScale(token)).toFixed(2)
    assert.deepStrictEqual([rupees(31_132_428, 3_782_000), rupees(33_539_084, 84_940_000)], ["378.20", "8494.00"])
  })

  it("BE-DAY-02 case 2: options of CRUDEOIL that expire on 2026-07-16 have 5.5 hours at 18:00, because MCX closes at 23:30 in summer", () => {
    const at = (time: string) => Date.parse(`2026-07-16T${time}+05:30`)
    const hours = (time: string) => Life.yearsLeft(shipped, { exchange: "MCX", name: "CRUDEOIL" }, "2026-07-16", at(time)) * 365 * 24
    assert.approximately(hours("18:00:00"), 5.5, 1e-9)
    assert.isAbove(hours("23:29:59"), 0)
    assert.strictEqual(Life.chainEndsMs(shipped, { exchange: "MCX", name: "CRUDEOIL" }, "2026-07-16"), at("23:30:00"))
  })
})
