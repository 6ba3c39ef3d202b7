import { Schema } from "effect"
import { isPriced, OrderType, Product, Variety } from "../../domain/accounts/OrderAttributes.ts"
import { quantityMax } from "../../domain/strategy/Position.ts"
import { Input, Name, PositiveMoney, WholeNumberBetween, withDefault } from "../shared/Input.ts"

/** An order by Kite's own names. `price` of a MARKET or SL-M order is only for its charges. */
const fields = {
  variety: withDefault(Variety, () => "regular" as const),
  exchange: Name(16),
  tradingsymbol: Name(64),
  transaction_type: Schema.Literal("BUY", "SELL"),
  quantity: WholeNumberBetween(1, quantityMax),
  product: Product,
  order_type: OrderType,
  price: Schema.optional(PositiveMoney),
  trigger_price: Schema.optional(PositiveMoney)
}

export const OrderTerms = Input(fields).pipe(
  Schema.filter(({ order_type, price }) =>
    isPriced(order_type) && price === undefined ? { path: ["price"], message: `a ${order_type} order needs a price` } : true
  )
)
export type OrderTerms = typeof OrderTerms.Type
