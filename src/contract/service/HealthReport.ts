import { Schema } from "effect"
import { ProcessHealth } from "../../domain/accounts/ProcessHealth.ts"
import { ExecutorStatus } from "../../domain/ExecutorStatus.ts"
import { BackpressureStatus, ConnectionStatus, SessionStatus, TickerStatus } from "../../domain/market/TickerStatus.ts"
import { Cause } from "../../domain/record/Break.ts"
import { WriterStatus } from "../../domain/WriterStatus.ts"

export const Dependency = Schema.Literal("ok", "down", "not configured")
export type Dependency = typeof Dependency.Type

export const MarketState = Schema.Literal("running", "closed", "ended")
export type MarketState = typeof MarketState.Type

/** The speed of a recording: recorded seconds per second, or as fast as possible. */
export const Speed = Schema.Union(Schema.Number, Schema.Literal("max"))

const Account = Schema.Struct({
  state: TickerStatus.fields.state,
  detail: Schema.NullOr(Schema.String),
  source: TickerStatus.fields.source,
  subscribed: Schema.Int,
  ticks: Schema.Int,
  last_tick_at: Schema.NullOr(Schema.String),
  connections: Schema.Array(ConnectionStatus),
  /** Null for a ticker of an earlier version. */
  login: Schema.NullOr(SessionStatus),
  /** Null for a ticker of an earlier version. */
  backpressure: Schema.NullOr(BackpressureStatus),
  as_of: Schema.String
})

const Writer = Schema.Struct({
  state: WriterStatus.fields.state,
  detail: WriterStatus.fields.detail,
  waiting: WriterStatus.fields.waiting,
  as_of: WriterStatus.fields.as_of
})

const Executor = Schema.Struct({
  state: ExecutorStatus.fields.state,
  detail: ExecutorStatus.fields.detail,
  as_of: ExecutorStatus.fields.as_of
})

const { accounts, actors, as_of, level } = ProcessHealth.fields
/** A message of `sys.health.<process>`, without the name of the process. */
const Process = Schema.Struct({ actors, level, accounts, as_of })

/** A program that `npm start` restarted: its name, why it ended and when it was up again. `up_at` is null until then. */
export const Restart = Schema.Struct({
  name: Schema.String,
  reason: Schema.String,
  ended_at: Schema.String,
  up_at: Schema.NullOr(Schema.String)
})
export type Restart = typeof Restart.Type

/** `to` is null while it lasts; `underlyings` counts the underlyings concerned; `packets` is null where nobody can count the lost ones. */
export const Interrupted = Schema.Struct({
  account_id: Schema.String,
  cause: Cause,
  from: Schema.String,
  to: Schema.NullOr(Schema.String),
  underlyings: Schema.Int,
  packets: Schema.NullOr(Schema.Int)
})

/** GET /health. `reason` states why status is not ok. */
export const Health = Schema.Struct({
  status: Schema.Literal("ok", "degraded", "down"),
  reason: Schema.NullOr(Schema.String),
  environment: Schema.String,
  ticker: Schema.Struct({
    running: Schema.Boolean,
    active_subscriptions: Schema.Int,
    accounts: Schema.Record({ key: Schema.String, value: Account })
  }),
  /** The writers of streams to Postgres, by name. */
  writers: Schema.Record({ key: Schema.String, value: Writer }),
  /** The executors of orders, by account. One that is not ready, or silent, makes `reason` `order_executor_unavailable`. */
  executors: Schema.Record({ key: Schema.String, value: Executor }),
  /** The processes of actors that have reported within ten seconds, by name: which actors each runs, and how far the record lags behind its accounts. */
  processes: Schema.Record({ key: Schema.String, value: Process }),
  /** Programs that were restarted in this run of `npm start`, newest last; empty for other processes. */
  restarts: Schema.Array(Restart),
  /** The newest times in which packets of an account are missing from the record, oldest first. Bars of them are incomplete. */
  interruptions: Schema.Array(Interrupted),
  dependencies: Schema.Struct({
    redis: Dependency,
    database: Dependency,
    nats: Dependency,
    instrument_registry: Schema.Struct({
      status: Schema.Literal("ok", "empty"),
      instruments: Schema.Int,
      trade_date: Schema.NullOr(Schema.String)
    })
  }),
  market: Schema.Struct({
    mode: Schema.Literal("live", "synthetic", "recorded", "days"),
    state: MarketState,
    /** Phase of the NSE options session at market time, from the rulebook; null if it does not know the day. */
    phase: Schema.NullOr(Schema.String),
    time: Schema.String,
    /** Speed of a recording; 1 is the recorded speed. Null for other markets. */
    speed: Schema.NullOr(Speed)
  })
}).annotations({ identifier: "Health" })
export type Health = typeof Health.Type
