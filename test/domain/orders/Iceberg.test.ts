import { assert, describe, it } from "@effect/vitest"
import * as Iceberg from "../../../src/domain/orders/Iceberg.ts"

describe("the legs of an iceberg order", () => {
  it("are of whole lots, and together the whole quantity", () => {
    const each = (lots: number, legs: number) => Iceberg.legQuantity(lots * 75, legs, 75)
    assert.deepStrictEqual([each(2, 2), each(3, 2), each(5, 3), each(50, 50), each(7, 3)], [75, 150, 150, 75, 225])
    // Five lots in four legs would be of two lots each, and the last leg would be empty.
    assert.deepStrictEqual([each(1, 2), each(5, 4)], [null, null])
    for (let lots = 1; lots <= 60; lots++)
      for (let legs = 2; legs <= 50; legs++) {
        const quantity = each(lots, legs)
        if (quantity === null) continue
        const last = lots * 75 - (legs - 1) * quantity
        assert.isTrue(quantity % 75 === 0 && last > 0 && last <= quantity, `${lots} lots in ${legs} legs`)
      }
  })

  it("are refused with the reason", () => {
    assert.isNull(Iceberg.refusalOf({ quantity: 100 }, 75))
    assert.isNull(Iceberg.refusalOf({ quantity: 225, iceberg_legs: 2, iceberg_quantity: 150 }, 75))
    assert.strictEqual(
      Iceberg.refusalOf({ quantity: 225, iceberg_legs: 2, iceberg_quantity: 113 }, 75),
      "each leg has to be of 150, whole lots of 75"
    )
    assert.strictEqual(Iceberg.refusalOf({ quantity: 75, iceberg_legs: 2 }, 75), "75 cannot be cut into 2 legs of whole lots of 75")
  })
})
