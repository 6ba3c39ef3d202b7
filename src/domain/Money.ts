import { Decimal as DecimalJs } from "decimal.js"
import { Data, Either, ParseResult, Schema } from "effect"

/**
 * Tarang's own decimal.js constructor. 80 significant digits hold 10^33 products of a numeric(30,10) and an integer of 2^53. So only a
 * division without an end is rounded (half to even). `toString` never prints an exponent.
 */
export const Decimal: DecimalJs.Constructor = DecimalJs.clone({
  precision: 80,
  rounding: DecimalJs.ROUND_HALF_EVEN,
  toExpNeg: -9e15,
  toExpPos: 9e15
})
export type Decimal = DecimalJs

/** Decimal places of entered money. Brokers print an average price as a double's shortest text: 88.08333333333333, 0.08333333333333333. */
export const inputPlacesMax = 20
/** Integer digits of entered money. */
export const inputIntegerDigitsMax = 20
/** Longest text read as money. */
export const textLengthMax = 128

const plainDecimal = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/

/** Plain decimal text: never an exponent, never "-0". */
export const format = (value: Decimal): string => (value.isZero() ? "0" : value.toFixed())

export const zero: Decimal = new Decimal(0)

/** A finite Decimal in memory. */
export const DecimalFromSelf: Schema.Schema<Decimal> = Schema.declare(
  (value): value is Decimal => Decimal.isDecimal(value) && value.isFinite(),
  {
    identifier: "DecimalFromSelf",
    description: "a finite decimal number",
    pretty: () => format,
    equivalence: () => (a, b) => a.equals(b),
    arbitrary: () => (fc) =>
      fc
        .tuple(fc.bigInt({ min: -(10n ** 29n), max: 10n ** 29n }), fc.integer({ min: 0, max: inputPlacesMax }))
        .map(([digits, places]) => new Decimal(digits.toString()).div(new Decimal(10).pow(places)))
  }
)

const decode = (text: string): Decimal | string => {
  if (text.length > textLengthMax) return `a decimal has at most ${textLengthMax} characters`
  if (!plainDecimal.test(text)) return "expected a plain decimal such as -1500 or 120.05: digits, one point, no exponent"
  return new Decimal(text)
}

/** Money and anything else that is added up: a Decimal in memory, a plain decimal string on the wire ("-1500", "0.05"). */
export const Money: Schema.Schema<Decimal, string> = Schema.transformOrFail(
  Schema.String.annotations({ jsonSchema: { type: "string", pattern: plainDecimal.source, examples: ["-1500", "120.05"] } }),
  DecimalFromSelf,
  {
    strict: true,
    decode: (text, _options, ast) => {
      const value = decode(text)
      return typeof value === "string" ? ParseResult.fail(new ParseResult.Type(ast, text, value)) : ParseResult.succeed(value)
    },
    encode: (value) => ParseResult.succeed(format(value))
  }
).annotations({ identifier: "Money" })

/** The decimal that a double prints as, which is the decimal that the double was made from. */
export const ofNumber = (value: number): Decimal => new Decimal(String(value))

const decodeInput = (input: string | number): Decimal | string => {
  if (typeof input === "number" && !Number.isFinite(input)) return "expected a finite number"
  // A double's shortest text is the decimal that the sender wrote. It has an exponent only beyond 1e21 and below 1e-6.
  const value = typeof input === "number" ? ofNumber(input) : decode(input)
  if (typeof value === "string") return value
  if (value.decimalPlaces() > inputPlacesMax) return `at most ${inputPlacesMax} decimal places`
  if (value.abs().gte(inputMax)) return `at most ${inputIntegerDigitsMax} digits before the point`
  return value
}
const inputMax = new Decimal(10).pow(inputIntegerDigitsMax)

/**
 * Money as clients send it: a JSON string, or a number, which is read as its shortest decimal text. Every digit is kept. A value with more
 * digits than the limits above is rejected, never rounded.
 */
