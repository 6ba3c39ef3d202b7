import { assert, describe, it } from "@effect/vitest"
import { Either, Schema } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import * as Gate from "../../../src/domain/orders/Gate.ts"
import * as OrderMessage from "../../../src/domain/orders/OrderMessage.ts"
import * as OrderRequest from "../../../src/domain/orders/OrderRequest.ts"
import * as TaskGate from "../../../src/domain/orders/TaskGate.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import { anInstrument } from "../market/AnInstrument.ts"

const place = {
  kind: "place",
  variety: "regular",
  exchange: "NFO",
  tradingsymbol: "NIFTY26AUG24500CE",
  transaction_type: "BUY",
  quantity: 65,
  product: "NRML",
  order_type: "LIMIT",
  validity: "DAY",
  price: "100.05"
} as const
const cancel = { kind: "cancel", variety: "regular", order_id: "1" } as const
const modify = { ...cancel, kind: "modify", quantity: 130 } as const

const request = Schema.decodeUnknownSync(OrderRequest.OrderRequest)
const facts: TaskGate.Facts = {
  rules: shipped,
  atMs: Date.parse("2026-08-18T11:00:00+05:30"),
  neverCloses: false,
  instrument: anInstrument(0x10002, { instrumentType: "CE", lotSize: 65, strike: 2_450_000, expiry: "2026-08-25" }),
  hasDerivatives: true,
  lastPrice: new Money.Decimal("100"),
  limits: Gate.unlimited,
  stopped: null,
  lossStop: null,
  dayProfit: null,
  exposure: null,
  otherLots: null,
  sameTermsAtMs: null,
  sent: { second: 0, minute: 0, day: 0 },
  modifications: 0,
  isSuperseded: false,
  isTwin: false,
  closes: false,
  isOfAccountStop: false,
  isReleased: false,
  strategy: null
}
const rules = (body: object, known: Partial<TaskGate.Facts> = {}) =>
  TaskGate.refusals(request(body), { ...facts, ...known }).map(({ rule }) => rule)

