import { Either } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Life from "../../domain/market/Life.ts"
import * as Calendars from "../../domain/rules/Calendars.ts"
import * as Day from "../../domain/rules/Day.ts"
import * as Expiries from "../../domain/rules/Expiries.ts"
import * as ExpiryLabels from "../../domain/rules/ExpiryLabels.ts"
import type * as Facts from "../../domain/rules/Facts.ts"
import * as Hours from "../../domain/rules/Hours.ts"
import type * as RuleSet from "../../domain/rules/RuleSet.ts"
import * as Segments from "../../domain/rules/Segments.ts"
import type { UnknownRule } from "../../domain/rules/UnknownRule.ts"
import type { Lifetimes } from "../shared/Lifetimes.ts"

/** An exchange as a client names it, with the data that decide its hours. */
export interface Place {
  readonly exchange: string
  readonly segment: Facts.Segment
  readonly calendar: Facts.Calendar
  readonly security: Hours.Security | undefined
}

const securities: Readonly<Record<string, Hours.Security>> = { NSE: "other", BSE: "other", NFO: "option", BFO: "option" }

export const placeOf = ({ segments }: RuleSet.RuleSet, exchange: string, symbol: string): Either.Either<Place, UnknownRule> =>
  Either.map(Segments.ofExchange(segments, exchange, symbol), (segment) => ({
    exchange,
    segment,
    calendar: Segments.calendarOf(segments, segment),
    security: securities[exchange]
  }))

const sessionView = (session: Hours.Session | null) =>
  session === null ? null : { opens_at: IndiaTime.isoTime(session.opensAtMs), closes_at: IndiaTime.isoTime(session.closesAtMs) }

const nextOpen = (rules: RuleSet.RuleSet, { segment, security }: Place, nowMs: number): string | null => {
  for (let day = Day.at(nowMs); day < Day.at(nowMs) + Calendars.closedDaysMax; day++) {
    const session = Hours.session(rules, segment, security, day)
    if (Either.isLeft(session)) return null
    if (session.right !== null && session.right.opensAtMs > nowMs) return IndiaTime.isoTime(session.right.opensAtMs)
  }
  return null
}

export const status = (rules: RuleSet.RuleSet, place: Place, nowMs: number) => {
  const { exchange, segment, security } = place
  const day = Day.at(nowMs)
  const orNull = <A>(answer: Either.Either<A, UnknownRule>): A | null => Either.getOrElse(answer, () => null)
  return {
    exchange,
    segment,
    phase: Either.match(Hours.phaseAt(rules, segment, security, nowMs), { onLeft: () => "unknown", onRight: Hours.nameOf }),
    is_trading_day: orNull(Hours.isTradingDay(rules, segment, day)),
    session: sessionView(orNull(Hours.session(rules, segment, security, day))),
    next_open: nextOpen(rules, place, nowMs),
    rules: rules.version,
    as_of: IndiaTime.isoTime(nowMs)
  }
}

export const hours = (rules: RuleSet.RuleSet, { exchange, segment, security }: Place, date: string) =>
  Either.gen(function* () {
    const day = Day.ofIso(date)
    const phases = yield* Hours.phases(rules, segment, security, day)
    return {
      exchange,
      segment,
      date,
      session: sessionView(yield* Hours.session(rules, segment, security, day)),
      phases: phases.map(({ phase, startMs, endMs, trades }) => ({
        phase,
        starts_at: IndiaTime.isoTime(startMs),
        ends_at: IndiaTime.isoTime(endMs),
        trades
      }))
    }
  })

export const tradingDays = (rules: RuleSet.RuleSet, { segment }: Place, from: string, to: string) =>
  Either.gen(function* () {
    const days: Array<string> = []
    for (let day = Day.ofIso(from); day <= Day.ofIso(to); day++) if (yield* Hours.isTradingDay(rules, segment, day)) days.push(Day.iso(day))
    return days
  })

/** The special days of a calendar, ascending. An administrator's entry replaces the shipped row of its day. */
export const holidays = (rules: RuleSet.RuleSet, { calendar }: Place, idOf: (row: Facts.DayRow) => number | null) =>
  Array.from(Calendars.get(rules.calendars, calendar).byDay.values(), ({ row }) => ({
    id: idOf(row),
    date: row.date,
    name: row.name,
    kind: row.kind,
    calendars: [...row.calendars],
    sessions: [...(row.sessions ?? [])],
    source: [...row.source],
    confidence: row.confidence
  })).sort((a, b) => (a.date < b.date ? -1 : 1))

/** Labelled expiries of a symbol that have not passed. A listed day is weekly if the rules say so, otherwise monthly. */
export const expiries = (rules: RuleSet.RuleSet, lifetimes: Lifetimes, symbol: string, listed: ReadonlyArray<string>) => {
  const exchange = Life.derivativesExchange(lifetimes.exchangeOf(symbol))
  const alive = listed.map((date) => ({
    date,
    contract: Expiries.isPrintedAsMonth(rules, exchange, symbol, Day.ofIso(date)) ? ("monthly" as const) : ("weekly" as const)
  }))
  return ExpiryLabels.label(alive).map(({ date, kind, labels }) => {
    const endsMs = lifetimes.endsMs(symbol, date)
    return { date, expires_at: Number.isNaN(endsMs) ? null : IndiaTime.isoTime(endsMs), labels: [...labels], kind }
  })
}
