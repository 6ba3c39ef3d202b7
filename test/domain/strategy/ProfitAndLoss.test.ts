import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck, Schema } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import * as Position from "../../../src/domain/strategy/Position.ts"
import * as Premium from "../../../src/domain/strategy/Premium.ts"
import * as ProfitAndLoss from "../../../src/domain/strategy/ProfitAndLoss.ts"

const { Decimal } = Money

interface Exact {
  readonly exact: string
  readonly dec: string
}
interface Method {
  readonly realised: Exact
  readonly unrealised: Exact
  readonly openAvg: Exact | null
  readonly openLots?: ReadonlyArray<{ readonly qty: number; readonly price: string }>
}
interface Golden {
  readonly strategies: ReadonlyArray<{
    readonly id: string
    readonly legs: ReadonlyArray<{ readonly side: Position.Direction; readonly qty: number; readonly ltp: string }>
    readonly m2m: Exact
    readonly fills: ReadonlyArray<{
      readonly seq: number
      readonly symbol: string
      readonly side: Position.Direction
      readonly qty: number
      readonly price: string
    }>
    readonly instruments: ReadonlyArray<{
      readonly symbol: string
      readonly ltp: string
      readonly netQty: number
      readonly fifo: Method
      readonly averageCost: Method
      readonly total: Exact
      readonly running: ReadonlyArray<{
        readonly seq: number
        readonly netQty: number
        readonly fifoRealised: string
        readonly avgRealised: string
        readonly avgPrice: string
      }>
    }>
    readonly totals: Readonly<Record<"fifoRealised" | "avgRealised" | "fifoUnrealised" | "avgUnrealised" | "total", Exact>>
  }>
}
const golden: Golden = JSON.parse(readFileSync(new URL("../../data/golden/m2m.golden.json", import.meta.url), "utf8"))

/** Compares with the rational "n/d" far beyond the printed places, and with the 12 printed places. */
const same = (actual: Money.Decimal, expected: string, context: string) => {
  const [numerator = "", denominator = "1"] = expected.split("/")
  assert.isTrue(actual.times(denominator).minus(numerator).abs().lt("1e-30"), `${context}: ${actual.toFixed()} is not ${expected}`)
}
const equal = (actual: Money.Decimal, expected: Exact, context: string) => {
  same(actual, expected.exact, context)
  assert.strictEqual(Money.format(actual.toDecimalPlaces(12)), expected.dec, context)
}
const leg = (direction: Position.Direction, quantity: number, ltp: string) => ({ direction, quantity, ltp: new Decimal(ltp) })
const trade = (direction: Position.Direction, quantity: number, price: string): Position.Fill => ({
  direction,
  quantity,
  price: new Decimal(price)
})
const fills = (...trades: ReadonlyArray<Position.Fill>) => trades.reduce(ProfitAndLoss.fill, ProfitAndLoss.empty)
const m2m = (...legs: ReadonlyArray<ReturnType<typeof leg>>) => Money.format(Premium.m2m(legs))

