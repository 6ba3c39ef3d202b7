import * as Day from "../rules/Day.ts"
import type * as Facts from "../rules/Facts.ts"
import * as Hours from "../rules/Hours.ts"
import type { Place } from "./InstrumentHours.ts"

/** The derivatives that trade on while a cash segment holds its closing auction. */
const derivatives: ReadonlyMap<Facts.Segment, Facts.Segment> = new Map([
  ["NSE_CM", "NSE_FO"],
  ["BSE_CM", "BSE_FO"]
])

/**
 * The instant at which the age of a price of a segment is judged. A cash price does not move from the start of the closing auction (15:15)
 * while futures and options trade on: until they close, its age counts to the end of its own continuous trading. At any other time it counts
 * to now, so a mute feed shows. An index does not move while its shares do not. An unknown place is judged now.
 */
export const judgedAtMs = (rules: Hours.Rules, place: Place | null | undefined, nowMs: number): number => {
  if (place === null || place === undefined) return nowMs
  const others = derivatives.get(place.segment)
  if (others === undefined) return nowMs
  const day = Day.at(nowMs)
  const own = Hours.likelySession(rules, place.segment, place.security, day)
  const traded = Hours.likelySession(rules, others, "option", day)
  if (own === null || own === "unknown" || traded === null || traded === "unknown") return nowMs
  return nowMs >= own.closesAtMs && nowMs < traded.closesAtMs ? own.closesAtMs : nowMs
}
