/** The entry price of a leg and its realised profit. */
import { Decimal } from "../../../src/client/Client.ts"
import type { Leg, StrategyGreeks, StrategyPnl } from "../gateway/Contract.ts"

export interface Holding {
  /** Signed; bought is positive. */
  readonly netQuantity: number
  /** Null if nothing is open or the cost is unknown. */
  readonly average: Decimal | null
  readonly realised: Decimal
}

/** A quote of the leg's instrument. */
export interface Quote {
  readonly price: number | null
  readonly delta: number | null
  readonly asOf: string | null
}

const ofLeg = ({ direction, quantity, entry_price }: Leg): Holding => ({
  netQuantity: direction === "BUY" ? quantity : -quantity,
  average: entry_price,
  realised: new Decimal(0)
})

/** The holding of a leg: what the fills of its instrument left open (first in, first out), or the leg itself without fills. */
export const of = (leg: Leg, pnl: StrategyPnl | undefined): Holding => {
  const filled = pnl?.instruments.find(({ source, leg_ids }) => source === "fills" && leg_ids.includes(leg.leg_id))
  if (filled === undefined) return ofLeg(leg)
  return { netQuantity: filled.net_quantity, average: filled.open_average.fifo, realised: filled.realised.fifo }
}

export const quoteOf = (leg: Leg, pnl: StrategyPnl | undefined, greeks: StrategyGreeks | undefined): Quote => {
  const priced = pnl?.instruments.find(({ leg_ids }) => leg_ids.includes(leg.leg_id))
  const known = greeks?.legs.find(({ leg_ids }) => leg_ids.includes(leg.leg_id))
  return { price: priced?.last_price ?? null, delta: known?.unit.delta ?? null, asOf: priced?.as_of ?? null }
}

/** Realised and unrealised profit at a price, rupees; undefined if a needed value is unknown. */
export const profit = ({ netQuantity, average, realised }: Holding, price: number | null): Decimal | undefined => {
  if (netQuantity === 0) return realised
  if (price === null || average === null) return undefined
  return realised.plus(new Decimal(price).minus(average).times(netQuantity))
}
