import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck as fc, Schema } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import * as ExchangePhase from "../../../src/domain/orders/ExchangePhase.ts"
import type * as Matching from "../../../src/domain/orders/Matching.ts"
import type { Modify, Place } from "../../../src/domain/orders/OrderRequest.ts"
import * as PaperOrder from "../../../src/domain/orders/PaperOrder.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import { anInstrument } from "../market/AnInstrument.ts"
import { aPlace } from "./APlace.ts"

const money = (text: string) => new Money.Decimal(text)
const option = anInstrument(0x10002, { instrumentType: "CE", lotSize: 75, strike: 2_450_000, expiry: "2026-08-25" })
const share = anInstrument(408065, { exchange: "NSE", segment: "NSE", name: "", tradingsymbol: "INFY", lotSize: 1 })
const index = anInstrument(256265, { exchange: "NSE", segment: "INDICES", name: "", tradingsymbol: "NIFTY 50" })
/** A time of India on a trading Tuesday. */
const at = (time: string, day = "2026-08-18") => Date.parse(`${day}T${time}:00+05:30`)
const ground: PaperOrder.Ground = { rules: shipped, atMs: at("11:00"), neverCloses: false, lastPrice: 10_000 }

const market = { order_type: "MARKET", price: undefined } as unknown as Partial<Place>
const placed = (change: Partial<Place> = {}, now: Partial<PaperOrder.Ground> = {}, instrument = option) =>
  PaperOrder.place({ tag: "abc", strategyId: 7, hasDerivatives: true, request: aPlace(change), instrument }, { ...ground, ...now })
const paper = (change: Partial<Place> = {}, now: Partial<PaperOrder.Ground> = {}) => Either.getOrThrow(placed(change, now))
const refused = (...args: Parameters<typeof placed>) => Either.match(placed(...args), { onLeft: ({ type }) => type, onRight: () => null })

const level = (price: number, quantity: number) => ({ price, quantity, orders: 1 })
const book: Matching.Market = { lastPrice: 10_000, bids: [level(9_995, 75)], asks: [level(10_005, 75), level(10_010, 500)] }
const open = ExchangePhase.at(shipped, option, true, ground.atMs)
const change = (fields: Partial<Modify>): Modify => ({ kind: "modify", variety: "regular", order_id: "paper-abc", ...fields })

