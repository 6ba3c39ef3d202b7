import { Schema } from "effect"
import { Money } from "../Money.ts"
import { Contract } from "./Reference.ts"

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

/** What fills and settlements of a strategy come to: bounded by what is open, however many fills there were. */
export const Traded = Schema.Struct({
  /** Rupees, first in, first out, over all instruments. */
  realised: Money,
  /** Legs of instruments with fills, and legs that have settled: positions and Greeks are those of the fills, not theirs. */
  leg_ids: Schema.Array(Schema.Int),
  positions: Schema.Array(Position)
})
export type Traded = typeof Traded.Type

/** A leg's final price in rupees, and its source. */
export const Settled = Schema.Struct({ leg_id: Schema.Int, tradingsymbol: Schema.String, price: Money, source: Schema.String })
export type Settled = typeof Settled.Type

/** strat.def.<owner>.<strategy>: the legs, whole each time. Part of MD_FRAMES, so that legs and prices have one order in life and in replay. */
export const Definition = Schema.Struct({
  v: Schema.Literal(1),
  strategy_id: Schema.Int,
  owner: Schema.String,
  legs: Schema.Array(Leg),
  /** Legs whose contract has settled: their profit is in `traded.realised`, and they count in nothing else. */
  settled: Schema.optional(Schema.Array(Settled)),
  /** Legs whose instrument the day's master does not have: they stay without a price. */
  unpriced: Schema.optional(Schema.Array(Schema.Int)),
  /** Absent without fills. */
  traded: Schema.optional(Traded)
})
export type Definition = typeof Definition.Type
