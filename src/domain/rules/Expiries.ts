import { Either } from "effect"
import * as Calendars from "./Calendars.ts"
import * as Day from "./Day.ts"
import type * as Facts from "./Facts.ts"
import * as Grouped from "./Grouped.ts"
import * as Segments from "./Segments.ts"
import { UnknownRule } from "./UnknownRule.ts"

/** The day on which contracts of an underlying expire. */
export interface Expiry {
  readonly day: Day.Day
  readonly contract: "weekly" | "monthly"
  /** False if a holiday may shift it, but that year's holiday list is not published. */
  readonly isKnown: boolean
  readonly confidence: Facts.Confidence
}

interface Rule extends Day.Range {
  readonly contract: "weekly" | "monthly"
  readonly on: Facts.ExpiryOn
  readonly confidence: Facts.Confidence
}

export interface Expiries {
  readonly rules: ReadonlyMap<string, ReadonlyArray<Rule>>
  /** A cache by year. Within one rule set the expiries never change. */
  readonly years: Map<string, ReadonlyArray<Expiry>>
}

const any = "*"
const key = (exchange: string, underlying: string): string => `${exchange}:${underlying}`

export const index = (file: typeof Facts.Expiries.Type): Expiries => ({
  rules: Grouped.by(
    file.rules.map((row) => ({
      ...Day.range(row),
      at: key(row.exchange, row.underlying),
      contract: row.contract,
      on: row.on,
      confidence: row.confidence
    })),
    ({ at }) => at
  ),
  years: new Map()
})

/** The parts of a rule set that expiries need. */
export interface Rules {
  readonly segments: Segments.Segments
  readonly calendars: Calendars.Calendars
  readonly expiries: Expiries
}

const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

/** The first such weekday at or after `day`. */
const onOrAfter = (day: Day.Day, weekday: number): Day.Day => day + ((weekday - Day.weekday(day) + 7) % 7)

interface Shifted {
  readonly day: Day.Day
  readonly isKnown: boolean
}

/** The day itself, or the nearest earlier day on which a contract can expire. */
const shifted = (calendars: Calendars.Calendars, name: Facts.Calendar, nominal: Day.Day): Shifted => {
  let isKnown = true
  for (let day = nominal; ; day--) {
    const found = Calendars.expiryDay(calendars, name, day)
    isKnown &&= found.isKnown
    if (found.can) return { day, isKnown }
  }
}

/** Two trading days before the last trading day of a month. */
const beforeMonthEnd = (calendars: Calendars.Calendars, name: Facts.Calendar, year: number, month: number): Shifted => {
  let at = shifted(calendars, name, Day.firstOfMonth(year, month + 1) - 1)
  let isKnown = at.isKnown
  for (let back = 0; back < 2; back++) {
    at = shifted(calendars, name, at.day - 1)
    isKnown &&= at.isKnown
  }
  return { day: at.day, isKnown }
}

/** A month's expiry under one rule: the nominal day, and the day after the shift for holidays. */
const monthlyBy = (
  calendars: Calendars.Calendars,
  name: Facts.Calendar,
  on: Facts.ExpiryOn,
  year: number,
  month: number
): Shifted & { readonly nominal: Day.Day } => {
  const [which = "", weekday = ""] = on.split(" ")
  if (which === "2") {
    const at = beforeMonthEnd(calendars, name, year, month)
    return { ...at, nominal: at.day }
  }
  const wanted = weekdays.indexOf(weekday)
  const nominal =
    which === "second" ? onOrAfter(Day.firstOfMonth(year, month), wanted) + 7 : onOrAfter(Day.firstOfMonth(year, month + 1), wanted) - 7
  return { ...shifted(calendars, name, nominal), nominal }
}

const monthliesOf = (rules: Rules, name: Facts.Calendar, list: ReadonlyArray<Rule>, year: number) => {
  const found: Array<Expiry & { readonly nominal: Day.Day }> = []
  // A week at the edge of the year belongs partly to a month of the neighbouring year.
  for (let month = 0; month <= 13; month++)
    for (const rule of list) {
      if (rule.contract !== "monthly") continue
      const at = monthlyBy(rules.calendars, name, rule.on, year, month)
      if (Day.holds(rule, at.day)) found.push({ ...at, contract: "monthly", confidence: rule.confidence })
    }
  return found
}

