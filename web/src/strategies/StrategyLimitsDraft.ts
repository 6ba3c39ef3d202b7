/** The limits of a strategy as the texts of a form, and the request that sets them. */
import type { NewStrategyLimits, StrategyLimits } from "../gateway/Contract.ts"
import * as LimitsDraft from "../limits/LimitsDraft.ts"
import * as LotLimits from "../limits/LotLimits.ts"

const { amountOf, numberOf } = LimitsDraft

export const limits = {
  max_loss: { name: "Loss, ₹", title: "Loss of the strategy by its marks, realised and unrealised", kind: "rupees" },
  ...LotLimits.limits,
  max_orders_per_day: { name: "Orders a day", title: "Orders that the strategy may send on one day", kind: "count" }
} as const satisfies LimitsDraft.Limits<string>
type Draft = LimitsDraft.Draft<keyof typeof limits>

/** What happens when the loss is reached. */
export const actions = {
  block: "Stop the strategy until it is released",
  square_off: "Stop the strategy and close its positions"
} as const

export const of = (it: StrategyLimits): Draft => LimitsDraft.of(limits, it, it.action)

/** A draft without a problem as a request. */
export const requestOf = (draft: Draft): NewStrategyLimits => ({
  max_loss: amountOf(draft.max_loss),
  action: draft.action === "square_off" ? "square_off" : "block",
  ...LotLimits.requestOf(draft),
  max_orders_per_day: numberOf(draft.max_orders_per_day)
})
