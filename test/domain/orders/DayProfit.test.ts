import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import type * as Figures from "../../../src/domain/accounts/Figures.ts"
import * as Money from "../../../src/domain/Money.ts"
import * as DayProfit from "../../../src/domain/orders/DayProfit.ts"
import * as OrderCharges from "../../../src/domain/orders/OrderCharges.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"

const trade = (more: Partial<Figures.Trade> = {}): Figures.Trade => ({
  trade_id: "t1",
  order_id: "o1",
  exchange_order_id: null,
  exchange: "NSE",
  tradingsymbol: "INFY",
  instrument_token: 408_065,
  product: "MIS",
  average_price: new Money.Decimal("1500.05"),
  quantity: 40,
  transaction_type: "BUY",
  fill_timestamp: "2026-08-18T05:30:00.000Z",
  order_timestamp: null,
  exchange_timestamp: null,
  ...more
})

describe("the profit of an account's day", () => {
  it("is what its positions made since the close, less the charges of its orders", () => {
    const rows = [{ m2m: new Money.Decimal("-1200.55") }, { m2m: new Money.Decimal("200") }]
    assert.strictEqual(Money.format(DayProfit.net(rows, new Money.Decimal("99.45"))), "-1100")
    assert.strictEqual(Money.format(DayProfit.net([], Money.zero)), "0")
  })

  it("pays once for the fills of an order, by the product, and nothing where no rate is known", () => {
    const note = (product: "MIS" | "CNC") =>
      Either.getOrThrow(
        OrderCharges.charges(shipped, {
          on: "2026-08-18",
          exchange: "NSE",
          underlying: "INFY",
          instrumentType: "EQ",
          product,
          side: "BUY",
          quantity: 100,
          price: new Money.Decimal("1500.05")
        })
      ).total.toFixed()
    assert.notStrictEqual(note("MIS"), note("CNC"))
    for (const product of ["MIS", "CNC"] as const) {
      const fills = [trade({ product }), trade({ product, trade_id: "t2", quantity: 60 })]
      assert.strictEqual(DayProfit.chargesOf(shipped, fills).toFixed(), note(product), product)
    }
    assert.isTrue(DayProfit.chargesOf(shipped, [trade({ product: "CO" })]).isZero())
    assert.isTrue(DayProfit.chargesOf(shipped, []).isZero())
  })
})
