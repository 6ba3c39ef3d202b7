import { assert, describe, it } from "@effect/vitest"
import * as Bars from "../../../web/src/spot/Bars.ts"

describe("Bars", () => {
  it("gathers prices, never changes a closed bar, and joins longer bars", () => {
    const bars: Array<Bars.Bar> = []
    for (const [price, time] of [
      [10, 0],
      [12, 0],
      [9, 5],
      [11, 60]
    ] as const)
      Bars.add(bars, price, time)
    assert.strictEqual(Bars.add(bars, 99, 5), undefined)
    assert.deepStrictEqual(Bars.join(bars, 60), [
      { time: 0, open: 10, high: 12, low: 9, close: 9 },
      { time: 60, open: 11, high: 11, low: 11, close: 11 }
    ])
  })
})
