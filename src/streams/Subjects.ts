import { Schema } from "effect"
import { AccountEvent as AccountEventBody } from "../domain/accounts/AccountEvent.ts"
import { ProcessHealth as ProcessHealthBody } from "../domain/accounts/ProcessHealth.ts"
import { AlertEvent as AlertEventBody } from "../domain/alerts/AlertMessage.ts"
import { ExecutorStatus } from "../domain/ExecutorStatus.ts"
import { IndicatorValue } from "../domain/indicators/IndicatorMessage.ts"
import { LabelEvent as LabelEventBody } from "../domain/labels/LabelMessage.ts"
import * as Bar from "../domain/market/Bar.ts"
import { TickerStatus } from "../domain/market/TickerStatus.ts"
import * as ChainMessage from "../domain/options/ChainMessage.ts"
import * as OrderMessage from "../domain/orders/OrderMessage.ts"
import { Break as BreakBody } from "../domain/record/Break.ts"
import { Lives } from "../domain/record/Lives.ts"
import { Reference } from "../domain/record/Reference.ts"
import { Definition } from "../domain/record/StrategyDefinition.ts"
import { StoreFaults } from "../domain/StoreFaults.ts"
import * as StrategyMessage from "../domain/strategy/StrategyMessage.ts"
import { WriterStatus } from "../domain/WriterStatus.ts"
import * as Subject from "./Subject.ts"

const underlyingOf = ({ exchange, underlying }: { readonly exchange: string; readonly underlying: string }) => ({ exchange, underlying })
const chainOf = ({ exchange, underlying, expiry }: Pick<ChainMessage.Chain, "exchange" | "underlying" | "expiry">) => ({
  exchange,
  underlying,
  expiry
})
const strategyOf = ({ strategy_id }: { readonly strategy_id: number }) => ({ strategy: String(strategy_id) })
const ownedOf = ({ owner, strategy_id }: { readonly owner: string; readonly strategy_id: number }) => ({
  owner,
  strategy: String(strategy_id)
})

/** Binary subjects: the frame layout is domain/market/Frame, the clock frame is domain/market/ClockFrame. */
const bytes = Schema.Unknown

export const Frame = Subject.make({ template: "md.frame.{exchange}.{underlying}", stream: "MD_FRAMES", schema: bytes })
/**
 * The last packets of an underlying's instruments that one account streams (domain/record/Keyframe), split into parts that fit a message.
 */
export const Keyframe = Subject.make({
  template: "md.key.{exchange}.{underlying}.{account}.{part}",
  stream: "MD_FRAMES",
  schema: bytes
})
export const Clock = Subject.make({ template: "md.clock.{account}", stream: "MD_FRAMES", schema: bytes })
export const MarketReference = Subject.make({
  template: "md.ref.{exchange}.{underlying}",
  stream: "MD_FRAMES",
  schema: Reference,
  names: underlyingOf
})
/** Listed, changed, expired and settled instruments, with the final price and its source. */
export const Life = Subject.make({
  template: "md.life.{exchange}.{underlying}",
  stream: "MD_FRAMES",
  schema: Lives,
  names: underlyingOf
})
/** Interruptions: packets that are not in the record, when, and how many. */
export const Break = Subject.make({
  template: "md.break.{exchange}.{underlying}",
  stream: "MD_FRAMES",
  schema: BreakBody,
  names: underlyingOf
})
export const StrategyDefinition = Subject.make({
  template: "strat.def.{owner}.{strategy}",
  stream: "MD_FRAMES",
  schema: Definition,
  names: ownedOf
})

export const Tick = Subject.make({
  template: "md.tick.{exchange}.{underlying}",
  stream: "MD_TICK",
  schema: ChainMessage.Ticks,
  plain: true,
  names: underlyingOf
})
export const Bars = Subject.make({
  template: "md.bar.{interval}.{exchange}.{underlying}.{token}",
  stream: "MD_BARS",
  schema: Bar.Bars,
  plain: true,
  names: ({ interval, exchange, underlying, instrument_token }) => ({ interval, exchange, underlying, token: String(instrument_token) })
})
export const ChainDelta = Subject.make({
  template: "opt.delta.{exchange}.{underlying}.{expiry}",
  stream: "OPT",
  schema: ChainMessage.Chain,
  plain: true,
  names: chainOf
})
export const ChainKeyframe = Subject.make({
  template: "opt.chain.{exchange}.{underlying}.{expiry}",
  stream: "OPT_LAST",
  schema: ChainMessage.Chain,
  plain: true,
  names: chainOf
})
/**
 * The whole chain once a minute of trading. The stream keeps each one, unlike a keyframe, so that a writer or a replay finds all of them.
 */
export const ChainMinute = Subject.make({
  template: "opt.minute.{exchange}.{underlying}.{expiry}",
  stream: "OPT_MINUTE",
  schema: ChainMessage.ChainMinute,
  plain: true,
  names: chainOf
})
export const UnderlyingState = Subject.make({
  template: "und.state.{exchange}.{underlying}",
  stream: "OPT_LAST",
  schema: ChainMessage.UnderlyingState,
  plain: true,
  names: underlyingOf
})

