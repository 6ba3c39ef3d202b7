import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import * as OrderCharges from "../../../src/domain/orders/OrderCharges.ts"
import * as PaperLedger from "../../../src/domain/orders/PaperLedger.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import { anInstrument } from "../market/AnInstrument.ts"

const option = anInstrument(0x10002, { instrumentType: "CE", tradingsymbol: "OPT", expiry: "2026-08-18", lotSize: 75 })
const future = anInstrument(0x10102, { instrumentType: "FUT", tradingsymbol: "FUT", expiry: "2026-08-25", lotSize: 75 })
const share = anInstrument(408065, { exchange: "NSE", segment: "NSE", name: "", tradingsymbol: "INFY", lotSize: 1 })
const at = (day: string) => Date.parse(`${day}T11:00:00+05:30`)

let ids = 0
const trade = (side: "BUY" | "SELL", quantity: number, price: number, more: Partial<PaperLedger.Trade> = {}): PaperLedger.Trade => ({
  tradeId: ++ids,
  orderId: `o${ids}`,
  instrument: option,
  product: "NRML",
  side,
  quantity,
  price,
  atMs: at("2026-08-17"),
  strategyId: null,
  ...more
})
const prices: PaperLedger.Prices = { mark: () => ({ last: 11_000, close: 10_500 }), settlement: () => null }
const today = (day: string, given: Partial<PaperLedger.Prices> = {}) => ({ rules: shipped, today: day, prices: { ...prices, ...given } })
const texts = (row: object | undefined, ...names: ReadonlyArray<string>) =>
  names.map((name) => String((row as Record<string, unknown>)[name]))
const cash = new Money.Decimal("1000000")
const fundsOf = (trades: ReadonlyArray<PaperLedger.Trade>, ...when: Parameters<typeof today>) =>
  Either.getOrThrow(PaperLedger.funds(trades, cash, today(...when)))

