import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import type * as CorporateActions from "../../../src/domain/market/CorporateActions.ts"
import * as Exposure from "../../../src/domain/orders/Exposure.ts"
import * as OrderCharges from "../../../src/domain/orders/OrderCharges.ts"
import * as PaperLedger from "../../../src/domain/orders/PaperLedger.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import { anInstrument } from "../market/AnInstrument.ts"
import { whole } from "./WholeLedger.ts"

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
const ground: PaperLedger.Ground = { rules: shipped, actionsOf: () => [] }
const ledger = (trades: ReadonlyArray<PaperLedger.Trade>, on: PaperLedger.Ground = ground) =>
  trades.reduce(PaperLedger.add, PaperLedger.make(on))
const prices: PaperLedger.Prices = { mark: () => ({ last: 11_000, close: 10_500 }), settlement: () => null }
const today = (day: string, given: Partial<PaperLedger.Prices> = {}) => ({ today: day, prices: { ...prices, ...given } })
const net = (all: PaperLedger.Ledger, named: { readonly exchange: string; readonly tradingsymbol: string }, day: string) =>
  Exposure.of(Exposure.sum(PaperLedger.held(all, day)), named).net
const texts = (row: object | undefined, ...names: ReadonlyArray<string>) =>
  names.map((name) => String((row as Record<string, unknown>)[name]))
const cash = new Money.Decimal("1000000")
const fundsOf = (trades: ReadonlyArray<PaperLedger.Trade>, ...when: Parameters<typeof today>) =>
  Either.getOrThrow(PaperLedger.funds(ledger(trades), cash, today(...when)))

