import { Either } from "effect"
import * as Calendars from "./Calendars.ts"
import * as Day from "./Day.ts"
import type * as Facts from "./Facts.ts"
import * as Segments from "./Segments.ts"
import * as Span from "./Span.ts"
import { UnknownRule } from "./UnknownRule.ts"

/** Cash: `cas` for a share with a derivative contract on any exchange, `other` for the rest. F&O: future or option. */
export type Security = "cas" | "other" | "future" | "option"

/** A phase of one day in UTC milliseconds, [start, end). */
export interface Phase {
  readonly phase: string
  readonly startMs: number
  readonly endMs: number
  /** Whether the price moves by continuous trading. It does not move in an auction or a pause. */
  readonly trades: boolean
  readonly confidence: Facts.Confidence
}

interface Regime extends Day.Range {
  readonly row: Facts.SessionRow
  readonly spans: ReadonlyArray<Span.Span>
}

export interface Hours {
  /** By segment; the row with the highest priority comes first. */
  readonly regimes: ReadonlyMap<Facts.Segment, ReadonlyArray<Regime>>
  readonly trades: ReadonlyMap<string, boolean>
  /** Ascending. */
  readonly seasons: ReadonlyArray<{
    readonly fromDay: Day.Day
    readonly season: "summer" | "winter"
    readonly confidence: Facts.Confidence
  }>
}

export const index = (file: typeof Facts.Sessions.Type): Hours => {
  const regimes = new Map<Facts.Segment, Array<Regime>>()
  for (const row of file.sessions) {
    const list = regimes.get(row.segment) ?? []
    list.unshift({ row, ...Day.range(row), spans: row.phases.map(Span.parse) })
    regimes.set(row.segment, list)
  }
  const seasons = file.seasons.map(({ from, season, confidence }) => ({ fromDay: Day.ofIso(from), season, confidence }))
  return {
    regimes,
    trades: new Map(file.phases.map(({ phase, trades }) => [phase, trades])),
    seasons: seasons.sort((a, b) => a.fromDay - b.fromDay)
  }
}

/** The parts of a rule set that hours need. */
export interface Rules {
  readonly segments: Segments.Segments
  readonly calendars: Calendars.Calendars
  readonly hours: Hours
}

const nthSunday = (year: number, month: number, nth: number): Day.Day => {
  const first = Day.firstOfMonth(year, month)
  return first + ((7 - Day.weekday(first)) % 7) + 7 * (nth - 1)
}

/**
 * Commodities follow American summer time, from the Monday after the second Sunday of March to the Monday after the first Sunday of
 * November.
 */
const seasonByRule = (day: Day.Day): "summer" | "winter" => {
  const year = Day.yearOf(day)
  return day > nthSunday(year, 3, 2) && day <= nthSunday(year, 11, 1) ? "summer" : "winter"
}

/** The shortest length of a season, in days. After that, a published switch may be outdated by an unpublished one. */
const seasonDaysMin = { summer: 238, winter: 126 } as const

/** The published switch while it certainly applies, otherwise the rule. */
export const season = (hours: Hours, day: Day.Day): "summer" | "winter" => {
  const row = hours.seasons.findLast(({ fromDay }) => fromDay <= day)
  return row !== undefined && day - row.fromDay < seasonDaysMin[row.season] ? row.season : seasonByRule(day)
}

const regimeOf = (
  rules: Rules,
  segment: Facts.Segment,
  security: Security | undefined,
  day: Day.Day
): Either.Either<Regime, UnknownRule> => {
  const on = Day.iso(day)
  const open = (rules.hours.regimes.get(segment) ?? []).filter((it) => Day.holds(it, day))
  const own = open.find(({ row }) => row.security === undefined || row.security === security)
  if (own !== undefined) return Either.right(own)
  const why = open.length === 0 ? "no row of the rulebook covers the day" : "cash has two kinds of securities that day: state cas or other"
  return Either.left(new UnknownRule({ what: "hours", of: segment, on, why }))
}

/** Milliseconds after midnight at which the regime's last trading phase ends on a day. */
const closeMs = (hours: Hours, { row, spans }: Regime, day: Day.Day): number => {
  const byName = season(hours, day) === "summer" ? row.summerClose : row.winterClose
  const end = spans.findLast((span) => hours.trades.get(span.phase) === true)?.endMs ?? 0
  return end === "close" ? Span.timeMs(byName ?? "00:00") : end
}

