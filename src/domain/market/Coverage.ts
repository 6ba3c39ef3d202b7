import * as IndiaTime from "../IndiaTime.ts"
import type * as Hours from "../rules/Hours.ts"
import type { Span } from "./KiteHistory.ts"

/** What is known about the bars of one day ("YYYY-MM-DD", India). */
export interface Day {
  readonly day: string
  /** True if the broker has delivered the whole day. */
  readonly fetched: boolean
  /** Number of our own complete one-minute bars in its session. */
  readonly whole: number
}

/** Returns a day's session; null on a closed day; "unknown" if only the broker knows whether it traded. */
export type SessionOf = (day: string) => Hours.Session | null | "unknown"

/** Number of finished minutes that may still be on their way to the store. */
const minutesUnsavedMax = 2

const minutesIn = (session: Hours.Session | null, { fromMs, toMs }: Span): number => {
  if (session === null) return 0
  return Math.max(0, Math.floor((Math.min(toMs, session.closesAtMs) - Math.max(fromMs, session.opensAtMs)) / IndiaTime.minuteMs))
}

/** Days between two instants, "YYYY-MM-DD", ascending. */
export const daysIn = ({ fromMs, toMs }: Span): ReadonlyArray<string> => {
  const days: Array<string> = []
  for (let atMs = IndiaTime.startOfDayMs(fromMs); atMs <= toMs; atMs += IndiaTime.dayMs) days.push(IndiaTime.istDate(atMs))
  return days
}

/** Whether our own bars cover every minute that the day can have by now. */
const isWhole = (held: Day | undefined, due: number, lag: number): boolean =>
  held !== undefined && held.whole > 0 && held.whole >= due - lag

/**
 * The days of a span to request from the broker, joined to as few whole-day spans as possible, none beyond `nowMs`. A day is requested
 * if the broker has not delivered it and our own bars lack a minute. A closed day is requested only between two such days.
 */
export const missing = (known: ReadonlyArray<Day>, wanted: Span, nowMs: number, sessionOf: SessionOf): ReadonlyArray<Span> => {
  const byDay = new Map(known.map((one) => [one.day, one]))
  const until = { fromMs: wanted.fromMs, toMs: Math.min(wanted.toMs, nowMs) }
  const spans: Array<{ readonly fromMs: number; toMs: number }> = []
  /** True while no day that needs no request has passed since the last span's end. */
  let isJoined = false
  for (const day of daysIn(until)) {
    const midnightMs = IndiaTime.istMidnightMs(day)
    const held = byDay.get(day)
    const session = sessionOf(day)
    const due = session === "unknown" ? Number.POSITIVE_INFINITY : minutesIn(session, until)
    const lag = day === IndiaTime.istDate(nowMs) ? minutesUnsavedMax : 0
    if (held?.fetched === true || isWhole(held, due, lag)) {
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

/** The finished days within a span that was fetched completely. Nothing can be added to them. */
export const finished = (span: Span, nowMs: number): ReadonlyArray<string> =>
  daysIn(span).filter((day) => {
    const midnightMs = IndiaTime.istMidnightMs(day)
    return span.fromMs <= midnightMs && midnightMs + IndiaTime.dayMs - 1_000 <= span.toMs && midnightMs + IndiaTime.dayMs <= nowMs
  })
