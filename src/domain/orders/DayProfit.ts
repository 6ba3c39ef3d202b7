import type * as Figures from "../accounts/Figures.ts"
import { isProduct } from "../accounts/OrderAttributes.ts"
import * as Money from "../Money.ts"
import type { RuleSet } from "../rules/RuleSet.ts"
import * as FillCharges from "./FillCharges.ts"

/** The charges of a day's trades in rupees, each order by the rates of its day. Trades whose rates are unknown add nothing. */
export const chargesOf = (rules: RuleSet, trades: ReadonlyArray<Figures.Trade>): Money.Decimal =>
  FillCharges.ofFills(
    rules,
    trades.map((it) => ({
      direction: it.transaction_type,
      quantity: it.quantity,
      price: it.average_price,
      exchange: it.exchange,
      tradingsymbol: it.tradingsymbol,
      executedAt: new Date(it.fill_timestamp),
      orderId: it.order_id,
      product: isProduct(it.product) ? it.product : null
    }))
  ).amounts.total

/** The profit of all positions since the previous close, realised or not, less the charges of the day. Rupees; a loss is below zero. */
export const net = (positions: ReadonlyArray<Pick<Figures.Position, "m2m">>, charges: Money.Decimal): Money.Decimal =>
  positions.reduce((sum, { m2m }) => sum.plus(m2m), Money.zero).minus(charges)
