import { Either } from "effect"
import * as Day from "./Day.ts"
import type * as Facts from "./Facts.ts"
import * as Span from "./Span.ts"
import { UnknownRule } from "./UnknownRule.ts"

/** One day that differs from an ordinary weekday or weekend. */
export interface SpecialDay {
  readonly row: Facts.DayRow
  /** The only sessions of the day; null if their hours are not published. */
  readonly spans: ReadonlyArray<Span.Span> | null
}

/** One exchange segment's holiday list. */
export interface Calendar {
  readonly byDay: ReadonlyMap<Day.Day, SpecialDay>
  /** Days for which a weekday without a row is known to be ordinary. */
  readonly known: ReadonlyArray<Day.Range>
}

export type Calendars = ReadonlyMap<Facts.Calendar, Calendar>

/** The calendars of a holiday file. If a day has two rows, the later one wins. */
export const index = (file: typeof Facts.Days.Type): Calendars => {
  const made = new Map<Facts.Calendar, { readonly byDay: Map<Day.Day, SpecialDay>; readonly known: Array<Day.Range> }>()
  const of = (calendar: Facts.Calendar) => {
    const found = made.get(calendar)
    if (found !== undefined) return found
    const none = { byDay: new Map<Day.Day, SpecialDay>(), known: [] as Day.Range[] }
    made.set(calendar, none)
    return none
  }
  for (const { calendars, from, to } of file.known) for (const name of calendars) of(name).known.push(Day.range({ from, to }))
  for (const row of file.days) {
    const special = { row, spans: row.sessions === undefined ? null : row.sessions.map(Span.parse) }
    for (const name of row.calendars) of(name).byDay.set(Day.ofIso(row.date), special)
  }
  return made
}

const isClosed = (kind: Facts.DayKind): boolean => kind === "holiday" || kind === "closed_weekend"

const isKnown = (calendar: Calendar, day: Day.Day): boolean => calendar.known.some((range) => Day.holds(range, day))

const emptyCalendar: Calendar = { byDay: new Map(), known: [] }

export const get = (calendars: Calendars, name: Facts.Calendar): Calendar => calendars.get(name) ?? emptyCalendar

/**
 * The calendar's entry for a day: a special day, "plain" (usual hours) or "weekend". A weekday outside all holiday lists is unknown:
 * its holidays were not published or not found.
 */
export const dayOf = (
  calendars: Calendars,
  name: Facts.Calendar,
  day: Day.Day
): Either.Either<SpecialDay | "plain" | "weekend", UnknownRule> => {
  const calendar = get(calendars, name)
  const special = calendar.byDay.get(day)
  if (special !== undefined) return Either.right(special.row.kind === "regular" ? "plain" : special)
  if (Day.isWeekend(day)) return Either.right("weekend")
  if (isKnown(calendar, day)) return Either.right("plain")
  const why = "no holiday list of the rulebook covers the day; add its holidays"
  return Either.left(new UnknownRule({ what: "trading day", of: name, on: Day.iso(day), why }))
}

/** Whether any session is held on the calendar's day. */
export const isTradingDay = (calendars: Calendars, name: Facts.Calendar, day: Day.Day): Either.Either<boolean, UnknownRule> =>
  Either.map(dayOf(calendars, name, day), (found) => found !== "weekend" && (found === "plain" || !isClosed(found.row.kind)))

/** The first of a number of days whose trading the calendar's lists do not tell, or undefined if they cover them all. */
export const firstUnknown = (calendars: Calendars, name: Facts.Calendar, from: Day.Day, days: number): Day.Day | undefined => {
  for (let day = from; day < from + days; day++) if (Either.isLeft(dayOf(calendars, name, day))) return day
  return undefined
}

/** How far to search for a neighbouring session, in days. No exchange was ever closed for so long. */
export const closedDaysMax = 31

const neighbour =
  (step: 1 | -1) =>
  (calendars: Calendars, name: Facts.Calendar, day: Day.Day): Either.Either<Day.Day, UnknownRule> => {
    for (let at = day + step; Math.abs(at - day) <= closedDaysMax; at += step) {
      const trades = isTradingDay(calendars, name, at)
      if (Either.isLeft(trades)) return Either.left(trades.left)
      if (trades.right) return Either.right(at)
    }
    const why = `no trading day within ${closedDaysMax} days`
    return Either.left(new UnknownRule({ what: "neighbouring trading day", of: name, on: Day.iso(day), why }))
  }

/** The first trading day after a day. */
export const nextTradingDay = neighbour(1)
/** The last trading day before a day. */
export const previousTradingDay = neighbour(-1)

/**
 * Whether a contract can expire on the day: a weekday that is neither a holiday nor a Muhurat day. A special weekend session is not an
 * expiry day. `isKnown` is false if no holiday list covers the day; it then counts as an ordinary day.
 */
export const expiryDay = (
  calendars: Calendars,
  name: Facts.Calendar,
  day: Day.Day
): { readonly can: boolean; readonly isKnown: boolean } => {
  const calendar = get(calendars, name)
  if (Day.isWeekend(day)) return { can: false, isKnown: true }
  const kind = calendar.byDay.get(day)?.row.kind
  if (kind === undefined) return { can: true, isKnown: isKnown(calendar, day) }
  return { can: !isClosed(kind) && kind !== "muhurat", isKnown: true }
}
