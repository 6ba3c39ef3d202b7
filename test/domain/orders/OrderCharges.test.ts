import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import type { Product } from "../../../src/domain/accounts/OrderAttributes.ts"
import * as Money from "../../../src/domain/Money.ts"
import * as Symbol from "../../../src/domain/market/Symbol.ts"
import * as OrderCharges from "../../../src/domain/orders/OrderCharges.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"
import { recordedAnswer, whereRecorded } from "../../simulator/RecordedShape.ts"

const order: OrderCharges.Order = {
  on: "2026-11-24",
  exchange: "NFO",
  underlying: "NIFTY",
  instrumentType: "CE",
  product: "NRML",
  side: "SELL",
  quantity: 75,
  price: new Money.Decimal("120.05")
}
const of = (change: Partial<OrderCharges.Order> = {}) => OrderCharges.charges(shipped, { ...order, ...change })
const texts = (change: Partial<OrderCharges.Order> = {}) => {
  const it = Either.getOrThrow(of(change))
  return Object.fromEntries(OrderCharges.amounts.map((name) => [name, Money.format(it[name])]))
}

interface Noted {
  readonly transaction_type: "BUY" | "SELL"
  readonly tradingsymbol: string
  readonly exchange: string
  readonly product: Product
  readonly quantity: number
  readonly price: number
  readonly charges: Readonly<Record<string, number>> & { readonly gst: { readonly total: number } }
}