describe("a paper account's trades", () => {
  it("make Kite's positions of the day, net and of the day", () => {
    const trades = [trade("BUY", 150, 10_000), trade("SELL", 75, 12_000)]
    const { day, holdings, net } = PaperLedger.portfolio(trades, today("2026-08-17"))
    assert.deepStrictEqual([net.length, day.length, holdings.length], [1, 1, 0])
    assert.deepStrictEqual(texts(net[0], "quantity", "average_price", "last_price", "pnl", "buy_value", "sell_value", "multiplier"), [
      "75",
      "100",
      "110",
      "2250",
      "15000",
      "9000",
      "1"
    ])
  })

  it("are carried into the next days at the average price of the open side", () => {
    const trades = [trade("BUY", 150, 10_000), trade("SELL", 75, 12_000), trade("SELL", 75, 10_800, { atMs: at("2026-08-18") })]
    const carried = PaperLedger.portfolio(trades.slice(0, 2), today("2026-08-18"))
    assert.deepStrictEqual(texts(carried.net[0], "quantity", "overnight_quantity", "average_price", "pnl", "close_price"), [
      "75",
      "75",
      "100",
      "750",
      "105"
    ])
    assert.lengthOf(carried.day, 0)
    const closed = PaperLedger.portfolio(trades, today("2026-08-18"))
    assert.deepStrictEqual(texts(closed.net[0], "quantity", "overnight_quantity", "day_sell_quantity", "pnl"), ["0", "75", "75", "600"])
    assert.lengthOf(PaperLedger.portfolio(trades, today("2026-08-19")).net, 0)
    assert.strictEqual(Money.format(PaperLedger.dayProfit(trades, today("2026-08-18"))), "600")
  })

  it("of shares for delivery become holdings on the next day", () => {
    const of = { instrument: share, product: "CNC" } as const
    const trades = [trade("BUY", 3, 10_000, of), trade("BUY", 3, 10_001, of)]
    assert.deepStrictEqual(
      [PaperLedger.portfolio(trades, today("2026-08-17")).net.length, PaperLedger.portfolio(trades, today("2026-08-17")).holdings.length],
      [1, 0]
    )
    const sold = [...trades, trade("SELL", 2, 11_500, { ...of, atMs: at("2026-08-18") })]
    const { holdings, net } = PaperLedger.portfolio(sold, today("2026-08-18"))
    assert.deepStrictEqual(texts(holdings[0], "quantity", "used_quantity", "average_price", "pnl", "day_change"), [
      "6",
      "2",
      "100.005",
      "59.97",
      "5"
    ])
    assert.deepStrictEqual(texts(net[0], "quantity", "sell_value"), ["-2", "230"])
  })

  it("of an expired contract are settled at its final price, and stay a position until that is known", () => {
    const trades = [trade("BUY", 75, 10_000)]
    assert.lengthOf(PaperLedger.portfolio(trades, today("2026-08-19")).net, 1)
    const settled = { settlement: () => 13_000 }
    assert.lengthOf(PaperLedger.portfolio(trades, today("2026-08-19", settled)).net, 0)
    assert.lengthOf(PaperLedger.portfolio(trades, today("2026-08-18", settled)).net, 1)
    const { settled: paid, traded } = fundsOf(trades, "2026-08-19", settled)
    assert.deepStrictEqual([traded, paid].map(Money.format), ["-7500", "9750"])
    assert.strictEqual(Money.format(fundsOf(trades, "2026-08-18", settled).settled), "0")
  })

  it("pay their charges by order, and leave cash: premiums in full, futures by their gain", () => {
    const parts = { orderId: "one" }
    const trades = [trade("BUY", 75, 10_000, parts), trade("BUY", 75, 10_010, parts), trade("SELL", 150, 10_500)]
    const charges = Either.getOrThrow(PaperLedger.charges(shipped, trades))
    const whole = Either.getOrThrow(
      OrderCharges.charges(shipped, {
        on: "2026-08-17",
        exchange: "NFO",
        underlying: "NIFTY",
        instrumentType: "CE",
        product: "NRML",
        side: "BUY",
        quantity: 150,
        price: new Money.Decimal("100.05")
      })
    )
    assert.strictEqual(charges.get("one")?.total.toFixed(), whole.total.toFixed(), "two fills of one order pay one brokerage")
    const funds = fundsOf(trades, "2026-08-17")
    assert.strictEqual(Money.format(funds.traded), "742.5")
    assert.strictEqual(Money.format(funds.charges), Money.format(OrderCharges.sum([...charges.values()]).total))
    assert.strictEqual(Money.format(funds.cash), Money.format(cash.plus(742.5).minus(funds.charges)))
    const held = fundsOf([trade("BUY", 75, 10_000, { instrument: future })], "2026-08-19")
    assert.deepStrictEqual([held.traded, held.futures, held.settled].map(Money.format), ["0", "750", "0"])
  })

  it("without a price count at the last trade, and without rates of charges are an error", () => {
    const trades = [trade("BUY", 75, 10_000), trade("BUY", 75, 10_200)]
    const unknown = { mark: () => null }
    assert.deepStrictEqual(texts(PaperLedger.portfolio(trades, today("2026-08-17", unknown)).net[0], "last_price", "pnl"), ["102", "150"])
    const other = trade("BUY", 1, 100, { instrument: { ...option, exchange: "XYZ" } })
    assert.isTrue(Either.isLeft(PaperLedger.funds([other], cash, today("2026-08-17"))))
    assert.strictEqual(PaperLedger.portfolio([other], today("2026-08-17")).net[0]?.multiplier, 1)
    assert.deepStrictEqual(PaperLedger.portfolio([], today("2026-08-17")), { net: [], day: [], holdings: [] })
  })

  it("give quantities and profits that add up: the open quantity is all bought less all sold, and cash and open value are the profit", () => {
    const some = fc.array(
      fc.record({
        isBuy: fc.boolean(),
        lots: fc.integer({ min: 1, max: 20 }),
        price: fc.integer({ min: 1, max: 40_000 }),
        day: fc.integer({ min: 10, max: 14 })
      }),
      { minLength: 1, maxLength: 15 }
    )
    fc.assert(
      fc.property(some, (all) => {
        const trades = all
          .toSorted((a, b) => a.day - b.day)
          .map(({ day, isBuy, lots, price }) => trade(isBuy ? "BUY" : "SELL", lots * 75, price * 5, { atMs: at(`2026-08-${day}`) }))
        const signed = trades.reduce((sum, { quantity, side }) => sum + (side === "BUY" ? quantity : -quantity), 0)
        const paid = trades.reduce((sum, it) => sum + (it.side === "BUY" ? -1 : 1) * it.quantity * it.price, 0)
        const { net } = PaperLedger.portfolio(trades, today("2026-08-14"))
        assert.strictEqual(net[0]?.quantity ?? 0, signed)
        const { cash: left, charges, traded } = fundsOf(trades, "2026-08-14")
        assert.strictEqual(Money.format(traded), Money.format(Money.toDecimal(paid, 100)))
        assert.isTrue(left.plus(charges).equals(cash.plus(traded)))
      })
    )
  })
})
