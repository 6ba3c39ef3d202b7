import { Schema } from "effect"
import * as Backpressure from "./Backpressure.ts"

/** One connection to the broker that carries instruments. `detail` says why it is not open. */
export const ConnectionStatus = Schema.Struct({
  connection: Schema.Int,
  /** connecting · open · mute: open, no market data for too long · failed: the newest attempt failed, see detail · login_required: it waits for a new login. */
  state: Schema.Literal("connecting", "open", "mute", "failed", "login_required"),
  detail: Schema.NullOr(Schema.String),
  subscribed: Schema.Int,
  last_data_at: Schema.NullOr(Schema.String)
})
export type ConnectionStatus = typeof ConnectionStatus.Type

/**
 * One account's session with the broker. `signed_out`: nothing needed a token yet. `login_required`: the token died or was refused, and no call
 * is made until there is a new login.
 */
export const SessionStatus = Schema.Struct({
  state: Schema.Literal("signed_out", "signed_in", "login_required"),
  /** Whether the account signs in without a person. */
  is_automatic: Schema.Boolean,
  /** Market time at which the token dies; null without a token, or if the rulebook does not say it. */
  token_dies_at: Schema.NullOr(Schema.String),
  /** The time since which a login is required; null in the other states. */
  required_since: Schema.NullOr(Schema.String),
  /** Why a login is required. */
  detail: Schema.NullOr(Schema.String),
  /** The local IP address from which the account's requests and sockets leave. Absent if the system chooses one. */
  local_address: Schema.optional(Schema.String),
  /**
   * How long the broker still limits the account after an answer 429, ms. Meanwhile other accounts do its work. Absent if it is not
   * limited.
   */
  limited_for_ms: Schema.optional(Schema.Int)
})
export type SessionStatus = typeof SessionStatus.Type

/**
 * How far the record is behind one account's packets: the level, the waiting bytes, the age of the oldest frame, and the packets dropped since
 * the ticker started.
 */
export const BackpressureStatus = Schema.Struct({
  level: Backpressure.Level,
  buffered_bytes: Schema.Int,
  /**
   * Age of the oldest frame that NATS has not acknowledged, or of the lost connection if anything waits, ms. Absent in a status of an earlier
   * version.
   */
  lag_ms: Schema.optional(Schema.Int),
  dropped: Schema.Int
})
export type BackpressureStatus = typeof BackpressureStatus.Type

/** sys.ticker.<account>: the state of one account's stream, published on every change and once a second. */
export const TickerStatus = Schema.Struct({
  v: Schema.Literal(1),
  as_of: Schema.String,
  account_id: Schema.String,
  /**
   * idle: nothing to subscribe · connecting · streaming · mute: connected, no data for too long · failed: see detail · login_required: a person has to sign in ·
   * stopped.
   */
  state: Schema.Literal("idle", "connecting", "streaming", "mute", "failed", "login_required", "stopped"),
  detail: Schema.NullOr(Schema.String),
  source: Schema.Literal("kite", "simulator"),
  incarnation: Schema.Int,
  subscribed: Schema.Int,
  ticks: Schema.Int,
  last_tick_at: Schema.NullOr(Schema.String),
  /** Absent in a status of an earlier version. */
  connections: Schema.optional(Schema.Array(ConnectionStatus)),
  /** The account's session with the broker. Absent in a status of an earlier version. */
  login: Schema.optional(SessionStatus),
  /** How far the record is behind. Absent in a status of an earlier version. */
  backpressure: Schema.optional(BackpressureStatus),
  /** By connection, the revision of its desired instruments that is subscribed and delivers. Absent in a status of an earlier version. */
  settled: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Int }))
})
export type TickerStatus = typeof TickerStatus.Type
