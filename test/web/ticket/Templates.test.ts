import { assert, describe, it } from "@effect/vitest"
import * as Templates from "../../../web/src/ticket/Templates.ts"

describe("Templates", () => {
  const strikes = [100, 110, 120, 130, 140, 150, 160, 170, 180]
  const legsOf = (id: string, width: number) => {
    const template = Templates.choices.find((one) => one.id === id)
    return template === undefined
      ? "no such template"
      : Templates.place(template, strikes, 140, width)?.map(({ direction, kind, strike, lots }) => `${direction} ${lots} ${strike} ${kind}`)
  }

  it("puts an iron condor around the money", () => {
    assert.deepStrictEqual(legsOf("iron-condor", 2), ["BUY 1 100 PE", "SELL 1 120 PE", "SELL 1 160 CE", "BUY 1 180 CE"])
  })
  it("sells twice the middle of a butterfly", () => {
    assert.deepStrictEqual(legsOf("call-butterfly", 1), ["BUY 1 130 CE", "SELL 2 140 CE", "BUY 1 150 CE"])
  })
  it("has no legs if the strikes are too few or there is no strike at the money", () => {
    assert.strictEqual(legsOf("iron-condor", 3), undefined)
    for (const template of Templates.choices) assert.strictEqual(Templates.place(template, strikes, 145, 1), undefined)
  })
  it("has as many bought as sold calls and puts in every defined-risk shape", () => {
    for (const id of ["bull-call", "bear-put", "iron-condor", "iron-butterfly", "call-butterfly"]) {
      const template = Templates.choices.find((one) => one.id === id)
      const legs = template === undefined ? undefined : Templates.place(template, strikes, 140, 1)
      for (const kind of ["CE", "PE"]) {
        const net = legs?.filter((leg) => leg.kind === kind).reduce((sum, leg) => sum + (leg.direction === "BUY" ? leg.lots : -leg.lots), 0)
        assert.strictEqual(net, 0, `${id} ${kind}`)
      }
    }
  })
})
