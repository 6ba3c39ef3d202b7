/** The times of one simulated day's events, from the phases of the rulebook. */
import * as Day from "../../domain/rules/Day.ts"
import * as Hours from "../../domain/rules/Hours.ts"
import type * as RuleSet from "../../domain/rules/RuleSet.ts"
import * as Span from "../../domain/rules/Span.ts"
import * as Listing from "./Listing.ts"

/** When the broker publishes the day's dump, and when feeds start to send. Both are before any exchange opens. */
const dumpOutMs = Span.timeMs("08:31")
const feedUpMs = Span.timeMs("08:45")
/** The last packet of the day. It comes after every exchange has closed, and closes the last windows. */
const lastPacketMs = Span.timeMs("23:58")
/** In auctions and pauses, one packet a minute shows that the feed is alive. */
const quietStepMs = 60_000
const lastSecondMs = 1_000

export interface Timetable {
  readonly day: Day.Day
  /** When the access tokens of the previous day expire. */
  readonly tokensDieAtMs: number
  readonly dumpOutAtMs: number
  readonly lastPacketAtMs: number
  /** All instants in between, ascending. */
  readonly instants: ReadonlyArray<number>
  readonly phasesOf: (listed: Listing.Listed) => ReadonlyArray<Hours.Phase>
  /** When a spot's official close is published; null on a day without a session. */
  readonly closePrintAtMs: (listed: Listing.Listed) => number | null
}

const keyOf = ({ segment, security }: Listing.Listed): string => `${segment} ${security}`

function* everyStep({ startMs, endMs }: Hours.Phase, stepMs: number): Generator<number> {
  for (let atMs = startMs; atMs < endMs; atMs += stepMs) yield atMs
}

/** The instants of one group of instruments with the same phases. */
const instantsOf = (phases: ReadonlyArray<Hours.Phase>, closePrint: number | null, stepMs: number): ReadonlyArray<number> => {
  if (closePrint === null) return []
  const auctions = phases.filter(({ phase, endMs }) => !phase.startsWith("post_close") && endMs <= closePrint)
  return [
    ...auctions.flatMap((phase) => [...everyStep(phase, phase.trades ? stepMs : quietStepMs)]),
    ...phases.filter(({ trades }) => trades).map(({ endMs }) => endMs - lastSecondMs),
    closePrint
  ]
}

/** A commodity ticks at most once a minute, which is enough for a candle in each minute of its long day. */
const slowStepMs = 60_000

const isSlow = (products: ReadonlyArray<Listing.Product>, { product }: Listing.Listed): boolean => {
  const found = products[product]
  return found !== undefined && Listing.isCommodity(found)
}

export const make = (
  rules: RuleSet.RuleSet,
  products: ReadonlyArray<Listing.Product>,
  { day, listed }: Listing.DayListing,
  stepMs: number
): Timetable => {
  const byKey = new Map<string, ReadonlyArray<Hours.Phase>>()
  const closeKnown = new Map<string, number | null>()
  const slow = new Map<string, boolean>()
  for (const one of listed) {
    const key = keyOf(one)
    if (!byKey.has(key)) {
      byKey.set(key, Listing.known(Hours.phases(rules, one.segment, one.security, day)))
      closeKnown.set(key, Listing.known(Hours.closeKnownAtMs(rules, one.segment, one.security, day)))
    }
    slow.set(key, (slow.get(key) ?? true) && isSlow(products, one))
  }
  const phasesOf = (one: Listing.Listed) => byKey.get(keyOf(one)) ?? []
  const midnightMs = Day.midnightMs(day)
  const dies = rules.documents.broker.tokenDeath.findLast((row) => Day.holds(Day.range(row), day))
  if (dies === undefined) throw new RangeError(`the rulebook does not say when tokens die on ${Day.iso(day)}`)
  const ends = listed.map(({ expiresAtMs }) => expiresAtMs - lastSecondMs).filter((atMs) => Day.at(atMs) === day)
  const all = [...byKey].flatMap(([key, phases]) =>
    instantsOf(phases, closeKnown.get(key) ?? null, slow.get(key) === true ? Math.max(stepMs, slowStepMs) : stepMs)
  )
  return {
    day,
    tokensDieAtMs: midnightMs + Span.timeMs(dies.time),
    dumpOutAtMs: midnightMs + dumpOutMs,
    lastPacketAtMs: midnightMs + lastPacketMs,
    instants: [...new Set([midnightMs + feedUpMs, ...all, ...ends])].sort((a, b) => a - b),
    phasesOf,
    closePrintAtMs: (one) => closeKnown.get(keyOf(one)) ?? null
  }
}
