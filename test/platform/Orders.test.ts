import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Instrument from "../../src/domain/market/Instrument.ts"
import { ask, eventually, type Running, start, type World, world } from "./PlatformWorld.ts"

/** Times short enough for a test. The horizon still exceeds the answer's time and the delay of a send. */
const times = {
  ORDER_ANSWER_TIMEOUT: "2 seconds",
  ORDER_SEND_DELAY_MAX: "1500 millis",
  ORDER_HORIZON: "4 seconds",
  ORDER_BOOK_EVERY: "200 millis"
}
const timeoutMs = 120_000

const traded = (it: World) => {
  const { market } = it.simulator
  const instrument = market.instruments.find(({ instrumentType }) => instrumentType === "FUT")
  if (instrument === undefined) throw new Error("the market has no future")
  const row = market.rowByToken.get(instrument.token) ?? 0
  const price = (market.columns.bidPrice[row * 5] ?? 0) / Instrument.priceScale(instrument.token)
  return {
    account_id: "sim1",
    kind: "place",
    exchange: instrument.exchange,
    tradingsymbol: instrument.tradingsymbol,
    transaction_type: "BUY",
    quantity: instrument.lotSize,
    product: "NRML",
    order_type: "LIMIT",
    price: String(price)
  }
}

/** A platform whose account sim1 is live. */
const live = Effect.gen(function* () {
  const built = yield* world({ mode: "synthetic", rate: 5, strikesEachSide: 2 }, times)
  const running = yield* start(built.config)
  const set = yield* ask(running, "/accounts/sim1/mode", { method: "PUT", body: { mode: "live", confirm: "sim1" } })
  assert.strictEqual(set.status, 200, JSON.stringify(set.body))
  return { built, running }
})

const place = (running: Running, key: string, body: unknown, query = "?wait_ms=20000") =>
  ask(running, `/orders${query}`, { method: "POST", body, headers: { "idempotency-key": key } })

describe("orders, end to end", () => {
  it.live(
    "TC-ORD-001 TC-ORD-004 an order is placed once, and its key returns the first result, also after a restart",
    () =>
      Effect.gen(function* () {
        const { built, running } = yield* live
        const order = traded(built)
        const first = yield* place(running, "k1", order)
        assert.strictEqual(first.status, 200, JSON.stringify(first.body))
        assert.strictEqual(first.body.status, "COMPLETED")
        assert.isString(first.body.order_id)
        const again = yield* place(running, "k1", order)
        assert.deepStrictEqual(again, first)
        const other = yield* place(running, "k1", { ...order, quantity: order.quantity * 2 })
        assert.strictEqual(other.status, 409)
        yield* running.stop
        const restarted = yield* start(built.config)
        const after = yield* eventually("the key after a restart", place(restarted, "k1", order), ({ status }) => status !== 503)
        assert.deepStrictEqual(after.body, first.body)
        const list = yield* ask(restarted, "/orders/tasks?account_id=sim1")
        assert.strictEqual(list.body.total, 1)
      }).pipe(Effect.scoped),
    timeoutMs
  )
})