describe("ProfitAndLoss", () => {
  it("BE-FIN-01 m2m of the worked example is -1500 exactly", () => {
    assert.strictEqual(m2m(leg("BUY", 50, "120"), leg("SELL", 50, "130"), leg("BUY", 50, "40")), "-1500")
  })

  it("BE-FIN-01 m2m is net premium: it falls when long legs gain, while profit rises", () => {
    const before = Premium.m2m([leg("BUY", 50, "120")])
    const after = Premium.m2m([leg("BUY", 50, "130")])
    assert.strictEqual(Money.format(after.minus(before)), "-500")
    assert.strictEqual(Money.format(ProfitAndLoss.report(fills(trade("BUY", 50, "120")), new Decimal("130")).total), "500")
  })

  it("BE-FIN-02 legs without quantity are ignored; long calls and short puts add up", () => {
    assert.strictEqual(m2m(), "0")
    assert.strictEqual(m2m(leg("BUY", 0, "120"), leg("SELL", 0, "99")), "0")
    assert.strictEqual(m2m(leg("BUY", 75, "101.35"), leg("SELL", 150, "88.05"), leg("BUY", 0, "1")), "5606.25")
  })

  it("BE-FIN-04 every strategy of the golden file: m2m, FIFO, average cost, running state and totals", () => {
    assert.isAbove(golden.strategies.length, 0)
    for (const strategy of golden.strategies) {
      equal(Premium.m2m(strategy.legs.map((it) => leg(it.side, it.qty, it.ltp))), strategy.m2m, `${strategy.id} m2m`)
      const reports = strategy.instruments.map((instrument) => {
        const context = `${strategy.id} ${instrument.symbol}`
        let state = ProfitAndLoss.empty
        const running = new Map(instrument.running.map((it) => [it.seq, it]))
        for (const it of strategy.fills.filter((it) => it.symbol === instrument.symbol)) {
          state = ProfitAndLoss.fill(state, trade(it.side, it.qty, it.price))
          const expected = running.get(it.seq)!
          const now = ProfitAndLoss.report(state, Money.zero)
          assert.strictEqual(now.netQuantity, expected.netQty)
          same(now.fifo.realised, expected.fifoRealised, `${context} fill ${it.seq} fifo`)
          same(now.average.realised, expected.avgRealised, `${context} fill ${it.seq} average`)
          same(now.average.openAverage ?? Money.zero, expected.avgPrice, `${context} fill ${it.seq} price`)
        }
        const report = ProfitAndLoss.report(state, new Decimal(instrument.ltp))
        assert.strictEqual(report.netQuantity, instrument.netQty)
        for (const [ours, theirs] of [
          [report.fifo, instrument.fifo],
          [report.average, instrument.averageCost]
        ] as const) {
          equal(ours.realised, theirs.realised, `${context} realised`)
          equal(ours.unrealised, theirs.unrealised, `${context} unrealised`)
          if (theirs.openAvg === null) assert.isNull(ours.openAverage)
          else equal(ours.openAverage!, theirs.openAvg, `${context} open average`)
        }
        const lots = state.lots.map((lot) => ({ qty: lot.quantity, price: Money.format(lot.price) }))
        assert.deepStrictEqual(lots, instrument.fifo.openLots)
        equal(report.total, instrument.total, `${context} total`)
        return report
      })
      const totals = ProfitAndLoss.totals(reports)
      equal(totals.fifoRealised, strategy.totals.fifoRealised, strategy.id)
      equal(totals.averageRealised, strategy.totals.avgRealised, strategy.id)
      equal(totals.fifoUnrealised, strategy.totals.fifoUnrealised, strategy.id)
      equal(totals.averageUnrealised, strategy.totals.avgUnrealised, strategy.id)
      equal(totals.total, strategy.totals.total, strategy.id)
    }
  })

  it("BE-FIN-04 a partial close consumes the oldest lots, a flip reopens at its own price", () => {
    const text = (state: ProfitAndLoss.State, ltp: string) => {
      const { fifo, average, netQuantity } = ProfitAndLoss.report(state, new Decimal(ltp))
      return [netQuantity, ...[fifo.realised, fifo.unrealised, average.realised, average.unrealised].map(Money.format)]
    }
    const open = [trade("BUY", 10, "100"), trade("BUY", 10, "110")]
    assert.deepStrictEqual(text(fills(...open, trade("SELL", 15, "120")), "120"), [5, "250", "50", "225", "75"])
    assert.deepStrictEqual(text(fills(...open, trade("SELL", 10, "120")), "120"), [10, "200", "100", "150", "150"])
    assert.deepStrictEqual(text(fills(...open, trade("SELL", 30, "120")), "125"), [-10, "300", "-50", "300", "-50"])
    assert.deepStrictEqual(text(fills(...open, trade("SELL", 20, "120")), "125"), [0, "300", "0", "300", "0"])
    assert.deepStrictEqual(fills(trade("BUY", 0, "100")), ProfitAndLoss.empty)
  })

  const fill = FastCheck.record({
    direction: FastCheck.constantFrom("BUY" as const, "SELL" as const),
    quantity: FastCheck.integer({ min: 0, max: 100_000 }),
    price: FastCheck.integer({ min: 0, max: 99_999_999 }).map((paise) => Money.toDecimal(paise, 100))
  })
  it.prop(
    "BE-FIN-04 FIFO and average cost agree to the last digit on the total, and on the realised profit when flat",
    [FastCheck.array(fill, { maxLength: 60 }), FastCheck.integer({ min: 0, max: 99_999_999 })],
    ([trades, paise]) => {
      const state = fills(...trades)
      assert.deepStrictEqual(ProfitAndLoss.fold(ProfitAndLoss.empty, trades), state, "one by one and all at once")
      const ltp = Money.toDecimal(paise, 100)
      const report = ProfitAndLoss.report(state, ltp)
      const cash = trades.reduce((sum, it) => sum.minus(it.price.times(Position.signed(it.direction, it.quantity))), Money.zero)
      const expected = cash.plus(ltp.times(Position.netQuantity(trades)))
      for (const split of [report.fifo, report.average])
        assert.strictEqual(Money.format(split.realised.plus(split.unrealised)), Money.format(expected))
      assert.strictEqual(Money.format(report.total), Money.format(expected))
      assert.strictEqual(
        state.lots.reduce((sum, lot) => sum + lot.quantity, 0),
        state.netQuantity
      )
      const flat =
        state.netQuantity === 0
          ? state
          : ProfitAndLoss.fill(state, {
              direction: state.netQuantity > 0 ? "SELL" : "BUY",
              quantity: Math.abs(state.netQuantity),
              price: ltp
            })
      const closed = ProfitAndLoss.report(flat, Money.zero)
      assert.strictEqual(Money.format(closed.fifo.realised), Money.format(expected))
      assert.strictEqual(Money.format(closed.average.realised), Money.format(expected))
    }
  )

  it("BE-FIN-04 the value at a cut-off average is whole money, over partial closes and a flip too", () => {
    const average = new Decimal("88.08333333333333")
    assert.strictEqual(Money.format(Position.valueOf(average, -390)), "-34352.5")
    assert.strictEqual(Money.format(Position.valueOf(new Decimal("0.0025"), 3)), "0.0075", "a quoted price is exact")
    const trade = (direction: Position.Direction, quantity: number, price: Money.Decimal) => ({ direction, quantity, price })
    const parts = fills(trade("BUY", 390, average), trade("SELL", 130, new Decimal(90)), trade("SELL", 260, new Decimal(90)))
    assert.strictEqual(Money.format(ProfitAndLoss.report(parts, Money.zero).fifo.realised), "747.5")
    const flip = fills(trade("SELL", 10, new Decimal(90)), trade("BUY", 400, average), trade("SELL", 390, new Decimal(90)))
    assert.strictEqual(Money.format(ProfitAndLoss.report(flip, Money.zero).total), "766.6667")
  })

  it("BE-DAT-03 quantities are non-negative integers, and need not be whole lots", () => {
    const is = Schema.is(Position.Quantity)
    for (const good of [0, 1, 37, 65]) assert.isTrue(is(good))
    for (const bad of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, "50"]) assert.isFalse(is(bad))
    assert.throws(
      () =>
        Position.netQuantity([
          { direction: "BUY", quantity: Number.MAX_SAFE_INTEGER },
          { direction: "BUY", quantity: 1 }
        ]),
      Money.UnsafeInteger
    )
  })
})
