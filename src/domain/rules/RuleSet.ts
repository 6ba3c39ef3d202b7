import * as Calendars from "./Calendars.ts"
import * as Expiries from "./Expiries.ts"
import * as ExpiryInstant from "./ExpiryInstant.ts"
import type * as Facts from "./Facts.ts"
import * as Hours from "./Hours.ts"
import * as Quantities from "./Quantities.ts"
import * as Segments from "./Segments.ts"
import * as Ticks from "./Ticks.ts"

/** All rules of one version, ready to be asked. Never changes: a change makes another rule set. */
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

/** What a person adds over the shipped rules; of two rows for one day, or one segment and day, the entry wins. */
export interface Entries {
  readonly known: (typeof Facts.Days.Type)["known"]
  readonly days: ReadonlyArray<Facts.DayRow>
  readonly sessions: ReadonlyArray<Facts.SessionRow>
}

export const noEntries: Entries = { known: [], days: [], sessions: [] }

/** The rules with entries over them; `version` names the entries. */
export const withEntries = (rules: RuleSet, version: string, { known, days, sessions }: Entries): RuleSet => {
  const { documents } = rules
  return make(`${rules.version}+${version}`, {
    ...documents,
    days: { ...documents.days, known: [...documents.days.known, ...known], days: [...documents.days.days, ...days] },
    sessions: { ...documents.sessions, sessions: [...documents.sessions.sessions, ...sessions] }
  })
}
