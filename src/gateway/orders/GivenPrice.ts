import { Either } from "effect"
import * as Problem from "../../contract/shared/Problem.ts"
import type * as Money from "../../domain/Money.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import { lastPrice, type Valuation } from "../chains/Valuation.ts"

/** The price that a request gives, or the instrument's last one. If neither is known, the refusal names `field`. */
export const givenOrLast = (
  given: Money.Decimal | undefined,
  instrument: Instrument.Instrument,
  valuation: Valuation,
  field: string
): Either.Either<Money.Decimal, Problem.Invalid> => {
  const price = given ?? lastPrice(valuation, instrument)
  return price === null ? Either.left(Problem.invalidField(field, "is not known, so it has to be given")) : Either.right(price)
}
