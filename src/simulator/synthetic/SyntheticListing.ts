/** The instruments that a synthetic market lists: each product's spot, futures and options. */
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import * as Contracts from "../Contracts.ts"
import * as SyntheticSettings from "./SyntheticSettings.ts"

export interface Listed {
  readonly instrument: Instrument.Instrument
  /** Index into `SyntheticSettings.products`. */
  readonly product: number
}

const exchangeTokenBase = 1_000_000

/**
 * The exchange token follows from expiry day, underlying, side and strike. A contract therefore keeps its token when the market restarts.
 */
const exchangeTokenOf = (product: number, expiry: string, strikeIndex: number, side: 0 | 1): number => {
  const day = (Date.parse(`${expiry}T00:00:00Z`) / IndiaTime.dayMs) % 512
  return exchangeTokenBase + ((day * SyntheticSettings.products.length + product) * 2 + side) * 1024 + (strikeIndex % 1023) + 1
}

const strikesAround = (base: number, step: number, eachSide: number): ReadonlyArray<number> => {
  const middle = Math.round(base / step)
  const first = Math.max(1, middle - eachSide)
  return Array.from({ length: middle + eachSide - first + 1 }, (_, index) => (first + index) * step)
}

export const underlyingOf = (product: SyntheticSettings.Product): Contracts.Underlying => {
  const underlying = Contracts.underlyingByName.get(product.name)
  if (underlying === undefined) throw new Error(`product ${product.name} is missing in Contracts.underlyings`)
  return underlying
}

const listedOf = (
  settings: SyntheticSettings.Settings,
  product: SyntheticSettings.Product,
  index: number
): ReadonlyArray<Instrument.Instrument> => {
  const underlying = underlyingOf(product)
  const monthly = Contracts.monthlyExpiries(underlying, settings.startMs, product.monthlies)
  const expiries = [...new Set([...Contracts.nextExpiries(underlying, settings.startMs, product.weeklies), ...monthly])].sort()
  const eachSide = Contracts.isShare(underlying) ? Math.ceil(settings.strikesEachSide / 2) : settings.strikesEachSide
  const strikes = strikesAround(SyntheticSettings.basePrice(settings, product), underlying.strikeStep, eachSide)
  const futures = monthly.map((expiry) => Contracts.contract(underlying, exchangeTokenOf(index, expiry, -1, 0), expiry, 0, "FUT"))
  const options = expiries.flatMap((expiry) =>
    strikes.flatMap((strike) => {
      const at = strike / underlying.strikeStep
      return [
        Contracts.contract(underlying, exchangeTokenOf(index, expiry, at, 0), expiry, strike, "CE"),
        Contracts.contract(underlying, exchangeTokenOf(index, expiry, at, 1), expiry, strike, "PE")
      ]
    })
  )
  return [Contracts.spotInstrument(underlying), ...futures, ...options]
}

export const make = (settings: SyntheticSettings.Settings): ReadonlyArray<Listed> =>
  SyntheticSettings.products.flatMap((product, index) =>
    listedOf(settings, product, index).map((instrument) => ({ instrument, product: index }))
  )
