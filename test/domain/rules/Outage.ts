import type { NonEmptyReadonlyArray } from "effect/Array"
import type * as Facts from "../../../src/domain/rules/Facts.ts"
import * as RuleSet from "../../../src/domain/rules/RuleSet.ts"
import { shipped } from "../../../src/domain/rules/Shipped.ts"

/** The shipped rules with an entry for one day, on which these calendars have only this session. */
export const outage = (date: string, calendars: NonEmptyReadonlyArray<Facts.Calendar>, session: string): RuleSet.RuleSet =>
  RuleSet.withEntries(shipped, "1", {
    known: [],
    sessions: [],
    days: [{ date, name: "Outage", kind: "special_open", calendars, sessions: [session], source: ["circular"], confidence: 1 }]
  })
