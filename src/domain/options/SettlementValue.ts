import * as Money from "../Money.ts"

/** A contract's value at expiry in rupees: a future is worth its base, an option its exercise value. */
export const of = (kind: string, strike: Money.Decimal, base: Money.Decimal): Money.Decimal => {
  if (kind === "CE") return Money.Decimal.max(base.minus(strike), 0)
  return kind === "PE" ? Money.Decimal.max(strike.minus(base), 0) : base
}
