/** An order before it is sent: plain values and the operations on them. */
import { Schema } from "effect"
import { Decimal } from "../../../src/client/Client.ts"
import { hasTrigger, isPriced, OrderType } from "../../../src/domain/accounts/OrderAttributes.ts"
import * as Money from "../../../src/domain/Money.ts"
import type { OrderRequest } from "../gateway/Contract.ts"
import { isAmount } from "../view/Amount.ts"

export const lotsMax = 10_000

export const Product = Schema.Literal("NRML", "MIS", "CNC")
export type Product = typeof Product.Type
const Validity = Schema.Literal("DAY", "IOC")
export type Side = "BUY" | "SELL"

/** What is traded. */
export const Contract = Schema.Struct({
  token: Schema.Int,
  exchange: Schema.String,
  tradingsymbol: Schema.String,
  /** The name that people read. */
  label: Schema.String,
  lotSize: Schema.Int,
  /** Rupees. */
  tickSize: Schema.Number
})
export type Contract = typeof Contract.Type

/** What the user chooses. Prices are rupees as decimal text. */
const terms = {
  side: Schema.Literal("BUY", "SELL"),
  lots: Schema.Int,
  orderType: OrderType,
  product: Product,
  validity: Validity,
  price: Schema.String,
  trigger: Schema.String,
  /** Per cent of the price; empty if the broker chooses. */
  protection: Schema.String,
  /** An order above the exchange's largest one is cut into several. */
  slice: Schema.Boolean,
  /** The strategy that gets the fills. */
  strategyId: Schema.NullOr(Schema.Int)
}
const Terms = Schema.Struct(terms)
export type Terms = typeof Terms.Type

export const OrderDraft = Schema.Struct({
  contract: Contract,
  accountId: Schema.String,
  ...terms,
  /** The Idempotency-Key. The draft has it from its beginning, so that it makes one order however often it is sent. */
  key: Schema.String,
  /** The order was sent and no answer is known yet. Its terms can no longer change. */
  isSent: Schema.Boolean
})
export type OrderDraft = typeof OrderDraft.Type

export const isProtected = (draft: Pick<Terms, "orderType">): boolean => !isPriced(draft.orderType)

/** Shares are delivered (CNC) or sold within the day; everything else is carried (NRML) or closed within the day. */
export const productsOf = ({ exchange }: Contract): ReadonlyArray<Product> =>
  exchange === "NSE" || exchange === "BSE" ? ["CNC", "MIS"] : ["NRML", "MIS"]

export interface Started {
  readonly contract: Contract
  readonly accountId: string
  readonly side: Side
  readonly price: string
  readonly key: string
}
/** A draft for one contract. It keeps the choices of the draft before it that still have a meaning. */
export const start = ({ contract, accountId, side, price, key }: Started, before: OrderDraft | undefined): OrderDraft => {
  const products = productsOf(contract)
  const isSame = before?.contract.token === contract.token
  const product = products.find((one) => one === before?.product) ?? (products[0] as Product)
  return {
    contract,
    accountId,
    side,
    lots: isSame ? before.lots : 1,
    orderType: before?.orderType ?? "LIMIT",
    product,
    validity: before?.validity ?? "DAY",
    price,
    trigger: isSame ? before.trigger : "",
    protection: before?.protection ?? "",
    slice: false,
    strategyId: before?.strategyId ?? null,
    key,
    isSent: false
  }
}

/** The draft with other terms. A sent order keeps its terms, because a repeated request must be the same. */
export const edit = (draft: OrderDraft, change: Partial<Terms> & { readonly accountId?: string }): OrderDraft => {
  if (draft.isSent) return draft
  const lots = Math.max(1, Math.min(lotsMax, Math.round(change.lots ?? draft.lots) || 1))
  return { ...draft, ...change, lots }
}
export const sent = (draft: OrderDraft): OrderDraft => ({ ...draft, isSent: true })
/** The gateway refused the order, so it does not exist: its terms may change. */
export const refused = (draft: OrderDraft): OrderDraft => ({ ...draft, isSent: false })

export const quantityOf = ({ lots, contract }: OrderDraft): number => lots * contract.lotSize

const priceProblem = (name: string, text: string, { tickSize }: Contract): string | undefined => {
  if (!isAmount(text) || !new Decimal(text).gt(0)) return `${name} must be above zero.`
  const price = new Decimal(text)
  const nearest = Money.roundToTick(price, new Decimal(tickSize))
  if (price.equals(nearest)) return undefined
  return `${name} must be a multiple of ${tickSize}${nearest.isZero() ? "" : `: ${nearest} is the nearest`}.`
}
/** Why the draft cannot be sent as it is; undefined if nothing is missing. */
export const problemOf = (draft: OrderDraft): string | undefined => {
  if (draft.accountId === "") return "There is no account yet."
  const { protection } = draft
  if (
    isProtected(draft) &&
    protection !== "" &&
    !(isAmount(protection) && new Decimal(protection).gt(0) && new Decimal(protection).lte(100))
  )
    return "The protection must be above zero and at most 100 per cent."
  return (
    (isPriced(draft.orderType) ? priceProblem("The price", draft.price, draft.contract) : undefined) ??
    (hasTrigger(draft.orderType) ? priceProblem("The trigger price", draft.trigger, draft.contract) : undefined)
  )
}

/** The price of an order that has one. */
export const limitOf = ({ price }: OrderDraft): Decimal => new Decimal(price)

/** The draft as a request of the gateway. The same draft always gives the same request. */
export const requestOf = (draft: OrderDraft): OrderRequest => ({
  headers: { "idempotency-key": draft.key },
  urlParams: {},
  payload: {
    kind: "place",
    account_id: draft.accountId,
    exchange: draft.contract.exchange,
    tradingsymbol: draft.contract.tradingsymbol,
    transaction_type: draft.side,
    quantity: quantityOf(draft),
    product: draft.product,
    order_type: draft.orderType,
    validity: draft.validity,
    ...(isPriced(draft.orderType) && { price: limitOf(draft) }),
    ...(hasTrigger(draft.orderType) && { trigger_price: new Decimal(draft.trigger) }),
    ...(isProtected(draft) && { market_protection: new Decimal(draft.protection === "" ? -1 : draft.protection) }),
    ...(draft.slice && { slice: true }),
    ...(draft.strategyId !== null && { strategy_id: draft.strategyId })
  }
})

/** Price times quantity, rupees; undefined if the order has no price. `lastPrice` stands in for a market order's. */
export const valueOf = (draft: OrderDraft, lastPrice: number | null): Decimal | undefined => {
  if (isPriced(draft.orderType)) return isAmount(draft.price) ? new Decimal(draft.price).times(quantityOf(draft)) : undefined
  return lastPrice === null ? undefined : new Decimal(lastPrice).times(quantityOf(draft))
}
