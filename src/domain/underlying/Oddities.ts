import type { Contract } from "../record/Reference.ts"

/** A bid above the ask; a price between two ticks; two books whose synthetic forward is far from the chain's. */
export const kinds = ["crossed_book", "off_grid", "parity"] as const
export type Kind = (typeof kinds)[number]

/** Of each kind an underlying speaks at most once in this much event time, and says how many there were. */
export const everyMs = 60_000
/** Share of the forward: last prices, which the forward comes from, may lag the books by as much in a fast market. */
const parityTolerance = 1e-3

/** One row as it is checked: prices in rupees, NaN where unknown. */
export interface Row {
  readonly contract: Contract
  /** In the wire's integers, with how many of them are a rupee. */
  readonly lastPrice: number
  readonly scale: number
  readonly bid: number
  readonly ask: number
}
/** Both books of a strike, in rupees, and the forward of its expiry; `growth` is e^(rT). */
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
  /** With parity only. */
  readonly forward: number | null
}
export interface Odd {
  readonly what: Kind
  /** Rows found odd at the ends of windows since the last event of this kind. */
  readonly count: number
  /** The newest of them. */
  readonly example: Example
}

interface Tally {
  count: number
  saidMs: number
  example: Example | null
}
/** Plain data, part of its owner's snapshot. */
export type State = Record<Kind, Tally>

const silent = (): Tally => ({ count: 0, saidMs: Number.NEGATIVE_INFINITY, example: null })
export const make = (): State => ({ crossed_book: silent(), off_grid: silent(), parity: silent() })

export const isCrossed = ({ bid, ask }: Row): boolean => bid > ask

/** A tick size of zero is an index, which has no grid. */
export const isOffGrid = ({ contract, lastPrice, scale }: Row): boolean => {
  const units = Math.round(contract.tick_size * scale)
  return units > 0 && lastPrice % units !== 0 && !Number.isNaN(lastPrice)
}

/** C - P = e^(-rT) (F - K): what the books let one sell and buy the forward at must have the chain's between them. */
export const violatesParity = ({ strike, callBid, callAsk, putBid, putAsk, forward, growth }: Pair): boolean =>
  strike + growth * (callBid - putAsk) > forward * (1 + parityTolerance) ||
  strike + growth * (callAsk - putBid) < forward * (1 - parityTolerance)

const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value)

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

/** Counts what is odd about a row that changed; `pair` where it is an option whose strike has two fresh books. */
export const check = (state: State, row: Row, pair: Pair | undefined): void => {
  if (isCrossed(row)) note(state.crossed_book, row, Number.NaN)
  if (isOffGrid(row)) note(state.off_grid, row, Number.NaN)
  if (pair !== undefined && violatesParity(pair)) note(state.parity, row, pair.forward)
}

/** What is to be said now. */
export const due = (state: State, eventMs: number): ReadonlyArray<Odd> =>
  kinds.flatMap((what) => {
    const tally = state[what]
    const { count, example, saidMs } = tally
    if (example === null || eventMs - saidMs < everyMs) return []
    state[what] = { count: 0, saidMs: eventMs, example: null }
    return [{ what, count, example }]
  })
