import { assert, describe, it } from "@effect/vitest"
import { Conflict, Decimal, Invalid, Unavailable, Unreachable } from "../../../src/client/Client.ts"
import * as OrderDraft from "../../../web/src/orders/OrderDraft.ts"
import * as Submission from "../../../web/src/orders/Submission.ts"

const contract: OrderDraft.Contract = { token: 1, exchange: "NFO", tradingsymbol: "X1", label: "X 1", lotSize: 75, tickSize: 0.05 }
const start = (more: Partial<OrderDraft.Started> = {}, before?: OrderDraft.OrderDraft) =>
  OrderDraft.start({ contract, accountId: "a1", side: "BUY", price: "100.05", key: "k1", ...more }, before)
const body = (draft: OrderDraft.OrderDraft) => JSON.parse(JSON.stringify(OrderDraft.requestOf(draft).payload))

describe("OrderDraft", () => {
  it("a limit order has a price, a stop has a trigger, and an order at the market has a protection that the broker chooses", () => {
    const common = { kind: "place", account_id: "a1", exchange: "NFO", tradingsymbol: "X1", transaction_type: "BUY", quantity: 75 }
    const limit = start()
    assert.deepStrictEqual(body(limit), { ...common, product: "NRML", order_type: "LIMIT", validity: "DAY", price: "100.05" })
    const stop = OrderDraft.edit(limit, { orderType: "SL-M", trigger: "99", lots: 2, product: "MIS", strategyId: 7, slice: true })
    assert.deepStrictEqual(body(stop), {
      ...common,
      quantity: 150,
      product: "MIS",
      order_type: "SL-M",
      validity: "DAY",
      trigger_price: "99",
      market_protection: "-1",
      slice: true,
      strategy_id: 7
    })
    const market = OrderDraft.edit(limit, { orderType: "MARKET", protection: "2.5" })
    assert.strictEqual(body(market).market_protection, "2.5")
    assert.isUndefined(body(market).price)
  })

  it("names what is missing: an account, a price of the tick, a trigger, a protection up to 100 per cent", () => {
    const problem = (change: Parameters<typeof OrderDraft.edit>[1]) => OrderDraft.problemOf(OrderDraft.edit(start(), change))
    assert.strictEqual(problem({}), undefined)
    assert.match(problem({ accountId: "" }) ?? "", /no account/)
    for (const price of ["", "0", "-1", "1e3"]) assert.match(problem({ price }) ?? "", /price must be above zero/, price)
    assert.match(problem({ price: "100.07" }) ?? "", /multiple of 0.05/)
    assert.match(problem({ orderType: "SL" }) ?? "", /trigger price/)
    assert.strictEqual(problem({ orderType: "SL", trigger: "99.95" }), undefined)
    for (const protection of ["0", "101", "x"]) assert.match(problem({ orderType: "MARKET", protection }) ?? "", /protection/, protection)
  })

  it("BE-FIN-06 a price off the instrument's own tick is answered with the nearest one on it", () => {
    const problem = (price: string, tickSize: number) => {
      const draft = start({ contract: { ...contract, tickSize }, price })
      return OrderDraft.problemOf(draft)
    }
    assert.strictEqual(problem("123.456", 0.05), "The price must be a multiple of 0.05: 123.45 is the nearest.")
    assert.strictEqual(problem("123.456", 0.01), "The price must be a multiple of 0.01: 123.46 is the nearest.")
    assert.strictEqual(problem("84.1237", 0.0025), "The price must be a multiple of 0.0025: 84.1225 is the nearest.")
    assert.strictEqual(problem("0.02", 0.05), "The price must be a multiple of 0.05.", "a price of 0 would be none")
    assert.isUndefined(problem("123.45", 0.05))
  })

  it("lots stay within their limits, and the value is price times quantity", () => {
    const lots = [0, -3, 2.4, Number.NaN, 50_000].map((given) => OrderDraft.edit(start(), { lots: given }).lots)
    assert.deepStrictEqual(lots, [1, 1, 2, 1, OrderDraft.lotsMax])
    const two = OrderDraft.edit(start(), { lots: 2 })
    assert.strictEqual(OrderDraft.valueOf(two, 90)?.toString(), "15007.5")
    const market = OrderDraft.edit(two, { orderType: "MARKET" })
    assert.deepStrictEqual([OrderDraft.valueOf(market, 90)?.toString(), OrderDraft.valueOf(market, null)], ["13500", undefined])
  })

  it("a sent order keeps its key and terms until it is refused, and another contract keeps the choices that have a meaning there", () => {
    const sent = OrderDraft.sent(start())
    assert.deepStrictEqual(OrderDraft.edit(sent, { price: "1", lots: 9, accountId: "a2" }), sent)
    assert.deepStrictEqual(OrderDraft.edit(OrderDraft.refused(sent), { price: "1" }), { ...start(), price: "1" })
    const before = OrderDraft.edit(start(), { lots: 5, orderType: "SL", trigger: "99", product: "MIS", strategyId: 7, slice: true })
    const same = start({ side: "SELL", price: "98" }, before)
    assert.deepInclude(same, { side: "SELL", price: "98", lots: 5, trigger: "99", product: "MIS", strategyId: 7, slice: false })
    const share = start({ contract: { ...contract, token: 2, exchange: "NSE" } }, OrderDraft.edit(before, { product: "NRML" }))
    assert.deepInclude(share, { lots: 1, trigger: "", orderType: "SL", product: "CNC" })
  })
})

describe("Submission", () => {
  it("only an answer that was given before the order was taken is a refusal; without an answer it is unknown", () => {
    const detail = "why"
    const types = [
      new Invalid({ detail }),
      new Conflict({ detail }),
      new Unavailable({ detail }),
      new Unreachable({ detail, cause: null })
    ].map((error) => Submission.outcomeOf(error))
    assert.deepStrictEqual(
      types.map(({ type }) => type),
      ["refused", "used", "unknown", "unknown"]
    )
    assert.isTrue(types.every((outcome) => outcome.type !== "accepted" && outcome.text === detail))
  })

  it("every key is different, and has only printable characters", () => {
    const keys = new Set(Array.from({ length: 100 }, Submission.newKey))
    assert.strictEqual(keys.size, 100)
    for (const key of keys) assert.match(key, /^[0-9a-f]{32}$/)
    assert.instanceOf(OrderDraft.limitOf(start()), Decimal)
  })
})
