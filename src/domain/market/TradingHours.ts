import { Either } from "effect"
import * as Day from "../rules/Day.ts"
import * as Hours from "../rules/Hours.ts"
import * as Segments from "../rules/Segments.ts"
import type { Place } from "./InstrumentHours.ts"

/** A subscribed instrument as far as its hours depend on it. */
interface Subscribed {
  readonly instrument_token: number
  /** Of its underlying. */
  readonly exchange: string
  readonly underlying: string
}

/** Cash counts as a share of the closing auction: it is due only while every kind of cash trades. An index trades as its exchange does. */
const placeOf = (rules: Hours.Rules, { instrument_token, exchange, underlying }: Subscribed): Place | undefined => {
  const unit = Segments.unitOf(rules.segments, instrument_token)
  if (Either.isLeft(unit)) return undefined
  const traded = unit.right.name === "INDICES" ? exchange : unit.right.name
  const segment = Segments.ofExchange(rules.segments, traded, underlying)
  if (Either.isLeft(segment)) return undefined
  return { segment: segment.right, security: segment.right.endsWith("_CM") ? "cas" : "option" }
}

/** Where the instruments of a connection trade, each place once; instruments of unknown segments are left out. */
export const placesOf = (rules: Hours.Rules, instruments: ReadonlyArray<Subscribed>): ReadonlyArray<Place> => {
  const places = new Map<string, Place>()
  for (const instrument of instruments) {
    const place = placeOf(rules, instrument)
    if (place !== undefined) places.set(place.segment, place)
  }
  return Array.from(places.values())
}

/** Since when ticks have been due from any of the places; undefined while none trades, as far as that is known. */
export const tradingSinceMs = (rules: Hours.Rules, places: ReadonlyArray<Place>, atMs: number): number | undefined => {
  let earliest: number | undefined
  for (const { segment, security } of places) {
    const phase = Hours.likelyPhases(rules, segment, security, Day.at(atMs)).find(({ startMs, endMs }) => startMs <= atMs && atMs < endMs)
    if (phase?.trades === true) earliest = Math.min(earliest ?? phase.startMs, phase.startMs)
  }
  return earliest
}
