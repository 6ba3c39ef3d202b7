import { assert, describe, it } from "@effect/vitest"
import * as Money from "../../../src/domain/Money.ts"
import * as FillCharges from "../../../src/domain/orders/FillCharges.ts"
import * as OrderCharges from "../../../src/domain/orders/OrderCharges.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"

const money = (text: string) => new Money.Decimal(text)
const fill = (more: Partial<FillCharges.Fill> = {}): FillCharges.Fill => ({
  exchange: "NFO",
  tradingsymbol: "NIFTY24NOV24500CE",
  direction: "SELL",
  quantity: 75,
  price: money("120.05"),
  executedAt: new Date("2024-11-25T04:00:00Z"),
  orderId: null,
  product: null,
  ...more
})
const texts = ({ amounts }: FillCharges.Charged) =>
  Object.fromEntries(OrderCharges.amounts.map((name) => [name, Money.format(amounts[name])]))
const of = (...fills: ReadonlyArray<FillCharges.Fill>) => FillCharges.ofFills(shipped, fills)
const on = (day: string) => ({ executedAt: new Date(`${day}T04:00:00Z`) })

describe("charges of a strategy's fills", () => {
  it("BE-CHG-02 each fill pays the rates of its own day: a rate that changes later changes no fill before its date", () => {
    const taxOn = (day: string) => Money.format(of(fill(on(day))).amounts.transactionTax)
    // 120.05 x 75 = 9003.75 at 0.0625 %, 0.1 % and 0.15 %.
    assert.deepStrictEqual(["2024-09-30", "2024-10-01", "2026-03-31", "2026-04-01"].map(taxOn), [
      "5.62734375",
      "9.00375",
      "9.00375",
      "13.505625"
    ])
    const { charges } = shipped.documents
    const open = charges.transactionTax.map((row) =>
      row.segments.includes("equity_options") && row.to === null ? { ...row, to: "2027-06-30" } : row
    )
    const last = open.find((row) => row.to === "2027-06-30")
    assert.isDefined(last)
    const dearer = last === undefined ? [] : [{ ...last, from: "2027-07-01", to: null, rate: "0.01" }]
    const changed = { ...shipped, documents: { ...shipped.documents, charges: { ...charges, transactionTax: [...open, ...dearer] } } }
    const fills = ["2024-09-30", "2026-04-01", "2027-06-30"].map((day) => fill(on(day)))
    assert.deepStrictEqual(texts(FillCharges.ofFills(changed, fills)), texts(of(...fills)))
    const later = fill(on("2027-07-01"))
    assert.strictEqual(Money.format(FillCharges.ofFills(changed, [later]).amounts.transactionTax), "90.0375")
    assert.notDeepEqual(texts(FillCharges.ofFills(changed, [later])), texts(of(later)))
  })

  it("the charges are those of POST /orders/charges, also of a contract that has expired", () => {
    const order: OrderCharges.Order = {
      on: "2024-11-25",
      exchange: "NFO",
      underlying: "NIFTY",
      instrumentType: "CE",
      product: "NRML",
      side: "SELL",
      quantity: 75,
      price: money("120.05")
    }
    const direct = OrderCharges.charges(shipped, order)
    assert.deepStrictEqual(of(fill()).unknown, [])
    assert.strictEqual(direct._tag, "Right")
    if (direct._tag === "Right") assert.deepStrictEqual(texts(of(fill())), texts({ amounts: direct.right, unknown: [] }))
  })

  it("brokerage is due once for an order, however many fills it has; a fill without an order counts as one order", () => {
    const parts = (orderId: string | null) => [fill({ orderId, quantity: 25 }), fill({ orderId, quantity: 50 })]
    assert.deepStrictEqual(texts(of(...parts("o1"))), texts(of(fill())))
    assert.strictEqual(Money.format(of(...parts(null)).amounts.brokerage), "40")
    assert.strictEqual(Money.format(of(fill({ orderId: "o1" }), fill({ orderId: "o1", ...on("2024-11-26") })).amounts.brokerage), "40")
  })

  it("unknown charges are named and not guessed", () => {
    const share = { exchange: "NSE", tradingsymbol: "RELIANCE" }
    assert.deepStrictEqual(of(fill(share)).unknown, ["the product of a fill is not known: CNC and MIS differ"])
    assert.deepStrictEqual(of(fill({ ...share, product: "CNC" })).unknown, [])
    assert.deepStrictEqual(of(fill({ ...share, product: "MIS", ...on("2024-05-02") })).unknown, ["the rates of 2024-05-02 are not sure"])
    assert.match(of(fill({ ...share, product: "MTF" })).unknown[0] ?? "", /CNC and MIS/)
    for (const tradingsymbol of ["SOMETHING", "NIFTY 50", "NIFTY24XXX1CE"])
      assert.deepStrictEqual(of(fill({ tradingsymbol })).unknown, ["its symbol does not say what it is"])
    const partly = of(fill(share), fill({ ...share, product: "CNC" }), fill(share))
    assert.lengthOf(partly.unknown, 1)
    assert.isTrue(partly.amounts.total.isPositive())
  })

  const ending: FillCharges.Ending = {
    exchange: "NFO",
    tradingsymbol: "NIFTY26AUG24500CE",
    open: 75,
    price: money("112.4"),
    on: "2026-08-25",
    isOfIndex: true
  }
  const end = (more: Partial<FillCharges.Ending>) => FillCharges.ofEnding(shipped, { ...ending, ...more })

  it("BE-CHG-02 an exercised index option pays the transaction tax of its expiry on its intrinsic value, and the writer pays none", () => {
    // 112.4 x 75 = 8430 at 0.125 % and 0.15 %.
    const taxOn = (on: string) => end({ on })
    assert.strictEqual(Money.format(taxOn("2026-03-30").amounts.transactionTax), "10.5375")
    assert.strictEqual(Money.format(taxOn("2026-04-07").amounts.transactionTax), "12.645")
    const { amounts, unknown } = end({})
    assert.deepStrictEqual(unknown, [])
    assert.strictEqual(Money.format(amounts.total), "12.645")
    assert.isTrue([amounts.brokerage, amounts.exchange, amounts.stampDuty, amounts.gst].every((it) => it.isZero()))
    assert.deepStrictEqual(end({ exchange: "BFO", tradingsymbol: "SENSEX26AUG81000PE" }).amounts, amounts)
    const written = end({ open: -75 })
    assert.deepStrictEqual([written.unknown, Money.format(written.amounts.total)], [[], "0"])
    const bought = of(fill({ tradingsymbol: ending.tradingsymbol, direction: "BUY", ...on("2026-08-20") }))
    const both = FillCharges.sum([bought, end({})])
    assert.strictEqual(
      FillCharges.net(money("1000"), both)?.toString(),
      money("1000").minus(bought.amounts.total).minus("12.645").toString()
    )
  })

  it("a contract that was closed or is worthless costs nothing at its end, and unknown charges are named", () => {
    for (const free of [{ open: 0 }, { price: money("0") }, { open: 0, isOfIndex: false }])
      assert.deepStrictEqual(end(free), FillCharges.nothing)
    const unknown: ReadonlyArray<readonly [Partial<FillCharges.Ending>, string]> = [
      [{ tradingsymbol: "NIFTY26AUGFUT" }, "the rulebook has no charges of a future of an index that is settled in cash"],
      [
        { tradingsymbol: "RELIANCE26AUG1300CE", isOfIndex: false },
        "shares are delivered, and the rulebook has no brokerage of a physical settlement"
      ],
      [
        { tradingsymbol: "RELIANCE26AUGFUT", isOfIndex: false },
        "shares are delivered, and the rulebook has no brokerage of a physical settlement"
      ],
      [{ exchange: "CDS", tradingsymbol: "USDINR26AUG85CE" }, "the rulebook has no charges of a currency's settlement in cash"],
      [
        { exchange: "MCX", tradingsymbol: "GOLD26AUG90000CE" },
        "the rulebook has no charges of an option that becomes a commodity's future at its expiry"
      ],
      [{ exchange: "MCX", tradingsymbol: "GOLD26AUGFUT" }, "the rulebook has no charges of a commodity's delivery or settlement in cash"],
      [{ tradingsymbol: "SOMETHING" }, "its symbol does not say how it is settled"],
      [{ tradingsymbol: "" }, "its symbol does not say how it is settled"]
    ]
    for (const [one, why] of unknown) assert.deepStrictEqual(end(one).unknown, [why], JSON.stringify(one))
    assert.match(end({ on: "2018-08-30" }).unknown[0] ?? "", /no row of the rulebook covers it/)
    const { charges } = shipped.documents
    const transactionTax = charges.transactionTax.map((row) =>
      row.segments.includes("equity_options_exercised") ? { ...row, confidence: 0 as const } : row
    )
    const unsure = { ...shipped, documents: { ...shipped.documents, charges: { ...charges, transactionTax } } }
    assert.deepStrictEqual(FillCharges.ofEnding(unsure, ending).unknown, ["the rates of 2026-08-25 are not sure"])
  })

  it("a profit is net only with all charges and a price", () => {
    const known = of(fill())
    assert.strictEqual(FillCharges.net(money("100"), known)?.toString(), money("100").minus(known.amounts.total).toString())
    assert.isNull(FillCharges.net(null, known))
    assert.isNull(FillCharges.net(money("100"), FillCharges.ofLeg))
    const both = FillCharges.sum([known, FillCharges.ofLeg, FillCharges.ofLeg, known])
    assert.strictEqual(both.amounts.total.toString(), known.amounts.total.times(2).toString())
    assert.deepStrictEqual(both.unknown, FillCharges.ofLeg.unknown)
  })
})
