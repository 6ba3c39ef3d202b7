import { hasTrigger, isPriced, type OrderType } from "../accounts/OrderAttributes.ts"
import type { Book, Level } from "../market/depth/Depth.ts"

/** An order at its exchange. Prices are integers in the instrument's price units. The simulator and paper accounts match the same way. */
export interface Order {
  readonly side: "BUY" | "SELL"
  readonly orderType: OrderType
  readonly validity: "DAY" | "IOC"
  readonly quantity: number
  /** The limit price of LIMIT and SL; 0 for other types. */
  readonly price: number
  /** The trigger price of SL and SL-M; 0 for other types. */
  readonly triggerPrice: number
  /** For MARKET and SL-M: how far from the last price it may trade, in ten-thousandths of that price; null means any price. */
  readonly protection: number | null
  readonly tick: number
  readonly status: "NEW" | "TRIGGER PENDING" | "OPEN" | "COMPLETE" | "CANCELLED"
  /** The worst price at which it may still trade; null means any. */
  readonly limit: number | null
  readonly filled: number
  /** Sum of price times quantity over its fills. */
  readonly value: number
}

export interface Fill {
  readonly price: number
  readonly quantity: number
}

/** The instrument's newest packet. */
export interface Market extends Book {
  readonly lastPrice: number
}

type New = Omit<Order, "status" | "limit" | "filled" | "value">
export const make = (order: New): Order => ({ ...order, status: "NEW", limit: null, filled: 0, value: 0 })

export const isWorking = ({ status }: Order): boolean => status !== "COMPLETE" && status !== "CANCELLED"

const isTriggered = (order: Order, { lastPrice }: Market): boolean =>
  order.side === "BUY" ? lastPrice >= order.triggerPrice : lastPrice <= order.triggerPrice

/** With a protection, a market order becomes a limit order at the protected price, on the tick that lies nearer to the last price. */
const limitOf = (order: Order, { lastPrice }: Market): number | null => {
  if (isPriced(order.orderType)) return order.price
  if (order.protection === null) return null
  const distance = Math.floor((lastPrice * order.protection) / 10_000)
  return order.side === "BUY"
    ? Math.floor((lastPrice + distance) / order.tick) * order.tick
    : Math.ceil((lastPrice - distance) / order.tick) * order.tick
}

const isWithin = ({ limit, side }: Order, { price }: Level): boolean => limit === null || (side === "BUY" ? price <= limit : price >= limit)

/**
 * Matches an order with the book of the newest packet, best level first, at the prices of the book. Call it once for each packet: what it
 * takes stays in the book that is passed.
 */
export const match = (order: Order, market: Market): readonly [Order, ReadonlyArray<Fill>] => {
  if (!isWorking(order)) return [order, []]
  if (order.status !== "OPEN" && hasTrigger(order.orderType) && !isTriggered(order, market))
    return [{ ...order, status: "TRIGGER PENDING" }, []]
  let open: Order = order.status === "OPEN" ? order : { ...order, status: "OPEN", limit: limitOf(order, market) }
  const fills: Array<Fill> = []
  for (const level of order.side === "BUY" ? market.asks : market.bids) {
    const quantity = Math.min(level.quantity, open.quantity - open.filled)
    if (quantity === 0 || !isWithin(open, level)) continue
    fills.push({ price: level.price, quantity })
    open = { ...open, filled: open.filled + quantity, value: open.value + level.price * quantity }
  }
  if (open.filled === open.quantity) return [{ ...open, status: "COMPLETE" }, fills]
  return [open.validity === "IOC" ? { ...open, status: "CANCELLED" } : open, fills]
}

/** What a working order may change. A quantity below what is filled is the caller's error. */
export const modify = (order: Order, change: Partial<Pick<Order, "quantity" | "price" | "triggerPrice">>): Order => {
  const changed = { ...order, ...change }
  const limit = order.status === "OPEN" && change.price !== undefined ? change.price : order.limit
  return { ...changed, limit, status: changed.filled === changed.quantity ? "COMPLETE" : changed.status }
}

export const cancel = (order: Order): Order => (isWorking(order) ? { ...order, status: "CANCELLED" } : order)
