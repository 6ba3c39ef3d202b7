/** The margin that hypothetical orders would block, as a broker answers it. Source: kite.trade/docs/connect/v3/margins. */
import { Schema } from "effect"
import * as Money from "../Money.ts"

/** An order in the question, under Kite's own names. Prices are rupees; 0 if the order type has no such price. */
export const Wanted = Schema.Struct({
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  transaction_type: Schema.Literal("BUY", "SELL"),
  variety: Schema.String,
  product: Schema.String,
  order_type: Schema.String,
  quantity: Schema.Int,
  price: Money.Money,
  trigger_price: Money.Money
})
export type Wanted = typeof Wanted.Type

/**
 * The broker adds in binary fractions, so its figures have rounding errors, such as 29151.225000000002. They are rounded to a hundredth of
 * a paisa.
 */
const places = 4
const KiteAmount = Schema.transform(Schema.Number, Money.DecimalFromSelf, {
  strict: true,
  decode: (value) => Money.ofNumber(value).toDecimalPlaces(places),
  encode: (value) => value.toNumber()
})

const rowOf = <A extends Schema.Schema<Money.Decimal, string> | Schema.Schema<Money.Decimal, number>>(amount: A) =>
  Schema.Struct({
    span: amount,
    exposure: amount,
    option_premium: amount,
    additional: amount,
    bo: amount,
    cash: amount,
    var: amount,
    leverage: Schema.Number,
    total: amount
  })
const basketOf = <A extends Schema.Schema<Money.Decimal, string> | Schema.Schema<Money.Decimal, number>>(amount: A) =>
  Schema.Struct({ initial: rowOf(amount), final: rowOf(amount), orders: Schema.Array(rowOf(amount)) })

/** Data of POST /margins/basket. */
export const KiteBasket = basketOf(KiteAmount)
/**
 * The same on NATS: the margin of each order alone, of all orders without the benefit of hedging (`initial`), and the additional margin
 * that the account needs when all are filled (`final`), with its positions counted.
 */
export const Basket = basketOf(Money.Money)
export type Basket = typeof Basket.Type
export type Margin = Basket["initial"]

const none = Money.zero
export const nothing: Margin = {
  span: none,
  exposure: none,
  option_premium: none,
  additional: none,
  bo: none,
  cash: none,
  var: none,
  leverage: 1,
  total: none
}

const amounts = ["span", "exposure", "option_premium", "additional", "bo", "cash", "var", "total"] as const
/** The sum of several orders' margins, without the benefit of hedging. */
export const sum = (all: ReadonlyArray<Margin>): Margin => {
  const of = (name: (typeof amounts)[number]) => all.reduce((total, each) => total.plus(each[name]), none)
  return { ...nothing, ...(Object.fromEntries(amounts.map((name) => [name, of(name)])) as Pick<Margin, (typeof amounts)[number]>) }
}
