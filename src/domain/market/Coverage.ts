import * as IndiaTime from "../IndiaTime.ts"
import * as Calendar from "./Calendar.ts"
import type { Span } from "./KiteHistory.ts"

/** What is known of the bars of one day ("YYYY-MM-DD", India). */
export interface Day {
  readonly day: string
  /** The broker has told all of it. */
  readonly told: boolean
  /** Our own one-minute bars of its session that lack nothing. */
  readonly whole: number
}

/** A minute that is over may still be on its way to where it is kept. */
const onTheWay = 2

const sessionMinutesIn = (midnightMs: number, { fromMs, toMs }: Span): number => {
  const openMs = Math.max(fromMs, midnightMs + Calendar.openOfDayMs)
  const closeMs = Math.min(toMs, midnightMs + Calendar.closeOfDayMs)
  return Math.max(0, Math.floor((closeMs - openMs) / IndiaTime.minuteMs))
}

/** Days between two instants, "YYYY-MM-DD", ascending. */
export const daysIn = ({ fromMs, toMs }: Span): ReadonlyArray<string> => {
  const days: Array<string> = []
  for (let atMs = IndiaTime.istMidnightMs(IndiaTime.istDate(fromMs)); atMs <= toMs; atMs += IndiaTime.dayMs)
    days.push(IndiaTime.istDate(atMs))
  return days
}

const isWeekend = (day: string): boolean => [0, 6].includes(new Date(`${day}T00:00:00Z`).getUTCDay())

/**
 * The days of a span that the broker has to be asked for, joined to as few whole-day spans as may be, none beyond `nowMs`: those it has not
 * told and of which our own bars lack a minute. A weekend alone is not asked for; between two days that are, it is.
 */
export const missing = (known: ReadonlyArray<Day>, wanted: Span, nowMs: number): ReadonlyArray<Span> => {
  const byDay = new Map(known.map((one) => [one.day, one]))
  const until = { fromMs: wanted.fromMs, toMs: Math.min(wanted.toMs, nowMs) }
  const spans: Array<{ readonly fromMs: number; toMs: number }> = []
  /** Days passed since the last span's end that need not be asked for and may be all the same. */
  let isJoined = false
  for (const day of daysIn(until)) {
    const midnightMs = IndiaTime.istMidnightMs(day)
    const held = byDay.get(day)
    const due = sessionMinutesIn(midnightMs, until)
    const lag = day === IndiaTime.istDate(nowMs) ? onTheWay : 0
    if (held?.told === true || (held !== undefined && held.whole > 0 && held.whole >= due - lag)) {
      isJoined = false
      continue
    }
    if (isWeekend(day)) continue
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
