import { Option, Schema } from "effect"
import { isIsoDate } from "../../domain/IndiaTime.ts"
import { MoneyInput } from "../../domain/Money.ts"

declare const sent: unique symbol
/**
 * A type-level mark without a value: the typed client uses it to know what a caller may send. A caller may omit a field with a default,
 * but handlers always find it.
 */
interface SentAs<A> {
  readonly [sent]?: A
}
/** A part of a request as a caller writes it. Each member of a union is mapped by itself, because it has fields that the others lack. */
export type Sent<A> = A extends unknown
  ? typeof sent extends keyof A
    ? { readonly [K in keyof NonNullable<A[typeof sent]>]: Sent<NonNullable<A[typeof sent]>[K]> }
    : A extends ReadonlyArray<infer Item>
      ? ReadonlyArray<Sent<Item>>
      : A
  : never

/** A field that may be omitted. The gateway then uses the default, so every handler sees the same value. */
export const withDefault = <A, I>(schema: Schema.Schema<A, I>, value: () => NoInfer<A>) =>
  // With the library's default the sender would have to write the field. This type is right for the receiver.
  Schema.optionalToOptional(Schema.UndefinedOr(schema), Schema.UndefinedOr(Schema.typeSchema(schema)), {
    decode: (read) => Option.some(Option.getOrUndefined(read) ?? value()),
    encode: Option.filter((given) => given !== undefined)
  }) as unknown as Schema.optionalWith<Schema.Schema<A, I>, { default: () => A }>

/** What a caller sends; unknown fields are ignored. */
export const LooseInput = <Fields extends Schema.Struct.Fields>(fields: Fields) => {
  const schema = Schema.Struct(fields)
  type Self = typeof schema
  return schema as unknown as Schema.Schema<Self["Type"] & SentAs<Schema.Struct.Constructor<Fields>>, Self["Encoded"], Self["Context"]>
}
/**
 * What a caller sends. Every wrong field is reported, and an unknown field is wrong. By default the library stops at the first and
 * drops the unknown.
 */
export const Input = <Fields extends Schema.Struct.Fields>(fields: Fields) =>
  LooseInput(fields).annotations({ parseOptions: { errors: "all", onExcessProperty: "error" } })

/** Largest `offset`: the largest 32-bit integer. */
const offsetMax = 2 ** 31 - 1
export const limitMax = 1000
export const limitDefault = 100

const wholeExpected = (min: number, max: number): string => `expected a whole number from ${min} to ${max}`
/** A whole number in a body. */
export const WholeNumberBetween = (min: number, max: number) =>
  Schema.Int.pipe(Schema.between(min, max, { message: () => wholeExpected(min, max) }))
/** A whole number in a query. */
export const digits = (max: number, min: number, expected: string = wholeExpected(min, max)) =>
  Schema.transform(
    Schema.String.pipe(
      Schema.filter((text) => /^\d{1,10}$/.test(text) && Number(text) >= min && Number(text) <= max, {
        message: () => expected,
        jsonSchema: { type: "integer", minimum: min, maximum: max }
      })
    ),
    Schema.Int,
    { strict: true, decode: Number, encode: String }
  )

/** The two paging parameters of every list. */
export const pageFields = {
  limit: withDefault(digits(limitMax, 1), () => limitDefault),
  offset: withDefault(digits(offsetMax, 0, "expected a whole number, zero or more"), () => 0)
}
export const Page = Input(pageFields)
/** What the answer of every list says about its page. `total` counts the items of all pages. */
export const listedFields = { total: Schema.Int, limit: Schema.Int, offset: Schema.Int }

/** An id in a path: a whole number of any length. An id that does not exist is a 404, not a validation error. */
export const WholeNumber = Schema.transform(
  Schema.String.pipe(Schema.pattern(/^-?\d+$/, { message: () => "expected a whole number", jsonSchema: { type: "integer" } })),
  Schema.Number,
  { strict: true, decode: Number, encode: String }
)

