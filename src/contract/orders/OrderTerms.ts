import { Schema } from "effect"
import { MoneyInput } from "../../domain/Money.ts"
import { quantityMax } from "../../domain/strategy/Position.ts"
import { Input, Name, withDefault } from "../shared/Input.ts"

const Price = MoneyInput.pipe(Schema.filter((price) => price.isPositive() && !price.isZero(), { message: () => "must be above zero" }))

const priced: ReadonlySet<string> = new Set(["LIMIT", "SL"])

/** An order by Kite's own names. `price` of a MARKET or SL-M order is only for its charges. */
const fields = {
  variety: withDefault(Schema.Literal("regular", "amo", "iceberg", "co"), () => "regular" as const),
  exchange: Name(16),
  tradingsymbol: Name(64),
  transaction_type: Schema.Literal("BUY", "SELL"),
  quantity: Schema.Int.pipe(Schema.between(1, quantityMax, { message: () => `expected a whole number from 1 to ${quantityMax}` })),
  product: Schema.Literal("NRML", "MIS", "CNC", "MTF"),
  order_type: Schema.Literal("LIMIT", "MARKET", "SL", "SL-M"),
  price: Schema.optional(Price),
  trigger_price: Schema.optional(Price)
}

export const OrderTerms = Input(fields).pipe(
  Schema.filter(({ order_type, price }) =>
    priced.has(order_type) && price === undefined ? { path: ["price"], message: `a ${order_type} order needs a price` } : true
  )
)
export type OrderTerms = typeof OrderTerms.Type
