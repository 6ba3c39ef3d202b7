import { Either } from "effect"
import * as Margins from "../accounts/Margins.ts"
import * as Day from "../rules/Day.ts"
import type { RuleSet } from "../rules/RuleSet.ts"
import * as Segments from "../rules/Segments.ts"
import type * as OrderCharges from "./OrderCharges.ts"

/**
 * What an order blocks by what is public: a bought option costs its premium, shares for delivery their value, and shares that are sold for
 * delivery nothing, because they are held. Left: the margin of anything else comes from the clearing corporation's and the broker's own
 * parameters, so that only the broker knows it.
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
