import { Schema } from "effect"
import * as Figures from "../../domain/accounts/Figures.ts"
import { AlertEvent } from "../../domain/alerts/AlertMessage.ts"
import { IndicatorValue } from "../../domain/indicators/IndicatorMessage.ts"
import * as LabelMessage from "../../domain/labels/LabelMessage.ts"
import { OrderTask } from "../../domain/orders/OrderMessage.ts"
import { Cause } from "../../domain/record/Break.ts"
import { Mark } from "../../domain/strategy/StrategyMessage.ts"
import { ChangeFrom, OiCoverage, StrikeRow } from "../chains/ChainsApi.ts"
import * as HistoryInput from "../history/HistoryInput.ts"
import { Indicators, series } from "../indicators/IndicatorInput.ts"
import { monitorHead } from "../monitor/MonitorApi.ts"
import * as ReplayApi from "../replay/ReplayApi.ts"
import { Expiry, Symbol } from "../shared/Input.ts"

/**
 * The gateway's messages on its WebSocket paths: the contract with clients. The gateway writes the frequent ones as text without this
 * schema; a test checks that they match it.
 */
const NumberOrNull = Schema.NullOr(Schema.Number)
const TextOrNull = Schema.NullOr(Schema.String)

const Position = Schema.Int.pipe(Schema.nonNegative(), Schema.lessThanOrEqualTo(Number.MAX_SAFE_INTEGER))
/**
 * The position of a client in a `subscribe`: from the last data frame that it received, the stream's creation time (UNIX ms) and the
 * sequence. On /ws/ticks also the last tick's row in its frame; without it the whole frame counts as received.
 */
export const Since = Schema.Struct({ epoch: Position, seq: Position, row: Schema.optional(Position) })
export type Since = typeof Since.Type

/** A position in a stream: its creation time (UNIX ms), and the last sequence included in this message. */
const placed = {
  epoch: Schema.Int,
  seq: Schema.Int,
  /** Number of frames that were skipped before this one, because the client was too slow. */
  conflated: Schema.optional(Schema.Int)
}

const User = Schema.Struct({ user_id: Schema.String, email: TextOrNull, name: TextOrNull })
const greeting = { connection_id: Schema.String, user: User }
const Welcome = Schema.Struct({ type: Schema.Literal("welcome"), ...greeting })

/** The error codes of REST. Only `unavailable` may succeed when retried. */
const RefusalCode = Schema.Literal("validation_error", "forbidden", "not_found", "unavailable")
export type RefusalCode = typeof RefusalCode.Type
/** The request failed; the connection stays open. The items are present if the message could be read. */
const refusal = { type: Schema.Literal("error"), code: RefusalCode, message: Schema.String }
const Pong = Schema.Struct({ type: Schema.Literal("pong") })
/** The first and last sequence of the messages that were missed and cannot be delivered. */
const gap = { type: Schema.Literal("gap"), epoch: Schema.Int, from: Schema.Int, to: Schema.Int }
const answers = Schema.Literal("subscribed", "unsubscribed")

/** A field is null if the packet or the instrument does not have it. `timestamp` is the exchange's, or the time of receipt. */
export const Tick = Schema.Struct({
  type: Schema.Literal("tick"),
  data: Schema.Struct({
    instrument_token: Schema.Int,
    tradingsymbol: TextOrNull,
    last_price: Schema.Number,
    volume: NumberOrNull,
    oi: NumberOrNull,
    bid: NumberOrNull,
    ask: NumberOrNull,
    /** The previous session's close. */
    close: NumberOrNull,
    iv: NumberOrNull,
    delta: NumberOrNull,
    gamma: NumberOrNull,
    theta: NumberOrNull,
    vega: NumberOrNull,
    timestamp: Schema.String,
    mode: Schema.Literal("ltp", "quote", "full"),
    is_mock: Schema.Boolean
  }),
  ...placed,
  /** The tick's position within its frame. */
  row: Schema.Int
})
export type Tick = typeof Tick.Type

/** The position of the stream, from which a client that receives nothing can continue. With a pong, every tick up to it has been sent. */
const stood = { epoch: Schema.optional(Schema.Int), seq: Schema.optional(Schema.Int) }