describe("the gate of a task", () => {
  it("lets an order that closes one of ours pass the account's own limits, and no other rule", () => {
    const one = new Money.Decimal(1)
    const limits = {
      ...Gate.unlimited,
      maxOrderValue: one,
      maxPositionLots: 1,
      maxTotalLots: 1,
      maxDailyLoss: one,
      maxOrdersPerDay: 1,
      duplicateWindowMs: 1_000
    }
    const known = {
      limits,
      exposure: { net: 0, openBuy: 650, openSell: 0 },
      otherLots: 0,
      dayProfit: new Money.Decimal(-2),
      sameTermsAtMs: facts.atMs
    }
    const sent = { second: 0, minute: 0, day: 1 }
    const own = ["max_value", "position_limit", "total_limit", "loss_limit", "duplicate", "rate_limit"]
    assert.deepStrictEqual(rules(place, { ...known, sent }), own)
    assert.deepStrictEqual(rules(place, { ...known, sent, closes: true }), [])
    assert.deepStrictEqual(rules({ ...place, quantity: 66 }, { ...known, stopped: "drill", closes: true }), ["kill_switch", "lot_size"])
  })

  it("counts only the requests of the day, because the executor waits for the limits of a second and a minute", () => {
    const { rules: inForce, atMs, neverCloses, instrument, hasDerivatives, modifications, isSuperseded, isTwin, ...own } = facts
    const market = { rules: inForce, atMs, neverCloses, instrument, hasDerivatives }
    const ahead = { sent: { second: 9, minute: 99, day: 999 }, modifications: 2, isSuperseded: true, isTwin: true }
    assert.deepStrictEqual(TaskGate.factsOf(market, ahead, own), {
      ...facts,
      ...ahead,
      sent: { second: 0, minute: 0, day: 999 }
    })
    assert.deepStrictEqual([modifications, isSuperseded, isTwin], [0, false, false])
  })

  it("measures by the database's clock how old a request of the same terms is", () => {
    const [rowMs, marketMs] = [5_000_000, 7_000]
    assert.strictEqual(TaskGate.sameTermsAtMs(rowMs - 300, rowMs, marketMs), 6_700)
    assert.strictEqual(TaskGate.sameTermsAtMs(null, rowMs, marketMs), null)
  })

  it("lets a stop of the account close its positions, and no other order of a stopped account open one", () => {
    const known = { lossStop: "its loss", exposure: { net: 65, openBuy: 0, openSell: 0 } }
    const close = { ...place, transaction_type: "SELL" }
    assert.deepStrictEqual([rules(place, known), rules(close, known), rules(modify, known)], [["account_stop"], [], ["account_stop"]])
    assert.deepStrictEqual(rules({ ...close, quantity: 130 }, { ...known, closes: true }), ["account_stop"], "the position has less")
    assert.deepStrictEqual(rules({ ...close, quantity: 130 }, { ...known, closes: true, isOfAccountStop: true }), [])
    assert.deepStrictEqual(rules(cancel, known), [])
  })

  it("refuses a stop's order by one reason once the stop is released, whatever else refuses it", () => {
    assert.deepStrictEqual(rules({ ...place, quantity: 66 }, { isReleased: true, stopped: "drill" }), ["stop_released"])
    assert.deepStrictEqual(rules(cancel, { isReleased: true }), [])
  })

  it("checks a new order by every rule of the gate, with the fields that the caller gave", () => {
    assert.deepStrictEqual(rules(place), [])
    assert.deepStrictEqual(rules({ ...place, quantity: 66, price: "100.03" }), ["lot_size", "tick_size"])
    const { price: _, ...market } = place
    assert.deepStrictEqual(rules({ ...market, order_type: "MARKET" }), ["market_protection"])
    assert.deepStrictEqual(rules({ ...market, order_type: "SL-M", trigger_price: "90", market_protection: "-1" }), [])
  })

  it("checks the rules of the strategy that an order names, each by its name", () => {
    const strategy = {
      limits: { maxPositionLots: 1, maxTotalLots: 1, maxLoss: new Money.Decimal(500), maxOrdersPerDay: 3 },
      stopped: "its loss",
      exposure: { net: 0, openBuy: 65, openSell: 0 },
      otherLots: 0,
      holds: true,
      profit: new Money.Decimal(-500),
      ordersToday: 3
    }
    const own = ["strategy_stop", "strategy_position_limit", "strategy_total_limit", "strategy_loss_limit", "strategy_order_limit"]
    assert.deepStrictEqual(rules(place, { strategy }), own)
    assert.deepStrictEqual(rules({ ...place, quantity: 66 }, { strategy }), ["lot_size", ...own])
    assert.deepStrictEqual(
      rules({ ...place, transaction_type: "SELL" }, { strategy: { ...strategy, exposure: { net: 65, openBuy: 0, openSell: 0 } } }),
      []
    )
    assert.deepStrictEqual(rules(modify, { strategy }), ["strategy_stop"])
    assert.deepStrictEqual(rules(modify, { strategy: { ...strategy, stopped: null } }), [])
    assert.deepStrictEqual(rules(cancel, { strategy }), [])
  })

  it("refuses the legs of an iceberg order that are not whole lots", () => {
    const iceberg = { ...place, variety: "iceberg", quantity: 195, iceberg_legs: 2 }
    assert.deepStrictEqual(rules({ ...iceberg, iceberg_quantity: 130 }), [])
    assert.deepStrictEqual(rules({ ...iceberg, iceberg_quantity: 98 }), ["iceberg_legs"])
  })

  it("refuses an instrument that the day's list lacks", () => {
    const [refusal] = TaskGate.refusals(request(place), { ...facts, instrument: undefined })
    assert.deepStrictEqual(refusal, { rule: "instrument", message: "NFO lists no NIFTY26AUG24500CE today" })
  })

  it("knows hours, except in a market that never closes", () => {
    const night = Date.parse("2026-08-18T21:00:00+05:30")
    assert.deepStrictEqual(rules(place, { atMs: night }), ["trading_hours"])
    assert.deepStrictEqual(rules(place, { atMs: night, neverCloses: true }), [])
  })

  it("counts the changes of an order, and refuses them while orders are stopped", () => {
    assert.deepStrictEqual(rules(modify), [])
    assert.deepStrictEqual(rules(modify, { modifications: 10_000 }), ["rate_limit"])
    assert.deepStrictEqual(rules(modify, { stopped: "by the owner" }), ["kill_switch"])
    assert.deepStrictEqual(rules(modify, { stopped: "by the owner", modifications: 10_000 }), ["kill_switch", "rate_limit"])
  })

  it("refuses a modification once a newer one of the same order was sent, and no other request", () => {
    assert.deepStrictEqual(rules(modify, { isSuperseded: true }), ["superseded"])
    assert.deepStrictEqual(rules(modify, { isSuperseded: true, modifications: 10_000 }), ["superseded", "rate_limit"])
    assert.deepStrictEqual(
      [place, cancel].map((body) => rules(body, { isSuperseded: true })),
      [[], []]
    )
    assert.deepStrictEqual(
      [place, cancel, modify].map((body) => OrderRequest.modifiedBy(request(body))),
      [null, null, "1"]
    )
  })

  it("never refuses to cancel", () => {
    assert.deepStrictEqual(rules(cancel, { stopped: "by the owner", instrument: undefined, modifications: 10_000 }), [])
  })
})

