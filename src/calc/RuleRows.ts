import { Either, Schema } from "effect"
import * as IndiaTime from "../domain/IndiaTime.ts"
import { Decimal, format } from "../domain/Money.ts"
import * as Charges from "../domain/rules/Charges.ts"
import * as Day from "../domain/rules/Day.ts"
import * as Expiries from "../domain/rules/Expiries.ts"
import * as ExpiryInstant from "../domain/rules/ExpiryInstant.ts"
import * as Facts from "../domain/rules/Facts.ts"
import * as Hours from "../domain/rules/Hours.ts"
import * as Quantities from "../domain/rules/Quantities.ts"
import { shipped as rules } from "../domain/rules/Shipped.ts"
import * as Ticks from "../domain/rules/Ticks.ts"
import type { UnknownRule } from "../domain/rules/UnknownRule.ts"
import * as Document from "./Document.ts"

const IsoDay = Schema.String.pipe(Schema.filter(IndiaTime.isIsoDate, { message: () => "expected a day YYYY-MM-DD" }))
const Month = Schema.String.pipe(Schema.pattern(/^\d{4}-(0[1-9]|1[0-2])$/))
const TimeOfDay = Schema.String.pipe(Schema.pattern(/^([01]\d|2[0-3]):[0-5]\d$/))
const LocalTime = Schema.String.pipe(Schema.pattern(/^\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d$/))
const Amount = Schema.Union(Schema.String.pipe(Schema.pattern(/^\d+(\.\d+)?$/)), Schema.Number.pipe(Schema.finite()))

const istMs = (day: string, time: string): number => Date.parse(`${day}T${time}:00+05:30`)

type Result = Either.Either<unknown, Document.BadRow>
type Answerer = (row: Document.Json) => Result

/** Makes the function that answers questions of one form. */
const ask = <A, I>(schema: Schema.Schema<A, I>, answer: (question: A) => Either.Either<unknown, UnknownRule>): Answerer => {
  const decode = Document.decoder(schema)
  return (row) =>
    Either.flatMap(decode(row), (question) => Either.mapLeft(answer(question), (unknown) => ({ path: "ask", reason: unknown.message })))
}

const day = ({ day }: Expiries.Expiry): string => Day.iso(day)

const charged = (it: Charges.Charges) => ({
  transaction_tax: format(it.transactionTax),
  exchange_turnover_charge: format(it.exchange.plus(it.ipft)),
  sebi_turnover_charge: format(it.sebi),
  brokerage: format(it.brokerage),
  gst: format(it.gst),
  stamp_duty_unrounded: format(it.stampDuty),
  total_without_stamp: format(it.total.minus(it.stampDuty))
})

/** "commodity futures (GOLDPETAL)", "SENSEX options", "equity delivery (CNC)": the segment, and the underlying if there is one. */
const chargeSegment = (text: string): { readonly segment: string; readonly underlying: string } => {
  const index = /^([A-Z0-9]+) (options|futures)$/.exec(text)
  if (index !== null) return { segment: `equity_${index[2]}`, underlying: index[1] ?? "" }
  const [, name = text, underlying = ""] = /^(.*?)(?: \((.*)\))?$/.exec(text) ?? []
  return { segment: name.replaceAll(" ", "_"), underlying }
}

const isChargeSegment = Schema.is(Facts.ChargeSegment)
const ChargeText = Schema.String.pipe(
  Schema.filter((text) => isChargeSegment(chargeSegment(text).segment), { message: () => "not a segment with charges" })
)
/** The names of the rows of `exchange` in charges.json. */
const rateNames = new Set(rules.documents.charges.exchange.map(({ name }) => name))
const RateName = Schema.String.pipe(Schema.filter((text) => rateNames.has(text), { message: () => "not an exchange rate of the rulebook" }))

