import { Schema } from "effect"
import { Product } from "../../domain/accounts/OrderAttributes.ts"
import { Trigger } from "../../domain/accounts/Triggers.ts"
import { quantityMax } from "../../domain/strategy/Position.ts"
import { Input, listedFields, Name, PositiveMoney, WholeNumberBetween, withDefault } from "../shared/Input.ts"

/** Seconds after which a request that was not sent is given up. */
const deadlineMax = 3_600
const deadlineDefault = 30
export const TriggerId = Schema.String.pipe(Schema.pattern(/^[0-9]{1,15}$/, { message: () => "expected the id of a trigger" }))

const terms = {
  account_id: Name(64),
  type: Schema.Literal("single", "two-leg"),
  exchange: Name(16),
  tradingsymbol: Name(64),
  trigger_values: Schema.Array(PositiveMoney).pipe(
    Schema.minItems(1, { message: () => "expected one or two" }),
    Schema.maxItems(2, { message: () => "expected one or two" })
  ),
  last_price: Schema.optional(PositiveMoney),
  orders: Schema.Array(
    Input({
      transaction_type: Schema.Literal("BUY", "SELL"),
      quantity: WholeNumberBetween(1, quantityMax),
      product: Product,
      order_type: withDefault(Schema.Literal("LIMIT"), () => "LIMIT" as const),
      price: PositiveMoney
    })
  ).pipe(Schema.minItems(1, { message: () => "expected one or two" }), Schema.maxItems(2, { message: () => "expected one or two" })),
  deadline_s: withDefault(WholeNumberBetween(1, deadlineMax), () => deadlineDefault)
}

interface Terms {
  readonly type: "single" | "two-leg"
  readonly trigger_values: ReadonlyArray<typeof PositiveMoney.Type>
  readonly orders: ReadonlyArray<unknown>
}
const problemOf = ({ orders, trigger_values, type }: Terms) => {
  const legs = type === "single" ? 1 : 2
  const [lower, upper] = trigger_values
  if (trigger_values.length !== legs)
    return { path: ["trigger_values"], message: `a ${type} trigger has ${legs === 1 ? "one value" : "two values"}` }
  if (orders.length !== legs) return { path: ["orders"], message: `a ${type} trigger has ${legs === 1 ? "one order" : "two orders"}` }
  return lower !== undefined && upper !== undefined && lower.gte(upper)
    ? { path: ["trigger_values"], message: "the lower value comes first" }
    : true
}

/** A trigger by Kite's own names. All of its orders are of its instrument. */
export const NewGtt = Input(terms).pipe(Schema.filter(problemOf))
export type NewGtt = typeof NewGtt.Type
export const ChangedGtt = Input({ ...terms, trigger_id: TriggerId }).pipe(Schema.filter(problemOf))
export type ChangedGtt = typeof ChangedGtt.Type

export const GttList = Schema.Struct({
  account_id: Schema.String,
  source: Schema.Literal("broker", "paper").annotations({ description: "A paper account has no triggers: they stay at the broker" }),
  as_of: Schema.String,
  triggers: Schema.Array(Trigger.annotations({ identifier: "GttTrigger" })).annotations({
    description: "As the broker has them, in the order of their ids, also those that were made elsewhere"
  }),
  ...listedFields
}).annotations({ identifier: "GttList" })
