/** The limits of lots, which accounts and strategies both have. */
import * as LimitsDraft from "./LimitsDraft.ts"

export const limits = {
  max_position_lots: { name: "Lots of one instrument", title: "The largest position in one instrument, with open orders", kind: "count" },
  max_total_lots: { name: "Lots in all", title: "All futures and options together, long or short, with open orders", kind: "count" }
} as const satisfies LimitsDraft.Limits<string>

export const requestOf = (draft: LimitsDraft.Draft<keyof typeof limits>) => ({
  max_position_lots: LimitsDraft.numberOf(draft.max_position_lots),
  max_total_lots: LimitsDraft.numberOf(draft.max_total_lots)
})
