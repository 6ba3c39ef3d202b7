import { Either } from "effect"
import * as Day from "../rules/Day.ts"
import * as Hours from "../rules/Hours.ts"
import * as Segments from "../rules/Segments.ts"
import type { Place } from "./InstrumentHours.ts"

/** A subscribed instrument, reduced to what decides its hours. */
interface Subscribed {
  readonly instrument_token: number
  /** Exchange of its underlying. */
  readonly exchange: string
  readonly underlying: string
}

/**
 * A share is treated as part of the closing auction, so its ticks are due only while every share trades. An index trades when its
 * exchange does.
 */
const placeOf = (rules: Hours.Rules, { instrument_token, exchange, underlying }: Subscribed): Place | undefined => {
  const unit = Segments.unitOf(rules.segments, instrument_token)
  if (Either.isLeft(unit)) return undefined
  const traded = unit.right.name === "INDICES" ? exchange : unit.right.name
  const segment = Segments.ofExchange(rules.segments, traded, underlying)
  if (Either.isLeft(segment)) return undefined
  return { segment: segment.right, security: segment.right.endsWith("_CM") ? "cas" : "option" }
}

/** Where the instruments of a connection trade, each place once. Instruments of unknown segments are omitted. */
export const placesOf = (rules: Hours.Rules, instruments: ReadonlyArray<Subscribed>): ReadonlyArray<Place> => {
  const places = new Map<string, Place>()
  for (const instrument of instruments) {
    const place = placeOf(rules, instrument)
    if (place !== undefined) places.set(place.segment, place)
  }
  return Array.from(places.values())
}

/** The instant since which ticks are due from any of the places; undefined if no place is known to trade now. */
export const tradingSinceMs = (rules: Hours.Rules, places: ReadonlyArray<Place>, atMs: number): number | undefined => {
  let earliest: number | undefined
  for (const { segment, security } of places) {
    const phase = Hours.likelyPhases(rules, segment, security, Day.at(atMs)).find(({ startMs, endMs }) => startMs <= atMs && atMs < endMs)
    if (phase?.trades === true) earliest = Math.min(earliest ?? phase.startMs, phase.startMs)
  }
  return earliest
}
