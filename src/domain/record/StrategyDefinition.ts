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

/** What is needed to price an instrument: its contract, and the underlying whose frames contain its packets. */
export const Priced = Schema.Struct({ exchange: Schema.String, underlying: Schema.String, contract: Contract })
export type Priced = typeof Priced.Type

/** An open position from fills: signed quantity, and the cost of its open lots (first in, first out) with the same sign. */
export const Position = Schema.Struct({
  instrument_token: Schema.Int,
  tradingsymbol: Schema.String,
  quantity: Schema.Int,
  open_cost: Money,
  /** Null if the day's instruments do not include it: the position is held but cannot be valued. */
  priced: Schema.NullOr(Priced)
})
export type Position = typeof Position.Type

/** The result of a strategy's fills and settlements. Its size depends on the open positions, not on the number of fills. */
export const Traded = Schema.Struct({
  /** Rupees, first in, first out, over all instruments. */
  realised: Money,
  /** Legs of instruments with fills, and settled legs. Their positions and Greeks come from the fills. */
  leg_ids: Schema.Array(Schema.Int),
  positions: Schema.Array(Position)
})
export type Traded = typeof Traded.Type

/** A leg's final price in rupees, and its source. */
export const Settled = Schema.Struct({ leg_id: Schema.Int, tradingsymbol: Schema.String, price: Money, source: Schema.String })
export type Settled = typeof Settled.Type

/**
 * strat.def.<owner>.<strategy>: all legs of a strategy. Part of MD_FRAMES, so that live runs and replays see legs and prices in the
 * same order.
 */
export const Definition = Schema.Struct({
  v: Schema.Literal(1),
  strategy_id: Schema.Int,
  owner: Schema.String,
  legs: Schema.Array(Leg),
  /** Settled legs: their profit is in `traded.realised`, and they count in nothing else. */
  settled: Schema.optional(Schema.Array(Settled)),
  /** Legs whose instrument is missing from the day's master. They have no price. */
  unpriced: Schema.optional(Schema.Array(Schema.Int)),
  /** Absent if there are no fills. */
  traded: Schema.optional(Traded),
  /** True if the strategy was deleted or closed. It has no legs then, and is no longer valued. */
  ended: Schema.optional(Schema.Boolean)
})
export type Definition = typeof Definition.Type
