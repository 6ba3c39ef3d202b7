import { Schema } from "effect"

/** Bar lengths that are built from ticks. Longer bars are built from minutes. */
export const Interval = Schema.Literal("1s", "1m")
export type Interval = typeof Interval.Type
export const lengthMs: Readonly<Record<Interval, number>> = { "1s": 1_000, "1m": 60_000 }

/** One bar: exact prices in rupees. `timestamp` is its opening time, `volume` was traded within it, `oi` is the last known one or null. */
export const Candle = Schema.Struct({
  timestamp: Schema.String,
  open: Schema.Number,
  high: Schema.Number,
  low: Schema.Number,
  close: Schema.Number,
  volume: Schema.Int,
  oi: Schema.NullOr(Schema.Int),
  /** False while ticks may still change it. */
  closed: Schema.Boolean,
  /** False if ticks may be missing: during part of the bar the instrument was not streamed or the stream was interrupted. */
  complete: Schema.Boolean
})
export type Candle = typeof Candle.Type

/**
 * md.bar.<interval>.<exchange>.<underlying>.<token>: bars of one instrument, oldest first. A message holds the bars that one moment of
 * market time closed, and the open bar so far.
 */
export const Bars = Schema.Struct({
  v: Schema.Literal(1),
  as_of: Schema.String,
  seq: Schema.Int,
  exchange: Schema.String,
  underlying: Schema.String,
  interval: Interval,
  instrument_token: Schema.Int,
  tradingsymbol: Schema.String,
  bars: Schema.Array(Candle)
})
export type Bars = typeof Bars.Type
