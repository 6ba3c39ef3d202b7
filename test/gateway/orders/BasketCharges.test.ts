import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { ask, world } from "../GatewayWorld.ts"

const option = {
  exchange: "NFO",
  tradingsymbol: "NIFTY98JAN24500CE",
  transaction_type: "SELL",
  quantity: 100,
  product: "NRML",
  order_type: "LIMIT",
  price: "100"
}
const share = { ...option, exchange: "nse", tradingsymbol: "infy", transaction_type: "BUY", product: "CNC", price: 1500 }
const charges = (orders: ReadonlyArray<object>, account_id = "acc1") =>
  ask("/orders/charges", { method: "POST", body: { account_id, orders } })

layer(world(), { excludeTestServices: true })("Charges of a hypothetical basket", (it) => {
  it.effect("BE-CHG-01 POST /orders/charges answers each order and the total as decimal text", () =>
    Effect.gen(function* () {
      const { status, body } = yield* charges([option, share])
      assert.strictEqual(status, 200, JSON.stringify(body))
      const [sold, bought] = body.orders
      assert.deepInclude(sold, { tradingsymbol: option.tradingsymbol, price: "100", brokerage: "20", stt: "15", stamp_duty: "0" })
      assert.deepInclude(bought, { exchange: "NSE", tradingsymbol: "INFY", price: "1500", brokerage: "0", stt: "150", stamp_duty: "23" })
      assert.deepInclude(body.total, { brokerage: "20", stt: "165", stamp_duty: "23" })
      const parts = ["brokerage", "stt", "exchange_charges", "sebi", "stamp_duty", "ipft", "gst"]
      const sum = parts.reduce((total, name) => total + Number(body.total[name]), 0)
      assert.closeTo(Number(body.total.total), sum, 1e-9)
    })
  )

  it.effect("a refusal names the order and its field", () =>
    Effect.gen(function* () {
      const { price: _, ...unpriced } = option
      const cases: ReadonlyArray<readonly [ReadonlyArray<object>, string]> = [
        [[], "orders"],
        [[option, { ...option, tradingsymbol: "NOSUCH" }], "orders.1.tradingsymbol"],
        [[{ ...option, exchange: "NSE", tradingsymbol: "NIFTY 50" }], "orders.0.tradingsymbol"],
        [[{ ...option, quantity: 0 }], "orders.0.quantity"],
        [[{ ...option, price: "0" }], "orders.0.price"],
        [[unpriced], "orders.0.price"],
        [[{ ...unpriced, order_type: "MARKET" }], "orders.0.price"],
        [[{ ...share, product: "MTF" }], "orders.0"],
        [[{ ...option, autoslice: true }], "orders.0.autoslice"]
      ]
      for (const [orders, field] of cases) {
        const { status, body } = yield* charges(orders)
        assert.deepStrictEqual([status, body.errors?.[0]?.field], [422, field], JSON.stringify(body))
      }
      const { status, body } = yield* charges([option], "acc9")
      assert.deepStrictEqual([status, body.errors[0].field], [422, "account_id"])
    })
  )
})