/** On a commodity holiday, the part of the usual day that stays open. In other segments, the published sessions unchanged. */
const specialSpans = (special: Calendars.SpecialDay, closesMs: number, spans: ReadonlyArray<Span.Span>): ReadonlyArray<Span.Span> =>
  spans.flatMap((span) => {
    const endMs = span.endMs === "close" ? closesMs : special.row.kind === "partial" ? Math.min(span.endMs, closesMs) : span.endMs
    return endMs > span.startMs ? [{ ...span, endMs }] : []
  })

const weaker = (a: Facts.Confidence, b: Facts.Confidence): Facts.Confidence => (a < b ? a : b)

const placed = (rules: Rules, day: Day.Day, spans: ReadonlyArray<Span.Span>, closesMs: number, confidence: Facts.Confidence) => {
  const midnightMs = Day.midnightMs(day)
  return spans.map(
    (span): Phase => ({
      phase: span.phase,
      startMs: midnightMs + span.startMs,
      endMs: midnightMs + (span.endMs === "close" ? closesMs : span.endMs),
      trades: rules.hours.trades.get(span.phase) === true,
      confidence
    })
  )
}

/** The phases of an ordinary day under the hours of its date. The holiday list is ignored. */
export const usualPhases = (
  rules: Rules,
  segment: Facts.Segment,
  security: Security | undefined,
  day: Day.Day
): Either.Either<ReadonlyArray<Phase>, UnknownRule> =>
  Either.flatMap(regimeOf(rules, segment, security, day), (regime) => {
    const spans = forSecurity(segment, regime.spans, security)
    return Either.map(spans, (own) => placed(rules, day, own, closeMs(rules.hours, regime, day), regime.row.confidence))
  })

/** Without a security, the phases are known only if futures and options have the same ones. */
const forSecurity = (
  segment: Facts.Segment,
  spans: ReadonlyArray<Span.Span>,
  security: Security | undefined
): Either.Either<ReadonlyArray<Span.Span>, UnknownRule> => {
  if (security === "future" || !spans.some((span) => span.futuresOnly)) return Either.right(spans)
  if (security === "option") return Either.right(spans.filter((span) => !span.futuresOnly))
  return Either.left(
    new UnknownRule({ what: "phases", of: segment, on: null, why: "only futures have a pre-open session: state future or option" })
  )
}

/** The phases of a day in order; empty on a closed day. */
export const phases = (
  rules: Rules,
  segment: Facts.Segment,
  security: Security | undefined,
  day: Day.Day
): Either.Either<ReadonlyArray<Phase>, UnknownRule> =>
  Either.gen(function* () {
    const found = yield* Calendars.dayOf(rules.calendars, Segments.calendarOf(rules.segments, segment), day)
    if (found === "weekend") return []
    if (found === "plain") return yield* usualPhases(rules, segment, security, day)
    if (found.row.kind === "holiday" || found.row.kind === "closed_weekend") return []
    if (found.spans === null)
      return yield* Either.left(
        new UnknownRule({ what: "hours", of: segment, on: found.row.date, why: `the hours of ${found.row.name} are not published` })
      )
    const regime = yield* regimeOf(rules, segment, security, day)
    const closesMs = closeMs(rules.hours, regime, day)
    const spans = yield* forSecurity(segment, found.spans, security)
    return placed(rules, day, specialSpans(found, closesMs, spans), closesMs, weaker(found.row.confidence, regime.row.confidence))
  })

export const closed = "closed" as const

/** The phase at an instant; "closed" outside all phases. If only futures have a phase then, `security` is required. */
export const phaseAt = (
  rules: Rules,
  segment: Facts.Segment,
  security: Security | undefined,
  atMs: number
): Either.Either<Phase | typeof closed, UnknownRule> => {
  const day = Day.at(atMs)
  const within = (all: ReadonlyArray<Phase>): Phase | typeof closed => all.find((it) => it.startMs <= atMs && atMs < it.endMs) ?? closed
  const own = phases(rules, segment, security, day)
  if (Either.isRight(own) || security !== undefined) return Either.map(own, within)
  // Futures and options differ only in the pre-open. At any other time both have the same phase.
  const [future, option] = [phases(rules, segment, "future", day), phases(rules, segment, "option", day)]
  if (Either.isLeft(future) || Either.isLeft(option)) return Either.map(own, within)
  const [a, b] = [within(future.right), within(option.right)]
  return nameOf(a) === nameOf(b) ? Either.right(b) : Either.map(own, within)
}

const securities: ReadonlyArray<Security> = ["cas", "other", "future", "option"]

