import { Either } from "effect"
import { Decimal } from "../Money.ts"
import * as Day from "./Day.ts"
import type * as Facts from "./Facts.ts"
import * as Segments from "./Segments.ts"
import { UnknownRule } from "./UnknownRule.ts"

export type Rates = typeof Facts.Charges.Type

/** The parts of a rule set that charges need. */
export interface Rules {
  readonly documents: { readonly charges: Rates }
  readonly segments: Segments.Segments
}

const agri: ReadonlySet<Facts.Segment> = new Set<Facts.Segment>(["MCX_AGRI", "MCX_AGRI_INTL"])

const isAgri = (segments: Segments.Segments, { exchange, underlying }: Order): boolean =>
  exchange === "MCX" &&
  Either.match(Segments.ofExchange(segments, exchange, underlying), { onLeft: () => false, onRight: (segment) => agri.has(segment) })

/** One executed order. */
export interface Order {
  /** Trade date, "YYYY-MM-DD". */
  readonly on: string
  readonly segment: Facts.ChargeSegment
  readonly exchange: "NSE" | "BSE" | "MCX"
  readonly underlying: string
  readonly side: "BUY" | "SELL"
  /** Units of the underlying: contracts times multiplier on MCX. */
  readonly quantity: Decimal
  readonly price: Decimal
}

/** Rupees, not rounded. Kite's `exchange_turnover_charge` is exchange + ipft. */
export interface Charges {
  readonly brokerage: Decimal
  readonly transactionTax: Decimal
  readonly exchange: Decimal
  readonly ipft: Decimal
  readonly sebi: Decimal
  readonly stampDuty: Decimal
  readonly gst: Decimal
  readonly total: Decimal
  readonly confidence: Facts.Confidence
}

type Dated = { readonly from: string | null; readonly to: string | null; readonly confidence: Facts.Confidence }

const row = <A extends Dated>(
  what: string,
  rows: ReadonlyArray<A>,
  order: Order,
  fits: (row: A) => boolean
): Either.Either<A, UnknownRule> => {
  const day = Day.ofIso(order.on)
  const found = rows.find((it) => Day.holds(Day.range(it), day) && fits(it))
  if (found !== undefined) return Either.right(found)
  const of = `${order.exchange} ${order.segment} ${order.underlying}`
  return Either.left(new UnknownRule({ what, of, on: order.on, why: "no row of the rulebook covers it" }))
}

const brokerageOf = (rate: Rates["brokerage"][number], turnover: Decimal): Decimal =>
  rate.rate === undefined ? new Decimal(rate.flat ?? "0") : Decimal.min(turnover.times(rate.rate), rate.cap ?? "Infinity")

const onSide = (sides: ReadonlyArray<"B" | "S">, side: Order["side"], amount: Decimal): Decimal =>
  sides.includes(side === "BUY" ? "B" : "S") ? amount : new Decimal(0)

/** The rate rows that apply to an order. */
const ratesOf = ({ documents: { charges: rates }, segments }: Rules, order: Order) =>
  Either.gen(function* () {
    const isAgricultural = isAgri(segments, order)
    const inSegment = ({ segments }: { readonly segments: ReadonlyArray<Facts.ChargeSegment> }) => segments.includes(order.segment)
    const ofKind = (agri: boolean | undefined) => agri === undefined || agri === isAgricultural
    return {
      brokerage: yield* row("brokerage", rates.brokerage, order, inSegment),
      tax: yield* row("transaction tax", rates.transactionTax, order, (it) => inSegment(it) && ofKind(it.agri)),
      exchange: yield* row(
        "exchange charge",
        rates.exchange,
        order,
        (it) =>
          inSegment(it) && it.exchange === order.exchange && (it.underlyings === undefined || it.underlyings.includes(order.underlying))
      ),
      sebi: yield* row("SEBI fee", rates.sebi, order, (it) => it.agri === isAgricultural),
      stamp: yield* row("stamp duty", rates.stampDuty, order, inSegment),
      gst: yield* row("GST", rates.gst, order, () => true)
    }
  })

/** The charges of one order, in addition to its price. */
export const charges = (rules: Rules, order: Order): Either.Either<Charges, UnknownRule> =>
  Either.map(ratesOf(rules, order), (rate) => {
    const turnover = order.price.times(order.quantity)
    const brokerage = brokerageOf(rate.brokerage, turnover)
    const transactionTax = onSide(rate.tax.sides, order.side, turnover.times(rate.tax.rate))
    const exchange = turnover.times(rate.exchange.rate)
    const ipft = turnover.times(rate.exchange.ipft)
    const sebi = turnover.times(rate.sebi.rate)
    const stampDuty = onSide(rate.stamp.sides, order.side, turnover.times(rate.stamp.rate))
    const taxed = brokerage.plus(exchange).plus(rate.gst.taxesSebi ? sebi : 0)
    const gst = taxed.times(rate.gst.rate)
    const total = brokerage.plus(transactionTax).plus(exchange).plus(ipft).plus(sebi).plus(stampDuty).plus(gst)
    const confidence = Math.min(...Object.values(rate).map((it) => it.confidence)) as Facts.Confidence
    return { brokerage, transactionTax, exchange, ipft, sebi, stampDuty, gst, total, confidence }
  })

/** An option that was held to its expiry in the money. `price` is its intrinsic value, `on` its expiry. */
export type Exercise = Omit<Order, "segment">

/** The transaction tax of an exercise, which the holder pays and the writer does not. */
export const exerciseTax = (
  { documents }: Pick<Rules, "documents">,
  exercise: Exercise
): Either.Either<{ readonly transactionTax: Decimal; readonly confidence: Facts.Confidence }, UnknownRule> => {
  const order: Order = { ...exercise, segment: "equity_options_exercised" }
  const found = row("transaction tax", documents.charges.transactionTax, order, ({ segments }) => segments.includes(order.segment))
  return Either.map(found, ({ confidence, rate, sides }) => ({
    transactionTax: onSide(sides, order.side, order.price.times(order.quantity).times(rate)),
    confidence
  }))
}
