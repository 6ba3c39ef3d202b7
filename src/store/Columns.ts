import { Schema } from "effect"
import * as Money from "../domain/Money.ts"

/** Postgres sends bigint as text. All our values fit a double exactly. */
export const BigIntColumn = Schema.compose(Schema.NumberFromString, Schema.Int)

/** numeric is read and written as text with its zeros ("120.0500000000"), so no binary fraction is involved. */
export const NumericColumn = Money.Money

/** The driver gives timestamptz as a Date. */
export const TimeColumn = Schema.DateFromSelf
