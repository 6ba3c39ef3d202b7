import { Schema } from "effect"
import { Product } from "../accounts/OrderAttributes.ts"
import type { Trigger } from "../accounts/Triggers.ts"
import * as Money from "../Money.ts"
import type * as Gate from "./Gate.ts"

const terms = {
  /** `single`: one value and its order. `two-leg`: a lower and an upper value, of which the first that is reached ends the other. */
  type: Schema.Literal("single", "two-leg"),
  condition: Schema.Struct({
    exchange: Schema.String,
    tradingsymbol: Schema.String,
    trigger_values: Schema.Array(Money.Money),
    /** The price when the trigger was made. It decides whether the trigger is reached from below or from above. */
    last_price: Money.Money
  }).annotations({ description: "When the orders are placed" }),
  orders: Schema.Array(
    Schema.Struct({
      transaction_type: Schema.Literal("BUY", "SELL"),
      quantity: Schema.Int,
      product: Product,
      order_type: Schema.Literal("LIMIT"),
      price: Money.Money
    })
  )
}

/** Requests about good-till-triggered orders. Source: kite.trade/docs/connect/v3/gtt. */
export const GttPlace = Schema.Struct({ kind: Schema.Literal("gtt_place"), ...terms })
export const GttModify = Schema.Struct({ kind: Schema.Literal("gtt_modify"), trigger_id: Schema.String, ...terms })
export const GttDelete = Schema.Struct({ kind: Schema.Literal("gtt_delete"), trigger_id: Schema.String })
export const GttRequest = Schema.Union(GttPlace, GttModify, GttDelete)
export type GttRequest = typeof GttRequest.Type
type Terms = Omit<typeof GttPlace.Type, "kind">

const isSameOrder = (wanted: Terms["orders"][number], found: Trigger["orders"][number] | undefined): boolean =>
  found !== undefined &&
  wanted.transaction_type === found.transaction_type &&
  wanted.quantity === found.quantity &&
  wanted.product === found.product &&
  wanted.order_type === found.order_type &&
  wanted.price.equals(found.price)

/** Whether a trigger has the terms of a request. `last_price` is not compared, because the broker sets it. */
const isSame = ({ condition, orders, type }: Terms, found: Trigger): boolean =>
  type === found.type &&
  condition.exchange === found.condition.exchange &&
  condition.tradingsymbol === found.condition.tradingsymbol &&
  condition.trigger_values.length === found.condition.trigger_values.length &&
  condition.trigger_values.every((value, at) => found.condition.trigger_values[at]?.equals(value)) &&
  orders.length === found.orders.length &&
  orders.every((order, at) => isSameOrder(order, found.orders[at]))

/** The broker's list in which the outcome of a request is looked up, with what else is known. */
export interface Listed {
  readonly triggers: ReadonlyArray<Trigger>
  /** When the request could first have been carried out, by the broker's clock, UNIX ms. */
  readonly sinceMs: number
  /** Ids of triggers that other requests made. */
  readonly taken: ReadonlySet<string>
}

/**
 * The trigger that shows that a request was carried out; null if none does. A trigger carries no tag. So a new one is recognised by its
 * terms and its time, and two requests with the same terms are never sent at once (TaskGate.ts). A deleted trigger is no longer listed.
 */
export const shown = (request: GttRequest, { sinceMs, taken, triggers }: Listed): string | null => {
  if (request.kind === "gtt_place") {
    const made = triggers.find((it) => !taken.has(String(it.id)) && Date.parse(it.created_at) >= sinceMs && isSame(request, it))
    return made === undefined ? null : String(made.id)
  }
  const found = triggers.find(({ id }) => String(id) === request.trigger_id)
  const isShown =
    request.kind === "gtt_delete" ? found === undefined || found.status === "deleted" : found !== undefined && isSame(request, found)
  return isShown ? request.trigger_id : null
}

/** The orders that the broker would place, each with its trigger, as the gate checks them. */
export const gated = ({ condition, orders }: Terms): ReadonlyArray<Gate.Order> =>
  orders.map((it, at) => ({
    variety: "regular",
    side: it.transaction_type,
    quantity: it.quantity,
    product: it.product,
    orderType: it.order_type,
    price: it.price,
    triggerPrice: condition.trigger_values[at] ?? null,
    validity: "DAY",
    marketProtection: null
  }))
