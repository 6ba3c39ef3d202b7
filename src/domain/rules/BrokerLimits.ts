import { Either } from "effect"
import { Decimal } from "../Money.ts"
import * as Day from "./Day.ts"
import type * as Facts from "./Facts.ts"
import { UnknownRule } from "./UnknownRule.ts"

export type Broker = typeof Facts.Broker.Type

const unknown = (what: string, on: string) => new UnknownRule({ what, of: "the broker", on, why: "no row of the rulebook covers the day" })

const at = <A extends { readonly from: string | null; readonly to: string | null }>(rows: ReadonlyArray<A>, on: string): A | undefined =>
  rows.findLast((row) => Day.holds(Day.range(row), Day.ofIso(on)))

export interface Value<A> {
  readonly value: A
  readonly confidence: Facts.Confidence
}

/** The broker's limit for a day, such as orders per second. */
export const limit = (broker: Broker, what: Facts.Limit, on: string): Either.Either<Value<number>, UnknownRule> => {
  const row = at(
    broker.limits.filter((it) => it.what === what),
    on
  )
  return row === undefined ? Either.left(unknown(what, on)) : Either.right({ value: row.value, confidence: row.confidence })
}

/** Whether a rule of the broker is in force on a day; false before its first row. */
export const policy = (broker: Broker, what: Facts.Policy, on: string): Value<boolean> => {
  const row = at(
    broker.policies.filter((it) => it.what === what),
    on
  )
  return row === undefined ? { value: false, confidence: 1 } : { value: row.value, confidence: row.confidence }
}

/** The automatic market protection in percent of the price. */
export const protectionPercent = (
  broker: Broker,
  instruments: "equity_and_futures" | "options",
  price: Decimal,
  on: string
): Either.Either<Value<Decimal>, UnknownRule> => {
  const row = at(
    broker.protectionBands.filter(
      (it) => it.instruments === instruments && price.gte(it.priceFrom) && (it.priceBelow === undefined || price.lt(it.priceBelow))
    ),
    on
  )
  return row === undefined
    ? Either.left(unknown("market protection", on))
    : Either.right({ value: new Decimal(row.percent), confidence: row.confidence })
}
