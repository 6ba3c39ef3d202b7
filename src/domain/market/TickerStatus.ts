import { Schema } from "effect"

/** One connection to the broker that carries instruments. `detail` says why it is not open. */
export const ConnectionStatus = Schema.Struct({
  connection: Schema.Int,
  /** connecting · open · mute: open, no market data for too long · failed: the newest attempt failed, see detail. */
  state: Schema.Literal("connecting", "open", "mute", "failed"),
  detail: Schema.NullOr(Schema.String),
  subscribed: Schema.Int,
  last_data_at: Schema.NullOr(Schema.String)
})
export type ConnectionStatus = typeof ConnectionStatus.Type

/** sys.ticker.<account>: the state of one account's stream, published on every change and once a second. */
export const TickerStatus = Schema.Struct({
  v: Schema.Literal(1),
  as_of: Schema.String,
  account_id: Schema.String,
  /** idle: nothing to subscribe · connecting · streaming · mute: connected, no data for too long · failed: see detail · stopped. */
  state: Schema.Literal("idle", "connecting", "streaming", "mute", "failed", "stopped"),
  detail: Schema.NullOr(Schema.String),
  source: Schema.Literal("kite", "simulator"),
  incarnation: Schema.Int,
  subscribed: Schema.Int,
  ticks: Schema.Int,
  last_tick_at: Schema.NullOr(Schema.String),
  /** Absent in a status of an earlier version. */
  connections: Schema.optional(Schema.Array(ConnectionStatus))
})
export type TickerStatus = typeof TickerStatus.Type