describe("a paper account's trades", () => {
  it("make Kite's positions of the day, net and of the day", () => {
    const trades = [trade("BUY", 150, 10_000), trade("SELL", 75, 12_000)]
    const { day, holdings, net } = PaperLedger.portfolio(ledger(trades), today("2026-08-17"))
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
    const carried = PaperLedger.portfolio(ledger(trades.slice(0, 2)), today("2026-08-18"))
    assert.deepStrictEqual(texts(carried.net[0], "quantity", "overnight_quantity", "average_price", "pnl", "close_price"), [
      "75",
      "75",
      "100",
      "750",
      "105"
    ])
    assert.lengthOf(carried.day, 0)
    const closed = PaperLedger.portfolio(ledger(trades), today("2026-08-18"))
    assert.deepStrictEqual(texts(closed.net[0], "quantity", "overnight_quantity", "day_sell_quantity", "pnl"), ["0", "75", "75", "600"])
    assert.lengthOf(PaperLedger.portfolio(ledger(trades), today("2026-08-19")).net, 0)
    const profitOn = (day: string) => Money.format(PaperLedger.dayProfit(ledger(trades), today(day)))
    const paid = (at: number) => PaperLedger.chargesOf(ledger(trades), trades[at]?.orderId ?? "")?.total ?? Money.zero
    // 75 were held at the close, 105, and sold at 108. The charges of the day before are the day before's.
    assert.strictEqual(profitOn("2026-08-18"), Money.format(new Money.Decimal(225).minus(paid(2))))
    assert.strictEqual(profitOn("2026-08-19"), "0")
  })

  it("of shares for delivery become holdings on the next day", () => {
    const of = { instrument: share, product: "CNC" } as const
    const trades = [trade("BUY", 3, 10_000, of), trade("BUY", 3, 10_001, of)]
    assert.deepStrictEqual(
      [
        PaperLedger.portfolio(ledger(trades), today("2026-08-17")).net.length,
        PaperLedger.portfolio(ledger(trades), today("2026-08-17")).holdings.length
      ],
      [1, 0]
    )
    const sold = [...trades, trade("SELL", 2, 11_500, { ...of, atMs: at("2026-08-18") })]
    const { holdings, net } = PaperLedger.portfolio(ledger(sold), today("2026-08-18"))
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
    assert.lengthOf(PaperLedger.portfolio(ledger(trades), today("2026-08-19")).net, 1)
    const settled = { settlement: () => 13_000 }
    assert.lengthOf(PaperLedger.portfolio(ledger(trades), today("2026-08-19", settled)).net, 0)
    assert.lengthOf(PaperLedger.portfolio(ledger(trades), today("2026-08-18", settled)).net, 1)
    const { settled: paid, traded } = fundsOf(trades, "2026-08-19", settled)
    assert.deepStrictEqual([traded, paid].map(Money.format), ["-7500", "9750"])
    assert.strictEqual(Money.format(fundsOf(trades, "2026-08-18", settled).settled), "0")
  })

  it("pay their charges by order, and leave cash: premiums in full, futures by their gain", () => {
    const parts = { orderId: "one" }
    const trades = [trade("BUY", 75, 10_000, parts), trade("BUY", 75, 10_010, parts), trade("SELL", 150, 10_500)]
    const charges = (orderId: string) => PaperLedger.chargesOf(ledger(trades), orderId)
    const note = Either.getOrThrow(
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
    assert.strictEqual(charges("one")?.total.toFixed(), note.total.toFixed(), "two fills of one order pay one brokerage")
    const funds = fundsOf(trades, "2026-08-17")
    assert.strictEqual(Money.format(funds.traded), "742.5")
    assert.strictEqual(Money.format(funds.charges), Money.format(note.total.plus(charges(trades[2]?.orderId ?? "")?.total ?? 0)))
    assert.isUndefined(charges("none"))
    assert.strictEqual(Money.format(funds.cash), Money.format(cash.plus(742.5).minus(funds.charges)))
    const held = fundsOf([trade("BUY", 75, 10_000, { instrument: future })], "2026-08-19")
    assert.deepStrictEqual([held.traded, held.futures, held.settled].map(Money.format), ["0", "750", "0"])
  })

  it("without a price count at the last trade, and without rates of charges are an error", () => {
    const trades = [trade("BUY", 75, 10_000), trade("BUY", 75, 10_200)]
    const unknown = { mark: () => null }
    assert.deepStrictEqual(texts(PaperLedger.portfolio(ledger(trades), today("2026-08-17", unknown)).net[0], "last_price", "pnl"), [
      "102",
      "150"
    ])
    const other = trade("BUY", 1, 100, { instrument: { ...option, exchange: "XYZ" } })
    assert.strictEqual(Money.format(PaperLedger.dayProfit(ledger([other]), today("2026-08-17"))), "109", "unknown charges count as nothing")
    assert.isTrue(Either.isLeft(PaperLedger.funds(ledger([other, trade("BUY", 75, 100)]), cash, today("2026-08-17"))))
    assert.strictEqual(PaperLedger.portfolio(ledger([other]), today("2026-08-17")).net[0]?.multiplier, 1)
    assert.deepStrictEqual(PaperLedger.portfolio(ledger([]), today("2026-08-17")), { net: [], day: [], holdings: [] })
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
        const { net } = PaperLedger.portfolio(ledger(trades), today("2026-08-14"))
        assert.strictEqual(net[0]?.quantity ?? 0, signed)
        const { cash: left, charges, traded } = fundsOf(trades, "2026-08-14")
        assert.strictEqual(Money.format(traded), Money.format(Money.toDecimal(paid, 100)))
        assert.isTrue(left.plus(charges).equals(cash.plus(traded)))
      })
    )
  })

  it("count for the morning's funds only if they are of an earlier day", () => {
    const trades = [trade("BUY", 75, 10_000), trade("SELL", 75, 10_500, { atMs: at("2026-08-18") })]
    const morning = (day: string) => Either.getOrThrow(PaperLedger.morningFunds(ledger(trades), cash, today(day)))
    assert.deepStrictEqual(
      [morning("2026-08-18"), morning("2026-08-19")].map(({ traded }) => Money.format(traded)),
      ["-7500", "375"]
    )
    assert.strictEqual(Money.format(Either.getOrThrow(PaperLedger.morningFunds(ledger([]), cash, today("2026-08-18"))).cash), "1000000")
  })

  it("of one instrument are netted over its products", () => {
    const all = ledger([
      trade("BUY", 150, 10_000),
      trade("SELL", 75, 10_000, { product: "MIS" }),
      trade("BUY", 75, 1, { instrument: future })
    ])
    assert.strictEqual(net(all, option, "2026-08-19"), 75)
    assert.strictEqual(net(all, { exchange: "BFO", tradingsymbol: "OPT" }, "2026-08-19"), 0)
  })

  it("folded one by one, over days and restarts, give the same result as all of them at once", () => {
    const some = fc.array(
      fc.record({
        instrument: fc.constantFrom(option, future),
        product: fc.constantFrom("NRML" as const, "MIS" as const),
        isBuy: fc.boolean(),
        lots: fc.integer({ min: 1, max: 20 }),
        price: fc.integer({ min: 1, max: 40_000 }),
        day: fc.integer({ min: 10, max: 14 }),
        order: fc.integer({ min: 1, max: 4 })
      }),
      { maxLength: 25 }
    )
    const check = (rows: typeof some extends fc.Arbitrary<infer A> ? A : never, start: number) => {
      const trades = rows
        .toSorted((a, b) => a.day - b.day)
        .map(({ day, instrument, isBuy, lots, order, price, product }) => {
          const side = isBuy ? ("BUY" as const) : ("SELL" as const)
          const orderId = [instrument.tradingsymbol, product, side, day, order].join()
          return trade(side, lots * 75, price * 5, { instrument, product, orderId, atMs: at(`2026-08-${day}`) })
        })
      // A restart folds the saved trades again and continues from there.
      const folded = trades.slice(start).reduce(PaperLedger.add, ledger(trades.slice(0, start)))
      const lines = PaperLedger.lines(folded, "2026-08-14").map(({ instrument, lastPrice, position, product, whole }) => ({
        tradingsymbol: instrument.tradingsymbol,
        product,
        position,
        whole,
        lastPrice
      }))
      const charges = Money.format(Either.getOrThrow(folded.charges))
      assert.deepStrictEqual({ lines, charges }, whole(trades, "2026-08-14"))
      assert.deepStrictEqual([folded.trades, folded.newestTradeId], [trades.length, trades.at(-1)?.tradeId ?? 0])
    }
    fc.assert(fc.property(some, fc.nat(25), check))
  })
})

