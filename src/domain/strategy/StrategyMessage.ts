import { Schema } from "effect"
import { Contract } from "../market/Reference.ts"
import { Money } from "../Money.ts"

const stamped = { v: Schema.Literal(1), as_of: Schema.String, seq: Schema.Int }
const NumberOrNull = Schema.NullOr(Schema.Number)

export const Direction = Schema.Literal("BUY", "SELL")
export type Direction = typeof Direction.Type

export const Leg = Schema.Struct({
  leg_id: Schema.Int,
  exchange: Schema.String,
  underlying: Schema.String,
  contract: Contract,
  direction: Direction,
  quantity: Schema.Int,
  entry_price: Money
})
export type Leg = typeof Leg.Type

/** strat.def.<owner>.<strategy>: the legs, whole each time. Part of MD_FRAMES, so that legs and prices have one order in life and in replay. */
export const Definition = Schema.Struct({
  v: Schema.Literal(1),
  strategy_id: Schema.Int,
  owner: Schema.String,
  legs: Schema.Array(Leg)
})
export type Definition = typeof Definition.Type

/**
 * strat.m2m: `m2m` is the net premium sum(last price x quantity x direction), BUY -1 and SELL +1; it is not a profit.
 * Money is null while a leg has never had a price; `missing` names the legs without a price or with a stale one.
 * Net Greeks are of the position (BUY +, SELL -, times quantity), null unless every option leg has its own.
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

/** strat.candle: one minute of `m2m`, published once when market time has left the minute. `timestamp` is the minute's start. */
export const Candle = Schema.Struct({
  ...stamped,
  strategy_id: Schema.Int,
  timestamp: Schema.String,
  open: Money,
  high: Money,
  low: Money,
  close: Money
})
export type Candle = typeof Candle.Type