/** Packets of an account are missing from the record. `to` is null while they are. */
export const Interruption = Schema.Struct({
  account_id: Schema.String,
  cause: Cause,
  from: Schema.String,
  to: TextOrNull
})

/** /ws/ticks. `epoch` and `seq` are those of MD_FRAMES. The ticks of one frame share them and differ in `row`. */
export const TicksMessage = Schema.Union(
  Tick,
  Schema.Struct({ type: Schema.Literal("connected"), ...greeting }),
  Schema.Struct({
    type: answers,
    tokens: Schema.Array(Schema.Int),
    total: Schema.Int,
    ...stood
  }),
  /**
   * With `lost_frames`: that many frames, of any underlying, never reached the record. No sequence is missing for them: `from` is `to` + 1.
   * The same holds with `interruption`: packets of an account are missing from the record since its `from`, or were until its `to`.
   */
  Schema.Struct({ ...gap, lost_frames: Schema.optional(Schema.Int), interruption: Schema.optional(Interruption) }),
  Schema.Struct({ ...refusal, tokens: Schema.optional(Schema.Array(Schema.Int)) }),
  Schema.Struct({ ...Pong.fields, ...stood })
)
export type TicksMessage = typeof TicksMessage.Type

const chain = { symbol: Schema.String, expiry: Schema.String }
/** `chain` has every strike. `delta` has the complete rows of the strikes that changed: replace those. */
export const ChainUpdate = Schema.Struct({
  type: Schema.Literal("update"),
  ...chain,
  kind: Schema.Literal("chain", "delta"),
  as_of: TextOrNull,
  /** The instant from which the rows' option time is counted: `as_of` while the options trade, their close afterwards. */
  valued_at: TextOrNull,
  spot: NumberOrNull,
  /** Relative to the previous close, in rupees. */
  spot_change: NumberOrNull,
  forward: NumberOrNull,
  atm_strike: NumberOrNull,
  /** Implied volatility at the money, a fraction. */
  atm_iv: NumberOrNull,
  max_pain: NumberOrNull,
  pcr: NumberOrNull,
  totals: Schema.Struct({ call_oi: Schema.Number, put_oi: Schema.Number, pcr_volume: NumberOrNull }),
  oi_coverage: OiCoverage,
  oi_change_from: ChangeFrom,
  strikes: Schema.Array(StrikeRow),
  ...placed
})
export type ChainUpdate = typeof ChainUpdate.Type

/** /fo/stream. `epoch` and `seq` are those of OPT. */
export const ChainMessage = Schema.Union(
  ChainUpdate,
  Welcome,
  Schema.Struct({ type: answers, ...chain, total: Schema.Int }),
  Schema.Struct({ ...gap, ...chain }),
  Schema.Struct({ ...refusal, symbol: Schema.optional(Schema.String), expiry: Schema.optional(Schema.String) }),
  Pong
)
export type ChainMessage = typeof ChainMessage.Type

/** What a client subscribes to on /nifty-monitor/stream. Without `expiry`: the nearest one, which changes by itself. */
export const MonitorSubscribe = Schema.Struct({ symbol: Symbol, expiry: Schema.optional(Expiry) })
const view = { symbol: Schema.String, expiry: Schema.optional(Schema.String) }
/** The complete view of an underlying. `nearest` is true if the client subscribed without an expiry. */
export const MonitorUpdate = Schema.Struct({ type: Schema.Literal("monitor"), ...monitorHead, nearest: Schema.Boolean, ...placed })
export type MonitorUpdate = typeof MonitorUpdate.Type
/** /nifty-monitor/stream. `epoch` and `seq` are those of OPT. */
export const MonitorMessage = Schema.Union(
  MonitorUpdate,
  Welcome,
  Schema.Struct({ type: answers, ...view, total: Schema.Int }),
  Schema.Struct({ ...refusal, symbol: Schema.optional(Schema.String), expiry: Schema.optional(Schema.String) }),
  Pong
)
export type MonitorMessage = typeof MonitorMessage.Type

/** Here a mark's `seq` is its sequence in STRAT, not the newest one folded into it. */
export const MarkUpdate = Schema.Struct({ type: Schema.Literal("m2m"), ...Mark.fields, ...placed })
export type MarkUpdate = typeof MarkUpdate.Type

