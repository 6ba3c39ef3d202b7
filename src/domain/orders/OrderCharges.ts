import { Either } from "effect"
import type { Product } from "../accounts/OrderAttributes.ts"
import { Decimal } from "../Money.ts"
import * as Charges from "../rules/Charges.ts"
import * as Day from "../rules/Day.ts"
import type * as Facts from "../rules/Facts.ts"
import * as Segments from "../rules/Segments.ts"
import { UnknownRule } from "../rules/UnknownRule.ts"

type Type = "EQ" | "FUT" | "CE" | "PE"

/** An executed or hypothetical order, at one price, whatever the number of its fills. */
export interface Order {
  /** Trade date, "YYYY-MM-DD". */
  readonly on: string
  readonly exchange: string
  /** The underlying's name as contracts carry it: NIFTY, GOLDPETAL. */
  readonly underlying: string
  readonly instrumentType: Type
  readonly product: Product
  readonly side: "BUY" | "SELL"
  /** The quantity in the broker's units: shares or contracts. */
  readonly quantity: number
  readonly price: Decimal
}

/** Derivatives by the exchange that lists them, and the exchange whose rates they pay. */
const markets: ReadonlyMap<string, { readonly pays: Charges.Order["exchange"]; readonly kind: "equity" | "currency" | "commodity" }> =
  new Map([
    ["NSE", { pays: "NSE", kind: "equity" }],
    ["BSE", { pays: "BSE", kind: "equity" }],
    ["NFO", { pays: "NSE", kind: "equity" }],
    ["BFO", { pays: "BSE", kind: "equity" }],
    ["CDS", { pays: "NSE", kind: "currency" }],
    ["BCD", { pays: "BSE", kind: "currency" }],
    ["MCX", { pays: "MCX", kind: "commodity" }]
  ])

const shares: Readonly<Partial<Record<Product, Facts.ChargeSegment>>> = { CNC: "equity_delivery", MIS: "equity_intraday" }

const place = (order: Order): Either.Either<Pick<Charges.Order, "exchange" | "segment">, UnknownRule> => {
  const unknown = (why: string) =>
    Either.left(new UnknownRule({ what: "charges", of: `${order.exchange} ${order.product}`, on: order.on, why }))
  const market = markets.get(order.exchange)
  if (market === undefined) return unknown("the rulebook has no rates of this exchange")
  if (order.instrumentType !== "EQ")
    return Either.right({ exchange: market.pays, segment: `${market.kind}_${order.instrumentType === "FUT" ? "futures" : "options"}` })
  const segment = shares[order.product]
  return segment === undefined
    ? unknown("the rulebook has the rates of shares for CNC and MIS")
    : Either.right({ exchange: market.pays, segment })
}

/**
 * The charges of one order as Kite's virtual contract note gives them: only the stamp duty is rounded, to the rupee, half up. (Recorded:
 * 0.084 and 0.0045 are 0, and every other field has all its digits.)
 */
export const charges = (rules: Charges.Rules, order: Order): Either.Either<Charges.Charges, UnknownRule> =>
  Either.gen(function* () {
    const where = yield* place(order)
    const { multiplier } = yield* Segments.multiplier(rules.segments, order.exchange, order.underlying, Day.ofIso(order.on))
    const { on, price, side, underlying } = order
    const quantity = new Decimal(order.quantity).times(multiplier)
    const exact = yield* Charges.charges(rules, { ...where, on, underlying, side, quantity, price })
    const stampDuty = exact.stampDuty.toDecimalPlaces(0, Decimal.ROUND_HALF_UP)
    return { ...exact, stampDuty, total: exact.total.minus(exact.stampDuty).plus(stampDuty) }
  })

export const amounts = ["brokerage", "transactionTax", "exchange", "sebi", "stampDuty", "ipft", "gst", "total"] as const
export type Amounts = { readonly [K in (typeof amounts)[number]]: Decimal }

/** The sums of each amount over several orders. */
export const sum = (all: ReadonlyArray<Amounts>): Amounts =>
  Object.fromEntries(
    amounts.map((name) => [name, all.reduce((total, each) => total.plus(each[name]), new Decimal(0))])
  ) as unknown as Amounts

/** An option of an index that was held to its expiry in the money. `price` is its intrinsic value, `on` its expiry. */
export type Exercise = Omit<Order, "product" | "instrumentType">

/** The charges of exercising an option of NFO or BFO: only the transaction tax, because the rulebook has no other charge for it. */
export const exercise = (rules: Charges.Rules, it: Exercise): Either.Either<Amounts & Pick<Charges.Charges, "confidence">, UnknownRule> =>
  Either.gen(function* () {
    const { exchange } = yield* place({ ...it, instrumentType: "CE", product: "NRML" })
    const { multiplier } = yield* Segments.multiplier(rules.segments, it.exchange, it.underlying, Day.ofIso(it.on))
    const quantity = new Decimal(it.quantity).times(multiplier)
    const { confidence, transactionTax } = yield* Charges.exerciseTax(rules, { ...it, exchange, quantity })
    return { ...sum([]), transactionTax, total: transactionTax, confidence }
  })
