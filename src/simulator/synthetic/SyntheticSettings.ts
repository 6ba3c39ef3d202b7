/** The settings of a synthetic market, and the underlyings that it trades. */

export interface Settings {
  /** UNIX ms at which the market starts. Contracts that expired before are not listed. */
  readonly startMs: number
  readonly seed: number
  /** Ticks per second of each instrument. */
  readonly rate: number
  /** Rupees by underlying name. A name that is missing takes its price from `products`. */
  readonly basePrices: Readonly<Record<string, number>>
  /** How far a spot price may move from its base price, as a fraction of it. */
  readonly variation: number
  /** A tick trades from 1 to this many lots. */
  readonly volumeLotsMax: number
  /** Strikes on either side of the money for an index. A share has half as many. */
  readonly strikesEachSide: number
}

export const defaults: Omit<Settings, "startMs"> = {
  seed: 1,
  rate: 2,
  basePrices: {},
  variation: 0.02,
  volumeLotsMax: 10,
  strikesEachSide: 40
}

export interface Product {
  readonly name: string
  /** Rupees. */
  readonly basePrice: number
  /** At-the-money volatility per year. */
  readonly volatility: number
  /** How many weekly option expiries are listed. */
  readonly weeklies: number
  /** How many monthly expiries of futures and options are listed; 0 for a share without derivatives. */
  readonly monthlies: number
}

export const products: ReadonlyArray<Product> = [
  { name: "NIFTY", basePrice: 24_500, volatility: 0.13, weeklies: 5, monthlies: 3 },
  { name: "BANKNIFTY", basePrice: 57_500, volatility: 0.15, weeklies: 0, monthlies: 3 },
  { name: "FINNIFTY", basePrice: 27_000, volatility: 0.15, weeklies: 0, monthlies: 3 },
  { name: "RELIANCE", basePrice: 1_310, volatility: 0.24, weeklies: 0, monthlies: 3 },
  { name: "M&M", basePrice: 3_400, volatility: 0.27, weeklies: 0, monthlies: 0 }
]

/** Paise. */
export const basePrice = (settings: Settings, product: Product): number =>
  Math.round((settings.basePrices[product.name] ?? product.basePrice) * 100)
