import type { Effect } from "effect"
import type * as Frame from "../domain/market/Frame.ts"
import * as Instrument from "../domain/market/Instrument.ts"
import type { Span } from "../domain/market/KiteHistory.ts"
import type { Candle } from "./Candles.ts"
import type { Counted } from "./recorded/RecordedUnits.ts"

export type State = "waiting" | "running" | "ended"

export interface Status {
  /** Market time, UNIX ms. */
  readonly timeMs: number
  readonly speed: number | "max"
  readonly state: State
}

/** Facts that were found while a recording was read, as GET /market names them. */
export interface RecordedFacts {
  readonly contracts: number
  /** Contracts of the file that the instruments dump lacks. */
  readonly not_in_dump: number
  readonly lines_skipped: number
  /** The unit of the file's quantities. The market serves units. */
  readonly counted: Counted
  readonly counted_by: "option" | "values"
}

/** Caches a value that is computed from the instruments. It is computed again when the market lists other instruments. */
export const ofListing = <A>(
  market: Pick<Market, "instruments">,
  make: (instruments: ReadonlyArray<Instrument.Instrument>) => A
): (() => A) => {
  let made: { readonly of: ReadonlyArray<Instrument.Instrument>; readonly value: A } | undefined
  return () => {
    const { instruments } = market
    if (made?.of !== instruments) made = { of: instruments, value: make(instruments) }
    return made.value
  }
}

type Listed = Pick<Market, "instruments">
type InstrumentIndex = () => ReadonlyMap<string, Instrument.Instrument>

/** The market's instruments by the text of `Instrument.symbolKey`. */
export const instrumentsBySymbol = (market: Listed): InstrumentIndex =>
  ofListing(market, (instruments) => new Map(instruments.map((one) => [Instrument.symbolKey(one.exchange, one.tradingsymbol), one])))

/** The market's instruments by their token as a text. */
export const instrumentsByToken = (market: Listed): InstrumentIndex =>
  ofListing(market, (instruments) => new Map(instruments.map((one) => [String(one.token), one])))

/** Sends a market's ticks to all subscribed connections. */
export interface Outlet {
  /** Sends rows whose columns have just changed, in this order. A call contains each row at most once. */
  readonly publish: (rows: Uint32Array, count: number) => void
  /** Sends one row to every connection with any subscription, even without one to this row. */
  readonly publishToAll: (row: number) => void
  /** Ends every connection, as the broker does when access tokens die. */
  readonly cut: () => void
  /** Ends when every connection has received everything published before, or after a time limit. */
  readonly delivered: Effect.Effect<void>
  /**
   * Ends when subscriptions have settled: there is one, none has changed for half a second, and every client that has signed in has subscribed
   * too, or five seconds have passed.
   */
  readonly subscribed: Effect.Effect<void>
}

/** A market model: its instruments, their newest packets, and the process that changes them. */
export interface Market {
  readonly mode: "synthetic" | "recorded" | "days"
  /** The name of a recording's underlying, else null. */
  readonly underlying: string | null
  /** The instruments dump that clients get. Each day has a new array. */
  readonly instruments: ReadonlyArray<Instrument.Instrument>
  /** One row per instrument that has packets here, kind full or index full; kind 0 until its first packet. */
  readonly columns: Frame.Columns
  readonly rowByToken: ReadonlyMap<number, number>
  readonly status: () => Status
  /** For a recording. `previousOi` is by row, for the day that is played; null if the file does not contain it. */
  readonly recorded?: { readonly facts: RecordedFacts; readonly previousOi: () => ReadonlyArray<number | null> }
  /** Minutes of an instrument that begin in the span and not after market time, ascending; the last may still change. */
  readonly minutes: (token: number, span: Span) => ReadonlyArray<Candle>
  /** The true results of a day ("YYYY-MM-DD"), if the market keeps them; undefined for a day that it has not played. */
  readonly truth?: (day: string) => unknown
  /** Publishes ticks as time passes. A synthetic market never ends. */
  readonly run: (outlet: Outlet) => Effect.Effect<void>
}
