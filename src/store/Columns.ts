import { Schema } from "effect"
import * as Money from "../domain/Money.ts"

/** bigint arrives as text; ours all fit a double exactly. */
export const BigIntColumn = Schema.compose(Schema.NumberFromString, Schema.Int)

/** numeric arrives as text with its zeros ("120.0500000000") and leaves as text: no binary fraction on the way. */
export const NumericColumn = Money.Money

/** timestamptz arrives as a Date. */
export const TimeColumn = Schema.DateFromSelf

/** Only these can be a bigint identity; any other whole number is an id that does not exist, not a bad statement. */
export const isIdentity = (id: number): boolean => Number.isSafeInteger(id) && id > 0
