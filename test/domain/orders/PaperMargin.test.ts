import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import * as ExchangePhase from "../../../src/domain/orders/ExchangePhase.ts"
import type * as OrderCharges from "../../../src/domain/orders/OrderCharges.ts"
import type { Place } from "../../../src/domain/orders/OrderRequest.ts"
import * as PaperLedger from "../../../src/domain/orders/PaperLedger.ts"
import * as PaperMargin from "../../../src/domain/orders/PaperMargin.ts"
import * as PaperOrder from "../../../src/domain/orders/PaperOrder.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import { anInstrument } from "../market/AnInstrument.ts"
import { aPlace } from "./APlace.ts"

const listed = anInstrument(0x10002, { instrumentType: "CE", lotSize: 75, strike: 2_450_000, expiry: "2026-08-25" })
const option: OrderCharges.Order = {
  on: "2026-08-18",
  exchange: "NFO",
  underlying: "NIFTY",
  instrumentType: "CE",
  product: "NRML",
  side: "BUY",
  quantity: 75,
  price: new Money.Decimal("120.05")
}
const share: OrderCharges.Order = { ...option, exchange: "NSE", underlying: "INFY", instrumentType: "EQ", product: "CNC" }
const of = (order: OrderCharges.Order) =>
  Either.match(PaperMargin.of(shipped, order), {
    onLeft: (why) => why,
    onRight: (it) => [it.option_premium, it.var, it.total].map(String)
  })

describe("the amount that an order of a paper account blocks", () => {
  it("a bought option blocks its premium, also one whose quantity counts contracts of several units", () => {
    assert.deepStrictEqual(of(option), ["9003.75", "0", "9003.75"])
    assert.deepStrictEqual(of({ ...option, instrumentType: "PE", product: "MIS" }), ["9003.75", "0", "9003.75"])
    const crude = { ...option, exchange: "MCX", underlying: "CRUDEOIL", quantity: 1 }
    assert.deepStrictEqual(of(crude), ["12005", "0", "12005"])
  })

  it("shares for delivery block their value when they are bought and nothing when they are sold", () => {
    assert.deepStrictEqual(of(share), ["0", "9003.75", "9003.75"])
    assert.deepStrictEqual(of({ ...share, side: "SELL" }), ["0", "0", "0"])
  })

  it("a margin that only the broker knows is not invented", () => {
    const unknown = "SPAN and exposure margins are not public, so only the broker knows them"
    assert.strictEqual(of({ ...option, side: "SELL" }), unknown)
    assert.strictEqual(of({ ...option, instrumentType: "FUT" }), unknown)
    assert.strictEqual(of({ ...share, product: "MIS" }), "the broker's own margin of shares as MIS is not public")
    assert.include(of({ ...option, exchange: "MCX", underlying: "NOSUCH" }), "NOSUCH")
  })

  it("working orders block their unfilled part, at the worst price at which they may trade", () => {
    const place = (change: Partial<Place>, instrument = listed) =>
      Either.getOrThrow(
        PaperOrder.place(
          { tag: "abc", strategyId: null, hasDerivatives: true, request: aPlace(change), instrument },
          { rules: shipped, atMs: Date.parse("2026-08-18T11:00:00+05:30"), neverCloses: true, lastPrice: 10_000 }
        )
      )
    const blocked = (...papers: ReadonlyArray<PaperOrder.PaperOrder>) => blockedAt(10_000, papers)
    const blockedAt = (lastPrice: number | undefined, papers: ReadonlyArray<PaperOrder.PaperOrder>) => {
      const mark = () => PaperLedger.markOf(lastPrice === undefined ? undefined : { lastPrice, close: 9_000 })
      const it = PaperMargin.blocked(papers, shipped, { today: "2026-08-18", prices: { mark, settlement: () => null } })
      return [it.option_premium, it.var, it.total].map(String)
    }
    const market: Partial<Place> = { order_type: "MARKET", market_protection: new Money.Decimal(2) }
    const { price: _price, ...atMarket } = { ...aPlace(market) }
    const limit = place({})
    assert.deepStrictEqual(blocked(limit), ["15007.5", "0", "15007.5"])
    const half = PaperOrder.match(
      limit,
      { lastPrice: 10_000, bids: [], asks: [{ price: 9_000, quantity: 75, orders: 1 }] },
      ExchangePhase.always,
      0
    )[0]
    assert.deepStrictEqual(blocked(half), ["7503.75", "0", "7503.75"])
    const free = Either.getOrThrow(
      PaperOrder.place(
        { tag: "abc", strategyId: null, hasDerivatives: true, request: atMarket, instrument: listed },
        { rules: shipped, atMs: Date.parse("2026-08-18T11:00:00+05:30"), neverCloses: true, lastPrice: 10_000 }
      )
    )
    assert.deepStrictEqual(blocked(free), ["15000", "0", "15000"], "no price of its own yet")
    assert.deepStrictEqual(blockedAt(undefined, [free]), ["0", "0", "0"], "no price at all")
    const waits = PaperOrder.match(free, { lastPrice: 10_000, bids: [], asks: [] }, ExchangePhase.always, 0)[0]
    assert.deepStrictEqual(blocked(waits), ["15300", "0", "15300"], "its protected price")
    const stop = { ...free, order: { ...free.order, triggerPrice: 11_000 } }
    assert.deepStrictEqual(blocked(stop), ["16500", "0", "16500"])
    assert.deepStrictEqual(blocked(limit, place({ transaction_type: "SELL" })), ["15007.5", "0", "15007.5"])
    assert.deepStrictEqual(blocked(), ["0", "0", "0"])
  })

  it("an order is refused in the broker's words if the account cannot pay it", () => {
    const [none, some, more] = ["0", "100.5", "100.51"].map((text) => new Money.Decimal(text)) as [
      Money.Decimal,
      Money.Decimal,
      Money.Decimal
    ]
    assert.isNull(PaperMargin.shortage(some, some))
    assert.isNull(PaperMargin.shortage(none, none.minus(1)), "what blocks nothing is never refused")
    const message = "Insufficient funds. Required margin is 100.51 but available margin is 100.50. Check the orderbook for open orders."
    assert.strictEqual(PaperMargin.shortage(more, some), message)
  })
})
