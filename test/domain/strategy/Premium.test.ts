import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Money from "../../../src/domain/Money.ts"
import * as Position from "../../../src/domain/strategy/Position.ts"
import * as Premium from "../../../src/domain/strategy/Premium.ts"

const scale = FastCheck.constantFrom(100, 10_000, 10_000_000)
/** Up to the largest wire price and quantity, so that some sums exceed 2^53. */
const leg = FastCheck.record({
  direction: FastCheck.constantFrom<Position.Direction>("BUY", "SELL"),
  quantity: FastCheck.oneof(FastCheck.integer({ min: 0, max: 500 }), FastCheck.integer({ min: 0, max: 1_000_000_000 })),
  price: FastCheck.oneof(FastCheck.integer({ min: 0, max: 300_000 }), FastCheck.integer({ min: 0, max: 2 ** 31 - 1 })),
  scale
})

const lineOf = (it: { direction: Position.Direction; quantity: number; price: number; scale: number }) => ({
  position: Position.signed(it.direction, it.quantity),
  factor: Premium.unitsPerRupee / it.scale,
  price: it.price
})

/** The value of all lines, computed between a first and a last line that are not included. */
const netOf = (lines: ReadonlyArray<ReturnType<typeof lineOf>>): Premium.Units | null => {
  const other = { position: 3, factor: 5, price: 7 }
  const rows = [other, ...lines, other]
  const column = (name: keyof typeof other) => Float64Array.from(rows, (line) => line[name])
  return Premium.net({ position: column("position"), factor: column("factor") }, column("price"), 1, rows.length - 1)
}

describe("Premium", () => {
  it.prop("BE-FIN-01 m2m in integers is m2m in decimals, beyond 2^53 too", [FastCheck.array(leg, { maxLength: 12 })], ([legs]) => {
    const units = netOf(legs.map(lineOf))
    const decimal = Premium.m2m(
      legs.map(({ direction, quantity, price, scale }) => ({ direction, quantity, ltp: Money.toDecimal(price, scale) }))
    )
    assert.isNotNull(units)
    assert.strictEqual(Money.format(Premium.toMoney(units)), Money.format(decimal))
    assert.strictEqual(Premium.textOf(units), Money.format(decimal))
    assert.strictEqual(Premium.ofMoney(decimal), Number.isSafeInteger(Number(units)) ? Number(units) : null)
  })

  it("BE-FIN-01 money that is no whole number of units has none", () => {
    assert.isNull(Premium.ofMoney(new Money.Decimal("0.00000001")))
    assert.strictEqual(Premium.ofMoney(new Money.Decimal("-120.0000001")), -1_200_000_001)
    assert.strictEqual(Premium.textOf(-1_200_000_001), "-120.0000001")
  })

  it("BE-FIN-03 a line without a price makes the value null, for large sums too", () => {
    const known = { position: 1_000_000_000, factor: 100_000, price: 2 ** 31 - 1 }
    const unknown = { position: 1, factor: 100_000, price: Number.NaN }
    for (const lines of [[unknown], [known, unknown], [unknown, known]]) assert.isNull(netOf(lines))
  })
})
