import { assert, describe, it } from "@effect/vitest"
import * as Reconciliation from "../../../src/domain/accounts/Reconciliation.ts"
import * as Money from "../../../src/domain/Money.ts"
import { anOrder, aPosition, aTrade } from "./AnOrder.ts"

const value = (text: string) => new Money.Decimal(text)
const nothing: Reconciliation.Reading = {
  day: "2026-08-19",
  orders: [],
  trades: [],
  positions: { net: [], day: [] },
  holdings: [],
  funds: { equity: null, commodity: null }
}
const order = anOrder({ status: "COMPLETE", filled_quantity: 65, quantity: 65 })
const trade = aTrade()
const bought = aPosition({
  quantity: 65,
  day_buy_quantity: 65,
  day_buy_value: value("1592503.25"),
  buy_quantity: 65,
  buy_value: value("1592503.25")
})
const reading: Reconciliation.Reading = { ...nothing, orders: [order], trades: [trade], positions: { net: [bought], day: [bought] } }
const held: Reconciliation.Held = { orders: [order], trades: [trade], base: nothing }
const idsOf = (all: ReadonlyArray<Reconciliation.Difference>) =>
  all.map(({ kind, id, field, held, broker }) => [kind, id, field, held, broker])

describe("the stored figures of an account, compared with the broker's", () => {
  it("trades since the last comparison explain a position, to the paisa", () => {
    assert.deepStrictEqual(Reconciliation.differences(held, reading), [])
    const noise = { ...bought, day_buy_value: value("1592503.2500000002") }
    assert.deepStrictEqual(Reconciliation.differences(held, { ...reading, positions: { net: [noise], day: [] } }), [])
  })

  it("a trade that no source reported differs, with its order and its position", () => {
    assert.deepStrictEqual(idsOf(Reconciliation.differences({ orders: [], trades: [], base: nothing }, reading)), [
      ["order", "1", "status", null, "COMPLETE"],
      ["order", "1", "filled_quantity", null, "65"],
      ["trade", "1/t1", "quantity", null, "65"],
      ["trade", "1/t1", "average_price", null, "24500.05"],
      ["position", "NFO:NIFTY26AUGFUT NRML", "quantity", "0", "65"],
      ["position", "NFO:NIFTY26AUGFUT NRML", "day_buy_quantity", "0", "65"],
      ["position", "NFO:NIFTY26AUGFUT NRML", "day_buy_value", "0.00", "1592503.25"]
    ])
  })

  it("a conversion at the broker differs once, because the next comparison begins with the broker's figures", () => {
    const converted = { ...reading, positions: { net: [{ ...bought, product: "MIS" }], day: [] } }
    const found = Reconciliation.differences({ ...held, base: reading }, converted)
    assert.deepStrictEqual(
      idsOf(found).filter(([, , field]) => field === "quantity"),
      [
        ["position", "NFO:NIFTY26AUGFUT NRML", "quantity", "65", null],
        ["position", "NFO:NIFTY26AUGFUT MIS", "quantity", "0", "65"]
      ]
    )
    assert.deepStrictEqual(Reconciliation.differences({ ...held, base: converted }, converted), [])
  })

  it("an order that is filled without its trades does not agree with itself", () => {
    const torn = { ...reading, trades: [], positions: nothing.positions }
    assert.deepStrictEqual(idsOf(Reconciliation.differences({ orders: [order], trades: [], base: null }, torn)), [
      ["trade", "1", "filled_quantity", "65", "0"]
    ])
  })

  it("a new day begins with the broker's own positions, holdings and funds", () => {
    const tomorrow = { ...nothing, day: "2026-08-20", positions: { net: [aPosition({ quantity: 65, overnight_quantity: 65 })], day: [] } }
    assert.deepStrictEqual(Reconciliation.differences({ orders: [], trades: [], base: reading }, tomorrow), [])
  })

  it("a position counts as changed when something was traded, not when its price moved", () => {
    const moved = { ...bought, last_price: value("24510"), pnl: value("650") }
    const of = (net: ReadonlyArray<typeof bought>) => ({ net, day: [] })
    assert.deepStrictEqual(Reconciliation.changedPositions(of([bought]), of([moved])), [])
    assert.deepStrictEqual(Reconciliation.changedPositions(null, of([bought])), [bought])
    const more = { ...bought, quantity: 130, buy_quantity: 130 }
    assert.deepStrictEqual(Reconciliation.changedPositions(of([bought]), of([more])), [more])
  })
})
