import { Schema } from "effect"
import { Money } from "../Money.ts"
import { Definition } from "../record/StrategyDefinition.ts"

const stamped = { v: Schema.Literal(1), as_of: Schema.String, seq: Schema.Int }
const NumberOrNull = Schema.NullOr(Schema.Number)

/** strat.evt: a definition that the record has anew, because legs, their instruments or fills changed; `seq` is its place in the record. */
export const Event = Schema.Struct({ ...Definition.fields, ...stamped })
export type Event = typeof Event.Type

/**
 * strat.m2m: `m2m` is the net premium of the legs, sum(last price x quantity x direction), BUY -1 and SELL +1; it is not a profit.
 * P&L and net Greeks are of what is held: an instrument with fills is what the fills left open (first in, first out, the rest is realised),
 * a leg of an instrument without fills its quantity at its entry price. realised_pnl needs no price; total_pnl = realised + unrealised.
 * m2m is null while a leg has never had a price, unrealised and total while something held has not. `missing` names the legs without a
 * price or with a stale one; `complete` says that there are none, nor such positions of instruments without a leg.
 * Net Greeks are of the position (bought +, sold -, times quantity), null unless every option held has its own.
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

/** strat.candle: one minute of `m2m`, published once when market time has left the minute. `timestamp` is the minute's start. `total_pnl` is of the last mark before the minute ended; absent in the messages of older versions. */
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
