import { assert, describe, it } from "@effect/vitest"
import * as Exposure from "../../../src/domain/orders/Exposure.ts"

const nifty = { exchange: "NFO", tradingsymbol: "NIFTY26DECFUT" }
const gold = { exchange: "MCX", tradingsymbol: "GOLD26DECFUT" }
const share = { exchange: "NSE", tradingsymbol: "INFY" }
const part = (named: typeof nifty, side: Exposure.Side, quantity: number, isOpen = false): Exposure.Part => ({
  ...named,
  side,
  quantity,
  isOpen
})

describe("the exposure of positions with open orders", () => {
  it("is summed up by instrument, over products and orders of both sides", () => {
    const held = Exposure.ofPositions([
      { ...nifty, quantity: 130 },
      { ...nifty, quantity: -65 },
      { ...gold, quantity: -2 }
    ])
    const all = Exposure.sum([...held, part(nifty, "BUY", 65, true), part(nifty, "SELL", 130, true), part(share, "BUY", 900, true)])
    assert.deepStrictEqual(all, [
      { ...nifty, net: 65, openBuy: 65, openSell: 130 },
      { ...gold, net: -2, openBuy: 0, openSell: 0 },
      { ...share, net: 0, openBuy: 900, openSell: 0 }
    ])
    assert.deepStrictEqual(Exposure.of(all, { ...nifty, exchange: "BFO" }), { net: 0, openBuy: 0, openSell: 0 })
    assert.strictEqual(Exposure.of(all, gold).net, -2)
  })

  it("orders that the broker's book does not show yet count as open, those that it shows do not", () => {
    const sent = ["a", "b"].map((tag) => ({ ...nifty, tag, side: "BUY", quantity: 65 }) as const)
    assert.deepStrictEqual(Exposure.unseen(sent, new Set(["a", null])), [part(nifty, "BUY", 65, true)])
  })

  it("counts the most lots that open orders can make, without shares and contracts that are no longer listed", () => {
    const all = Exposure.sum([part(nifty, "SELL", 65), part(nifty, "SELL", 65, true), part(gold, "BUY", 3), part(share, "BUY", 900)])
    const lotOf = ({ exchange }: { readonly exchange: string }) => (exchange === "NSE" ? null : exchange === "NFO" ? 65 : 1)
    assert.strictEqual(Exposure.otherLots(all, share, lotOf), 5)
    assert.strictEqual(Exposure.otherLots(all, nifty, lotOf), 3)
    assert.strictEqual(Exposure.otherLots([], nifty, lotOf), 0)
  })
})