/** Whether any segment may be in one of its phases, for work that is useless at other times. Unknown hours count as open. */
export const isAnyOpen = (rules: Rules, atMs: number): boolean =>
  [...rules.hours.regimes.keys()].some((segment) => {
    const known = securities.flatMap((security) =>
      Either.match(phaseAt(rules, segment, security, atMs), { onLeft: () => [], onRight: nameOf })
    )
    return known.length === 0 || known.some((phase) => phase !== closed)
  })

/** The name of a result of `phaseAt`. */
export const nameOf = (phase: Phase | typeof closed): string => (phase === closed ? closed : phase.phase)

export interface Session {
  readonly opensAtMs: number
  readonly closesAtMs: number
}

const bounds = (all: ReadonlyArray<Phase>): Session | null => {
  const trading = all.filter((it) => it.trades)
  const [first, last] = [trading[0], trading.at(-1)]
  return first === undefined || last === undefined ? null : { opensAtMs: first.startMs, closesAtMs: last.endMs }
}

/** From the first to the last instant of continuous trading on a day, without auctions and pre-open; null on a closed day. */
export const session = (
  rules: Rules,
  segment: Facts.Segment,
  security: Security | undefined,
  day: Day.Day
): Either.Either<Session | null, UnknownRule> => Either.map(phases(rules, segment, tradingAs(segment, security), day), bounds)

/** The phases after which the exchange publishes its closing price. */
const closing: ReadonlySet<string> = new Set(["close_computation", "cas_matching"])

/** When the closing price of a day is known: after its computation or auction, otherwise at the last trade; null on a closed day. */
export const closeKnownAtMs = (
  rules: Rules,
  segment: Facts.Segment,
  security: Security | undefined,
  day: Day.Day
): Either.Either<number | null, UnknownRule> =>
  Either.map(phases(rules, segment, tradingAs(segment, security), day), (all) => {
    const computed = all.findLast(({ phase }) => closing.has(phase))
    return computed?.endMs ?? bounds(all)?.closesAtMs ?? null
  })

/** The session of an ordinary day under the hours of its date. The holiday list is ignored. */
export const usualSession = (
  rules: Rules,
  segment: Facts.Segment,
  security: Security | undefined,
  day: Day.Day
): Either.Either<Session | null, UnknownRule> => Either.map(usualPhases(rules, segment, tradingAs(segment, security), day), bounds)

/**
 * A day's most likely session, for monitoring and for requests to the broker; never a reason to reject an order. A weekday outside all
 * holiday lists counts as an ordinary day. "unknown" if the day may trade at unpublished hours.
 */
export const likelySession = (
  rules: Rules,
  segment: Facts.Segment,
  security: Security | undefined,
  day: Day.Day
): Session | null | "unknown" => {
  const own = session(rules, segment, security, day)
  if (Either.isRight(own)) return own.right
  const found = Calendars.dayOf(rules.calendars, Segments.calendarOf(rules.segments, segment), day)
  return Either.isRight(found) ? "unknown" : Either.getOrElse(usualSession(rules, segment, security, day), () => "unknown" as const)
}

/** The most likely phases of a day, for monitoring; empty if they are unknown. See `likelySession`. */
export const likelyPhases = (rules: Rules, segment: Facts.Segment, security: Security | undefined, day: Day.Day): ReadonlyArray<Phase> => {
  const own = phases(rules, segment, security, day)
  if (Either.isRight(own)) return own.right
  const isListed = Either.isRight(Calendars.dayOf(rules.calendars, Segments.calendarOf(rules.segments, segment), day))
  return isListed ? [] : Either.getOrElse(usualPhases(rules, segment, security, day), () => [])
}

/** Futures and options trade at the same hours. Only the pre-open differs, which is not part of a session. */
const tradingAs = (segment: Facts.Segment, security: Security | undefined): Security | undefined =>
  security ?? (segment === "NSE_FO" || segment === "BSE_FO" ? "option" : undefined)

/** Whether the segment holds a session on a day. The day is known even if its hours are not published. */
export const isTradingDay = (rules: Rules, segment: Facts.Segment, day: Day.Day): Either.Either<boolean, UnknownRule> =>
  Either.gen(function* () {
    const name = Segments.calendarOf(rules.segments, segment)
    const found = yield* Calendars.dayOf(rules.calendars, name, day)
    if (typeof found !== "string" && found.row.kind === "partial") {
      const own = yield* session(rules, segment, undefined, day)
      return own !== null
    }
    return yield* Calendars.isTradingDay(rules.calendars, name, day)
  })
