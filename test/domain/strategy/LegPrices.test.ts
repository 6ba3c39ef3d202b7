import { assert, describe, it } from "@effect/vitest"
import * as LegPrices from "../../../src/domain/strategy/LegPrices.ts"

const legs = (count: number): Array<LegPrices.Priced> => Array.from({ length: count }, () => ({ priceRow: -1 }))
const rowsOf = (of: ReadonlyArray<LegPrices.Priced>) => of.map(({ priceRow }) => priceRow)

describe("prices of legs", () => {
  it("legs get neighbouring rows, keep them, and keep their prices while rows are added", () => {
    const prices = LegPrices.make()
    const all = legs(40)
    for (const [at, leg] of all.entries()) LegPrices.set(prices, leg, 100 + at, 1_000 + at)
    assert.deepStrictEqual(rowsOf(all), [...all.keys()])
    const [first] = all
    if (first !== undefined) LegPrices.set(prices, first, 7, 2_000)
    assert.deepStrictEqual(rowsOf(all), [...all.keys()])
    assert.deepStrictEqual([...prices.price.subarray(0, 3)], [7, 101, 102])
    assert.deepStrictEqual([...prices.atMs.subarray(0, 3)], [2_000, 1_001, 1_002])
    assert.strictEqual(prices.price[39], 139)
  })

  it("rows of legs that left are given to others, each once", () => {
    const prices = LegPrices.make()
    const before = legs(4)
    const staying = legs(12)
    for (const leg of [...before, ...staying]) LegPrices.set(prices, leg, 1, 1)
    LegPrices.release(prices, before)
    LegPrices.release(prices, before)
    assert.deepStrictEqual(rowsOf(before), [-1, -1, -1, -1])
    const after = legs(4)
    for (const leg of after) LegPrices.set(prices, leg, 2, 2)
    assert.lengthOf(prices.price, 16)
    assert.deepStrictEqual(
      rowsOf([...after, ...staying]).sort((a, b) => a - b),
      Array.from({ length: 16 }, (_, row) => row)
    )
  })
})
