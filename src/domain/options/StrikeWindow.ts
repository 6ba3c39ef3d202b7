import * as Instrument from "../market/Instrument.ts"
import * as Moneyness from "./Moneyness.ts"

/** How much of an underlying to stream: the nearest expiries, and the strikes around the money of each. */
export interface StrikeWindow {
  /** The nearest option expiries that are alive. */
  readonly expiries: number
  /** Strikes on either side of the money. */
  readonly strikesEachSide: number
}

type Instruments = ReadonlyArray<Instrument.Instrument>

/** The strikes within `eachSide` of the one nearest to the spot, ascending. Strikes and spot in the same integer units. */
export const strikesAround = (options: Instruments, spotUnits: number, eachSide: number): ReadonlyArray<number> => {
  const strikes = [...new Set(options.map(({ strike }) => strike))].sort((a, b) => a - b)
  const nearest = Math.max(0, Moneyness.atmRow(Float64Array.from(strikes), strikes.length, spotUnits))
  return strikes.slice(Math.max(0, nearest - eachSide), nearest + eachSide + 1)
}

/**
 * The underlying itself, its nearest future, and the options around the money of its nearest expiries. `members` are the underlying and
 * everything derived from it; what is not alive is left out.
 */
export const instruments = (
  members: Instruments,
  spotUnits: number,
  { expiries, strikesEachSide }: StrikeWindow,
  isAlive: (instrument: Instrument.Instrument) => boolean
): Instruments => {
  const alive = members.filter((one) => one.expiry === null || isAlive(one))
  const spot = alive.filter((one) => Instrument.kindOf(one) === "INDEX" || Instrument.kindOf(one) === "EQ")
  const future = alive
    .filter((one) => one.instrumentType === "FUT")
    .sort((a, b) => ((a.expiry ?? "") < (b.expiry ?? "") ? -1 : 1))
    .slice(0, 1)
  const options = alive.filter(Instrument.isOption)
  const nearest = [...new Set(options.map(({ expiry }) => expiry ?? ""))].sort().slice(0, expiries)
  return [
    ...spot,
    ...future,
    ...nearest.flatMap((expiry) => {
      const chain = options.filter((option) => option.expiry === expiry)
      const near = new Set(strikesAround(chain, spotUnits, strikesEachSide))
      return chain.filter(({ strike }) => near.has(strike))
    })
  ]
}

/** Strikes beyond the window's edge that stay subscribed, so that a spot between two strikes does not make them come and go. */
export const keptBeyondEdge = 2

/** The same window with the strikes that stay until the money has moved away from them. */
export const widened = (window: StrikeWindow): StrikeWindow => ({ ...window, strikesEachSide: window.strikesEachSide + keptBeyondEdge })