const ofYear = (rules: Rules, name: Facts.Calendar, list: ReadonlyArray<Rule>, year: number): ReadonlyArray<Expiry> => {
  const monthlies = monthliesOf(rules, name, list, year)
  const monthlyWeeks = new Set(monthlies.map(({ nominal }) => Day.mondayOf(nominal)))
  const found = new Map<Day.Day, Expiry>()
  for (const { day, contract, isKnown, confidence } of monthlies) found.set(day, { day, contract, isKnown, confidence })
  const last = Day.firstOfMonth(year + 1, 1) + 7
  for (const rule of list) {
    if (rule.contract !== "weekly") continue
    const weekday = weekdays.indexOf(rule.on.split(" ")[1] ?? "")
    for (let nominal = onOrAfter(Day.firstOfMonth(year, 1), weekday); nominal < last; nominal += 7) {
      if (monthlyWeeks.has(Day.mondayOf(nominal))) continue
      const at = shifted(rules.calendars, name, nominal)
      if (Day.holds(rule, at.day) && !found.has(at.day)) found.set(at.day, { ...at, contract: "weekly", confidence: rule.confidence })
    }
  }
  return [...found.values()].filter(({ day }) => Day.yearOf(day) === year).sort((a, b) => a.day - b.day)
}

/** Every expiry of an underlying in a year, ascending; empty if the rulebook has no rule for it. */
export const inYear = (rules: Rules, exchange: string, underlying: string, year: number): ReadonlyArray<Expiry> => {
  const named = rules.expiries.rules.has(key(exchange, underlying)) ? underlying : any
  const list = rules.expiries.rules.get(key(exchange, named))
  const segment = Segments.ofExchange(rules.segments, exchange, underlying)
  if (list === undefined || Either.isLeft(segment)) return []
  const at = `${key(exchange, named)}:${year}`
  const known = rules.expiries.years.get(at)
  if (known !== undefined) return known
  const made = ofYear(rules, Segments.calendarOf(rules.segments, segment.right), list, year)
  rules.expiries.years.set(at, made)
  return made
}

const unknown = (exchange: string, underlying: string, on: string, why: string): UnknownRule =>
  new UnknownRule({ what: "expiry", of: `${exchange} ${underlying}`, on, why })

const noRule = (exchange: string): string =>
  exchange === "MCX" || exchange === "NCO"
    ? "commodities have no weekday rule; take the date from the instrument dump"
    : "the rulebook has no expiry rule for the underlying"

const sure = (expiry: Expiry, exchange: string, underlying: string): Either.Either<Expiry, UnknownRule> =>
  expiry.isKnown
    ? Either.right(expiry)
    : Either.left(unknown(exchange, underlying, Day.iso(expiry.day), "the holidays around the day are not in the rulebook"))

/** The expiries after a day, nearest first, up to the end of the second year after it. */
export const after = (rules: Rules, exchange: string, underlying: string, day: Day.Day): ReadonlyArray<Expiry> => {
  const year = Day.yearOf(day)
  return [year, year + 1, year + 2].flatMap((it) => inYear(rules, exchange, underlying, it)).filter((it) => it.day > day)
}

/** The first expiry strictly after a day, weekly or monthly. */
export const next = (rules: Rules, exchange: string, underlying: string, day: Day.Day): Either.Either<Expiry, UnknownRule> => {
  const [first] = after(rules, exchange, underlying, day)
  return first === undefined
    ? Either.left(unknown(exchange, underlying, Day.iso(day), noRule(exchange)))
    : sure(first, exchange, underlying)
}

/** The monthly expiry of a month ("YYYY-MM"). */
export const monthly = (rules: Rules, exchange: string, underlying: string, month: string): Either.Either<Expiry, UnknownRule> => {
  const found = inYear(rules, exchange, underlying, Number(month.slice(0, 4))).find(
    (it) => it.contract === "monthly" && Day.iso(it.day).startsWith(month)
  )
  return found === undefined ? Either.left(unknown(exchange, underlying, month, noRule(exchange))) : sure(found, exchange, underlying)
}

/**
 * Whether Kite prints a contract's month instead of its day. It does for the monthly expiry, and for a date in the same calendar week,
 * to which a later holiday moved it.
 */
export const isPrintedAsMonth = (rules: Rules, exchange: string, underlying: string, expiry: Day.Day): boolean => {
  const all = inYear(rules, exchange, underlying, Day.yearOf(expiry))
  const exact = all.find(({ day }) => day === expiry)
  if (exact !== undefined) return exact.contract === "monthly"
  const monthly = all.find(({ day, contract }) => contract === "monthly" && Day.monthOf(day) === Day.monthOf(expiry))
  return monthly === undefined || Day.mondayOf(monthly.day) === Day.mondayOf(expiry)
}

/**
 * Whether a contract is weekly: its expiry is a weekly day of the rules. Any other date counts as its month's monthly contract, such as
 * one in an old dump whose contract was moved later.
 */
export const isWeekly = (rules: Rules, exchange: string, underlying: string, expiry: Day.Day): boolean =>
  inYear(rules, exchange, underlying, Day.yearOf(expiry)).some((it) => it.day === expiry && it.contract === "weekly")
