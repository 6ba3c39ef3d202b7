import { Schema } from "effect"

/** A subscribed instrument, with the fields that decide how to read its packets. Strike and tick size are exact, in rupees. */
export const Contract = Schema.Struct({
  instrument_token: Schema.Int,
  tradingsymbol: Schema.String,
  segment: Schema.String,
  kind: Schema.Literal("INDEX", "EQ", "FUT", "CE", "PE"),
  expiry: Schema.NullOr(Schema.String),
  strike: Schema.Number,
  tick_size: Schema.Number,
  lot_size: Schema.Int,
  /** Units of the underlying per unit of quantity; 1 if absent. */
  multiplier: Schema.optional(Schema.Int),
  /** Open interest at the end of the previous session, if a source other than the record knows it; absent if unknown. */
  previous_oi: Schema.optional(Schema.Int)
})
export type Contract = typeof Contract.Type

/**
 * md.ref.<exchange>.<underlying>: all streamed instruments of one underlying. It precedes the first packet of a new instrument in
 * MD_FRAMES. So a reader of the record knows every token, and a replay needs no other source.
 */
export const Reference = Schema.Struct({
  v: Schema.Literal(1),
  exchange: Schema.String,
  underlying: Schema.String,
  /** The trading day for which these tokens are valid. */
  trade_date: Schema.optional(Schema.String),
  instruments: Schema.Array(Contract),
  /** By expiry, how many options the exchange lists, streamed or not. */
  listed_options: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Int }))
})
export type Reference = typeof Reference.Type
