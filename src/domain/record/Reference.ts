import { Schema } from "effect"

/** What a subscribed instrument is, in the form that decides how its packets are read. Strike and tick size in rupees, exact. */
export const Contract = Schema.Struct({
  instrument_token: Schema.Int,
  tradingsymbol: Schema.String,
  segment: Schema.String,
  kind: Schema.Literal("INDEX", "EQ", "FUT", "CE", "PE"),
  expiry: Schema.NullOr(Schema.String),
  strike: Schema.Number,
  tick_size: Schema.Number,
  lot_size: Schema.Int,
  /** Units of the underlying in one of its quantity; absent: 1. */
  multiplier: Schema.optional(Schema.Int)
})
export type Contract = typeof Contract.Type

/**
 * md.ref.<exchange>.<underlying>: the instruments of one underlying that are streamed, whole each time.
 * It travels in MD_FRAMES ahead of the first packet of a new instrument, so a reader of the record knows every token it meets
 * and a replay needs nothing else.
 */
export const Reference = Schema.Struct({
  v: Schema.Literal(1),
  exchange: Schema.String,
  underlying: Schema.String,
  /** The trading day whose tokens these are. */
  trade_date: Schema.optional(Schema.String),
  instruments: Schema.Array(Contract)
})
export type Reference = typeof Reference.Type
