import { Schema } from "effect"
import { Money } from "../Money.ts"
import { Contract } from "../market/Reference.ts"

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

/** What an instrument is priced by: its contract, and the underlying whose frames carry it. */
export const Priced = Schema.Struct({ exchange: Schema.String, underlying: Schema.String, contract: Contract })
export type Priced = typeof Priced.Type

/** An open position that fills made: signed quantity, and what its open lots (first in, first out) cost, signed alike. */
export const Position = Schema.Struct({
  instrument_token: Schema.Int,
  tradingsymbol: Schema.String,
  quantity: Schema.Int,
  open_cost: Money,
  /** Null where the day's instruments have no such one: it is held and cannot be valued. */
  priced: Schema.NullOr(Priced)
})
export type Position = typeof Position.Type

/** What the fills of a strategy come to: bounded by what is open, however many fills there were. */
export const Traded = Schema.Struct({
  /** Rupees, first in, first out, over all instruments. */
  realised: Money,
  /** Legs of instruments with fills: positions and Greeks are those of the fills, not theirs. */
  leg_ids: Schema.Array(Schema.Int),
  positions: Schema.Array(Position)
})
export type Traded = typeof Traded.Type

/** strat.def.<owner>.<strategy>: the legs, whole each time. Part of MD_FRAMES, so that legs and prices have one order in life and in replay. */
export const Definition = Schema.Struct({
  v: Schema.Literal(1),
  strategy_id: Schema.Int,
  owner: Schema.String,
  legs: Schema.Array(Leg),
  /** Legs whose instrument the day's master does not have: they stay without a price. */
  unpriced: Schema.optional(Schema.Array(Schema.Int)),
  /** Absent without fills. */
  traded: Schema.optional(Traded)
})
export type Definition = typeof Definition.Type

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
