/** Prices of the simulated days as pure functions of seed, product and instant. Instants may be computed in any order. */

import { Either } from "effect"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Black76 from "../../domain/options/Black76.ts"
import * as ExpiryInstant from "../../domain/rules/ExpiryInstant.ts"
import * as PastPrices from "../synthetic/PastPrices.ts"
import * as SyntheticBook from "../synthetic/SyntheticBook.ts"
import type * as Listing from "./Listing.ts"
import type * as Truth from "./Truth.ts"

/** Theta is published per calendar day of the Act/365 year. */
const daysPerYear = 365

export interface Split {
  /** Name of the product. */
  readonly name: string
  /** The first instant at the new price. */
  readonly fromMs: number
  /** Number of new shares per old share. */
  readonly factor: number
}

export interface Paths {
  readonly seed: number
  readonly products: ReadonlyArray<Listing.Product>
  /** The largest move of a price from its base, as a fraction of the base. */
  readonly variation: number
  readonly splits: ReadonlyArray<Split>
}

const splitFactor = ({ splits }: Paths, name: string, atMs: number): number =>
  splits.filter((split) => split.name === name && split.fromMs <= atMs).reduce((product, { factor }) => product * factor, 1)

/** The underlying's fair price in wire units, before rounding to the tick size. */
export const fair = (paths: Paths, product: number, atMs: number): number => {
  const { name, basePrice } = paths.products[product] as Listing.Product
  const off = paths.variation * PastPrices.noise(paths.seed, product, atMs)
  return (basePrice * 100 * (1 + off)) / splitFactor(paths, name, atMs)
}

/** Rounds a price to the tick size; the result is at least `least`. */
const onGrid = (price: number, tick: number, least: number): number => Math.max(least, Math.round(price / tick) * tick)

/** The model's price of a contract or share at an instant, rounded to its tick size. */
export const price = (paths: Paths, { instrument, product, expiresAtMs }: Listing.Listed, atMs: number, spot?: number): number => {
  const { volatility } = paths.products[product] as Listing.Product
  const { instrumentType, strike } = instrument
  // The dump gives an index no tick size; it moves by five paise.
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

/** The volatility and the Greeks that made an option's price at an instant; null for any other instrument, and at its expiry. */
export const model = (paths: Paths, { instrument, product, expiresAtMs }: Listing.Listed, atMs: number): Truth.Model | null => {
  const t = ExpiryInstant.yearsTo(expiresAtMs, atMs)
  const { instrumentType } = instrument
  if ((instrumentType !== "CE" && instrumentType !== "PE") || t <= 0) return null
  const scale = Instrument.priceScale(instrument.token)
  const { volatility } = paths.products[product] as Listing.Product
  const forward = SyntheticBook.forward(fair(paths, product, atMs), t) / scale
  const strike = instrument.strike / scale
  const iv = SyntheticBook.smile(volatility, forward, strike, t)
  const greeks = Either.getOrThrow(Black76.greeks(instrumentType, forward, strike, t, SyntheticBook.rate, iv))
  return { forward, iv, delta: greeks.delta, gamma: greeks.gamma, theta: greeks.theta / daysPerYear, vega: greeks.vega / 100 }
}

/** A pseudo-random number from 0 to `limit` - 1 for an instrument and an instant. */
export const pick = ({ seed }: Paths, token: number, atMs: number, salt: number, limit: number): number =>
  PastPrices.bits(seed, token, Math.floor(atMs / 1_000), salt) % limit
