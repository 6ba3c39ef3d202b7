import { Either } from "effect"
import * as IndiaTime from "../IndiaTime.ts"
import * as Calendars from "../rules/Calendars.ts"
import * as Day from "../rules/Day.ts"
import type * as Facts from "../rules/Facts.ts"
import * as Hours from "../rules/Hours.ts"
import * as Segments from "../rules/Segments.ts"
import type * as Instrument from "./Instrument.ts"
import * as Life from "./Life.ts"

/** The end of the session before `day`; NaN if the rulebook does not know it. */
const closeBefore = (rules: Hours.Rules, segment: Facts.Segment, day: Day.Day): number => {
  for (let before = day - 1; before >= day - Calendars.closedDaysMax; before--) {
    const session = Hours.likelySession(rules, segment, "option", before)
    if (session === "unknown") return Number.NaN
    if (session !== null) return session.closesAtMs
  }
  return Number.NaN
}

/**
 * While the options of a segment do not trade, the end of their last session in UTC milliseconds. NaN while they trade, and where the
 * rulebook does not know the hours.
 */
export const closedSinceMs = (rules: Hours.Rules, segment: Facts.Segment, atMs: number): number => {
  const day = Day.at(atMs)
  const session = Hours.likelySession(rules, segment, "option", day)
  if (session === "unknown") return Number.NaN
  if (session === null || atMs < session.opensAtMs) return closeBefore(rules, segment, day)
  return atMs >= session.closesAtMs ? session.closesAtMs : Number.NaN
}

/** `closedSinceMs` for the options on one underlying. NaN at any instant if its market never closes (without `rules`). */
export const ofOptions = (rules: Hours.Rules | undefined, { exchange, name }: Instrument.Underlying): ((atMs: number) => number) => {
  if (rules === undefined) return () => Number.NaN
  const segment = Segments.ofExchange(rules.segments, Life.derivativesExchange(exchange), name)
  if (Either.isLeft(segment)) return () => Number.NaN
  // Sessions begin and end with a minute, and chains are computed many times in one.
  let minuteMs = Number.NaN
  let since = Number.NaN
  return (atMs) => {
    if (IndiaTime.minuteFloor(atMs) !== minuteMs) {
      minuteMs = IndiaTime.minuteFloor(atMs)
      since = closedSinceMs(rules, segment.right, minuteMs)
    }
    return since
  }
}
