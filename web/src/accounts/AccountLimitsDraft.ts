/** The limits of an account as the texts of a form, and the request that sets them. */
import type { AccountLimits, NewAccountLimits } from "../gateway/Contract.ts"
import * as LimitsDraft from "../limits/LimitsDraft.ts"
import * as LotLimits from "../limits/LotLimits.ts"

const { amountOf, numberOf } = LimitsDraft

export const limits = {
  max_daily_loss: { name: "Loss of a day, ₹", title: "Loss of one day after charges, realised or not", kind: "rupees" },
  ...LotLimits.limits,
  max_order_value: { name: "Value of an order, ₹", title: "Price times quantity of one order", kind: "rupees" },
  max_orders_per_day: { name: "Orders a day", title: "Orders that may be sent on one day", kind: "count" },
  price_band_percent: { name: "Distance of a price, %", title: "How far an order's price may be from the market", kind: "percent" },
  duplicate_window_s: { name: "Same order again after, s", title: "The same order is refused for this long", kind: "seconds" }
} as const satisfies LimitsDraft.Limits<string>
type Draft = LimitsDraft.Draft<keyof typeof limits>

/** What happens when the loss is reached. Empty: nothing is stopped. */
export const actions = {
  "": "Refuse orders that open a position, as long as the loss lasts",
  block: "Stop the account until it is released",
  square_off: "Stop the account and close its positions"
} as const

export const of = (it: AccountLimits): Draft => LimitsDraft.of(limits, it, it.loss_action ?? "")

/** A draft without a problem as a request. */
export const requestOf = (draft: Draft): NewAccountLimits => ({
  max_daily_loss: amountOf(draft.max_daily_loss),
  loss_action: draft.action === "block" || draft.action === "square_off" ? draft.action : null,
  ...LotLimits.requestOf(draft),
  max_order_value: amountOf(draft.max_order_value),
  max_orders_per_day: numberOf(draft.max_orders_per_day),
  price_band_percent: amountOf(draft.price_band_percent),
  duplicate_window_s: numberOf(draft.duplicate_window_s)
})
