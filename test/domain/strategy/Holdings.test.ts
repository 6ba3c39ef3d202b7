import { assert, describe, it } from "@effect/vitest"
import * as Money from "../../../src/domain/Money.ts"
import * as Holdings from "../../../src/domain/strategy/Holdings.ts"

const money = (text: string) => new Money.Decimal(text)
const named = (symbol: string, token: number) => ({ tradingsymbol: symbol, exchange: "NFO", instrumentToken: token })
const fill = (symbol: string, token: number, direction: "BUY" | "SELL", quantity: number, price: string): Holdings.Fill => ({
  ...named(symbol, token),
  direction,
  quantity,
  price: money(price)
})
const leg = (legId: number, symbol: string, token: number, direction: "BUY" | "SELL", quantity: number, entry: string): Holdings.Leg => ({
  ...named(symbol, token),
  legId,
  direction,
  quantity,
  entryPrice: money(entry)
})
const brief = (held: ReadonlyArray<Holdings.Holding>) =>
  held.map(({ source, tradingsymbol, legIds, state }) => [source, tradingsymbol, legIds, state.netQuantity, Money.format(state.lotsCost)])

describe("Holdings", () => {
  it("legs without fills count at their entry prices; fills replace all legs of their instrument", () => {
    const legs = [
      leg(1, "A", 1, "BUY", 50, "100"),
      leg(2, "B", 2, "SELL", 50, "140.5"),
      leg(3, "A", 1, "SELL", 10, "1"),
      leg(4, "C", 3, "BUY", 0, "9"),
      leg(5, "B", 2, "BUY", 20, "130")
    ]
    const fills = Holdings.traded([fill("A", 1, "BUY", 50, "101"), fill("D", 4, "SELL", 5, "7"), fill("A", 1, "SELL", 20, "110")])
    assert.deepStrictEqual(brief(Holdings.holdings(legs, fills)), [
      ["leg", "B", [2], -50, "-7025"],
      ["leg", "B", [5], 20, "2600"],
      ["fills", "A", [1, 3], 30, "3030"],
      ["fills", "D", [], -5, "-35"]
    ])
    assert.deepStrictEqual(brief(Holdings.holdings(legs, new Map())).length, 4)
  })

  it("BE-DAT-03 a leg for analysis may have any quantity: zero is ignored, an odd one counts unchanged", () => {
    const legs = [leg(1, "A", 1, "BUY", 0, "100"), leg(2, "A", 1, "SELL", 7, "100"), leg(3, "B", 2, "BUY", Number.MAX_SAFE_INTEGER, "0.05")]
    assert.deepStrictEqual(brief(Holdings.holdings(legs, new Map())), [
      ["leg", "A", [2], -7, "-700"],
      ["leg", "B", [3], Number.MAX_SAFE_INTEGER, "450359962737049.55"]
    ])
  })

  it("exchange and symbol identify an instrument: a reused token is another one, a new token the same", () => {
    const fills = Holdings.traded([fill("OLD", 1, "BUY", 10, "5"), fill("NEW", 1, "BUY", 10, "6"), fill("OLD", 9, "SELL", 4, "8")])
    assert.deepStrictEqual(
      [...fills.values()].map(({ tradingsymbol, instrumentToken, state }) => [tradingsymbol, instrumentToken, state.netQuantity]),
      [
        ["OLD", 9, 6],
        ["NEW", 1, 10]
      ]
    )
  })

  it("a definition contains the realised profit and the open positions with their cost; nothing without fills", () => {
    const legs = [leg(1, "A", 1, "BUY", 50, "100"), leg(2, "B", 2, "SELL", 50, "1")]
    assert.isUndefined(Holdings.inDefinition(legs, new Map(), () => null))
    const fills = Holdings.traded([
      fill("A", 1, "BUY", 50, "100"),
      fill("A", 1, "SELL", 50, "100.05"),
      fill("D", 4, "SELL", 5, "7"),
      fill("D", 4, "BUY", 2, "6")
    ])
    const asked: Array<string> = []
    const definition = Holdings.inDefinition(legs, fills, ({ tradingsymbol }) => {
      asked.push(tradingsymbol)
      return null
    })
    assert.deepStrictEqual(definition, {
      realised: money("4.5"),
      leg_ids: [1],
      positions: [{ instrument_token: 4, tradingsymbol: "D", quantity: -3, open_cost: money("-21"), priced: null }]
    })
    assert.deepStrictEqual(asked, ["D"], "what is flat needs no instrument any more")
  })

  it("BE-FIN-04 a holding's value needs a price only while it is open", () => {
    const fills = Holdings.traded([
      fill("A", 1, "BUY", 50, "100"),
      fill("A", 1, "SELL", 20, "110"),
      fill("F", 2, "BUY", 1, "3"),
      fill("F", 2, "SELL", 1, "4")
    ])
    const [open, flat] = Holdings.holdings([], fills)
    assert(open !== undefined && flat !== undefined)
    const known = Holdings.value(open, money("120"))
    assert.deepStrictEqual(
      [known.isPriced, known.report.fifo.realised.toFixed(), known.report.fifo.unrealised.toFixed(), known.report.total.toFixed()],
      [true, "200", "600", "800"]
    )
    assert.isFalse(Holdings.value(open, null).isPriced)
    assert.strictEqual(Holdings.value(open, null).report.fifo.realised.toFixed(), "200")
    const closed = Holdings.value(flat, null)
    assert.deepStrictEqual([closed.isPriced, closed.report.total.toFixed()], [true, "1"])
  })

  it("BE-DAY-03 an expired contract is closed at its settlement price: a sold option that expires worthless keeps its premium", () => {
    const settled = (exchange: string, tradingsymbol: string, price: string) => ({
      exchange,
      tradingsymbol,
      price: money(price),
      source: "computed"
    })
    const settlements = Holdings.settlementsOf([settled("NFO", "SHORT", "0"), settled("NFO", "LONG", "12.5"), settled("BFO", "OPEN", "1")])
    const legs = [leg(1, "SHORT", 1, "SELL", 75, "120"), leg(2, "LONG", 2, "BUY", 75, "10"), leg(3, "OPEN", 3, "BUY", 75, "10")]
    const held = Holdings.holdings(legs, new Map(), settlements)
    const results = held.map((one) => {
      const { report, isPriced } = Holdings.value(one, null)
      return [one.tradingsymbol, isPriced, report.fifo.realised.toFixed(), one.state.netQuantity]
    })
    assert.deepStrictEqual(results, [
      ["SHORT", true, "9000", 0],
      ["LONG", true, "187.5", 0],
      ["OPEN", false, "0", 75]
    ])
    const flat = Holdings.traded([fill("SHORT", 1, "BUY", 75, "1"), fill("SHORT", 1, "SELL", 75, "2")])
    const [closed] = Holdings.holdings([], flat, settlements)
    assert(closed !== undefined)
    assert.strictEqual(Holdings.value(closed, null).report.fifo.realised.toFixed(), "75", "what is closed is not settled again")
  })
})
