import { Either, Schema } from "effect"
import * as Consistency from "./Consistency.ts"
import * as Day from "./Day.ts"
import * as Facts from "./Facts.ts"
import type * as RuleSet from "./RuleSet.ts"
import * as Span from "./Span.ts"

/** One addition by an administrator to the shipped rules, in the form of the shipped files. */
export const Entry = Schema.Union(
  Schema.Struct({ entry: Schema.Literal("day"), row: Facts.DayRow }),
  Schema.Struct({ entry: Schema.Literal("known"), row: Facts.KnownRow }),
  Schema.Struct({ entry: Schema.Literal("hours"), row: Facts.SessionRow })
)
export type Entry = typeof Entry.Type
export const kinds = ["day", "known", "hours"] as const
export type Kind = (typeof kinds)[number]

/** A row as a person writes it. Its kind decides which fields it needs. */
export interface Draft {
  readonly entry: Kind
  readonly date?: string | undefined
  readonly name?: string | undefined
  readonly kind?: Facts.DayKind | undefined
  readonly calendars?: ReadonlyArray<Facts.Calendar> | undefined
  readonly sessions?: ReadonlyArray<string> | undefined
  readonly from?: string | undefined
  readonly to?: string | null | undefined
  readonly segment?: Facts.Segment | undefined
  readonly security?: typeof Facts.CashSecurity.Type | undefined
  readonly phases?: ReadonlyArray<string> | undefined
  readonly summer_close?: string | undefined
  readonly winter_close?: string | undefined
  readonly source: ReadonlyArray<string>
  readonly confidence: Facts.Confidence
  readonly note?: string | undefined
}

/** A problem with a field of a draft. */
export interface Problem {
  readonly field: string
  readonly message: string
}

type Field = Exclude<keyof Draft, "entry" | "source" | "confidence" | "note">

const needed: Readonly<Record<Kind, ReadonlyArray<Field>>> = {
  day: ["date", "name", "kind", "calendars"],
  known: ["calendars", "from", "to"],
  hours: ["segment", "from", "phases"]
}
const optional: Readonly<Record<Kind, ReadonlyArray<Field>>> = {
  day: ["sessions"],
  known: [],
  hours: ["security", "to", "summer_close", "winter_close"]
}
const fields: ReadonlyArray<Field> = [...new Set(kinds.flatMap((kind) => [...needed[kind], ...optional[kind]]))]

const fieldProblems = (draft: Draft): ReadonlyArray<Problem> => {
  const { entry } = draft
  const missing = needed[entry].filter((field) => draft[field] === undefined || (entry === "known" && draft[field] === null))
  const foreign = fields.filter((field) => draft[field] !== undefined && !needed[entry].includes(field) && !optional[entry].includes(field))
  return [
    ...missing.map((field) => ({ field, message: `an entry "${entry}" needs it` })),
    ...foreign.map((field) => ({ field, message: `an entry "${entry}" has no such field` }))
  ]
}

const isSpan = Schema.is(Facts.Span)

/** Checks that the rules can use the phases: well-formed, known, in order, and at least one with trading. */
const spanProblems = (rules: RuleSet.RuleSet, field: Field, texts: ReadonlyArray<string>): ReadonlyArray<Problem> => {
  const malformed = texts.find((text) => !isSpan(text))
  if (malformed !== undefined)
    return [{ field, message: `"${malformed}": expected a phase and its hours such as "continuous 09:15-15:30"` }]
  const spans = texts.map(Span.parse)
  const problems = Consistency.spanProblems(rules.documents.sessions, spans)
  const trades = spans.some(({ phase }) => rules.hours.trades.get(phase) === true)
  if (problems.length === 0 && !trades) return [{ field, message: "no phase of them trades; a day without trading is a holiday" }]
  return problems.map((message) => ({ field, message }))
}

const closedKinds: ReadonlySet<Facts.DayKind> = new Set(["holiday", "closed_weekend"])
/** Only commodity exchanges trade during a part of a holiday. */
const inParts: ReadonlySet<Facts.Calendar> = new Set(["MCX", "NSE_COM", "BSE_COM"])

const dayProblems = (rules: RuleSet.RuleSet, row: Facts.DayRow): ReadonlyArray<Problem> => {
  const { kind, sessions, calendars, date } = row
  const isPlain = closedKinds.has(kind) || kind === "regular"
  if (kind === "closed_weekend" && !Day.isWeekend(Day.ofIso(date)))
    return [{ field: "kind", message: `${date} is not a weekend: use holiday` }]
  if (isPlain && sessions !== undefined) return [{ field: "sessions", message: `a day of kind "${kind}" has no sessions` }]
  if (kind !== "partial") return sessions === undefined ? [] : spanProblems(rules, "sessions", sessions)
  const whole = calendars.find((calendar) => !inParts.has(calendar))
  if (whole !== undefined) return [{ field: "kind", message: `${whole} trades no part of a holiday: use special_open with its sessions` }]
  if (sessions === undefined) return [{ field: "sessions", message: "state which part of the day trades" }]
  return spanProblems(rules, "sessions", sessions)
}

