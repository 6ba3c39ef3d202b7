import { Schema } from "effect"
import * as Money from "../Money.ts"

export const Direction = Schema.Literal("BUY", "SELL")
export type Direction = typeof Direction.Type

/** Units of an instrument, never lots: a non-negative whole number. Legs for analysis may have any quantity, zero included. */
export const Quantity = Schema.NonNegativeInt.annotations({ identifier: "Quantity", description: "units, not lots" })

/** Largest quantity of one recorded trade. The sum over all trades of a strategy stays far below 2^53. */
export const quantityMax = 1_000_000_000

/** A trade in one instrument. */
export interface Fill {
  readonly direction: Direction
  /** Units, not negative. */
  readonly quantity: number
  /** Rupees per unit. */
  readonly price: Money.Decimal
}

/** Quantity with the holder's sign: bought is positive. */
export const signed = (direction: Direction, quantity: number): number => (direction === "BUY" || quantity === 0 ? quantity : -quantity)

/**
 * Exchanges quote at most seven decimal places, the wire unit of currency. A price with more places than this limit is a truncated
 * average.
 */
const quotedPlacesMax = 10
/** Every tick of every segment is a multiple of 0.0001 rupees, and so is the value of whole units. */
const valuePlaces = 4

/**
 * Rupees that `units` cost at `price`. A broker prints an average price as far as a double goes: 390 units at 88.08333333333333 are
 * 34352.5 and not 34352.4999999999987. So the value at a cut-off average is rounded to the unit in which all traded values are whole.
 */
export const valueOf = (price: Money.Decimal, units: number): Money.Decimal => {
  const value = price.times(units)
  return price.decimalPlaces() > quotedPlacesMax ? value.toDecimalPlaces(valuePlaces) : value
}

/** The net position of fills in one instrument; long is positive. */
export const netQuantity = (fills: Iterable<Pick<Fill, "direction" | "quantity">>): number => {
  let net = 0
  for (const fill of fills) net = Money.checked(net + signed(fill.direction, fill.quantity))
  return net
}
