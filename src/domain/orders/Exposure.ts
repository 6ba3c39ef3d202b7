import * as Instrument from "../market/Instrument.ts"

export type Side = "BUY" | "SELL"

/** The position in an instrument (short below zero), and the quantities that its open orders may still trade. */
export interface Exposure {
  readonly net: number
  readonly openBuy: number
  readonly openSell: number
}

export const signed = (side: Side, quantity: number): number => (side === "BUY" ? quantity : -quantity)

/**
 * The position in the order's direction if it and all open orders of its side are filled. Zero or less means that the order only reduces a
 * position.
 */
export const filledOf = (side: Side, quantity: number, { net, openBuy, openSell }: Exposure): number =>
  side === "BUY" ? net + openBuy + quantity : openSell + quantity - net

/** The largest position, long or short, that the open orders can make. */
export const largest = ({ net, openBuy, openSell }: Exposure): number => Math.max(Math.abs(net + openBuy), Math.abs(net - openSell))

/** The exposure with one more open order. */
export const withOrder = (side: Side, quantity: number, exposure: Exposure): Exposure =>
  side === "BUY" ? { ...exposure, openBuy: exposure.openBuy + quantity } : { ...exposure, openSell: exposure.openSell + quantity }

/** The exposure in one instrument. */
export interface Held extends Exposure {
  readonly exchange: string
  readonly tradingsymbol: string
}
type Named = Pick<Held, "exchange" | "tradingsymbol">

const isSame = (one: Named, other: Named): boolean => one.exchange === other.exchange && one.tradingsymbol === other.tradingsymbol

/** The exposure in an instrument among several. */
export const of = (all: ReadonlyArray<Held>, named: Named): Exposure => {
  const { net, openBuy, openSell } = all.find((it) => isSame(it, named)) ?? { net: 0, openBuy: 0, openSell: 0 }
  return { net, openBuy, openSell }
}

/**
 * The most lots that all contracts except one can reach. `lotOf` is null for instruments that are not traded in lots, such as shares, and
 * for contracts that are no longer listed; neither counts.
 */
export const otherLots = (all: ReadonlyArray<Held>, named: Named, lotOf: (it: Named) => number | null): number =>
  all.reduce((sum, it) => {
    const lot = isSame(it, named) ? null : lotOf(it)
    return lot === null ? sum : sum + largest(it) / lot
  }, 0)

/** A part of the positions or of the open orders. */
export interface Part extends Named {
  readonly side: Side
  readonly quantity: number
  readonly isOpen: boolean
}

/** An order that may have reached the broker. */
export interface Underway extends Named {
  readonly tag: string
  readonly side: Side
  readonly quantity: number
}

/** The orders that the broker's book does not show yet, as if they were open. `shown` are the tags of all orders of the book. */
export const unseen = (underway: ReadonlyArray<Underway>, shown: ReadonlySet<string | null>): ReadonlyArray<Part> =>
  underway
    .filter(({ tag }) => !shown.has(tag))
    .map(({ exchange, quantity, side, tradingsymbol }) => ({ exchange, tradingsymbol, side, quantity, isOpen: true }))

/** Positions (short below zero) as parts. */
export const ofPositions = (rows: ReadonlyArray<Named & { readonly quantity: number }>): ReadonlyArray<Part> =>
  rows.map(({ exchange, quantity, tradingsymbol }) => ({
    exchange,
    tradingsymbol,
    side: quantity < 0 ? "SELL" : "BUY",
    quantity: Math.abs(quantity),
    isOpen: false
  }))

/** Sums up positions and open orders by instrument. */
export const sum = (parts: ReadonlyArray<Part>): ReadonlyArray<Held> => {
  const byName = new Map<string, Held>()
  for (const { exchange, isOpen, quantity, side, tradingsymbol } of parts) {
    const key = Instrument.symbolKey(exchange, tradingsymbol)
    const before = byName.get(key) ?? { exchange, tradingsymbol, net: 0, openBuy: 0, openSell: 0 }
    byName.set(key, isOpen ? { ...before, ...withOrder(side, quantity, before) } : { ...before, net: before.net + signed(side, quantity) })
  }
  return [...byName.values()]
}
