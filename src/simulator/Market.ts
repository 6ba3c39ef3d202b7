import type { Effect } from "effect"
import type * as Frame from "../domain/market/Frame.ts"
import type * as Instrument from "../domain/market/Instrument.ts"
import type { Span } from "../domain/market/KiteHistory.ts"
import type { Candle } from "./Candles.ts"

export type State = "waiting" | "running" | "ended"

export interface Status {
  /** Market time, UNIX ms. */
  readonly timeMs: number
  readonly speed: number | "max"
  readonly state: State
  /** What a recording leaves out of itself; 0 for the other markets. */
  readonly skipped: number
}

/** What is made of a day's instruments; made again when the market lists others. */
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

/** Where a market's ticks go: every connection that subscribed. */
export interface Outlet {
  /** The rows whose columns have just changed, each at most once a call, in the order they are to be sent. */
  readonly publish: (rows: Uint32Array, count: number) => void
  /** Sends one row to every connection that holds any subscription, whatever it subscribed to. */
  readonly publishToAll: (row: number) => void
  /** Ends every connection, as the broker does when access tokens die. */
  readonly cut: () => void
  /** Ends when every connection has received everything published before, or after a bound. */
  readonly delivered: Effect.Effect<void>
  /**
   * Ends when subscriptions have settled: somebody has subscribed, nobody has asked for more for half a second, and whoever has signed in has
   * subscribed too, or has not within five seconds.
   */
  readonly subscribed: Effect.Effect<void>
}

/** A market model: its instruments, their newest packets, and what drives them. */
export interface Market {
  readonly mode: "synthetic" | "recorded" | "days"
  /** Name of the underlying that a recording is of. */
  readonly underlying: string | null
  /** The instruments dump that clients get: another array on another day. */
  readonly instruments: ReadonlyArray<Instrument.Instrument>
  /** One row per instrument that has packets here, kind full or index full; kind 0 until its first packet. */
  readonly columns: Frame.Columns
  readonly rowByToken: ReadonlyMap<number, number>
  readonly status: () => Status
  /** Minutes of an instrument that begin in the span and not after market time, ascending; the last may still change. */
  readonly minutes: (token: number, span: Span) => ReadonlyArray<Candle>
  /** What really happened on a day ("YYYY-MM-DD"), where the market keeps it; undefined for a day that it has not played. */
  readonly truth?: (day: string) => unknown
  /** Publishes as time passes; synthetic markets never end. */
  readonly run: (outlet: Outlet) => Effect.Effect<void>
}
