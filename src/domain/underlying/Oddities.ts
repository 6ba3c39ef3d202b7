import { orNull } from "../options/ChainRows.ts"
import type { Contract } from "../record/Reference.ts"

/** A bid above the ask; a price between two ticks; two books whose synthetic forward is far from the chain's. */
export const kinds = ["crossed_book", "off_grid", "parity"] as const
export type Kind = (typeof kinds)[number]

/** An underlying reports each kind at most once in this much event time, with the number of cases. */
export const everyMs = 60_000
/** Share of the forward. The forward comes from last prices, which may lag the books by this much in a fast market. */
const parityTolerance = 1e-3

/** One row to check: prices in rupees, NaN if unknown. */
export interface Row {
  readonly contract: Contract
  /** A wire integer; `scale` integers are one rupee. */
  readonly lastPrice: number
  readonly scale: number
  readonly bid: number
  readonly ask: number
}
/** Both books of a strike, in rupees, and the forward of its expiry. `growth` is e^(rT). */
export interface Pair {
  readonly strike: number
  readonly callBid: number
  readonly callAsk: number
  readonly putBid: number
  readonly putAsk: number
  readonly forward: number
  readonly growth: number
}

export interface Example {
  readonly instrument_token: number
  readonly tradingsymbol: string
  readonly last_price: number | null
  readonly bid: number | null
  readonly ask: number | null
  /** Only for parity; otherwise null. */
  readonly forward: number | null
}
export interface Odd {
  readonly what: Kind
  /** Number of odd rows at the ends of windows since the last report of this kind. */
  readonly count: number
  /** The newest of these rows. */
  readonly example: Example
}

interface Tally {
  count: number
  saidMs: number
  example: Example | null
}
/** Plain data, part of its owner's snapshot. */
export type State = Record<Kind, Tally>

const unreported = (): Tally => ({ count: 0, saidMs: Number.NEGATIVE_INFINITY, example: null })
export const make = (): State => ({ crossed_book: unreported(), off_grid: unreported(), parity: unreported() })

const isCrossed = ({ bid, ask }: Row): boolean => bid > ask

/** An index has tick size zero, so it is never off grid. */
export const isOffGrid = ({ contract, lastPrice, scale }: Row): boolean => {
  const units = Math.round(contract.tick_size * scale)
  return units > 0 && lastPrice % units !== 0 && !Number.isNaN(lastPrice)
}

/** C - P = e^(-rT) (F - K): the chain's forward must be between the prices at which the books let one sell and buy the forward. */
export const violatesParity = ({ strike, callBid, callAsk, putBid, putAsk, forward, growth }: Pair): boolean =>
  strike + growth * (callBid - putAsk) > forward * (1 + parityTolerance) ||
  strike + growth * (callAsk - putBid) < forward * (1 - parityTolerance)

const note = (tally: Tally, { contract, lastPrice, scale, bid, ask }: Row, forward: number): void => {
  tally.count++
  tally.example = {
    instrument_token: contract.instrument_token,
    tradingsymbol: contract.tradingsymbol,
    last_price: orNull(lastPrice / scale),
    bid: orNull(bid),
    ask: orNull(ask),
    forward: orNull(forward)
  }
}

/** Counts the oddities of a changed row. `pair` is given if it is an option whose strike has two fresh books. */
export const check = (state: State, row: Row, pair: Pair | undefined): void => {
  if (isCrossed(row)) note(state.crossed_book, row, Number.NaN)
  if (isOffGrid(row)) note(state.off_grid, row, Number.NaN)
  if (pair !== undefined && violatesParity(pair)) note(state.parity, row, pair.forward)
}

/** The reports that are due now. */
export const due = (state: State, eventMs: number): ReadonlyArray<Odd> =>
  kinds.flatMap((what) => {
    const tally = state[what]
    const { count, example, saidMs } = tally
    if (example === null || eventMs - saidMs < everyMs) return []
    state[what] = { count: 0, saidMs: eventMs, example: null }
    return [{ what, count, example }]
  })
