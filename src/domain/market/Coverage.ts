import * as IndiaTime from "../IndiaTime.ts"
import type * as Hours from "../rules/Hours.ts"
import type { Span } from "./KiteHistory.ts"

/** What is known of the bars of one day ("YYYY-MM-DD", India). */
export interface Day {
  readonly day: string
  /** The broker has told all of it. */
  readonly told: boolean
  /** Our own one-minute bars of its session that lack nothing. */
  readonly whole: number
}

/** A day's session; null on a closed day, "unknown" where only the broker can say whether it traded. */
export type SessionOf = (day: string) => Hours.Session | null | "unknown"

/** A minute that is over may still be on its way to where it is kept. */
const onTheWay = 2

const minutesIn = (session: Hours.Session | null, { fromMs, toMs }: Span): number => {
  if (session === null) return 0
  return Math.max(0, Math.floor((Math.min(toMs, session.closesAtMs) - Math.max(fromMs, session.opensAtMs)) / IndiaTime.minuteMs))
}

/** Days between two instants, "YYYY-MM-DD", ascending. */
export const daysIn = ({ fromMs, toMs }: Span): ReadonlyArray<string> => {
  const days: Array<string> = []
  for (let atMs = IndiaTime.istMidnightMs(IndiaTime.istDate(fromMs)); atMs <= toMs; atMs += IndiaTime.dayMs)
    days.push(IndiaTime.istDate(atMs))
  return days
}

/** Whether our own bars have every minute that a day can have by now. */
const isWhole = (held: Day | undefined, due: number, lag: number): boolean =>
  held !== undefined && held.whole > 0 && held.whole >= due - lag

/**
 * The days of a span that the broker has to be asked for, joined to as few whole-day spans as may be, none beyond `nowMs`: those it has not
 * told and of which our own bars lack a minute. A closed day alone is not asked for; between two days that are, it is.
 */
export const missing = (known: ReadonlyArray<Day>, wanted: Span, nowMs: number, sessionOf: SessionOf): ReadonlyArray<Span> => {
  const byDay = new Map(known.map((one) => [one.day, one]))
  const until = { fromMs: wanted.fromMs, toMs: Math.min(wanted.toMs, nowMs) }
  const spans: Array<{ readonly fromMs: number; toMs: number }> = []
  /** Days passed since the last span's end that need not be asked for and may be all the same. */
  let isJoined = false
  for (const day of daysIn(until)) {
    const midnightMs = IndiaTime.istMidnightMs(day)
    const held = byDay.get(day)
    const session = sessionOf(day)
    const due = session === "unknown" ? Number.POSITIVE_INFINITY : minutesIn(session, until)
    const lag = day === IndiaTime.istDate(nowMs) ? onTheWay : 0
    if (held?.told === true || isWhole(held, due, lag)) {
      isJoined = false
      continue
    }
    if (due === 0) continue
    const last = spans.at(-1)
    const toMs = Math.min(midnightMs + IndiaTime.dayMs - 1_000, nowMs)
    if (last !== undefined && isJoined) last.toMs = toMs
    else spans.push({ fromMs: midnightMs, toMs })
    isJoined = true
  }
  return spans
}

/** Of the days in a span that was fetched whole, those that are over: nothing can be added to them. */
export const finished = (span: Span, nowMs: number): ReadonlyArray<string> =>
  daysIn(span).filter((day) => {
    const midnightMs = IndiaTime.istMidnightMs(day)
    return span.fromMs <= midnightMs && midnightMs + IndiaTime.dayMs - 1_000 <= span.toMs && midnightMs + IndiaTime.dayMs <= nowMs
  })