const charges = ask(
  Schema.Struct({
    on: IsoDay,
    segment: ChargeText,
    exchange_rate: RateName,
    transaction_type: Schema.Literal("BUY", "SELL"),
    quantity: Amount,
    price: Amount
  }),
  (row) => {
    const { segment, underlying } = chargeSegment(row.segment)
    // The name contains the exchange. Its row for the date is found like any other.
    const exchange = row.exchange_rate.split(" ")[0] as "NSE" | "BSE" | "MCX"
    return Either.map(
      Charges.charges(rules, {
        on: row.on,
        segment: segment as Facts.ChargeSegment,
        exchange,
        underlying,
        side: row.transaction_type,
        quantity: new Decimal(String(row.quantity)),
        price: new Decimal(String(row.price))
      }),
      charged
    )
  }
)

/** The kinds of questions by name. */
const asks: ReadonlyMap<unknown, Answerer> = new Map([
  [
    "next_expiry",
    ask(Schema.Struct({ exchange: Schema.String, underlying: Schema.String, after: IsoDay }), (row) =>
      Either.map(Expiries.next(rules, row.exchange, row.underlying, Day.ofIso(row.after)), day)
    )
  ],
  [
    "monthly_expiry",
    ask(Schema.Struct({ exchange: Schema.String, underlying: Schema.String, month: Month }), (row) =>
      Either.map(Expiries.monthly(rules, row.exchange, row.underlying, row.month), day)
    )
  ],
  [
    "lot_size",
    ask(Schema.Struct({ exchange: Schema.String, symbol: Schema.String, expiry: IsoDay, on: IsoDay }), (row) =>
      Either.map(Quantities.lot(rules, row.exchange, row.symbol, row.expiry, row.on), ({ quantity }) => quantity)
    )
  ],
  [
    "freeze_quantity",
    ask(Schema.Struct({ exchange: Schema.String, symbol: Schema.String, on: IsoDay }), (row) =>
      Either.map(Quantities.freezeQuantity(rules, row.exchange, row.symbol, row.on), ({ quantity }) => quantity)
    )
  ],
  [
    "tick_size",
    ask(Schema.Struct({ instrument: Facts.TickInstrument, on: IsoDay, review_price: Schema.optional(Amount) }), (row) =>
      Either.map(
        Ticks.tick(rules.ticks, {
          instrument: row.instrument,
          on: row.on,
          ...(row.review_price === undefined ? {} : { reviewPrice: new Decimal(String(row.review_price)) })
        }),
        ({ tick }) => tick.toFixed(2)
      )
    )
  ],
  ["charges", charges],
  [
    "phase",
    ask(
      Schema.Struct({
        segment: Facts.Segment,
        security: Schema.Literal("", "cas", "other", "future", "option"),
        on: IsoDay,
        time_ist: TimeOfDay
      }),
      (row) =>
        Either.map(
          Hours.phaseAt(rules, row.segment, row.security === "" ? undefined : row.security, istMs(row.on, row.time_ist)),
          Hours.nameOf
        )
    )
  ],
  [
    "minutes_to_expiry",
    ask(
      Schema.Struct({ exchange: Schema.String, underlying: Schema.optional(Schema.String), expiry: IsoDay, now_ist: LocalTime }),
      ({ exchange, underlying = "", expiry, now_ist }) =>
        Either.map(
          ExpiryInstant.expiresAtMs(rules, { exchange, underlying, expiry }),
          (atMs) => (atMs - Date.parse(`${now_ist}:00+05:30`)) / IndiaTime.minuteMs
        )
    )
  ]
])

const evaluate = (row: Document.Json): Either.Either<Document.Json, Document.BadRow> => {
  const answerer = asks.get(row["ask"])
  if (answerer === undefined)
    return Either.left({ path: "ask", reason: `"${String(row["ask"])}" is not one of ${[...asks.keys()].join(", ")}` })
  return Either.map(answerer(row), (answer) => ({ answer }))
}

/** Answers the questions in `fixtures` from the shipped rules. `answer` is null if the rulebook has none. */
export const calculation: Document.Calculation = Document.overRows("fixtures", evaluate, { answer: null })
