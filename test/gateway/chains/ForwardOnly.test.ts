import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { ask, chainMessage, eventually, near, publishChain, publishState, tokens, world } from "../GatewayWorld.ts"

const forward = 24_529.9953
const asOf = new Date().toISOString()

/** An underlying without a spot, like a commodity: only its forward is published. */
const published = Effect.gen(function* () {
  yield* publishState({ as_of: asOf, expiries: [{ expiry: near, forward, atm_strike: 24_500, atm_iv: 0.4 }] })
  yield* publishChain(
    chainMessage("chain", [{ strike: 24_500, side: "CE", token: tokens.call, price: 120 }], { as_of: asOf, delta_seq: 0, expiry: near })
  )
  yield* eventually(
    "the chain is there",
    Effect.map(ask(`/fo/strikes?symbol=NIFTY&expiry=${near}`), ({ body }) => body.strikes.length === 1)
  )
})

layer(world(), { excludeTestServices: true })("Payoff where only a forward is known (case 5 of the public bug reports)", (it) => {
  it.effect("POST /fo/payoff and a strategy's payoff use the forward", () =>
    Effect.gen(function* () {
      yield* published
      const leg = { type: "CE", strike: 24_500, expiry: near, direction: "SELL", quantity: 1, entry_price: "120", iv: 0.4 }
      const sold = yield* ask("/fo/payoff", { method: "POST", body: { symbol: "NIFTY", legs: [leg] } })
      assert.deepStrictEqual([sold.status, sold.body.spot], [200, forward], JSON.stringify(sold.body))
      assert.strictEqual(sold.body.max_profit, "120")
      assert.deepStrictEqual(sold.body.break_evens, [24_620])

      const created = yield* ask("/strategies", { method: "POST", body: { name: "crude" } })
      const path = `/strategies/${created.body.strategy_id}`
      const held = { tradingsymbol: "NIFTY98JAN24500CE", exchange: "NFO", direction: "SELL", quantity: 75, entry_price: "120" }
      assert.strictEqual((yield* ask(`${path}/instruments`, { method: "POST", body: held })).status, 201)
      const { body } = yield* ask(`${path}/payoff`)
      assert.deepStrictEqual([body.spot, body.break_evens], [forward, [24_620]], JSON.stringify(body))
    })
  )
})
