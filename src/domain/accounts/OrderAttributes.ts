/** The attributes of an order, by Kite's own names. Source: kite.trade/docs/connect/v3/orders. */
import { Schema } from "effect"

export const Variety = Schema.Literal("regular", "amo", "iceberg", "co")
export type Variety = typeof Variety.Type
export const isVariety = Schema.is(Variety)

export const Product = Schema.Literal("NRML", "MIS", "CNC", "MTF")
export type Product = typeof Product.Type
export const isProduct = Schema.is(Product)

export const Validity = Schema.Literal("DAY", "IOC", "TTL")
export type Validity = typeof Validity.Type

export const OrderType = Schema.Literal("LIMIT", "MARKET", "SL", "SL-M")
export type OrderType = typeof OrderType.Type

/** Whether orders of the type have a limit price. */
export const isPriced = (type: OrderType): boolean => type === "LIMIT" || type === "SL"
/** Whether orders of the type wait for a trigger price. */
export const hasTrigger = (type: OrderType): boolean => type === "SL" || type === "SL-M"