describe("shares of a paper account", () => {
  const of = { instrument: share, product: "CNC" } as const
  const action = (more: Partial<CorporateActions.Action>): CorporateActions.Action => ({
    kind: "split",
    exDate: "2026-08-18",
    sharesBefore: 1,
    sharesAfter: 2,
    pricePaise: 0,
    closePaise: 0,
    ...more
  })
  const withActions = (trades: ReadonlyArray<PaperLedger.Trade>, ...actions: ReadonlyArray<CorporateActions.Action>) =>
    ledger(trades, { rules: shipped, actionsOf: ({ tradingsymbol }) => (tradingsymbol === "INFY" ? actions : []) })
  const unknown = { mark: () => null }
  const held = (all: PaperLedger.Ledger, day: string) =>
    PaperLedger.portfolio(all, today(day, unknown)).holdings.map((row) => texts(row, "quantity", "average_price", "last_price", "pnl"))

  it("change their number by a split or a bonus on its day, and keep their cost", () => {
    const trades = [trade("BUY", 3, 10_000, of)]
    const split = withActions(trades, action({}))
    assert.deepStrictEqual([held(split, "2026-08-17"), held(split, "2026-08-18")], [[], [["6", "50", "50", "0"]]])
    const bonus = withActions(trades, action({ exDate: "2026-08-19", kind: "bonus", sharesBefore: 2, sharesAfter: 3 }))
    assert.deepStrictEqual(held(bonus, "2026-08-18"), [["3", "100", "100", "0"]])
    // Half a share is lost, and the cost stays.
    assert.deepStrictEqual(held(bonus, "2026-08-20"), [["4", "75", "66.67", "-33.32"]])
    const joined = withActions(trades, action({ sharesBefore: 10, sharesAfter: 1 }))
    assert.deepStrictEqual([held(joined, "2026-08-18"), PaperLedger.portfolio(joined, today("2026-08-18")).net], [[], []])
  })

  it("bought on the day of an action are new ones already, and later sales are counted in them", () => {
    const split = action({})
    const late = withActions([trade("BUY", 3, 10_000, { ...of, atMs: at("2026-08-18") })], split)
    assert.deepStrictEqual(held(late, "2026-08-19"), [["3", "100", "100", "0"]])
    const sold = withActions([trade("BUY", 3, 10_000, of), trade("SELL", 2, 5_000, { ...of, atMs: at("2026-08-18") })], split)
    assert.deepStrictEqual(held(sold, "2026-08-19"), [["4", "50", "50", "0"]])
    assert.strictEqual(net(sold, share, "2026-08-19"), 4)
  })

  it("pay their dividends in cash while they are held, and rights are not used", () => {
    const dividend = action({ kind: "dividend", sharesAfter: 1, pricePaise: 250, closePaise: 10_000 })
    const rights = action({ kind: "rights", exDate: "2026-08-19", sharesBefore: 1, sharesAfter: 2, pricePaise: 5_000, closePaise: 10_000 })
    const all = withActions([trade("BUY", 3, 10_000, of), trade("BUY", 75, 10_000)], dividend, rights)
    const dividends = (day: string) => Either.getOrThrow(PaperLedger.funds(all, cash, today(day))).dividends
    assert.deepStrictEqual(["2026-08-17", "2026-08-18", "2026-08-20"].map(dividends).map(Money.format), ["0", "7.5", "7.5"])
    const funds = Either.getOrThrow(PaperLedger.funds(all, cash, today("2026-08-18")))
    assert.strictEqual(Money.format(funds.cash), Money.format(cash.plus(funds.traded).plus("7.5").minus(funds.charges)))
    assert.deepStrictEqual(held(all, "2026-08-20")[0]?.slice(0, 2), ["3", "100"])
    const short = withActions([trade("SELL", 3, 10_000, of)], dividend)
    assert.strictEqual(Money.format(Either.getOrThrow(PaperLedger.funds(short, cash, today("2026-08-18"))).dividends), "0")
  })
})
