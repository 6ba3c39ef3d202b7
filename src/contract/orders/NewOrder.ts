import { Schema } from "effect"
import { hasTrigger, isPriced, OrderType, Product, Validity, Variety } from "../../domain/accounts/OrderAttributes.ts"
import { MoneyInput } from "../../domain/Money.ts"
import { quantityMax } from "../../domain/strategy/Position.ts"
import { Input, Name, PositiveMoney, WholeNumberBetween, withDefault } from "../shared/Input.ts"

const Quantity = WholeNumberBetween(1, quantityMax)
const Protection = MoneyInput.pipe(
  Schema.filter((percent) => percent.equals(-1) || (percent.isPositive() && percent.lte(100)), {
    message: () => "expected -1, or a percentage up to 100"
  })
)
/** Kite's own ranges. Source: kite.trade/docs/connect/v3/orders. */
const ttlMax = 255
const legsMin = 2
const legsMax = 50
/** Seconds after which a task that was not sent is given up. */
const deadlineMax = 3_600
const deadlineDefault = 30
const OrderId = Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9-]{1,64}$/, { message: () => "expected the id of an order" }))

const common = {
  account_id: Name(64),
  variety: withDefault(Variety, () => "regular" as const),
  strategy_id: Schema.optional(Schema.Int),
  deadline_s: withDefault(WholeNumberBetween(1, deadlineMax), () => deadlineDefault),
  unknown: withDefault(Schema.Literal("park", "resend"), () => "park" as const)
}
const terms = {
  exchange: Name(16),
  tradingsymbol: Name(64),
  transaction_type: Schema.Literal("BUY", "SELL"),
  quantity: Quantity,
  product: Product,
  order_type: OrderType,
  validity: withDefault(Validity, () => "DAY" as const),
  price: Schema.optional(PositiveMoney),
  trigger_price: Schema.optional(PositiveMoney),
  validity_ttl: Schema.optional(WholeNumberBetween(1, ttlMax)),
  disclosed_quantity: Schema.optional(Quantity),
  market_protection: Schema.optional(Protection),
  iceberg_legs: Schema.optional(WholeNumberBetween(legsMin, legsMax))
}

interface Terms {
  readonly order_type: OrderType
  readonly price?: unknown
  readonly trigger_price?: unknown
  readonly product: string
  readonly variety: string
  readonly iceberg_legs?: number | undefined
  readonly validity: string
  readonly validity_ttl?: number | undefined
}
/** A cover order is an order with a stop at `trigger_price`, for the day. Source: kite.trade/docs/connect/v3/orders, variety co. */
const coverProblemOf = (it: Terms) => {
  const wrong = (field: string, message: string) => ({ path: [field], message })
  if (hasTrigger(it.order_type)) return wrong("order_type", "a cover order is a LIMIT or MARKET order")
  if (it.trigger_price === undefined) return wrong("trigger_price", "a cover order needs the trigger price of its stop")
  return it.product === "MIS" ? true : wrong("product", "a cover order is of product MIS")
}
/** A field that an order type needs, or that has no meaning for it. */
const problemOf = (it: Terms) => {
  const wrong = (field: string, message: string) => ({ path: [field], message })
  if (isPriced(it.order_type) !== (it.price !== undefined))
    return wrong("price", `a ${it.order_type} order ${isPriced(it.order_type) ? "needs a price" : "has no price"}`)
  if (it.variety === "co") {
    const problem = coverProblemOf(it)
    if (problem !== true) return problem
  } else if (hasTrigger(it.order_type) !== (it.trigger_price !== undefined))
    return wrong(
      "trigger_price",
      `a ${it.order_type} order ${hasTrigger(it.order_type) ? "needs a trigger price" : "has no trigger price"}`
    )
  if ((it.variety === "iceberg") !== (it.iceberg_legs !== undefined)) return wrong("iceberg_legs", "is for iceberg orders, which need it")
  if ((it.validity === "TTL") !== (it.validity_ttl !== undefined)) return wrong("validity_ttl", "is for validity TTL, which needs it")
  return true
}

const place = { kind: Schema.Literal("place"), ...terms, slice: Schema.optional(Schema.Boolean) }
/** An order that is cut into slices cannot also be an iceberg or cover order, or disclose only a part of its quantity. */
const sliceProblemOf = (it: Terms & { readonly slice?: boolean | undefined; readonly disclosed_quantity?: unknown }) =>
  it.slice === true && (it.variety === "iceberg" || it.variety === "co" || it.disclosed_quantity !== undefined)
    ? { path: ["slice"], message: "is for regular and amo orders without a disclosed quantity" }
    : true
export const NewPlace = Input({ ...common, ...place }).pipe(Schema.filter(problemOf), Schema.filter(sliceProblemOf))
export type NewPlace = typeof NewPlace.Type

export const NewModify = Input({
  ...common,
  kind: Schema.Literal("modify"),
  order_id: OrderId,
  quantity: Schema.optional(Quantity),
  price: Schema.optional(PositiveMoney),
  trigger_price: Schema.optional(PositiveMoney),
  order_type: Schema.optional(OrderType),
  validity: Schema.optional(Validity),
  disclosed_quantity: Schema.optional(Quantity),
  market_protection: Schema.optional(Protection)
})
export const NewCancel = Input({ ...common, kind: Schema.Literal("cancel"), order_id: OrderId })

/** An iceberg or cover order places more than one order at the broker, and compensation takes back only single orders. */
const compensationProblemOf = (it: { readonly on_failure: string; readonly orders: ReadonlyArray<{ readonly variety: string }> }) => {
  if (it.on_failure === "stop") return true
  const at = it.orders.findIndex(({ variety }) => variety !== "regular" && variety !== "amo")
  return at < 0 ? true : { path: ["orders", at, "variety"], message: "expected regular or amo, where a failed basket is taken back" }
}

/** New orders that are sent one after the other. */
const { account_id, ...ofLeg } = common
export const basketMax = 20
export const NewBasket = Input({
  account_id,
  orders: Schema.Array(
    Input({ ...ofLeg, ...terms, kind: withDefault(Schema.Literal("place"), () => "place" as const) }).pipe(Schema.filter(problemOf))
  ).pipe(
    Schema.minItems(1, { message: () => "expected at least one" }),
    Schema.maxItems(basketMax, { message: () => `expected at most ${basketMax}` })
  ),
  on_failure: withDefault(Schema.Literal("stop", "compensate"), () => "stop" as const)
}).pipe(Schema.filter(compensationProblemOf))
export type NewBasket = typeof NewBasket.Type

/** A request for one order task. */
export const NewOrder = Schema.Union(NewPlace, NewModify, NewCancel)
export type NewOrder = typeof NewOrder.Type

/** 1 to 64 printable ASCII characters. */
export const IdempotencyKey = Schema.String.pipe(
  Schema.pattern(/^[\x20-\x7e]{1,64}$/, { message: () => "expected 1 to 64 printable ASCII characters" })
)
