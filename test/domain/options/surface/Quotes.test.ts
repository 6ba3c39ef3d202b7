import { assert, describe, it } from "@effect/vitest"
import * as Black76 from "../../../../src/domain/options/Black76.ts"
import * as Quotes from "../../../../src/domain/options/surface/Quotes.ts"

const terms: Quotes.Terms = { forward: 24_530, years: 7 / 365, rate: 0.065 }
const priceAt = (kind: "CE" | "PE", strike: number, vol: number) =>
  Black76.priceOf(kind === "CE" ? 1 : -1, terms.forward, strike, terms.years, terms.rate, vol)

const quote = (kind: "CE" | "PE", strike: number, changes: Partial<Quotes.Quote> = {}): Quotes.Quote => {
  const price = priceAt(kind, strike, 0.14)
  return { kind, strike, bid: price - 0.05, ask: price + 0.05, lastPrice: price, isOld: false, ...changes }
}
const leftOut = (quotes: ReadonlyArray<Quotes.Quote>) => {
  const counts = Object.entries(Quotes.choose(quotes, terms).leftOut)
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}

describe("quotes of a smile", () => {
  it("each strike gives the option that is out of the money, ascending, with the volatility of its mid price", () => {
    const strikes = [24_600, 24_400, 24_500]
    const {
      kinds,
      smile,
      strikes: chosen
    } = Quotes.choose(
      strikes.flatMap((strike) => [quote("CE", strike), quote("PE", strike)]),
      terms
    )
    assert.deepStrictEqual([...chosen], [24_400, 24_500, 24_600])
    assert.deepStrictEqual(kinds, ["PE", "PE", "CE"])
    for (const vol of smile.vol) assert.closeTo(vol, 0.14, 1e-6)
    assert.closeTo(smile.logMoneyness[2] ?? 0, Math.log(24_600 / 24_530), 1e-15)
  })

  it("counts what it leaves out by the first reason that holds", () => {
    assert.deepStrictEqual(leftOut([quote("CE", 24_600, { isOld: true, bid: null, lastPrice: null })]), { old: 1 })
    assert.deepStrictEqual(leftOut([quote("CE", 24_600, { bid: 200, ask: 100 })]), { crossed: 1 })
    assert.deepStrictEqual(leftOut([quote("CE", 24_600, { bid: null, lastPrice: null })]), { no_price: 1 })
    assert.deepStrictEqual(leftOut([quote("CE", 24_600, { bid: 30_000, ask: 30_001 })]), { no_volatility: 1 })
    assert.deepStrictEqual(leftOut([quote("CE", 24_600, { bid: 0, ask: 0, lastPrice: 30_000 })]), { no_volatility: 1 })
    const wide = { bid: priceAt("CE", 24_600, 0.1), ask: priceAt("CE", 24_600, 0.1 + Quotes.widthMax + 0.001) }
    assert.deepStrictEqual(leftOut([quote("CE", 24_600, wide)]), { wide: 1 })
    assert.deepStrictEqual(leftOut([quote("CE", 24_000)]), {}, "an option in the money is no strike left out")
  })

  it("leaves out strikes further from the forward than four deviations, judged by the quote nearest the money", () => {
    const deviation = 0.14 * Math.sqrt(terms.years)
    const at = (deviations: number) => Math.round(terms.forward * Math.exp(deviations * deviation))
    const quotes = [quote("CE", at(3.9)), quote("CE", at(4.1)), quote("PE", at(-4.1)), quote("CE", 24_550)]
    const { leftOut: counts, strikes } = Quotes.choose(quotes, terms)
    assert.deepStrictEqual([...strikes], [24_550, at(3.9)])
    assert.strictEqual(counts.far, 2)
  })

  it("a narrow book counts more than a wide one, and a last price without a book counts little", () => {
    const book = (from: number, to: number) => ({ bid: priceAt("CE", 24_600, from), ask: priceAt("CE", 24_600, to) })
    const weightOf = (changes: Partial<Quotes.Quote>) => Quotes.choose([quote("CE", 24_600, changes)], terms).smile.weight[0] ?? 0
    assert.closeTo(weightOf(book(0.135, 0.145)), 1 / 0.01 ** 2, 1e-3)
    assert.closeTo(weightOf(book(0.14, 0.14)), 1 / 0.002 ** 2, 1e-3)
    assert.closeTo(weightOf({ bid: null }), 1 / 0.02 ** 2, 1e-3)
  })
})
