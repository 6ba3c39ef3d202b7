import * as Calendars from "./Calendars.ts"
import * as Expiries from "./Expiries.ts"
import * as ExpiryInstant from "./ExpiryInstant.ts"
import type * as Facts from "./Facts.ts"
import * as Hours from "./Hours.ts"
import * as Quantities from "./Quantities.ts"
import * as Segments from "./Segments.ts"
import * as Ticks from "./Ticks.ts"

/** All rules of one version, indexed for queries. It never changes: a change makes a new rule set. */
export interface RuleSet {
  readonly version: string
  readonly documents: Facts.Documents
  readonly segments: Segments.Segments
  readonly calendars: Calendars.Calendars
  readonly hours: Hours.Hours
  readonly expiryTimes: ExpiryInstant.Times
  readonly expiries: Expiries.Expiries
  readonly quantities: Quantities.Quantities
  readonly ticks: Ticks.Ticks
}

export const make = (version: string, documents: Facts.Documents): RuleSet => ({
  version,
  documents,
  segments: Segments.index(documents.segments),
  calendars: Calendars.index(documents.days),
  hours: Hours.index(documents.sessions),
  expiryTimes: ExpiryInstant.index(documents.sessions),
  expiries: Expiries.index(documents.expiries),
  quantities: Quantities.index(documents.lots, documents.freezes),
  ticks: Ticks.index(documents.ticks)
})

/** Additions by an operator to the shipped rules. If two rows cover one day, or one segment and day, the addition wins. */
export interface Entries {
  readonly known: (typeof Facts.Days.Type)["known"]
  readonly days: ReadonlyArray<Facts.DayRow>
  readonly sessions: ReadonlyArray<Facts.SessionRow>
}

/** The rules with additions applied. `version` identifies the additions. */
export const withEntries = (rules: RuleSet, version: string, { known, days, sessions }: Entries): RuleSet => {
  const { documents } = rules
  return make(`${rules.version}+${version}`, {
    ...documents,
    days: { ...documents.days, known: [...documents.days.known, ...known], days: [...documents.days.days, ...days] },
    sessions: { ...documents.sessions, sessions: [...documents.sessions.sessions, ...sessions] }
  })
}
