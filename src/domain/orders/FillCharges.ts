import { Either } from "effect"
import type { Product } from "../accounts/OrderAttributes.ts"
import * as IndiaTime from "../IndiaTime.ts"
import * as Money from "../Money.ts"
import * as Symbol from "../market/Symbol.ts"
import type { RuleSet } from "../rules/RuleSet.ts"
import type * as Position from "../strategy/Position.ts"
import * as OrderCharges from "./OrderCharges.ts"

/**
 * A fill with everything that its charges depend on. If `orderId` is null, it counts as a separate order. `product` is null if it is
 * unknown.
 */
export interface Fill extends Position.Fill {
  readonly exchange: string
  readonly tradingsymbol: string
  readonly executedAt: Date
  readonly orderId: string | null
  readonly product: Product | null
}

/** The known charges, and the reasons why the other fills' charges are unknown. */
export interface Charged {
  readonly amounts: OrderCharges.Amounts
  readonly unknown: ReadonlyArray<string>
}
export const nothing: Charged = { amounts: OrderCharges.sum([]), unknown: [] }
/** A leg is not a trade: it is not known when it was bought, and in how many orders. */
export const ofLeg: Charged = { ...nothing, unknown: ["a leg is no trade: record its fills"] }

const shares: ReadonlySet<string> = new Set(["NSE", "BSE"])

/** The traits that the symbol itself states, so that they are also known for an expired contract. */
const traitsOf = ({ exchange, tradingsymbol }: Fill): Pick<OrderCharges.Order, "underlying" | "instrumentType"> | null => {
  if (shares.has(exchange)) return { underlying: tradingsymbol, instrumentType: "EQ" }
  const parsed = Symbol.parse(tradingsymbol)
  if (parsed === null || parsed.kind === "EQ" || parsed.kind === "INDEX") return null
  return { underlying: parsed.name, instrumentType: parsed.kind }
}

/** The fills of one order on one day, as if all had the average price. */
const ofOrder = (rules: RuleSet, fills: readonly [Fill, ...ReadonlyArray<Fill>]): Either.Either<OrderCharges.Amounts, string> => {
  const [{ direction, exchange, executedAt, product }] = fills
  const traits = traitsOf(fills[0])
  if (traits === null) return Either.left("its symbol does not say what it is")
  if (traits.instrumentType === "EQ" && product === null) return Either.left("the product of a fill is not known: CNC and MIS differ")
  const quantity = fills.reduce((sum, fill) => sum + fill.quantity, 0)
  const value = fills.reduce((sum, fill) => sum.plus(fill.price.times(fill.quantity)), Money.zero)
  const on = IndiaTime.istDate(executedAt.getTime())
  const price = value.div(quantity)
  const order: OrderCharges.Order = { ...traits, on, exchange, product: product ?? "NRML", side: direction, quantity, price }
  return Either.flatMap(
    Either.mapLeft(OrderCharges.charges(rules, order), ({ message }) => message),
    (charges) => (charges.confidence === 0 ? Either.left(`the rates of ${on} are not sure`) : Either.right(charges))
  )
}

/** Fills of one order, side and day. Brokerage is due once for an order. */
const orders = (fills: ReadonlyArray<Fill>): ReadonlyArray<readonly [Fill, ...ReadonlyArray<Fill>]> => {
  const byOrder = new Map<string, readonly [Fill, ...ReadonlyArray<Fill>]>()
  for (const [at, fill] of fills.entries()) {
    const { direction, executedAt, orderId } = fill
    const key = orderId === null ? `fill ${at}` : `order ${orderId} ${direction} ${IndiaTime.istDate(executedAt.getTime())}`
    const before = byOrder.get(key)
    byOrder.set(key, before === undefined ? [fill] : [...before, fill])
  }
  return [...byOrder.values()]
}

/** The charges of one instrument's fills, each by the rules of its own day. A rate's change never changes a fill before its date. */
export const ofFills = (rules: RuleSet, fills: ReadonlyArray<Fill>): Charged => {
  const found = orders(fills).map((order) => ofOrder(rules, order))
  return {
    amounts: OrderCharges.sum(found.flatMap((one) => (Either.isRight(one) ? [one.right] : []))),
    unknown: [...new Set(found.flatMap((one) => (Either.isLeft(one) ? [one.left] : [])))]
  }
}

/** The end of a contract at its final price. */
export interface Ending extends Pick<Fill, "exchange" | "tradingsymbol"> {
  /** What the fills left open, in contracts; short below zero. */
  readonly open: number
  /** The final price; for an option its intrinsic value. Rupees. */
  readonly price: Money.Decimal
  /** The contract's expiry, "YYYY-MM-DD". */
  readonly on: string
  /** True for a contract of an index, which is settled in cash. False for a share's, which is settled by delivery, and if it is unknown. */
  readonly isOfIndex: boolean
}

const equityDerivatives: ReadonlySet<string> = new Set(["NFO", "BFO"])

/** The charge of a final settlement that the rulebook lacks; null if it has all. */
const missingOf = ({ exchange, isOfIndex }: Ending, isOption: boolean): string | null => {
  if (exchange === "MCX")
    return isOption
      ? "the rulebook has no charges of an option that becomes a commodity's future at its expiry"
      : "the rulebook has no charges of a commodity's delivery or settlement in cash"
  if (!equityDerivatives.has(exchange)) return "the rulebook has no charges of a currency's settlement in cash"
  if (!isOfIndex) return "shares are delivered, and the rulebook has no brokerage of a physical settlement"
  return isOption ? null : "the rulebook has no charges of a future of an index that is settled in cash"
}

/**
 * The charges of an exercised option of an index. The rulebook lacks those of other final settlements; the answer names what is missing.
 */
export const ofEnding = (rules: RuleSet, ending: Ending): Charged => {
  const { exchange, on, open, price, tradingsymbol } = ending
  if (open === 0 || price.isZero()) return nothing
  const unknown = (why: string): Charged => ({ ...nothing, unknown: [why] })
  const parsed = Symbol.parse(tradingsymbol)
  if (parsed?.kind !== "FUT" && parsed?.kind !== "CE" && parsed?.kind !== "PE") return unknown("its symbol does not say how it is settled")
  const missing = missingOf(ending, parsed.kind !== "FUT")
  if (missing !== null) return unknown(missing)
  const side = open > 0 ? "BUY" : "SELL"
  return Either.match(OrderCharges.exercise(rules, { on, exchange, underlying: parsed.name, side, quantity: Math.abs(open), price }), {
    onLeft: ({ message }) => unknown(message),
    onRight: ({ confidence, ...amounts }) => (confidence === 0 ? unknown(`the rates of ${on} are not sure`) : { amounts, unknown: [] })
  })
}

export const sum = (all: ReadonlyArray<Charged>): Charged => ({
  amounts: OrderCharges.sum(all.map(({ amounts }) => amounts)),
  unknown: [...new Set(all.flatMap(({ unknown }) => unknown))]
})

/** Profit after charges; null without a price, or while charges are missing. */
export const net = (gross: Money.Decimal | null, { amounts, unknown }: Charged): Money.Decimal | null =>
  gross === null || unknown.length > 0 ? null : gross.minus(amounts.total)
