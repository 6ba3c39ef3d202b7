import { Either } from "effect"
import * as IndiaTime from "../IndiaTime.ts"
import * as Calendars from "../rules/Calendars.ts"
import * as Day from "../rules/Day.ts"
import type * as Facts from "../rules/Facts.ts"
import * as Hours from "../rules/Hours.ts"
import * as Segments from "../rules/Segments.ts"
import * as Instrument from "./Instrument.ts"
import * as Symbol from "./Symbol.ts"

/** What decides an instrument's hours. */
export interface Place {
  readonly segment: Facts.Segment
  readonly security: Hours.Security | undefined
}

/** NSE derivatives: the hours of a strategy without instruments. */
const derivatives: Place = { segment: "NSE_FO", security: "option" }

/**
 * What decides the phases of an instrument in its segment. A share takes part in the closing auction if it has derivatives. An index does
 * not move during the auction of its shares.
 */
export const securityOf = (kind: Instrument.Kind, hasDerivatives: boolean): Hours.Security => {
  if (kind === "FUT") return "future"
  if (kind === "INDEX") return "cas"
  if (kind === "EQ") return hasDerivatives ? "cas" : "other"
  return "option"
}

/**
 * Where an instrument trades; undefined if the rulebook does not know the exchange. `hasDerivatives`: futures and options on the share
 * exist.
 */
export const placeOf = (rules: Hours.Rules, instrument: Instrument.Instrument, hasDerivatives: boolean): Place | undefined =>
  Either.match(Segments.ofExchange(rules.segments, instrument.exchange, instrument.name), {
    onLeft: () => undefined,
    onRight: (segment) => ({ segment, security: securityOf(Instrument.kindOf(instrument), hasDerivatives) })
  })

/** A day's most likely session; "unknown" if the rulebook cannot say. */
export const on = (rules: Hours.Rules, place: Place | undefined, day: string): Hours.Session | null | "unknown" =>
  place === undefined ? "unknown" : Hours.likelySession(rules, place.segment, place.security, Day.ofIso(day))

/** The known sessions of the given days, ascending. Closed days and days of unknown hours are omitted. */
export const during = (rules: Hours.Rules, place: Place | undefined, days: ReadonlyArray<string>): ReadonlyArray<Hours.Session> =>
  days.flatMap((day) => {
    const session = on(rules, place, day)
    return session === null || session === "unknown" ? [] : [session]
  })

/**
 * The newest day ("YYYY-MM-DD") whose session has opened. A corporate action applies from the first opening on or after its ex-date: the
 * broker adjusts its history in the early morning of that day, so bars that are fetched between midnight and the opening may be the old ones.
 * A day of unknown hours counts once it is over.
 */
export const lastOpenedDay = (rules: Hours.Rules, place: Place | undefined, atMs: number): string => {
  const today = Day.at(atMs)
  for (let day = today; day > today - Calendars.closedDaysMax; day--) {
    const session = on(rules, place, Day.iso(day))
    if (session === null) continue
    if (session === "unknown" ? day < today : session.opensAtMs <= atMs) return Day.iso(day)
  }
  return Day.iso(today - Calendars.closedDaysMax)
}

/** The session of an ordinary day under the hours in force at an instant; undefined if they are unknown. */
export const usual = (rules: Hours.Rules, place: Place | undefined, atMs: number): Hours.Session | undefined => {
  if (place === undefined) return undefined
  const found = Hours.usualSession(rules, place.segment, place.security, Day.at(atMs))
  return Either.isRight(found) ? (found.right ?? undefined) : undefined
}

/** The length of an ordinary day's session in minutes, under the hours in force at an instant. A day of unknown hours has 24 hours. */
export const usualMinutes = (rules: Hours.Rules, place: Place | undefined, atMs: number): number => {
  const session = usual(rules, place, atMs)
  return session === undefined ? IndiaTime.dayMinutes : (session.closesAtMs - session.opensAtMs) / IndiaTime.minuteMs
}

/** The usual opening time, from which a day's bars are laid out: milliseconds after India's midnight, 0 if unknown. */
export const gridOpenMs = (rules: Hours.Rules, place: Place | undefined, atMs: number): number => {
  const session = usual(rules, place, atMs)
  return session === undefined ? 0 : session.opensAtMs - Day.midnightMs(Day.at(atMs))
}

/**
 * The start of a day's grid for values of several instruments, such as a strategy's: the usual opening time of the market that opens first.
 * Without a known instrument it is the opening time of NSE's derivatives.
 */
export const gridOpenOfAllMs = (
  rules: Hours.Rules,
  instruments: ReadonlyArray<{ readonly exchange: string; readonly tradingsymbol: string }>,
  atMs: number
): number => {
  const places = instruments.flatMap(({ exchange, tradingsymbol }) =>
    Either.match(Segments.ofExchange(rules.segments, exchange, Symbol.parse(tradingsymbol)?.name ?? tradingsymbol), {
      onLeft: () => [],
      onRight: (segment): ReadonlyArray<Place> => [{ segment, security: segment.endsWith("_CM") ? "cas" : "option" }]
    })
  )
  return Math.min(...(places.length === 0 ? [derivatives] : places).map((place) => gridOpenMs(rules, place, atMs)))
}

/** When a bar that opens at `atMs` closes: a day bar at its session's end, a shorter bar after its minutes. */
export const barClosesMs = (rules: Hours.Rules, place: Place | undefined, atMs: number, minutes: number): number => {
  if (minutes < IndiaTime.dayMinutes) return atMs + minutes * IndiaTime.minuteMs
  const session = on(rules, place, IndiaTime.istDate(atMs))
  return session === null || session === "unknown" ? atMs + IndiaTime.dayMs : session.closesAtMs
}
