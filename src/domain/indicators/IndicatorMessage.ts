import { Schema } from "effect"

/**
 * ind.<exchange>.<symbol>.<timeframe>.<indicator>: the values of one indicator at the newest bar of one instrument. The subject repeats the
 * first four fields after `seq`; `indicator` is the id with all settings.
 */
export const IndicatorValue = Schema.Struct({
  v: Schema.Literal(1),
  /** Market time. */
  as_of: Schema.String,
  /** The sequence in MD_BARS of the newest message that the values contain. */
  seq: Schema.Int,
  exchange: Schema.String,
  symbol: Schema.String,
  timeframe: Schema.String,
  indicator: Schema.String,
  instrument_token: Schema.Int,
  /** When the bar opens. */
  date: Schema.String,
  /** False while trades may still change the bar. */
  closed: Schema.Boolean,
  /** Each output by name; null until enough bars were seen. */
  values: Schema.Record({ key: Schema.String, value: Schema.NullOr(Schema.Number) })
})
export type IndicatorValue = typeof IndicatorValue.Type