/** A client created, changed (legs, fills, name or status) or deleted a strategy of the caller. Read it by REST. */
export const StrategyChange = Schema.Struct({
  type: Schema.Literal("strategy"),
  strategy_id: Schema.Int,
  change: Schema.Literal("created", "changed", "deleted")
})
export type StrategyChange = typeof StrategyChange.Type

/** /strategies/stream. `epoch` and `seq` are those of STRAT. */
export const StrategyMessage = Schema.Union(
  MarkUpdate,
  StrategyChange,
  Welcome,
  Schema.Struct({ type: answers, strategy_ids: Schema.Array(Schema.Int), total: Schema.Int }),
  Schema.Struct({ ...refusal, strategy_ids: Schema.optional(Schema.Array(Schema.Int)) }),
  Pong
)
export type StrategyMessage = typeof StrategyMessage.Type

/** Here `seq` is the value's sequence in IND. */
export const IndicatorUpdate = Schema.Struct({ type: Schema.Literal("indicator"), ...IndicatorValue.fields, ...placed })
export type IndicatorUpdate = typeof IndicatorUpdate.Type

/** What a client subscribes to on the indicators' paths. */
export const IndicatorSubscribe = Schema.Struct({ ...series, indicators: Indicators, since: Schema.optional(Since) })
const indicators = { symbol: Schema.String, timeframe: Schema.String, indicators: Schema.Array(Schema.String) }
/** /indicators/stream and /indicators/stream/session. `epoch` and `seq` are those of IND. */
export const IndicatorMessage = Schema.Union(
  IndicatorUpdate,
  Welcome,
  Schema.Struct({ type: answers, ...indicators, total: Schema.Int }),
  Schema.Struct({
    ...refusal,
    symbol: Schema.optional(Schema.String),
    timeframe: Schema.optional(Schema.String),
    indicators: Schema.optional(Schema.Array(Schema.String))
  }),
  Pong
)
export type IndicatorMessage = typeof IndicatorMessage.Type

const accountsMax = 100
const AccountIds = Schema.Array(Schema.String).pipe(
  Schema.minItems(1, { message: () => "expected at least one account" }),
  Schema.maxItems(accountsMax, { message: () => `at most ${accountsMax} accounts` })
)
/** What a client subscribes to on /orders/stream. */
export const OrdersSubscribe = Schema.Struct({ account_ids: AccountIds, since: Schema.optional(Since) })
export const OrdersUnsubscribe = Schema.Struct({ account_ids: AccountIds })
/** /orders/stream. `epoch` and `seq` are those of ORD. An order has the fields of GET /accounts/{id}/orders. */
export const OrderStreamMessage = Schema.Union(
  Schema.Struct({ type: Schema.Literal("task"), data: OrderTask, ...placed }),
  Schema.Struct({
    type: Schema.Literal("order"),
    data: Schema.Struct(
      { account_id: Schema.String, order_id: Schema.String, status: Schema.String },
      { key: Schema.String, value: Schema.Unknown }
    ),
    ...placed
  }),
  /** A net position in which something was traded, with the fields of GET /accounts/{id}/positions. */
  Schema.Struct({
    type: Schema.Literal("position"),
    data: Schema.Struct({ account_id: Schema.String, ...Figures.Position.fields }),
    ...placed
  }),
  Schema.Struct({
    type: Schema.Literal("alert"),
    data: Schema.Struct({
      account_id: Schema.String,
      kind: Schema.String,
      message: Schema.String,
      task_id: Schema.optional(Schema.String)
    }),
    ...placed
  }),
  Welcome,
  Schema.Struct({
    type: answers,
    account_ids: Schema.Array(Schema.String),
    total: Schema.Int,
    epoch: Schema.optional(Schema.Int),
    seq: Schema.optional(Schema.Int)
  }),
  Schema.Struct({ ...refusal, account_ids: Schema.optional(Schema.Array(Schema.String)) }),
  Schema.Struct(gap),
  Pong
)
export type OrderStreamMessage = typeof OrderStreamMessage.Type

