import { Schema } from "effect"

/** A broker account's id. It contains no token separator and no wildcard, so a NATS subject can contain it unchanged. */
export const AccountId = Schema.String.pipe(
  Schema.pattern(/^[A-Za-z0-9_-]{1,64}$/, {
    identifier: "AccountId",
    message: () => "an account id is 1 to 64 characters of A-Z, a-z, 0-9, _ and -"
  }),
  Schema.brand("AccountId")
)
export type AccountId = typeof AccountId.Type

/** Kite's instrument_token: exchange token x 256 + segment, an unsigned 32-bit number on the wire; unique within one trade date only. */
export const InstrumentToken = Schema.Int.pipe(
  Schema.between(1, 2 ** 32 - 1, {
    identifier: "InstrumentToken",
    message: () => "an instrument token is a whole number from 1 to 4294967295"
  }),
  Schema.brand("InstrumentToken")
)
export type InstrumentToken = typeof InstrumentToken.Type

/** Whether a number can be the id of a row. Any other would overflow the database column, and there is nothing to look for. */
export const isIdentity = (id: number): boolean => Number.isSafeInteger(id) && id > 0

/** A strategy's id, assigned by Postgres. */
export const StrategyId = Schema.Int.pipe(
  Schema.positive({ identifier: "StrategyId", message: () => "a strategy id is a positive whole number" }),
  Schema.brand("StrategyId")
)
export type StrategyId = typeof StrategyId.Type
