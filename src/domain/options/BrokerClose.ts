import * as IndiaTime from "../IndiaTime.ts"
import * as Money from "../Money.ts"
import type * as Instrument from "../market/Instrument.ts"
import * as SettlementValue from "./SettlementValue.ts"

/** The broker's last price of an underlying, rupees, and the exchange's time of it. */
export interface LastPrice {
  readonly price: number
  readonly atMs: number | null
}

/**
 * The settlement price of a contract by the broker's closing price of its underlying; undefined if the broker's price is not of the
 * expiry day. Asked after the close is known, because the last price of a day is its close only then.
 */
export const settles = (
  contract: Pick<Instrument.Instrument, "instrumentType" | "expiry">,
  /** Rupees; of an option. */
  strike: Money.Decimal,
  { price, atMs }: LastPrice
): Money.Decimal | undefined =>
  atMs === null || price <= 0 || IndiaTime.istDate(atMs) !== contract.expiry
    ? undefined
    : SettlementValue.of(contract.instrumentType, strike, Money.ofNumber(price))
