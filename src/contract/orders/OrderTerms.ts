import { Schema } from "effect"
import { isPriced, OrderType, Product, Variety } from "../../domain/accounts/OrderAttributes.ts"
import { MoneyInput } from "../../domain/Money.ts"
import { quantityMax } from "../../domain/strategy/Position.ts"
import { Input, Name, withDefault } from "../shared/Input.ts"

const Price = MoneyInput.pipe(Schema.filter((price) => price.isPositive() && !price.isZero(), { message: () => "must be above zero" }))

/** An order by Kite's own names. `price` of a MARKET or SL-M order is only for its charges. */
const fields = {
  variety: withDefault(Variety, () => "regular" as const),
  exchange: Name(16),
  tradingsymbol: Name(64),
  transaction_type: Schema.Literal("BUY", "SELL"),
  quantity: Schema.Int.pipe(Schema.between(1, quantityMax, { message: () => `expected a whole number from 1 to ${quantityMax}` })),
  product: Product,
  order_type: OrderType,
  price: Schema.optional(Price),
  trigger_price: Schema.optional(Price)
}

export const OrderTerms = Input(fields).pipe(
  Schema.filter(({ order_type, price }) =>
    isPriced(order_type) && price === undefined ? { path: ["price"], message: `a ${order_type} order needs a price` } : true
  )
)
export type OrderTerms = typeof OrderTerms.Type
