import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck, Schema } from "effect"
import * as Money from "../../src/domain/Money.ts"

const { Decimal } = Money
const encode = Schema.encodeSync(Money.Money)
const decode = Schema.decodeUnknownSync(Money.Money)
const decodeInput = Schema.decodeUnknownEither(Money.MoneyInput)
const safe = FastCheck.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER })

describe("Money", () => {
  it("BE-FIN-05 (12450.89 - 12345.67) x 50 is 5261.00 exactly", () => {
    assert.strictEqual(new Decimal("12450.89").minus("12345.67").times(50).toFixed(2), "5261.00")
    const [a, b] = [Either.getOrThrow(Money.scaled("12450.89", 100)), Either.getOrThrow(Money.scaled("12345.67", 100))]
    assert.strictEqual(Money.format(Money.toDecimal(Money.checked((a - b) * 50), 100)), "5261")
  })

  it("BE-FIN-05 a million additions do not drift", () => {
    const step = new Decimal("0.1")
    let sum = Money.zero
    let scaledSum = 0
    for (let i = 0; i < 1_000_000; i++) {
      sum = sum.plus(step)
      scaledSum = Money.checked(scaledSum + 10)
    }
    assert.strictEqual(Money.format(sum), "100000")
    assert.strictEqual(Money.format(Money.toDecimal(scaledSum, 100)), "100000")
  })

  it("BE-FIN-05 the widest numeric(30,10) times the widest quantity is not rounded", () => {
    const wide = "99999999999999999999.9999999999"
    const expected = (BigInt(wide.replace(".", "")) * BigInt(Number.MAX_SAFE_INTEGER) * 1_000_000n).toString()
    const product = new Decimal(wide).times(Number.MAX_SAFE_INTEGER).times(1_000_000).times(new Decimal(10).pow(10))
    assert.strictEqual(product.toFixed(), expected)
  })

  it("BE-FIN-06 every instrument rounds by its own tick size", () => {
    const round = (price: string, tick: string) => Money.format(Money.roundToTick(new Decimal(price), new Decimal(tick)))
    assert.strictEqual(round("123.456", "0.01"), "123.46")
    assert.strictEqual(round("123.456", "0.05"), "123.45")
    assert.strictEqual(round("123.475", "0.05"), "123.5")
    assert.strictEqual(round("-123.475", "0.05"), "-123.5")
    assert.strictEqual(round("84.12374", "0.0025"), "84.1225")
    assert.strictEqual(round("23456.3", "1"), "23456")
    assert.strictEqual(round("24500.123", "0"), "24500.123")
  })

  it.prop(
    "BE-FIN-06 a rounded price is on the grid and at most half a tick away; rounding it again changes nothing",
    [safe, FastCheck.integer({ min: 1, max: 100_000 })],
    ([price, tick]) => {
      const [exact, step] = [Money.toDecimal(price, 1e4), Money.toDecimal(tick, 1e4)]
      const rounded = Money.roundToTick(exact, step)
      assert.isTrue(rounded.mod(step).isZero())
      assert.isTrue(rounded.minus(exact).abs().times(2).lte(step))
      assert.isTrue(Money.roundToTick(rounded, step).equals(rounded))
    }
  )

  it("BE-FIN-07 money is a plain string in JSON and comes back unchanged", () => {
    for (const text of [
      "999999999.99",
      "-1500",
      "0",
      "0.0000000001",
      "99999999999999999999.9999999999",
      "123456789012345678901234567890"
    ]) {
      assert.strictEqual(encode(decode(text)), text)
    }
    assert.strictEqual(encode(new Decimal("1e-30")), "0.000000000000000000000000000001")
    assert.strictEqual(encode(new Decimal("1e40")), `1${"0".repeat(40)}`)
    assert.strictEqual(encode(new Decimal("-0")), "0")
    assert.strictEqual(encode(decode("100.50")), "100.5")
  })

  it.prop(
    "BE-FIN-07 any decimal survives JSON",
    [FastCheck.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), FastCheck.integer({ min: 0, max: 12 })],
    ([digits, places]) => {
      const value = new Decimal(digits.toString()).div(new Decimal(10).pow(places))
      const back = decode(JSON.parse(JSON.stringify({ v: encode(value) })).v)
      assert.isTrue(back.equals(value))
      assert.notMatch(encode(value), /e/i)
    }
  )

  it("BE-FIN-07 rejects wire money that is not a plain decimal string", () => {
    for (const bad of [
      "",
      "1e5",
      "NaN",
      "Infinity",
      "0x10",
      " 1",
      "1 ",
      "1.",
      ".5",
      "+1",
      "--1",
      "01",
      "1,000",
      "1\n",
      5,
      null,
      "9".repeat(200)
    ]) {
      assert.isTrue(Either.isLeft(Schema.decodeUnknownEither(Money.Money)(bad)), JSON.stringify(bad))
    }
    assert.isTrue(Either.isLeft(Schema.encodeEither(Money.Money)(new Decimal(Number.NaN))))
    assert.isTrue(Either.isLeft(Schema.encodeEither(Money.Money)(new Decimal(Number.POSITIVE_INFINITY))))
  })

  it("BE-FIN-07 reads input money from a string or a number's shortest text, and rejects more digits than a broker prints", () => {
    const read = (input: unknown) => Either.getOrThrow(Either.map(decodeInput(input), Money.format))
    assert.strictEqual(read("999999999.99"), "999999999.99")
    assert.strictEqual(read(999999999.99), "999999999.99")
    assert.strictEqual(read(0.1), "0.1")
    assert.strictEqual(read(1e-7), "0.0000001")
    assert.strictEqual(read(-0), "0")
    assert.strictEqual(read("99999999999999999999.99999999999999999999"), "99999999999999999999.99999999999999999999")
    assert.strictEqual(read(88.08333333333333), "88.08333333333333")
    assert.strictEqual(read(0.08333333333333333), "0.08333333333333333")
    for (const bad of [
      Number.NaN,
      Number.POSITIVE_INFINITY,
      "1e5",
      "abc",
      "",
      "0.000000000000000000001",
      1e20,
      1e21,
      "100000000000000000000",
      true,
      null
    ]) {
      assert.isTrue(Either.isLeft(decodeInput(bad)), String(bad))
    }
  })

  it("scales a decimal text exactly or gives the reason why not", () => {
    const scaled = (text: string, scale: number) => Either.getOrElse(Money.scaled(text, scale), (error) => error.reason)
    assert.strictEqual(scaled("24500.05", 100), 2450005)
    assert.strictEqual(scaled("24500.0", 100), 2450000)
    assert.strictEqual(scaled("24500", 100), 2450000)
    assert.strictEqual(scaled("0.0025", 1e7), 25000)
    assert.strictEqual(scaled("-0.05", 100), -5)
    assert.isTrue(Object.is(scaled("-0.0", 100), 0))
    assert.strictEqual(scaled("1.10000", 100), 110)
    assert.strictEqual(scaled("90071992547409.91", 100), Number.MAX_SAFE_INTEGER)
    assert.strictEqual(scaled("90071992547409.92", 100), "beyond 2^53")
    assert.strictEqual(scaled("0.005", 100), "more decimals than the scale holds")
    for (const bad of ["", "-", "1e2", "1.2.3", " 1", "NaN", ".5", "9".repeat(200)])
      assert.strictEqual(scaled(bad, 100), "not a plain decimal", bad)
    assert.throws(() => Money.scaled("1", 3), RangeError)
  })

  it.prop(
    "a scaled integer, its decimal and its text are the same number",
    [safe, FastCheck.constantFrom(1, 100, 1e4, 1e7)],
    ([int, scale]) => {
      const exact = Money.toDecimal(int, scale)
      assert.strictEqual(Either.getOrThrow(Money.scaled(Money.format(exact), scale)), int)
      assert.isTrue(exact.times(scale).equals(int))
    }
  )

  it.prop(
    "a double is printed as its exact decimal up to 15 digits",
    [FastCheck.integer({ min: -(10 ** 15) + 1, max: 10 ** 15 - 1 }), FastCheck.constantFrom(1, 100, 1e4)],
    ([int, scale]) => {
      assert.strictEqual(JSON.stringify(Money.toNumber(int, scale)), Money.format(Money.toDecimal(int, scale)))
    }
  )

  it("rejects integers beyond 2^53", () => {
    assert.strictEqual(Money.checked(Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER)
    for (const bad of [2 ** 53, -(2 ** 53), 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => Money.checked(bad), Money.UnsafeInteger)
    }
    assert.throws(() => Money.toDecimal(2 ** 53, 100), Money.UnsafeInteger)
  })
})
