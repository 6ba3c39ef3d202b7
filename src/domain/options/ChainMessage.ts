import { Schema } from "effect"

/** One row's number, or null if it does not apply. The row's `quality` gives the reason. */
const NumberOrNull = Schema.NullOr(Schema.Number)
const column = <A, I>(item: Schema.Schema<A, I>) => Schema.Array(item)

const Side = Schema.Literal("CE", "PE")

/**
 * Whether a row has an implied volatility and Greeks, and if not, why.
 * `live`: priced · `stale`: priced from a trade or a book older than the configured age, by the exchange's time · `no_price`: never traded or quoted · `no_forward`: the
 * expiry has no forward yet · `below_intrinsic`, `no_time_value`: less than one tick above the lower bound · `above_bound`: at or
 * above the upper bound of an option's price · `expired`.
 */
export const Quality = Schema.Literal(
  "live",
  "stale",
  "no_price",
  "no_forward",
  "below_intrinsic",
  "no_time_value",
  "above_bound",
  "expired"
)
export type Quality = typeof Quality.Type

/** What changes are relative to: the previous session's last values, or the first values seen. */
export const ChangeFrom = Schema.Literal("previous_session", "first_seen")

const ForwardSource = Schema.Literal("parity", "future", "spot")

/** Columns of a chain, all of the same length. Prices are in rupees, iv is a fraction, Greeks have the units of docs/conventions.md. */
export const Columns = Schema.Struct({
  strike: column(Schema.Number),
  side: column(Side),
  instrument_token: column(Schema.Int),
  last_price: column(NumberOrNull),
  bid: column(NumberOrNull),
  ask: column(NumberOrNull),
  volume: column(NumberOrNull),
  oi: column(NumberOrNull),
  oi_change: column(NumberOrNull),
  /** Change since the same moment as oi_change. Messages of older versions do not have it. */
  price_change: Schema.optional(column(NumberOrNull)),
  iv: column(NumberOrNull),
  delta: column(NumberOrNull),
  gamma: column(NumberOrNull),
  theta: column(NumberOrNull),
  vega: column(NumberOrNull),
  rho: column(NumberOrNull),
  time: column(Schema.NullOr(Schema.String)),
  /** Exchange time of the oldest price behind the row's values; null without one. Messages of older versions do not have it. */
  priced_at: Schema.optional(column(Schema.NullOr(Schema.String))),
  quality: column(Quality)
})
export type Columns = typeof Columns.Type

/** Fields of every message in the catalogue: version, market time, and the newest MD_FRAMES sequence folded into it. */
const stamped = { v: Schema.Literal(1), as_of: Schema.String, seq: Schema.Int }

/**
 * opt.delta: the rows whose rounded values changed in one window. opt.chain: every row, and `delta_seq`, the OPT sequence of the newest
 * delta that it includes. Both carry the totals of the whole chain.
 */
export const Chain = Schema.Struct({
  ...stamped,
  kind: Schema.Literal("delta", "chain"),
  exchange: Schema.String,
  underlying: Schema.String,
  expiry: Schema.String,
  window: Schema.String,
  spot: NumberOrNull,
  forward: NumberOrNull,
  forward_source: Schema.NullOr(ForwardSource),
  atm_strike: NumberOrNull,
  /**
   * The volatility of `atm_strike`, and the sum of the last prices of its call and its put. Messages of older versions do not have the two.
   */
  atm_iv: Schema.optional(NumberOrNull),
  straddle: Schema.optional(NumberOrNull),
  max_pain: NumberOrNull,
  pcr_oi: NumberOrNull,
  pcr_volume: NumberOrNull,
  call_oi: Schema.Number,
  put_oi: Schema.Number,
  /** Options of this expiry whose open interest is in the totals, in pcr_oi and in max_pain, and how many the exchange lists. */
  oi_coverage: Schema.optional(Schema.Struct({ counted: Schema.Int, listed: Schema.NullOr(Schema.Int) })),
  oi_change_from: ChangeFrom,
  /**
   * The instant from which option time counts: `as_of` while the options trade, their close afterwards. Messages of older versions do not
   * have it.
   */
  valued_at: Schema.optional(Schema.String),
  convention: Schema.String,
  delta_seq: Schema.optional(Schema.Int),
  columns: Columns
})
export type Chain = typeof Chain.Type

const { kind: _kind, delta_seq: _deltaSeq, columns: _columns, ...totals } = Chain.fields
/** opt.minute: the whole chain in the first window of a minute of market time in which it traded. `minute` is when that minute begins. */
export const ChainMinute = Schema.Struct({
  ...totals,
  minute: Schema.String,
  atm_iv: NumberOrNull,
  columns: Schema.Struct({ tradingsymbol: column(Schema.String), ...Columns.fields })
})
export type ChainMinute = typeof ChainMinute.Type

/** und.state: always the complete state. `spot_change` is relative to the previous close, in rupees. */
export const UnderlyingState = Schema.Struct({
  ...stamped,
  exchange: Schema.String,
  underlying: Schema.String,
  instrument_token: Schema.NullOr(Schema.Int),
  spot: NumberOrNull,
  /** When that price was made, by the exchange's time. Messages of older versions do not have it. */
  spot_time: Schema.optional(Schema.NullOr(Schema.String)),
  spot_change: NumberOrNull,
  futures: Schema.Array(
    Schema.Struct({
      expiry: Schema.String,
      instrument_token: Schema.Int,
      last_price: NumberOrNull,
      time: Schema.optional(Schema.NullOr(Schema.String)),
      oi: NumberOrNull,
      basis: NumberOrNull,
      /** Both changes are relative to the base in `change_from`. Messages of older versions do not have the three. */
      price_change: Schema.optional(NumberOrNull),
      oi_change: Schema.optional(NumberOrNull),
      change_from: Schema.optional(Schema.NullOr(ChangeFrom))
    })
  ),
  expiries: Schema.Array(Schema.Struct({ expiry: Schema.String, forward: NumberOrNull, atm_strike: NumberOrNull, atm_iv: NumberOrNull }))
})
export type UnderlyingState = typeof UnderlyingState.Type

/** md.tick: the instruments of one underlying that changed in a window. */
export const Ticks = Schema.Struct({
  ...stamped,
  exchange: Schema.String,
  underlying: Schema.String,
  columns: Schema.Struct({
    instrument_token: column(Schema.Int),
    last_price: column(NumberOrNull),
    volume: column(NumberOrNull),
    oi: column(NumberOrNull),
    iv: column(NumberOrNull),
    delta: column(NumberOrNull),
    gamma: column(NumberOrNull),
    theta: column(NumberOrNull),
    vega: column(NumberOrNull)
  })
})
export type Ticks = typeof Ticks.Type
