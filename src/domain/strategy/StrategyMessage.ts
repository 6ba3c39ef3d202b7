import { Schema } from "effect"
import { Money } from "../Money.ts"
import { Definition } from "../record/StrategyDefinition.ts"

const stamped = { v: Schema.Literal(1), as_of: Schema.String, seq: Schema.Int }
const NumberOrNull = Schema.NullOr(Schema.Number)

/**
 * strat.evt: a definition that changed in the record, because legs, their instruments or fills changed. `seq` is its sequence in the
 * record.
 */
export const Event = Schema.Struct({ ...Definition.fields, ...stamped })
export type Event = typeof Event.Type

/**
 * strat.m2m. `m2m` is the net premium of the legs, sum(last price x quantity x direction), BUY -1 and SELL +1; it is not a profit. P&L
 * and net Greeks cover the holdings. An instrument with fills holds what the fills left open (first in, first out; the rest is
 * realised). A leg of an instrument without fills holds its quantity at its entry price. realised_pnl needs no price; total_pnl =
 * realised + unrealised.
 * m2m is null until every leg has had a price; unrealised and total are null until every holding has had one. `missing` lists the legs
 * without a price or with a stale one. `complete` is true if there are none, and every other held position has a fresh price.
 * Net Greeks are those of the position (bought +, sold -, times quantity); null unless every held option has its own.
 */
export const Mark = Schema.Struct({
  ...stamped,
  strategy_id: Schema.Int,
  m2m: Schema.NullOr(Money),
  unrealised_pnl: Schema.NullOr(Money),
  realised_pnl: Money,
  total_pnl: Schema.NullOr(Money),
  net_delta: NumberOrNull,
  net_gamma: NumberOrNull,
  net_theta: NumberOrNull,
  net_vega: NumberOrNull,
  complete: Schema.Boolean,
  missing: Schema.Array(Schema.Int)
})
export type Mark = typeof Mark.Type
/** A mark as it is published: money is decimal text. */
export type PublishedMark = typeof Mark.Encoded

/**
 * strat.candle: one minute of `m2m`, published once after market time has left the minute. `timestamp` is the minute's start.
 * `total_pnl` comes from the last mark before the minute ended; messages of older versions do not have it.
 */
export const Candle = Schema.Struct({
  ...stamped,
  strategy_id: Schema.Int,
  timestamp: Schema.String,
  open: Money,
  high: Money,
  low: Money,
  close: Money,
  total_pnl: Schema.optional(Schema.NullOr(Money))
})
export type Candle = typeof Candle.Type

/** A strategy that could not be computed, in the dead letters: its numbers break an arithmetic limit, or its contracts cannot be priced. */
export const Refused = Schema.Struct({
  v: Schema.Literal(1),
  seq: Schema.Int,
  owner: Schema.String,
  strategy_id: Schema.Int,
  reason: Schema.String
})
export type Refused = typeof Refused.Type