/** What a client sends on /alerts/stream to get the events of all alerts of the caller. */
export const AlertsSubscribe = Schema.Struct({ since: Schema.optional(Since) })
/** An alert of the caller that fired. */
export const AlertUpdate = Schema.Struct({
  type: Schema.Literal("alert"),
  data: AlertEvent.pick("event_id", "as_of", "alert_id", "name", "on", "condition", "threshold", "value"),
  ...placed
})
export type AlertUpdate = typeof AlertUpdate.Type
/** /alerts/stream. `epoch` and `seq` are those of ALERT. */
export const AlertStreamMessage = Schema.Union(
  AlertUpdate,
  Welcome,
  Schema.Struct({ type: answers, total: Schema.Int, ...stood }),
  Schema.Struct(gap),
  Schema.Struct(refusal),
  Pong
)
export type AlertStreamMessage = typeof AlertStreamMessage.Type

/** What a client subscribes to on /labels/stream. */
export const LabelsSubscribe = Schema.Struct({ symbol: Symbol, since: Schema.optional(Since) })
export const LabelsUnsubscribe = Schema.Struct({ symbol: Symbol })
/** A label of the caller after its change. A removed label is sent as it was before. */
export const LabelUpdate = Schema.Struct({
  type: Schema.Literal("label"),
  change: LabelMessage.Change,
  label: LabelMessage.Label,
  ...placed
})
export type LabelUpdate = typeof LabelUpdate.Type
/** /labels/stream. `epoch` and `seq` are those of LABEL. */
export const LabelStreamMessage = Schema.Union(
  LabelUpdate,
  Welcome,
  Schema.Struct({ type: answers, symbol: Schema.String, total: Schema.Int, ...stood }),
  Schema.Struct({ ...gap, symbol: Schema.String }),
  Schema.Struct({ ...refusal, symbol: Schema.optional(Schema.String) }),
  Pong
)
export type LabelStreamMessage = typeof LabelStreamMessage.Type

/** The speed of a playback: that many times faster than the messages were stored, or as fast as the client reads. */
export const ReplaySpeed = Schema.Union(Schema.Number.pipe(Schema.between(1, 1_000)), Schema.Literal("max"))
export type ReplaySpeed = typeof ReplaySpeed.Type
/** Begins a playback, which replaces the present one. Without `to` it continues with live messages. */
export const ReplayPlay = Schema.Struct({
  stream: ReplayApi.StreamName,
  key: ReplayApi.Key,
  from: HistoryInput.From,
  to: Schema.optional(HistoryInput.To),
  speed: Schema.optionalWith(ReplaySpeed, { default: () => 1 }),
  paused: Schema.optionalWith(Schema.Boolean, { default: () => false })
})
/** Continues the present playback from another instant. */
export const ReplaySeek = Schema.Struct({ to: HistoryInput.From })
export const ReplayFaster = Schema.Struct({ speed: ReplaySpeed })
/** One message as it was stored. */
export const Replayed = Schema.Struct({ type: Schema.Literal("message"), ...ReplayApi.Stored.fields, epoch: Schema.Int })
export type Replayed = typeof Replayed.Type
const playback = {
  stream: Schema.String,
  key: Schema.String,
  speed: ReplaySpeed,
  paused: Schema.Boolean
}
/**
 * /replay. `playing` answers each action and has the state after it. `live`: all stored messages were sent, and new ones follow as
 * they are published. `ended`: everything up to `to` was sent, or the client stopped it.
 */
export const ReplayMessage = Schema.Union(
  Replayed,
  Welcome,
  Schema.Struct({ type: Schema.Literal("playing"), ...playback }),
  Schema.Struct({ type: Schema.Literal("live", "ended"), seq: Schema.Int }),
  Schema.Struct(gap),
  Schema.Struct(refusal),
  Pong
)
export type ReplayMessage = typeof ReplayMessage.Type

/** The messages of one flush, with `?batch=1`. */
export const Batch = Schema.Struct({
  type: Schema.Literal("batch"),
  items: Schema.Array(Schema.Unknown),
  conflated: Schema.optional(Schema.Int)
})

/** The subprotocol that a client offers, and the one that carries its token. */
export const protocol = "tarang.v1"
export const bearer = (token: string): string => `bearer.${token}`