describe("charges of orders", () => {
  it("BE-CHG-01 Kite's recorded contract note is reproduced, every field of every order", (context) => {
    const note = recordedAnswer("virtual_contract_note.json")
    if (note === undefined) return context.skip(`no recorded contract note in ${whereRecorded}`)
    const recorded = note.data as ReadonlyArray<Noted>
    assert.lengthOf(recorded, 3)
    for (const each of recorded) {
      const suffix = /(CE|PE|FUT)$/.exec(each.tradingsymbol)?.[1]
      const { transactionTax, exchange, ipft, sebi, brokerage, stampDuty, gst, total } = Either.getOrThrow(
        // The symbols say July 2023.
        of({
          on: "2023-07-03",
          exchange: each.exchange,
          underlying: Symbol.parse(each.tradingsymbol)?.name ?? "",
          instrumentType: (suffix ?? "EQ") as OrderCharges.Order["instrumentType"],
          product: each.product,
          side: each.transaction_type,
          quantity: each.quantity,
          price: Money.ofNumber(each.price)
        })
      )
      // Kite computes in doubles: its 0.0033767999999999997 is 0.0033768.
      const same = (name: string, ours: Money.Decimal, kite: number | undefined) =>
        assert.strictEqual(ours.toFixed(8), Money.ofNumber(kite ?? Number.NaN).toFixed(8), `${each.tradingsymbol} ${name}`)
      same("transaction_tax", transactionTax, each.charges["transaction_tax"])
      same("exchange_turnover_charge", exchange.plus(ipft), each.charges["exchange_turnover_charge"])
      same("sebi_turnover_charge", sebi, each.charges["sebi_turnover_charge"])
      same("brokerage", brokerage, each.charges["brokerage"])
      same("stamp_duty", stampDuty, each.charges["stamp_duty"])
      same("gst", gst, each.charges.gst.total)
      same("total", total, each.charges["total"])
    }
  })

  it("an option sold pays STT on its premium, one bought pays stamp duty, to the rupee", () => {
    // 75 x 120.05 = 9003.75, at 0.0015, 0.0003552, 0.0000001 and 0.000001; GST is 0.18 of 20 + 3.198132 + 0.00900375.
    assert.deepStrictEqual(texts(), {
      brokerage: "20",
      transactionTax: "13.505625",
      exchange: "3.198132",
      sebi: "0.00900375",
      stampDuty: "0",
      ipft: "0.000900375",
      gst: "4.177284435",
      total: "40.89094556"
    })
    // 0.00003 x 16,666.67 = 0.5000001: half a rupee is a rupee.
    assert.deepInclude(texts({ side: "BUY", quantity: 1, price: new Money.Decimal("16666.67") }), { stampDuty: "1", transactionTax: "0" })
    assert.deepInclude(texts({ side: "BUY", quantity: 1, price: new Money.Decimal("16666.66") }), { stampDuty: "0" })
  })

  it("BE-CHG-01 an order of each market pays the rates of its own exchange, every amount computed by hand", () => {
    const eight = (change: Partial<OrderCharges.Order>) => Object.values(texts(change)).map(Number)
    const share = {
      underlying: "INFY",
      instrumentType: "EQ",
      product: "CNC",
      side: "BUY",
      quantity: 100,
      price: new Money.Decimal(200)
    } as const
    // The amounts are brokerage, transaction tax, exchange, SEBI, stamp duty, IPFT, GST and total. GST is 0.18 of brokerage, exchange and SEBI.
    // 40 x 250 = 10,000, at 0.0015, 0.000325 and 0.000001; GST is 0.18 x 23.26.
    const sensex = eight({ exchange: "BFO", underlying: "SENSEX", quantity: 40, price: new Money.Decimal(250) })
    assert.deepStrictEqual(sensex, [20, 15, 3.25, 0.01, 0, 0, 4.1868, 42.4468])
    // 2 x 1,250 x 300 = 750,000, at 0.000021, 0.000001 and 0.00002; GST is 0.18 x 36.5.
    const gas = { exchange: "MCX", underlying: "NATURALGAS", instrumentType: "FUT", side: "BUY", quantity: 2 } as const
    assert.deepStrictEqual(eight({ ...gas, price: new Money.Decimal(300) }), [20, 0, 15.75, 0.75, 15, 0, 6.57, 58.07])
    // 100 x 200 = 20,000, at 0.001, 0.0000375, 0.000001 and 0.00015; GST is 0.18 x 0.77.
    assert.deepStrictEqual(eight({ ...share, exchange: "BSE" }), [0, 20, 0.75, 0.02, 3, 0, 0.1386, 23.9086])
    // The same at NSE's 0.000030699, with an IPFT of 0.000000001; GST is 0.18 x 0.63398.
    assert.deepStrictEqual(eight({ ...share, exchange: "NSE" }), [0, 20, 0.61398, 0.02, 3, 0.00002, 0.1141164, 23.7481164])
    // 10 x 1,000 x 85 = 850,000, at 0.0000035, 0.000001 and 0.000001, of which 0.85 of stamp duty is a rupee; GST is 0.18 x 23.825.
    const dollars = { exchange: "CDS", underlying: "USDINR", instrumentType: "FUT", side: "BUY", quantity: 10 } as const
    assert.deepStrictEqual(eight({ ...dollars, price: new Money.Decimal(85) }), [20, 0, 2.975, 0.85, 1, 0, 4.2885, 29.1135])
  })

  it("a rate's change never changes a fill before its date", () => {
    assert.deepStrictEqual(
      ["2023-03-31", "2023-04-01", "2024-09-30", "2024-10-01", "2026-03-31", "2026-04-01"].map(
        (on) => texts({ on, quantity: 100, price: new Money.Decimal(100) })["transactionTax"]
      ),
      ["5", "6.25", "6.25", "10", "10", "15"]
    )
  })

  it("every exchange pays by its own kind; contracts count with their multiplier", () => {
    const tax = (change: Partial<OrderCharges.Order>) => texts({ quantity: 1, price: new Money.Decimal(1000), ...change })["transactionTax"]
    assert.strictEqual(tax({ exchange: "NSE", underlying: "INFY", instrumentType: "EQ", product: "CNC" }), "1")
    assert.strictEqual(tax({ exchange: "BSE", underlying: "INFY", instrumentType: "EQ", product: "MIS" }), "0.25")
    assert.strictEqual(tax({ underlying: "NIFTY", instrumentType: "FUT" }), "0.5")
    assert.strictEqual(tax({ exchange: "BFO", underlying: "SENSEX", instrumentType: "PE" }), "1.5")
    assert.strictEqual(tax({ exchange: "CDS", underlying: "USDINR", instrumentType: "FUT" }), "0")
    // 1250 units in a contract, at 0.0001.
    assert.strictEqual(tax({ exchange: "MCX", underlying: "NATURALGAS", instrumentType: "FUT" }), "125")
  })

  it("an option of a currency and a future of a commodity have no product of shares", () => {
    assert.strictEqual(texts({ exchange: "CDS", underlying: "USDINR", instrumentType: "PE", product: "MIS" })["brokerage"], "20")
  })

  it("an unknown exchange and a product without a rate are errors, never a zero", () => {
    const why = (change: Partial<OrderCharges.Order>) =>
      Either.match(of(change), { onLeft: ({ message }) => message, onRight: () => "charged" })
    assert.match(why({ exchange: "NSE", underlying: "INFY", instrumentType: "EQ", product: "MTF" }), /NSE MTF .* CNC and MIS/)
    assert.match(why({ exchange: "NSE", underlying: "INFY", instrumentType: "EQ", product: "NRML" }), /NSE NRML/)
    assert.match(why({ exchange: "NCO", underlying: "GOLD", instrumentType: "FUT" }), /no rates of this exchange/)
    assert.match(why({ exchange: "MCX", underlying: "UNOBTAINIUM", instrumentType: "FUT" }), /multiplier/)
    assert.match(why({ on: "2019-01-01" }), /brokerage/)
  })

  it("a total is the sum of each amount", () => {
    const one = Either.getOrThrow(of())
    const all = OrderCharges.sum([one, one])
    for (const name of OrderCharges.amounts) assert.strictEqual(all[name].toString(), one[name].times(2).toString())
    assert.isTrue(OrderCharges.sum([]).total.isZero())
  })
})
