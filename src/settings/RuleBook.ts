import { Effect } from "effect"
import * as Entries from "../domain/rules/Entries.ts"
import type * as Facts from "../domain/rules/Facts.ts"
import * as RuleSet from "../domain/rules/RuleSet.ts"
import { shipped } from "../domain/rules/Shipped.ts"

/** An administrator's entries as they are stored; a greater version is newer. */
interface Stored {
  readonly version: number
  readonly stored: ReadonlyArray<{ readonly entryId: number; readonly entry: Entries.Entry }>
}

/** The rules in force in this process. Ask for them at each use: an administrator's entry replaces them while the process runs. */
export class RuleBook extends Effect.Service<RuleBook>()("settings/RuleBook", {
  sync: () => {
    let rules: RuleSet.RuleSet = shipped
    let version = 0
    let idByRow: ReadonlyMap<Facts.DayRow, number> = new Map()
    return {
      current: (): RuleSet.RuleSet => rules,
      /** The id of the entry that a row of the rules came from; null for a shipped row. */
      entryOf: (row: Facts.DayRow): number | null => idByRow.get(row) ?? null,
      /** Applies entries to the shipped rules. Two reads of the store may end in any order, so an older version changes nothing. */
      replace: ({ version: read, stored }: Stored): void => {
        if (read <= version) return
        version = read
        rules = RuleSet.withEntries(shipped, String(read), Entries.rowsOf(stored.map(({ entry }) => entry)))
        idByRow = new Map(stored.flatMap(({ entryId, entry }) => (entry.entry === "day" ? [[entry.row, entryId] as const] : [])))
      }
    } as const
  }
}) {}