/** Postgres text cannot contain NUL, and half a surrogate pair is not valid text. */
const isPlain = (text: string): boolean => !/[\0\p{Surrogate}]/u.test(text)
export const Text = (lengthMax: number) =>
  Schema.String.pipe(
    Schema.maxLength(lengthMax, { message: () => `at most ${lengthMax} characters` }),
    Schema.filter(isPlain, { message: () => "contains a character that is not valid text" })
  )
/** Non-empty text without surrounding blanks. */
export const Name = (lengthMax: number) =>
  Schema.compose(Schema.Trim, Text(lengthMax).pipe(Schema.minLength(1, { message: () => "must not be empty" })))

/** A symbol, converted to upper case as exchanges write it. */
export const Symbol = Schema.transform(Text(64).pipe(Schema.minLength(1, { message: () => "must not be empty" })), Schema.String, {
  strict: true,
  decode: (text) => text.trim().toUpperCase(),
  encode: (text) => text
})

export const Expiry = Schema.String.pipe(
  Schema.filter(isIsoDate, { message: () => "expected a day YYYY-MM-DD", jsonSchema: { type: "string", format: "date" } })
)

const instant = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?$/
const isInstant = (text: string): boolean => instant.test(text) && isIsoDate(text.slice(0, 10)) && !Number.isNaN(Date.parse(text))
/** An ISO 8601 instant with its offset, or a day (its midnight, UTC). */
export const Instant = Schema.transform(
  Schema.String.pipe(
    Schema.filter(isInstant, {
      message: () => "expected an ISO 8601 time such as 2026-11-24T09:15:00Z",
      jsonSchema: { type: "string", pattern: instant.source }
    })
  ),
  Schema.DateFromSelf,
  { strict: true, decode: (text) => new Date(text), encode: (date) => date.toISOString() }
)
/** An ISO 8601 instant, or a day ("YYYY-MM-DD"), which means the expiry instant of that day's contracts. */
export const MarketInstant = Schema.transform(
  Schema.String.pipe(
    Schema.filter(isInstant, {
      message: () => "expected a day such as 2026-11-24 or an ISO 8601 time",
      jsonSchema: { type: "string", pattern: instant.source }
    })
  ),
  Schema.Union(Schema.DateFromSelf, Schema.String),
  {
    strict: true,
    decode: (text) => (isIsoDate(text) ? text : new Date(text)),
    encode: (moment) => (typeof moment === "string" ? moment : moment.toISOString())
  }
)

/** One of a few texts. The error names all of them. */
export const oneOf = <const Values extends readonly [string, ...ReadonlyArray<string>]>(values: Values) =>
  Schema.Literal(...values).annotations({ message: () => ({ message: `expected one of ${values.join(", ")}`, override: true }) })

/** Money in a body. */
export const PositiveMoney = MoneyInput.pipe(
  Schema.filter((value) => value.isPositive() && !value.isZero(), { message: () => "must be above zero" })
)
export const NonNegativeMoney = MoneyInput.pipe(Schema.filter((value) => !value.isNegative(), { message: () => "must not be negative" }))

/** A finite number in a body. */
export const NumberBetween = (min: number, max: number) =>
  Schema.JsonNumber.pipe(Schema.between(min, max, { message: () => `expected a number from ${min} to ${max}` }))
const plainNumber = /^[-+]?\d{1,15}(?:\.\d{1,15})?$/
/** A finite number in a query. */
export const numberText = (min: number, max: number) =>
  Schema.transform(
    Schema.String.pipe(
      Schema.filter((text) => plainNumber.test(text) && Number(text) >= min && Number(text) <= max, {
        message: () => `expected a number from ${min} to ${max}`,
        jsonSchema: { type: "number", minimum: min, maximum: max }
      })
    ),
    Schema.Number,
    { strict: true, decode: Number, encode: String }
  )

/** A list of such texts in a query, separated by commas. */
export const listText = <A>(item: Schema.Schema<A, string>, countMax: number) =>
  Schema.compose(
    Schema.transform(Schema.String, Schema.Array(Schema.String), {
      strict: true,
      decode: (text) => text.split(","),
      encode: (texts) => texts.join(",")
    }),
    Schema.Array(item).pipe(Schema.maxItems(countMax, { message: () => `expected at most ${countMax}, with commas between them` }))
  )
