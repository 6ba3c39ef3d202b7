import { Schema } from "effect"
import { OrderType, Product, Validity, Variety } from "../accounts/OrderAttributes.ts"
import * as Money from "../Money.ts"
import type * as Gate from "./Gate.ts"
import { GttDelete, GttModify, GttPlace } from "./GttRequest.ts"

/** A new order, by Kite's own names. Prices are rupees as decimal text. */
export const Place = Schema.Struct({
  kind: Schema.Literal("place"),
  variety: Variety,
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  transaction_type: Schema.Literal("BUY", "SELL"),
  quantity: Schema.Int,
  product: Product,
  order_type: OrderType,
  validity: Validity,
  price: Schema.optional(Money.Money),
  trigger_price: Schema.optional(Money.Money),
  validity_ttl: Schema.optional(Schema.Int),
  disclosed_quantity: Schema.optional(Schema.Int),
  market_protection: Schema.optional(Money.Money),
  iceberg_legs: Schema.optional(Schema.Int),
  /** The quantity of each leg except the last, which gets the rest. */
  iceberg_quantity: Schema.optional(Schema.Int)
})
export type Place = typeof Place.Type

/** The fields of an open order that change; those that are absent stay. */
export const Modify = Schema.Struct({
  kind: Schema.Literal("modify"),
  variety: Variety,
  order_id: Schema.String,
  quantity: Schema.optional(Schema.Int),
  price: Schema.optional(Money.Money),
  trigger_price: Schema.optional(Money.Money),
  order_type: Schema.optional(OrderType),
  validity: Schema.optional(Validity),
  disclosed_quantity: Schema.optional(Schema.Int),
  market_protection: Schema.optional(Money.Money)
})
export type Modify = typeof Modify.Type

export const Cancel = Schema.Struct({ kind: Schema.Literal("cancel"), variety: Variety, order_id: Schema.String })
export type Cancel = typeof Cancel.Type

/** A task's request to the broker, as Postgres stores it. */
export const OrderRequest = Schema.Union(Place, Modify, Cancel, GttPlace, GttModify, GttDelete)
export type OrderRequest = typeof OrderRequest.Type

/** The instrument that a request names; null if it names an existing order or trigger. */
export const instrumentOf = (it: OrderRequest): { readonly exchange: string; readonly tradingsymbol: string } | null => {
  if (it.kind === "place") return it
  return it.kind === "gtt_place" || it.kind === "gtt_modify" ? it.condition : null
}

/** The id of the order or the trigger whose terms a request replaces; null for any other request. */
export const modifiedBy = (it: OrderRequest): string | null => {
  if (it.kind === "modify") return it.order_id
  return it.kind === "gtt_modify" ? it.trigger_id : null
}

/** The terms by which two requests are compared. They leave out the price at which a trigger was made. */
export const termsOf = (it: OrderRequest): unknown =>
  it.kind === "gtt_place" || it.kind === "gtt_modify" ? { ...it, condition: { ...it.condition, last_price: null } } : it

/** The order as the gate checks it. */
export const gated = (it: Place): Gate.Order => ({
  variety: it.variety,
  side: it.transaction_type,
  quantity: it.quantity,
  product: it.product,
  orderType: it.order_type,
  price: it.price ?? null,
  triggerPrice: it.trigger_price ?? null,
  validity: it.validity,
  marketProtection: it.market_protection ?? null
})