export const Mark = Subject.make({
  template: "strat.m2m.{owner}.{strategy}",
  stream: "STRAT",
  schema: StrategyMessage.Mark,
  names: strategyOf
})
export const Candle = Subject.make({
  template: "strat.candle.{owner}.{strategy}",
  stream: "STRAT",
  schema: StrategyMessage.Candle,
  names: strategyOf
})
export const StrategyEvent = Subject.make({
  template: "strat.evt.{owner}.{strategy}",
  stream: "STRAT",
  schema: StrategyMessage.Event,
  names: ownedOf
})

/** `symbol` is the instrument's tradingsymbol, `exchange` its own exchange, and `indicator` the id with all settings. */
export const Indicator = Subject.make({
  template: "ind.{exchange}.{symbol}.{timeframe}.{indicator}",
  stream: "IND",
  schema: IndicatorValue,
  plain: true,
  names: ({ exchange, symbol, timeframe, indicator }) => ({ exchange, symbol, timeframe, indicator })
})

export const Ticker = Subject.make({
  template: "sys.ticker.{account}",
  stream: "SYS",
  schema: TickerStatus,
  names: ({ account_id }) => ({ account: account_id })
})
/** The broker refuses requests of the account with 429. Until the stated time has passed, other accounts do its work. */
export const Limited = Subject.make({
  template: "sys.limited.{account}",
  stream: "SYS",
  schema: Schema.Struct({
    v: Schema.Literal(1),
    as_of: Schema.String,
    account_id: Schema.String,
    for_ms: Schema.NonNegativeInt,
    op: Schema.String
  }),
  names: ({ account_id }) => ({ account: account_id })
})
export const Writer = Subject.make({
  template: "sys.writer.{writer}",
  stream: "SYS",
  schema: WriterStatus,
  names: ({ name }) => ({ writer: name })
})
export const Executor = Subject.make({
  template: "sys.executor.{account}",
  stream: "SYS",
  schema: ExecutorStatus,
  names: ({ account_id }) => ({ account: account_id })
})
export const ProcessHealth = Subject.make({
  template: "sys.health.{process}",
  stream: "SYS",
  schema: ProcessHealthBody,
  names: ({ process }) => ({ process })
})
/** Published without acknowledgement, because it says that NATS stores nothing. */
export const Store = Subject.make({
  template: "sys.store.{process}",
  stream: "SYS",
  schema: StoreFaults,
  names: ({ process }) => ({ process })
})
/**
 * Faults in an underlying's data: gaps, crossed books, prices off the tick grid, breaches of put-call parity. Free form, for people and
 * alarms.
 */
export const Quality = Subject.make({
  template: "sys.quality.{kind}.{exchange}.{underlying}",
  stream: "SYS",
  schema: Schema.Struct({ v: Schema.Literal(1), as_of: Schema.String, kind: Schema.String, detail: Schema.Unknown })
})
/** A strategy that was created, changed or deleted, and its owner. */
export const ChangedStrategy = Schema.Struct({
  owner: Schema.String,
  strategy_id: Schema.Int,
  change: Schema.Literal("created", "changed", "deleted")
})
/** Notifies the director that subscriptions or strategies changed in Postgres. It also reads Postgres at intervals. */
export const Changed = Subject.make({
  template: "ctl.changed.{what}",
  stream: "CTL",
  schema: Schema.Struct({ v: Schema.Literal(1), request_id: Schema.String, strategy: Schema.optional(ChangedStrategy) })
})
/** The schema admits only an inbox, so that a question cannot make the engine publish on another subject. */
const Inbox = Schema.String.pipe(Schema.pattern(/^_INBOX(?:_[a-z]+)?(?:\.[A-Za-z0-9]+)+$/))
/** A question to the engine (Asks); the answer goes to the inbox that `reply` names. */
export const Asked = Subject.make({
  template: "ctl.ask.{what}",
  stream: "CTL",
  schema: Schema.Struct({ v: Schema.Literal(1), request_id: Schema.String, reply: Inbox, question: Schema.Unknown })
})
/** Points the account's executor to a task's row. */
export const OrderCommand = Subject.make({
  template: "ord.cmd.{account}",
  stream: "ORD_CMD",
  schema: OrderMessage.Command,
  plain: true,
  names: ({ account_id }) => ({ account: account_id })
})
export const OrderTaskEvent = Subject.make({
  template: "ord.evt.{account}.{task}",
  stream: "ORD",
  schema: OrderMessage.TaskEvent,
  names: ({ task }) => ({ account: task.account_id, task: task.task_id })
})
/** What changes for an account besides its tasks: mode, limits, stops, orders of the broker, alerts, its session. */
export const AccountEvent = Subject.make({
  template: "acct.evt.{account}",
  stream: "ORD",
  schema: AccountEventBody,
  names: ({ account_id }) => ({ account: account_id })
})
/** A user's label that was created, changed or removed; `symbol` is the instrument's tradingsymbol. The owner alone may read it. */
export const LabelEvent = Subject.make({
  template: "label.evt.{owner}.{symbol}",
  stream: "LABEL",
  schema: LabelEventBody,
  plain: true,
  names: ({ owner, label }) => ({ owner, symbol: label.tradingsymbol })
})
/** A user's alert that fired. */
export const AlertEvent = Subject.make({
  template: "alert.evt.{owner}",
  stream: "ALERT",
  schema: AlertEventBody,
  names: ({ owner }) => ({ owner })
})
export const deadLetter = (actor: string): string => `dlq.${Subject.escape(actor)}`