describe("a paper order", () => {
  it("has an id that follows from its tag and that no broker's order can have", () => {
    const order = paper()
    assert.strictEqual(order.orderId, "paper-abc")
    assert.deepStrictEqual([PaperOrder.isPaperId(order.orderId), PaperOrder.isPaperId("260818000000001")], [true, false])
    assert.deepInclude(PaperOrder.row(order), {
      order_id: "paper-abc",
      tag: "abc",
      status: "OPEN",
      quantity: 150,
      pending_quantity: 150,
      cancelled_quantity: 0,
      mode: "paper",
      strategy_id: 7
    })
    const { average_price, price, trigger_price } = PaperOrder.row(order)
    assert.deepStrictEqual([price, trigger_price, average_price].map(Money.format), ["100.05", "0", "0"])
  })

  it("takes the levels of the book within its price, and waits for the rest", () => {
    const [after, fills] = PaperOrder.match(paper(), book, open, at("11:01"))
    assert.deepStrictEqual(fills, [{ price: 10_005, quantity: 75 }])
    const row = PaperOrder.row(after)
    assert.deepInclude(row, { status: "OPEN", filled_quantity: 75, pending_quantity: 75 })
    assert.strictEqual(Money.format(row.average_price), "100.05")
    assert.strictEqual(after.updatedAtMs, at("11:01"))
    const away = { ...book, asks: [level(10_010, 500)] }
    assert.strictEqual(PaperOrder.match(after, away, open, at("11:02"))[0], after, "nothing changed")
    const [complete] = PaperOrder.match(after, book, open, at("11:03"))
    assert.deepInclude(PaperOrder.row(complete), { status: "COMPLETE", filled_quantity: 150, pending_quantity: 0 })
    assert.isFalse(PaperOrder.isWorking(complete))
  })

  it("is not matched while its exchange does not trade", () => {
    const order = paper()
    assert.deepStrictEqual(PaperOrder.match(order, book, { name: "auction", trades: false, takes: null }, at("15:20")), [order, []])
    assert.strictEqual(PaperOrder.phaseOf(order, ground).name, "continuous")
    assert.strictEqual(PaperOrder.phaseOf(order, { ...ground, neverCloses: true }), ExchangePhase.always)
  })

  it("a market order has the protection it asks for, or the broker's own", () => {
    const protectionOf = (percent: string | undefined, instrument = option) =>
      Either.getOrThrow(placed({ ...market, ...(percent === undefined ? {} : { market_protection: money(percent) }) }, {}, instrument))
        .order.protection
    assert.deepStrictEqual(
      ["2.5", "0", undefined].map((it) => protectionOf(it)),
      [250, null, null]
    )
    assert.isAbove(protectionOf("-1") ?? 0, 0)
    const asShare = { ...market, market_protection: money("-1"), product: "CNC", quantity: 1 } as const
    assert.isAbove(Either.getOrThrow(placed(asShare, {}, share)).order.protection ?? 0, 0)
    assert.strictEqual(refused({ ...market, market_protection: money("-1") }, { atMs: at("11:00", "1999-01-04") }), "market_protection")
    assert.isNull(paper({ order_type: "SL", trigger_price: money("101") }).order.protection)
  })

  it("is refused where it cannot be matched or charged", () => {
    assert.strictEqual(refused({}, {}, index), "instrument")
    assert.strictEqual(refused({ variety: "iceberg" }), "variety")
    assert.strictEqual(refused({ product: "NRML" }, {}, share), "charges")
    assert.strictEqual(refused({ variety: "amo" }), "trading_hours")
    assert.isNull(refused({ product: "MIS" }, {}, share))
  })

  it("after the market waits for the next session, and its day begins with it", () => {
    const order = paper({ variety: "amo" }, { atMs: at("20:00", "2026-08-17") })
    assert.strictEqual(PaperOrder.row(order).status, "AMO REQ RECEIVED")
    assert.strictEqual(PaperOrder.lapse(order, ExchangePhase.closed, at("07:00")), order)
    const [after] = PaperOrder.match(order, { ...book, asks: [] }, open, ground.atMs)
    assert.deepStrictEqual([after.day, after.isWaiting, PaperOrder.row(after).status], ["2026-08-18", false, "OPEN"])
    const atOnce = paper({ variety: "amo" }, { neverCloses: true })
    assert.isFalse(atOnce.isWaiting)
    assert.strictEqual(PaperOrder.row(PaperOrder.lapse(order, ExchangePhase.closed, at("09:00", "2026-08-26"))).status, "CANCELLED")
  })

  it("ends with its day, its time or its contract", () => {
    const order = paper()
    assert.strictEqual(PaperOrder.lapse(order, open, at("12:00")), order)
    const ended = PaperOrder.lapse(order, ExchangePhase.closed, at("16:00"))
    assert.deepInclude(PaperOrder.row(ended), { status: "CANCELLED", pending_quantity: 0, cancelled_quantity: 150 })
    assert.strictEqual(PaperOrder.lapse(ended, ExchangePhase.closed, at("17:00")), ended)
    assert.strictEqual(PaperOrder.row(PaperOrder.lapse(order, open, at("11:00", "2026-08-19"))).status, "CANCELLED")
    assert.strictEqual(PaperOrder.lapse(order, ExchangePhase.always, at("23:00", "2026-08-20")), order)
    const timed = paper({ validity: "TTL", validity_ttl: 5 })
    assert.strictEqual(PaperOrder.lapse(timed, open, at("11:04")), timed)
    assert.strictEqual(PaperOrder.row(PaperOrder.lapse(timed, open, at("11:05"))).status, "CANCELLED")
    const expiring = PaperOrder.lapse(order, ExchangePhase.always, at("11:00", "2026-08-26"))
    assert.isFalse(PaperOrder.isWorking(expiring))
    assert.isTrue(PaperOrder.isWorking({ ...order, instrument: { ...option, expiry: null } }))
    assert.strictEqual(paper({ validity: "IOC" }).order.validity, "IOC")
  })

  it("changes quantity, price and trigger price while it works", () => {
    const order = paper({ order_type: "SL", trigger_price: money("101") })
    const all = change({ quantity: 225, price: money("102"), trigger_price: money("101.50") })
    const changed = Either.getOrThrow(PaperOrder.modify(order, all, at("11:05")))
    assert.deepInclude(changed.order, { quantity: 225, price: 10_200, triggerPrice: 10_150 })
    assert.deepStrictEqual([changed.modifications, changed.updatedAtMs], [1, at("11:05")])
    assert.deepInclude(Either.getOrThrow(PaperOrder.modify(order, change({}), at("11:05"))).order, order.order)
    const problem = (of: PaperOrder.PaperOrder, fields: Partial<Modify>) =>
      Either.match(PaperOrder.modify(of, change(fields), at("11:05")), { onLeft: ({ type }) => type, onRight: () => null })
    const half = PaperOrder.match(paper(), book, open, at("11:01"))[0]
    assert.strictEqual(problem(half, { quantity: 0 }), "modification")
    assert.strictEqual(problem(half, { quantity: 100 }), "modification")
    assert.strictEqual(problem(half, { order_type: "MARKET" }), "modification")
    assert.strictEqual(problem(half, { trigger_price: money("99") }), "modification")
    assert.strictEqual(problem(half, { price: money("100.03") }), "modification")
    assert.isNull(problem(half, { quantity: 75 }))
    assert.strictEqual(problem(Either.getOrThrow(PaperOrder.cancel(half, at("11:02"))), { quantity: 75 }), "order_not_open")
  })

  it("is cancelled once", () => {
    const ended = Either.getOrThrow(PaperOrder.cancel(paper(), at("11:02")))
    assert.deepInclude(PaperOrder.row(ended), { status: "CANCELLED", cancelled_quantity: 150 })
    assert.isTrue(Either.isLeft(PaperOrder.cancel(ended, at("11:03"))))
  })

  it("comes back from its stored text as it was", () => {
    const text = Schema.parseJson(PaperOrder.PaperOrder)
    for (const order of [paper(), PaperOrder.match(paper(), book, open, at("11:01"))[0], paper({ validity: "TTL", validity_ttl: 5 })])
      assert.deepStrictEqual(Schema.decodeSync(text)(Schema.encodeSync(text)(order)), order)
  })

  it("never fills more than its quantity nor beyond its price, whatever packets come, and matching a packet again without a change does nothing", () => {
    const levels = fc.array(fc.record({ price: fc.integer({ min: 1_900, max: 2_100 }), quantity: fc.integer({ min: 0, max: 400 }) }), {
      maxLength: 5
    })
    const packets = fc.array(fc.record({ last: fc.integer({ min: 1_900, max: 2_100 }), bids: levels, asks: levels }), { maxLength: 12 })
    const isBuy = fc.boolean()
    fc.assert(
      fc.property(packets, isBuy, fc.integer({ min: 1_950, max: 2_050 }), (all, buy, price) => {
        let order = paper({ transaction_type: buy ? "BUY" : "SELL", price: Money.toDecimal(price * 5, 100) })
        let quantity = 0
        for (const { asks, bids, last } of all) {
          const of = (side: typeof asks) => side.map((it) => level(it.price * 5, it.quantity))
          const [after, fills] = PaperOrder.match(order, { lastPrice: last * 5, bids: of(bids), asks: of(asks) }, open, at("11:01"))
          for (const fill of fills) {
            quantity += fill.quantity
            assert.isTrue(buy ? fill.price <= price * 5 : fill.price >= price * 5)
          }
          if (fills.length === 0 && after === order)
            assert.strictEqual(
              PaperOrder.match(order, { lastPrice: last * 5, bids: of(bids), asks: of(asks) }, open, at("11:01"))[0],
              order
            )
          order = after
        }
        assert.strictEqual(order.order.filled, quantity)
        assert.isAtMost(quantity, 150)
        assert.strictEqual(order.order.status === "COMPLETE", quantity === 150)
      })
    )
  })
})
