import * as Money from "../Money.ts"
import * as Exposure from "./Exposure.ts"
import type * as Task from "./Task.ts"

/**
 * What a strategy's stop does. `block`: no more orders that open a position are sent. `square_off`: the strategy's positions are also
 * closed.
 */
export const actions = ["block", "square_off"] as const
export type Action = (typeof actions)[number]
/** The release of a stop, of a strategy, an account or all accounts, must be confirmed within this time. */
export const releaseMsMax = 60_000

/** The limits of one strategy; null means no limit. */
export interface Limits {
  /** The limit for one instrument, long or short, with all orders that may still trade. */
  readonly maxPositionLots: number | null
  /**
   * The limit for all contracts together, long or short, with all orders that may still trade. Shares are not traded in lots and do not
   * count.
   */
  readonly maxTotalLots: number | null
  /** Rupees. A mark with a loss of this much or more stops the strategy. */
  readonly maxLoss: Money.Decimal | null
  /** Orders of the strategy that are sent on one day, over all accounts. */
  readonly maxOrdersPerDay: number | null
}

/** The names of the rules, as a refusal carries them. */
export type Rule = "strategy_stop" | "strategy_position_limit" | "strategy_total_limit" | "strategy_loss_limit" | "strategy_order_limit"
export interface Refusal {
  readonly rule: Rule
  readonly message: string
}

/** What is known about the strategy that an order names. */
export interface Situation {
  readonly limits: Limits
  /** Why the strategy is stopped; null if it is not. */
  readonly stopped: string | null
  readonly exposure: Exposure.Exposure
  /** The most lots that all other contracts of the strategy can reach. */
  readonly otherLots: number
  /** True if the strategy has positions. An unknown profit may then be a loss. */
  readonly holds: boolean
  /** The profit in the newest mark, rupees; null if unknown. */
  readonly profit: Money.Decimal | null
  readonly ordersToday: number
}

/** A task of the strategy that places an order of the instrument. */
export interface Placed {
  readonly tag: string
  readonly side: Exposure.Side
  readonly quantity: number
  readonly status: Task.Status
  readonly isIceberg: boolean
}
/** An order in the account's state. `pending` is the quantity that may still trade. */
export interface Shown {
  readonly orderId: string
  readonly tag: string
  readonly side: Exposure.Side
  readonly filled: number
  readonly pending: number
}

/** The quantity that a task may trade beyond its known orders. If none of its orders is known yet, this is the whole quantity. */
const unseen = ({ isIceberg, quantity, side, status }: Placed, orders: ReadonlyArray<Shown>): number => {
  if (orders.length === 0) return status === "DEAD_LETTER" || status === "CANCELLED" ? 0 : quantity
  // The legs of an iceberg order come one after the other. The last one that is known is open, or complete.
  if (!isIceberg) return 0
  return Math.max(0, quantity - orders.reduce((sum, it) => sum + (it.side === side ? it.filled + it.pending : 0), 0))
}

/**
 * The strategy's exposure in an instrument. `booked` is the net quantity of its fills. `bookedOf` returns how much of an order is among
 * them, because a fill is booked a moment after its order has changed.
 */
export const exposureOf = (
  booked: number,
  bookedOf: (orderId: string) => number,
  placed: ReadonlyArray<Placed>,
  shown: ReadonlyArray<Shown>
): Exposure.Exposure => {
  const open = { BUY: 0, SELL: 0 }
  let net = booked
  for (const task of placed) {
    const orders = shown.filter(({ tag }) => tag === task.tag)
    open[task.side] += unseen(task, orders)
    for (const { filled, orderId, pending, side } of orders) {
      net += Exposure.signed(side, Math.max(0, filled - bookedOf(orderId)))
      open[side] += pending
    }
  }
  return { net, openBuy: open.BUY, openSell: open.SELL }
}

/** Whether a profit is a loss of the limit or more. */
export const isReached = (maxLoss: Money.Decimal, profit: Money.Decimal | null): boolean => profit?.negated().gte(maxLoss) ?? false

const lossRefusal = ({ holds, limits: { maxLoss }, profit }: Situation): string | null => {
  if (maxLoss === null) return null
  if (profit === null) return holds ? "the strategy's profit is not known, so its loss cannot be compared with its limit" : null
  return isReached(maxLoss, profit) ? `the strategy's loss has reached its limit, ${Money.format(maxLoss)}` : null
}

/** An order of the strategy. `isContract`: of a future or an option, which is traded in lots. */
export interface Order {
  readonly side: Exposure.Side
  readonly quantity: number
  readonly isContract: boolean
}

/** Every rule of the strategy that refuses an order. An order that only reduces a position passes all of them. */
export const refusals = (order: Order, lotSize: number, situation: Situation): ReadonlyArray<Refusal> => {
  const { exposure, limits, ordersToday, otherLots, stopped } = situation
  const filled = Exposure.filledOf(order.side, order.quantity, exposure)
  if (filled <= 0) return []
  const refused: Array<Refusal> = []
  if (stopped !== null) refused.push({ rule: "strategy_stop", message: `the strategy is stopped: ${stopped}` })
  const { maxOrdersPerDay, maxPositionLots, maxTotalLots } = limits
  if (maxPositionLots !== null && filled > maxPositionLots * lotSize)
    refused.push({
      rule: "strategy_position_limit",
      message: `the strategy's position could exceed its limit, ${maxPositionLots} lots`
    })
  const total = otherLots + Exposure.largest(Exposure.withOrder(order.side, order.quantity, exposure)) / lotSize
  if (maxTotalLots !== null && order.isContract && total > maxTotalLots)
    refused.push({
      rule: "strategy_total_limit",
      message: `all positions of the strategy together could exceed their limit, ${maxTotalLots} lots`
    })
  const loss = lossRefusal(situation)
  if (loss !== null) refused.push({ rule: "strategy_loss_limit", message: loss })
  if (maxOrdersPerDay !== null && ordersToday >= maxOrdersPerDay)
    refused.push({
      rule: "strategy_order_limit",
      message: `the strategy sent ${ordersToday} orders today, the most are ${maxOrdersPerDay}`
    })
  return refused
}
