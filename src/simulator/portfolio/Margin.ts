/**
 * The simulator's margin model. It has the fields and the hedging benefit of Kite's answers, but not the clearing corporation's parameters.
 * `span` is the most that the positions in one underlying can owe at expiry while its price stays within the scanned range.
 */
import * as Instrument from "../../domain/market/Instrument.ts"

export interface Leg {
  readonly instrument: Instrument.Instrument
  /** In Kite's units; sold is negative. */
  readonly quantity: number
  /** In the instrument's price units. */
  readonly price: number
  readonly multiplier: number
  /** The underlying's price in the same units. */
  readonly spot: number
  /** Name and exchange of the underlying. Legs of one underlying hedge each other. */
  readonly underlying: string
  readonly isIndex: boolean
}

/** Fractions of the underlying's price. */
const scanned = { index: 0.1, other: 0.15 } as const
const exposed = { index: 0.03, other: 0.05 } as const
const stepsEachSide = 8
/** The rate for a share that is bought or sold within the day. */
const intradayVar = 0.2

const kindOf = ({ isIndex }: Leg) => (isIndex ? "index" : "other")

/** The value of a leg to its buyer if the underlying moves by a fraction: an option's intrinsic value, or a future's gain. */
const worth = ({ instrument, price, spot }: Leg, move: number): number => {
  if (instrument.instrumentType === "FUT") return price * move
  const moved = spot * (1 + move)
  return Math.max(0, instrument.instrumentType === "CE" ? moved - instrument.strike : instrument.strike - moved)
}

const rupees = ({ instrument, multiplier }: Leg, value: number): number => (value * multiplier) / Instrument.priceScale(instrument.token)

const scan = (legs: ReadonlyArray<Leg>): number => {
  const [first] = legs
  if (first === undefined) return 0
  const range = scanned[kindOf(first)]
  const owed = Array.from({ length: 2 * stepsEachSide + 1 }, (_, at) => {
    const move = ((at - stepsEachSide) / stepsEachSide) * range
    return -legs.reduce((sum, leg) => sum + rupees(leg, leg.quantity * worth(leg, move)), 0)
  })
  return Math.max(0, ...owed)
}

const isDerivative = ({ instrument }: Leg) => instrument.instrumentType !== "EQ"

const exposure = (leg: Leg): number => {
  const carries = leg.instrument.instrumentType === "FUT" || leg.quantity < 0
  return carries ? rupees(leg, Math.abs(leg.quantity) * leg.spot) * exposed[kindOf(leg)] : 0
}

export interface Requirement {
  readonly span: number
  readonly exposure: number
}

/** The margin of futures and options together. */
export const ofDerivatives = (legs: ReadonlyArray<Leg>): Requirement => {
  const byUnderlying = new Map<string, Array<Leg>>()
  for (const leg of legs.filter(isDerivative)) {
    const group = byUnderlying.get(leg.underlying)
    if (group === undefined) byUnderlying.set(leg.underlying, [leg])
    else group.push(leg)
  }
  const groups = [...byUnderlying.values()]
  return {
    span: groups.reduce((sum, group) => sum + scan(group), 0),
    exposure: groups.flat().reduce((sum, leg) => sum + exposure(leg), 0)
  }
}

/** Rupees paid for options; negative if more was received. */
export const premium = (legs: ReadonlyArray<Leg>): number =>
  legs.filter(({ instrument }) => Instrument.isOption(instrument)).reduce((sum, leg) => sum + rupees(leg, leg.quantity * leg.price), 0)

/**
 * The margin of an order for shares: the whole value for a purchase for delivery, nothing for a sale from holdings, a part of the value for
 * an intraday order.
 */
export const ofShares = (leg: Leg, product: string): number => {
  if (isDerivative(leg)) return 0
  const value = rupees(leg, Math.abs(leg.quantity) * leg.price)
  if (product === "MIS") return value * intradayVar
  return leg.quantity > 0 ? value : 0
}

export const leverageOf = (product: string, leg: Leg): number => (product === "MIS" && !isDerivative(leg) ? 1 / intradayVar : 1)
