import { assert, describe, it } from "@effect/vitest"
import { Decimal } from "../../../src/client/Client.ts"
import type { Leg, StrategyPnl } from "../../../web/src/gateway/Contract.ts"
import * as Holding from "../../../web/src/strategies/Holding.ts"

const leg = (leg_id: number, direction: Leg["direction"], quantity: number, price: string) =>
  ({ leg_id, direction, quantity, entry_price: new Decimal(price) }) as Leg
const text = (amount: Decimal | undefined) => amount?.toString()

describe("Holding", () => {
  it("a leg without fills is held at its entry price, and sold legs gain exactly when the price falls", () => {
    const bought = Holding.of(leg(1, "BUY", 50, "12345.67"), undefined)
    assert.strictEqual(text(Holding.profit(bought, 12_450.89)), "5261")
    const sold = Holding.of(leg(1, "SELL", 75, "100.1"), undefined)
    assert.strictEqual(text(Holding.profit(sold, 100.3)), "-15")
    assert.strictEqual(Holding.profit(sold, null), undefined)
  })
  it("fills replace the leg: their realised profit and their open quantity count", () => {
    const filled = {
      leg_ids: [1],
      source: "fills",
      net_quantity: 25,
      open_average: { fifo: new Decimal("100") },
      realised: { fifo: new Decimal("12.5") },
      last_price: 101,
      as_of: null
    }
    const pnl = { instruments: [filled] } as unknown as StrategyPnl
    const held = Holding.of(leg(1, "BUY", 50, "1"), pnl)
    assert.strictEqual(text(Holding.profit(held, 101)), "37.5")
    assert.strictEqual(text(Holding.profit({ ...held, netQuantity: 0 }, null)), "12.5")
    assert.strictEqual(text(Holding.profit(Holding.of(leg(2, "BUY", 1, "1"), pnl), 3)), "2")
  })
})
