import { Either } from "effect"
import * as Margins from "../accounts/Margins.ts"
import type * as Money from "../Money.ts"
import * as Day from "../rules/Day.ts"
import type { RuleSet } from "../rules/RuleSet.ts"
import * as Segments from "../rules/Segments.ts"
import type * as OrderCharges from "./OrderCharges.ts"
import type * as PaperLedger from "./PaperLedger.ts"
import * as PaperOrder from "./PaperOrder.ts"

/**
 * The amount that an order blocks, as far as the rules are public: a bought option blocks its premium, bought shares for delivery their
 * value, and shares sold for delivery nothing, because they are held. Left for anything else: its margin depends on parameters of the
 * clearing corporation and the broker, so only the broker knows it.
 */
export const of = (
  rules: Pick<RuleSet, "segments">,
  { exchange, instrumentType, on, price, product, quantity, side, underlying }: OrderCharges.Order
): Either.Either<Margins.Margin, string> => {
  const isOption = instrumentType === "CE" || instrumentType === "PE"
  if (isOption && side === "BUY")
    return Either.mapBoth(Segments.multiplier(rules.segments, exchange, underlying, Day.ofIso(on)), {
      onLeft: ({ message }) => message,
      onRight: ({ multiplier }) => {
        const premium = price.times(quantity).times(multiplier)
        return { ...Margins.nothing, option_premium: premium, total: premium }
      }
    })
  if (instrumentType === "EQ" && product === "CNC") {
    const value = side === "BUY" ? price.times(quantity) : Margins.nothing.total
    return Either.right({ ...Margins.nothing, var: value, total: value })
  }
  return Either.left(
    instrumentType === "EQ"
      ? `the broker's own margin of shares as ${product} is not public`
      : "SPAN and exposure margins are not public, so only the broker knows them"
  )
}

/** The amount that working orders block until they fill, each counted alone. An order whose margin only the broker knows blocks nothing. */
export const blocked = (
  working: ReadonlyArray<PaperOrder.PaperOrder>,
  rules: Pick<RuleSet, "segments">,
  { prices, today }: PaperLedger.At
): Margins.Margin =>
  Margins.sum(
    working.map((paper) => {
      const rest = PaperOrder.restOf(paper, prices.mark(paper.instrument)?.last ?? 0, today)
      return Either.getOrElse(of(rules, rest), () => Margins.nothing)
    })
  )

/** The refusal, in the broker's words, of an order that the account cannot pay for; null if it can. */
export const shortage = (required: Money.Decimal, available: Money.Decimal): string | null =>
  required.isZero() || required.lte(available)
    ? null
    : `Insufficient funds. Required margin is ${required.toFixed(2)} but available margin is ${available.toFixed(2)}. Check the orderbook for open orders.`
