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
  /** What a recording leaves out of itself; 0 for a synthetic market. */
  readonly skipped: number
}

/** Where a market's ticks go: every connection that subscribed. */
export interface Outlet {
  /** The rows whose columns have just changed, each at most once a call, in the order they are to be sent. */
  readonly publish: (rows: Uint32Array, count: number) => void
  /** Sends one row to every connection that holds any subscription, whatever it subscribed to. */
  readonly publishToAll: (row: number) => void
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
  readonly mode: "synthetic" | "recorded"
  /** Name of the underlying that a recording is of. */
  readonly underlying: string | null
  /** The instruments dump that clients get. */
  readonly instruments: ReadonlyArray<Instrument.Instrument>
  /** One row per instrument that has packets here, kind full or index full; kind 0 until its first packet. */
  readonly columns: Frame.Columns
  readonly rowByToken: ReadonlyMap<number, number>
  readonly status: () => Status
  /** Minutes of an instrument that begin in the span and not after market time, ascending; the last may still change. */
  readonly minutes: (token: number, span: Span) => ReadonlyArray<Candle>
  /** Publishes as time passes; synthetic markets never end. */
  readonly run: (outlet: Outlet) => Effect.Effect<void>
}