const rangeProblems = ({ from, to }: { readonly from: string | null; readonly to: string | null }): ReadonlyArray<Problem> =>
  from !== null && to !== null && from > to ? [{ field: "to", message: `is before ${from}` }] : []

const isCash = (segment: Facts.Segment): boolean => segment === "NSE_CM" || segment === "BSE_CM"

const hoursProblems = (rules: RuleSet.RuleSet, row: Facts.SessionRow): ReadonlyArray<Problem> => {
  if (row.security !== undefined && !isCash(row.segment))
    return [{ field: "security", message: `${row.segment} has no kinds of securities` }]
  const seasonal = row.phases.some((text) => text.includes("-close"))
  const closes = (["summerClose", "winterClose"] as const).filter((name) => row[name] === undefined)
  if (seasonal && closes.length > 0) return [{ field: "phases", message: '"close" needs summer_close and winter_close' }]
  return [...rangeProblems(row), ...spanProblems(rules, "phases", row.phases)]
}

const problemsOf = (rules: RuleSet.RuleSet, one: Entry): ReadonlyArray<Problem> => {
  switch (one.entry) {
    case "day":
      return dayProblems(rules, one.row)
    case "known":
      return rangeProblems(one.row)
    case "hours":
      return hoursProblems(rules, one.row)
  }
}

const present = (object: object): object => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))

const rowOf = (draft: Draft): object => {
  const { entry, source, confidence, note } = draft
  const { date, name, kind, calendars, sessions, from, to, segment, security, phases, summer_close, winter_close } = draft
  const origin = { source, confidence, note }
  if (entry === "day") return { date, name, kind, calendars, sessions, ...origin }
  if (entry === "known") return { calendars, from, to, note: note ?? source.join(", ") }
  return { segment, security, from, to: to ?? null, phases, summerClose: summer_close, winterClose: winter_close, ...origin }
}

const decode = Schema.decodeUnknownEither(Entry)

/** Converts a draft to an entry, or returns all problems. */
export const read = (rules: RuleSet.RuleSet, draft: Draft): Either.Either<Entry, ReadonlyArray<Problem>> => {
  const wrong = fieldProblems(draft)
  if (wrong.length > 0) return Either.left(wrong)
  const hours = draft.entry === "day" ? (["sessions", draft.sessions ?? []] as const) : (["phases", draft.phases ?? []] as const)
  const malformed = hours[1].find((text) => !isSpan(text))
  if (malformed !== undefined) return Either.left(spanProblems(rules, hours[0], hours[1]))
  const decoded = Either.mapLeft(decode({ entry: draft.entry, row: present(rowOf(draft)) }), ({ message }) => [{ field: "entry", message }])
  return Either.flatMap(decoded, (one) => {
    const problems = problemsOf(rules, one)
    return problems.length > 0 ? Either.left(problems) : Either.right(one)
  })
}

/** The days or hours that an entry decides. No two entries may decide the same: a day of a calendar, or hours from one day on. */
const placesOf = (one: Entry): ReadonlyArray<string> => {
  switch (one.entry) {
    case "day":
      return one.row.calendars.map((calendar) => `${one.row.date} of ${calendar}`)
    case "known":
      return []
    case "hours":
      return [`hours of ${one.row.segment} ${one.row.security ?? ""} from ${one.row.from}`]
  }
}

/** A day or hours that both entries decide, as text; undefined if they do not conflict. */
export const clash = (a: Entry, b: Entry): string | undefined => {
  const taken = new Set(placesOf(a))
  return placesOf(b).find((place) => taken.has(place))
}

/** Whether one entry may replace the other: both have the same days, calendars or segment. */
export const isSamePlace = (a: Entry, b: Entry): boolean =>
  a.entry === b.entry && a.entry !== "known" && placesOf(a).join() === placesOf(b).join()

/** Whether two entries are equal. */
export const isSame = (a: Entry, b: Entry): boolean => JSON.stringify(encode(a)) === JSON.stringify(encode(b))
const encode = Schema.encodeSync(Entry)

/** Converts entries to the form of the rule set. */
export const rowsOf = (entries: ReadonlyArray<Entry>): RuleSet.Entries => ({
  known: entries.flatMap((one) => (one.entry === "known" ? [one.row] : [])),
  days: entries.flatMap((one) => (one.entry === "day" ? [one.row] : [])),
  sessions: entries.flatMap((one) => (one.entry === "hours" ? [one.row] : []))
})