export const MoneyInput: Schema.Schema<Decimal, string | number> = Schema.transformOrFail(
  Schema.Union(
    Schema.String.annotations({ jsonSchema: { type: "string", pattern: plainDecimal.source } }),
    Schema.Number.annotations({ jsonSchema: { type: "number" } })
  ),
  DecimalFromSelf,
  {
    strict: true,
    decode: (input, _options, ast) => {
      const value = decodeInput(input)
      return typeof value === "string" ? ParseResult.fail(new ParseResult.Type(ast, input, value)) : ParseResult.succeed(value)
    },
    encode: (value) => ParseResult.succeed(format(value))
  }
).annotations({ identifier: "MoneyInput" })

/** A text that is not an integer at the requested scale. */
export class NotScalable extends Data.TaggedError("NotScalable")<{
  readonly text: string
  readonly scale: number
  readonly reason: "not a plain decimal" | "more decimals than the scale holds" | "beyond 2^53"
}> {
  override get message(): string {
    return `"${this.text}" is not an integer at scale ${this.scale}: ${this.reason}`
  }
}

/** A scaled integer passed 2^53, beyond which doubles skip integers. This is a defect: the caller's bounds were wrong. */
export class UnsafeInteger extends Data.TaggedError("UnsafeInteger")<{ readonly value: number }> {
  override get message(): string {
    return `${this.value} is not a safe integer: scaled money must stay within 2^53; use Decimal here`
  }
}

const scaledText = /^(-?)(\d+)(?:\.(\d*?)0*)?$/

/**
 * The exact integer `text` x `scale`: "24500.05" at 100 is 2450005. `scale` is a power of ten up to 1e15. Zeros past the scale are
 * allowed ("24500.0500"); other digits are an error, because nothing is rounded.
 */
export const scaled = (text: string, scale: number): Either.Either<number, NotScalable> => {
  const match = text.length <= textLengthMax ? scaledText.exec(text) : null
  if (match === null) return Either.left(new NotScalable({ text, scale, reason: "not a plain decimal" }))
  const [, sign, whole = "", fraction = ""] = match
  const places = placesOf(scale)
  if (fraction.length > places) return Either.left(new NotScalable({ text, scale, reason: "more decimals than the scale holds" }))
  // Digits are joined as text, so that no binary fraction is computed between the text and the integer.
  const value = Number(whole + fraction.padEnd(places, "0"))
  if (!Number.isSafeInteger(value)) return Either.left(new NotScalable({ text, scale, reason: "beyond 2^53" }))
  return Either.right(sign === "-" && value !== 0 ? -value : value)
}

const placesByScale: ReadonlyMap<number, number> = new Map(Array.from({ length: 16 }, (_, places) => [10 ** places, places]))

/** Decimal places of a scale: 2 for 100. A number other than 1, 10 .. 1e15 is a defect. */
export const placesOf = (scale: number): number => {
  const places = placesByScale.get(scale)
  if (places === undefined) throw new RangeError(`a scale is a power of ten from 1 to 1e15, not ${scale}`)
  return places
}

/** Returns `n` if it is a safe integer. Otherwise throws the defect `UnsafeInteger`: a sum or product passed 2^53 or is not whole. */
export const checked = (n: number): number => {
  if (!Number.isSafeInteger(n)) throw new UnsafeInteger({ value: n })
  return n
}

/** The exact decimal int / scale. */
export const toDecimal = (int: number, scale: number): Decimal => new Decimal(`${checked(int)}e-${placesOf(scale)}`)

/**
 * The double nearest to int / scale. Both are exact doubles, so one IEEE division rounds once and correctly. JSON prints the exact
 * decimal for up to 15 significant digits (2450005 at 100 prints 24500.05).
 */
export const toNumber = (int: number, scale: number): number => int / scale

/**
 * `price` rounded to a multiple of `tick` (both in rupees), half a tick away from zero: 123.456 is 123.46 at 0.01 and 123.45 at 0.05.
 * Indices have tick 0, so their price is returned unchanged.
 */
export const roundToTick = (price: Decimal, tick: Decimal): Decimal =>
  tick.lte(0) ? price : new Decimal(price).div(tick).toDecimalPlaces(0, Decimal.ROUND_HALF_UP).times(tick)
