import * as Instrument from "../market/Instrument.ts"
import * as Moneyness from "./Moneyness.ts"

/** How much of an underlying to stream: the nearest expiries, and the strikes around the money of each. */
export interface StrikeWindow {
  /** Number of nearest option expiries that have not expired. */
  readonly expiries: number
  /** Strikes on either side of the money. */
  readonly strikesEachSide: number
}

type Instruments = ReadonlyArray<Instrument.Instrument>

/** The strikes within `eachSide` strikes of the one nearest to the spot, ascending. Strikes and spot use the same integer units. */
export const strikesAround = (options: Instruments, spotUnits: number, eachSide: number): ReadonlyArray<number> => {
  const strikes = [...new Set(options.map(({ strike }) => strike))].sort((a, b) => a - b)
  const nearest = Math.max(0, Moneyness.atmRow(Float64Array.from(strikes), strikes.length, spotUnits))
  return strikes.slice(Math.max(0, nearest - eachSide), nearest + eachSide + 1)
}

/**
 * The underlying itself, its nearest future, and the options around the money of its nearest expiries. `members` are the underlying and
 * everything derived from it. Contracts for which `isAlive` is false are omitted.
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

/**
 * Strikes just outside the window that stay subscribed. Otherwise a spot between two strikes would subscribe and unsubscribe one
 * repeatedly.
 */
export const keptBeyondEdge = 2

/** The window in which subscribed strikes stay. It is wider than the window in which strikes are added. */
export const widened = (window: StrikeWindow): StrikeWindow => ({ ...window, strikesEachSide: window.strikesEachSide + keptBeyondEdge })