describe("the gate of a good-till-triggered order", () => {
  const leg = { transaction_type: "BUY", quantity: 65, product: "NRML", order_type: "LIMIT", price: "90.05" }
  const terms = {
    type: "two-leg",
    condition: { exchange: "NFO", tradingsymbol: "NIFTY26AUG24500CE", trigger_values: ["90", "110"], last_price: "100" },
    orders: [leg, { ...leg, price: "110" }]
  }
  const gtt = { kind: "gtt_place", ...terms }
  const change = { kind: "gtt_modify", trigger_id: "7", ...terms }

  it("checks what holds whenever it triggers, each rule once, and neither hours nor the distance to today's price", () => {
    const night = { atMs: Date.parse("2026-08-18T23:00:00+05:30"), limits: { ...Gate.unlimited, priceBandPercent: new Money.Decimal("1") } }
    for (const body of [gtt, change]) {
      assert.deepStrictEqual(rules(body, night), [])
      assert.deepStrictEqual(rules(body, { stopped: "drill" }), ["kill_switch"])
      assert.deepStrictEqual(
        rules({
          ...body,
          orders: [
            { ...leg, quantity: 66 },
            { ...leg, quantity: 1 }
          ]
        }),
        ["lot_size"]
      )
      assert.deepStrictEqual(rules({ ...body, condition: { ...terms.condition, trigger_values: ["90.03", "110"] } }), ["tick_size"])
      assert.deepStrictEqual(rules(body, { limits: { ...Gate.unlimited, maxOrderValue: new Money.Decimal("6000") } }), ["max_value"])
    }
  })

  it("refuses an unlisted instrument and a request that could not be told from another", () => {
    const { instrument: _, ...unlisted } = facts
    assert.deepStrictEqual(
      TaskGate.refusals(request(gtt), { ...unlisted, instrument: undefined }).map(({ rule }) => rule),
      ["instrument"]
    )
    assert.deepStrictEqual(rules(gtt, { isTwin: true }), ["duplicate"])
    assert.deepStrictEqual([rules(change, { isSuperseded: true }), OrderRequest.modifiedBy(request(change))], [["superseded"], "7"])
  })

  it("deleting one is always allowed, and each request names its instrument or none", () => {
    const remove = { kind: "gtt_delete", trigger_id: "7" }
    assert.deepStrictEqual(rules(remove, { stopped: "drill" }), [])
    const other = { ...gtt, condition: { ...terms.condition, last_price: "101" } }
    assert.deepStrictEqual(OrderRequest.termsOf(request(other)), OrderRequest.termsOf(request(gtt)))
    assert.deepStrictEqual(OrderRequest.termsOf(request(place)), request(place))
    const named = [place, gtt, change, remove, cancel].map((it) => OrderRequest.instrumentOf(request(it))?.tradingsymbol ?? null)
    assert.deepStrictEqual(named, [place.tradingsymbol, place.tradingsymbol, place.tradingsymbol, null, null])
  })
})

describe("the events of orders", () => {
  it("carry the whole task", () => {
    const task = {
      ...{ task_id: "7", account_id: "a1", kind: "place", status: "RUNNING", mode: "live", idempotency_key: "k", tag: "t", order_id: null },
      ...{ attempts: [], request: place, error: null, strategy_id: null, basket_id: null, retries: null, undoes: "6", revision: 2 },
      ...{ created_at: "2026-08-18T05:30:00.000Z", updated_at: "2026-08-18T05:30:00.000Z", deadline_at: "2026-08-18T05:30:30.000Z" }
    }
    const event = { v: 1, event_id: 1, as_of: "2026-08-18T05:30:00.000Z", task }
    const read = Schema.decodeUnknownSync(OrderMessage.TaskEvent)(event)
    assert.deepStrictEqual(JSON.parse(JSON.stringify(Schema.encodeSync(OrderMessage.TaskEvent)(read))), event)
    const { undoes: _undoes, ...older } = task
    assert.strictEqual(Schema.decodeUnknownSync(OrderMessage.TaskEvent)({ ...event, task: older }).task.undoes, null)
  })

  it("a sliced order is checked as a whole by every rule except the freeze quantity, by which it is cut", () => {
    const order = (change: object) => Schema.decodeUnknownSync(OrderRequest.Place)({ ...place, ...change })
    const sliced = (change: object, known: Partial<TaskGate.Facts> = {}) =>
      Either.mapLeft(TaskGate.sliced(order(change), { ...facts, ...known }), (refused) => refused.map(({ rule }) => rule))
    const september = { atMs: Date.parse("2026-09-15T11:00:00+05:30") }
    assert.deepStrictEqual(sliced({ quantity: 1_820 }, september), Either.right([1_755, 65]))
    assert.deepStrictEqual(sliced({ quantity: 65 }), Either.right([65]))
    assert.deepStrictEqual(sliced({ quantity: 65_000 }), Either.left(["freeze_quantity"]))
    const limits = { ...Gate.unlimited, maxOrderValue: new Money.Decimal("182000") }
    assert.deepStrictEqual(sliced({ quantity: 1_820 }, { limits }), Either.left(["max_value"]))
    const { instrument: _, ...unlisted } = facts
    assert.deepStrictEqual(
      Either.mapLeft(TaskGate.sliced(order({}), { ...unlisted, instrument: undefined }), (refused) => refused.length),
      Either.left(1)
    )
  })
})
