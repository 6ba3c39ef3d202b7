import { Either } from "effect"
import * as IndiaTime from "../IndiaTime.ts"
import * as Money from "../Money.ts"
import * as Instrument from "../market/Instrument.ts"
import * as InstrumentHours from "../market/InstrumentHours.ts"
import * as Calendars from "../rules/Calendars.ts"
import * as Day from "../rules/Day.ts"
import type * as RuleSet from "../rules/RuleSet.ts"
import * as Segments from "../rules/Segments.ts"
import * as SettlementValue from "./SettlementValue.ts"

/** The broker's quote of an underlying. Prices in rupees; `previousClose` is the close of the trading day before the quote's. */
export interface Quote {
  readonly lastPrice: number
  readonly previousClose: number
  /** The exchange's time of the quote. */
  readonly atMs: number | null
}

/**
 * True if a quote was made in the session that follows the expiry day's session. In an earlier quote the previous close may be that of
 * another day, because it is not known when the broker replaces it.
 */
const isOfNextSession = (rules: RuleSet.RuleSet, spot: Instrument.Instrument, expiry: string, atMs: number): boolean => {
  const place = InstrumentHours.placeOf(rules, spot, true)
  const day = Day.at(atMs)
  const session = InstrumentHours.on(rules, place, Day.iso(day))
  if (place === undefined || session === null || session === "unknown" || atMs < session.opensAtMs) return false
  const calendar = Segments.calendarOf(rules.segments, place.segment)
  const before = Calendars.previousTradingDay(rules.calendars, calendar, day)
  return Either.isRight(before) && Day.iso(before.right) === expiry
}

/**
 * The underlying's close on the expiry day by the broker's quote; undefined if the quote does not have it. A quote of that day has it as
 * its last price, because the quote is requested after the close is known. A quote of the next session has it as its previous close, except
 * for a share, whose previous close the broker adjusts for corporate actions.
 */
const closeOf = (rules: RuleSet.RuleSet, spot: Instrument.Instrument, expiry: string, { lastPrice, previousClose, atMs }: Quote) => {
  if (atMs === null) return undefined
  if (IndiaTime.istDate(atMs) === expiry) return lastPrice > 0 ? lastPrice : undefined
  const isKnown = Instrument.kindOf(spot) === "INDEX" && isOfNextSession(rules, spot, expiry, atMs)
  return isKnown && previousClose > 0 ? previousClose : undefined
}

/** The settlement price of a contract by the broker's close of its underlying; undefined if the quote does not have that close. */
export const settles = (
  rules: RuleSet.RuleSet,
  spot: Instrument.Instrument,
  { instrumentType, strike, expiry }: { readonly instrumentType: string; readonly strike: Money.Decimal; readonly expiry: string },
  quote: Quote
): Money.Decimal | undefined => {
  const close = closeOf(rules, spot, expiry, quote)
  return close === undefined ? undefined : SettlementValue.of(instrumentType, strike, Money.ofNumber(close))
}
