/** Selects the instruments to stream so that a chain can be shown. */
import * as Moneyness from "../../../src/domain/options/Moneyness.ts"
import type { FoEnabled, Instrument } from "../gateway/Contract.ts"

/** Strikes on each side of the money to stream. */
export const strikesEachSide = 20

/** Tokens of an expiry's contracts: its future and the options around the spot, or all options if the spot is unknown. */
export const ofExpiry = (contracts: ReadonlyArray<Instrument>, expiry: string, spot: number | undefined): ReadonlyArray<number> => {
  const here = contracts.filter((one) => one.expiry === expiry)
  const strikes = Float64Array.from(
    new Set(here.flatMap(({ strike, kind }) => (kind === "CE" || kind === "PE" ? (strike ?? []) : [])))
  ).sort()
  const atm = spot === undefined ? -1 : Moneyness.atmRow(strikes, strikes.length, spot)
  const from = atm < 0 ? 0 : Math.max(0, atm - strikesEachSide)
  const to = atm < 0 ? strikes.length : atm + strikesEachSide + 1
  const near = new Set(strikes.subarray(from, to))
  return here.filter(({ kind, strike }) => kind === "FUT" || (strike !== null && near.has(strike))).map((one) => one.instrument_token)
}

/** The token of the underlying itself, if it has one. */
export const ofSpot = ({ instrument_token }: FoEnabled): ReadonlyArray<number> => (instrument_token === null ? [] : [instrument_token])
