import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import type * as OrderCharges from "../../../src/domain/orders/OrderCharges.ts"
import * as PaperMargin from "../../../src/domain/orders/PaperMargin.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"

const option: OrderCharges.Order = {
  on: "2026-08-18",
  exchange: "NFO",
  underlying: "NIFTY",
  instrumentType: "CE",
  product: "NRML",
  side: "BUY",
  quantity: 75,
  price: new Money.Decimal("120.05")
}
const share: OrderCharges.Order = { ...option, exchange: "NSE", underlying: "INFY", instrumentType: "EQ", product: "CNC" }
const of = (order: OrderCharges.Order) =>
  Either.match(PaperMargin.of(shipped, order), {
    onLeft: (why) => why,
    onRight: (it) => [it.option_premium, it.var, it.total].map(String)
  })

describe("what an order of a paper account blocks", () => {
  it("a bought option blocks its premium, also one whose quantity counts contracts of several units", () => {
    assert.deepStrictEqual(of(option), ["9003.75", "0", "9003.75"])
    assert.deepStrictEqual(of({ ...option, instrumentType: "PE", product: "MIS" }), ["9003.75", "0", "9003.75"])
    const crude = { ...option, exchange: "MCX", underlying: "CRUDEOIL", quantity: 1 }
    assert.deepStrictEqual(of(crude), ["12005", "0", "12005"])
  })

  it("shares for delivery block their value when they are bought and nothing when they are sold", () => {
    assert.deepStrictEqual(of(share), ["0", "9003.75", "9003.75"])
    assert.deepStrictEqual(of({ ...share, side: "SELL" }), ["0", "0", "0"])
  })

  it("no figure is made up for what only the broker knows", () => {
    const unknown = "SPAN and exposure margins are not public, so only the broker knows them"
    assert.strictEqual(of({ ...option, side: "SELL" }), unknown)
    assert.strictEqual(of({ ...option, instrumentType: "FUT" }), unknown)
    assert.strictEqual(of({ ...share, product: "MIS" }), "the broker's own margin of shares as MIS is not public")
    assert.include(of({ ...option, exchange: "MCX", underlying: "NOSUCH" }), "NOSUCH")
  })
})
