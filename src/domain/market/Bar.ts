import { Schema } from "effect"

/** Lengths of bars that are made from ticks; longer ones are made from minutes. */
export const Interval = Schema.Literal("1s", "1m")
export type Interval = typeof Interval.Type
export const lengthMs: Readonly<Record<Interval, number>> = { "1s": 1_000, "1m": 60_000 }

/** One bar: prices in rupees, exact; `timestamp` when it opens; volume traded within it; `oi` the last one known, null where there is none. */
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
  /** False where ticks may be missing: the instrument was not streamed, or the stream was interrupted, for a part of it. */
  complete: Schema.Boolean
})
export type Candle = typeof Candle.Type

/**
 * md.bar.<interval>.<exchange>.<underlying>.<token>: bars of one instrument, oldest first: those that one moment of market time closed, and
 * the open one as it stands.
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
