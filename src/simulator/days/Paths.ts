/** Prices of the simulated days as pure functions of seed, product and instant: any instant can be asked for, in any order. */

import * as Black76 from "../../domain/options/Black76.ts"
import * as ExpiryInstant from "../../domain/rules/ExpiryInstant.ts"
import * as PastPrices from "../PastPrices.ts"
import * as SyntheticBook from "../SyntheticBook.ts"
import type * as Listing from "./Listing.ts"

export interface Split {
  /** Name of the product. */
  readonly name: string
  /** The first instant at the new price. */
  readonly fromMs: number
  /** One old share becomes so many. */
  readonly factor: number
}

export interface Paths {
  readonly seed: number
  readonly products: ReadonlyArray<Listing.Product>
  /** How far a price strays from its base, as a fraction of it. */
  readonly variation: number
  readonly splits: ReadonlyArray<Split>
}

const splitFactor = ({ splits }: Paths, name: string, atMs: number): number =>
  splits.filter((split) => split.name === name && split.fromMs <= atMs).reduce((product, { factor }) => product * factor, 1)

/** The underlying's fair price in its wire units, before the tick grid. */
export const fair = (paths: Paths, product: number, atMs: number): number => {
  const { name, basePrice } = paths.products[product] as Listing.Product
  const off = paths.variation * PastPrices.noise(paths.seed, product, atMs)
  return (basePrice * 100 * (1 + off)) / splitFactor(paths, name, atMs)
}

/** A price on the tick grid; a contract is never below one tick. */
const onGrid = (price: number, tick: number, least: number): number => Math.max(least, Math.round(price / tick) * tick)

/** The model's price of a contract or share at an instant, on its tick grid. */
export const price = (paths: Paths, { instrument, product, expiresAtMs }: Listing.Listed, atMs: number, spot?: number): number => {
  const { volatility } = paths.products[product] as Listing.Product
  const { instrumentType, strike } = instrument
  // An index has no tick in the dump and moves by five paise.
  const tick = instrument.tickSize === 0 ? 5 : instrument.tickSize
  const base = spot ?? fair(paths, product, atMs)
  if (instrumentType === "EQ") return onGrid(base, tick, tick)
  const t = Math.max(0, ExpiryInstant.yearsTo(expiresAtMs, atMs))
  const forward = SyntheticBook.forward(base, t)
  if (instrumentType === "FUT") return onGrid(forward, tick, tick)
  const sign = instrumentType === "CE" ? 1 : -1
  const value = Black76.priceOf(sign, forward, strike, t, SyntheticBook.rate, SyntheticBook.smile(volatility, forward, strike, t))
  return onGrid(value, tick, tick)
}

/** 0 to `limit` - 1, of an instrument and an instant. */
export const pick = ({ seed }: Paths, token: number, atMs: number, salt: number, limit: number): number =>
  PastPrices.bits(seed, token, Math.floor(atMs / 1_000), salt) % limit
