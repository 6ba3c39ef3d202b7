/** Orders that follow from another one: the legs of an iceberg order, and the stop of a cover order. */
import { Either } from "effect"
import type * as Instrument from "../../domain/market/Instrument.ts"
import * as Matching from "../../domain/orders/Matching.ts"
import * as Sessions from "../Sessions.ts"

type Read<A> = Either.Either<A, Sessions.Refusal>

/** One leg of an iceberg order. The next leg goes to the exchange when this one is complete. */
export interface Leg {
  /** 1 is the first. */
  readonly leg: number
  readonly legs: number
  /** The quantity of each leg except the last, which gets the rest. */
  readonly legQuantity: number
  readonly totalQuantity: number
}

/** Source: kite.trade/docs/connect/v3/orders, variety iceberg. */
const legsMin = 2
const legsMax = 50

/** The first leg of an iceberg order, or Kite's refusal. */
export const firstLeg = (form: URLSearchParams, { lotSize }: Instrument.Instrument, totalQuantity: number): Read<Leg> => {
  const legs = Number(form.get("iceberg_legs") ?? "")
  const legQuantity = Number(form.get("iceberg_quantity") ?? "")
  if (!Number.isInteger(legs) || legs < legsMin || legs > legsMax) return Sessions.refuseInput("Invalid `iceberg_legs`.")
  const isWhole = Number.isInteger(legQuantity) && legQuantity > 0 && legQuantity % lotSize === 0
  // All legs together are the whole, and none of them is empty.
  return isWhole && legs === Math.ceil(totalQuantity / legQuantity)
    ? Either.right({ leg: 1, legs, legQuantity, totalQuantity })
    : Sessions.refuseInput("Invalid `iceberg_quantity`.")
}

/** The quantity that later legs still have to place. */
const remainingOf = ({ leg, legQuantity, totalQuantity }: Leg): number => Math.max(0, totalQuantity - leg * legQuantity)
export const quantityOf = ({ leg, legQuantity, totalQuantity }: Leg): number =>
  Math.min(legQuantity, totalQuantity - (leg - 1) * legQuantity)

/** The field `meta` of an order. */
export const metaOf = (leg: Leg | null): object =>
  leg === null
    ? {}
    : {
        iceberg: {
          leg: leg.leg,
          legs: leg.legs,
          leg_quantity: leg.legQuantity,
          total_quantity: leg.totalQuantity,
          remaining_quantity: remainingOf(leg)
        }
      }

export interface Member {
  readonly order: Matching.Order
  readonly leg: Leg | null
  /** For a cover order's entry, the trigger price of its stop; null for every other order. */
  readonly stopPrice: number | null
}

/** The order that follows when this one has ended; null if no order follows. */
export const next = ({ leg, order, stopPrice }: Member): Member | null => {
  if (Matching.isWorking(order)) return null
  if (leg !== null && order.status === "COMPLETE" && leg.leg < leg.legs) {
    const following: Leg = { ...leg, leg: leg.leg + 1 }
    return { leg: following, stopPrice: null, order: Matching.make({ ...order, quantity: quantityOf(following) }) }
  }
  if (stopPrice === null || order.filled === 0) return null
  const side = order.side === "BUY" ? "SELL" : "BUY"
  const stop = { ...order, side, orderType: "SL-M", quantity: order.filled, price: 0, triggerPrice: stopPrice, protection: null } as const
  return { leg: null, stopPrice: null, order: Matching.make(stop) }
}

/** When a cover order's stop is cancelled, its position is closed at the market. */
export const exit = (order: Matching.Order): Matching.Order => ({
  ...order,
  orderType: "MARKET",
  triggerPrice: 0,
  status: "OPEN",
  limit: null
})
