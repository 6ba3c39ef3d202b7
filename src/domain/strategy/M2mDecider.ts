import type { Decider } from "../Decider.ts"
import * as IndiaTime from "../IndiaTime.ts"
import * as FrameGuard from "../market/FrameGuard.ts"
import * as Quotes from "../market/Quotes.ts"
import type * as ChainState from "../options/ChainState.ts"
import * as LiveClocks from "../record/LiveClocks.ts"
import type * as RecordInput from "../record/RecordInput.ts"
import type { Contract, Reference } from "../record/Reference.ts"
import type * as StrategyDefinition from "../record/StrategyDefinition.ts"
import type * as RuleSet from "../rules/RuleSet.ts"
import { shipped } from "../rules/Shipped.ts"
import * as Candles from "./Candles.ts"
import * as Feed from "./Feed.ts"
import * as LegPrices from "./LegPrices.ts"
import * as LineColumns from "./LineColumns.ts"
import * as Marks from "./Marks.ts"
import * as Strategy from "./Strategy.ts"
import type * as StrategyMessage from "./StrategyMessage.ts"

/** Marks are published when a window of event time closes, and at a new definition: at most `marksMax` in that many windows (four a second). */
export const windowMs = 250
export const marksMax = 4
/** Leg prices that may wait for the clock. When there are more, all are valued at once. */
export const pendingMax = 65_536

export type Settings = ChainState.Settings

interface Of {
  /** The MD_FRAMES sequence of the input that caused the output. */
  readonly seq: number
  readonly owner: string
  readonly strategyId: number
  /** The output's numbers before rounding. */
  readonly exact: Float64Array
}
export type Output =
  | (Of & { readonly kind: "mark"; readonly message: StrategyMessage.PublishedMark })
  | (Of & { readonly kind: "candle"; readonly message: StrategyMessage.Candle })
  /** The strategy cannot be computed. It has left the state until its next definition; the others go on. */
  | (Of & { readonly kind: "refused"; readonly message: StrategyMessage.Refused })

/**
 * Plain data (maps, arrays, typed arrays), mutated in place by its one owner. A run that continues from a snapshot gives bit-identical
 * results.
 */
export interface State {
  readonly feeds: Feed.Feeds
  /** Version of the rules that decide when the feeds' chains expire. */
  rules: string
  /** By Strategy.keyOf, in the order of their first definitions. */
  readonly strategies: Map<string, Strategy.Strategy>
  readonly prices: LegPrices.LegPrices
  /** Leg prices that wait for the clock, of all strategies. */
  waiting: number
  readonly clocks: LiveClocks.LiveClocks
  /** Event time, which the clocks of all live accounts have reached. It never goes back. */
  eventMs: number
  /** Number of the last window that closed. */
  window: number
  lateTicks: number
}

const initial = (rules: string): State => ({
  feeds: new Map(),
  rules,
  strategies: new Map(),
  prices: LegPrices.make(),
  waiting: 0,
  clocks: LiveClocks.make(),
  eventMs: Number.NEGATIVE_INFINITY,
  window: Number.NEGATIVE_INFINITY,
  lateTicks: 0
})

interface Context {
  readonly settings: Settings
  /** False for the definition of a strategy that another actor values. */
  readonly takes: (definition: StrategyDefinition.Definition) => boolean
  readonly isExact: boolean
  /** Decides when contracts expire. */
  readonly ends: RuleSet.RuleSet
  /** Decides which instants are inside a session; absent for a market that never closes. */
  readonly rules: RuleSet.RuleSet | undefined
  readonly closes: Feed.Closes
}

const none = new Float64Array(0)
const noLines = LineColumns.of(new Map(), LegPrices.make(), [])

/** The columns of states whose strategies and feeds have not changed since. A snapshot does not hold them. */
const columnsMade = new WeakMap<State, LineColumns.LineColumns>()

const columnsOf = (state: State): LineColumns.LineColumns => {
  const made = columnsMade.get(state) ?? LineColumns.of(state.feeds, state.prices, state.strategies.values())
  columnsMade.set(state, made)
  return made
}

const remove = (state: State, strategy: Strategy.Strategy): void => {
  columnsMade.delete(state)
  state.strategies.delete(Strategy.keyOf({ owner: strategy.owner, strategy_id: strategy.strategyId }))
  state.waiting -= strategy.pending.length
  LegPrices.release(state.prices, strategy.legs)
  for (const feed of state.feeds.values()) Feed.exclude(feed, strategy)
}

/** One input's work on the strategies of a state. Made once for each input, because there are thousands of strategies. */
interface Turn {
  readonly context: Context
  readonly state: State
  readonly seq: number
  readonly outputs: Array<Output>
  readonly sink: Candles.Sink
  /** The lines of the strategies that are valued. */
  columns: LineColumns.LineColumns
  /** The moment at which strategies are valued; undefined before the first one. */
  at: Marks.Instant | undefined
}

const turnOf = (context: Context, state: State, seq: number, columns: LineColumns.LineColumns): Turn => {
  const outputs: Array<Output> = []
  const { isExact, rules } = context
  const sink: Candles.Sink = {
    rules,
    eventMs: state.eventMs,
    seq,
    take: ({ owner, strategyId }, { message, exact }) =>
      outputs.push({ seq, kind: "candle", owner, strategyId, message, exact: isExact ? exact : none }),
    late: () => state.lateTicks++
  }
  return { context, state, seq, outputs, sink, columns, at: undefined }
}

/** Does something for one strategy. If that throws, only this strategy leaves the state, and the reason is an output. */
const isolated = <Of extends Pick<LineColumns.Entry, "strategy">>(turn: Turn, of: Of, act: (turn: Turn, of: Of) => void): void => {
  try {
    act(turn, of)
  } catch (error) {
    const { outputs, seq, state } = turn
    const { strategy } = of
    remove(state, strategy)
    const { owner, strategyId } = strategy
    const message: StrategyMessage.Refused = { v: 1, seq, owner, strategy_id: strategyId, reason: String(error) }
    outputs.push({ seq, kind: "refused", owner, strategyId, message, exact: none })
  }
}

const settle = ({ columns, sink, state }: Turn, entry: LineColumns.Entry, untilMs: number): void => {
  const { strategy } = entry
  const before = strategy.pending.length
  if (before === 0) return
  try {
    Candles.settle(columns, entry, untilMs, sink)
  } finally {
    state.waiting -= before - strategy.pending.length
  }
}

/** The instant of a turn. Its first mark computes the chains, and the other strategies use the results. */
const instantOf = (turn: Turn): Marks.Instant => {
  const { columns, context, seq, state } = turn
  const { eventMs, feeds } = state
  const { closes, rules, settings } = context
  if (turn.at === undefined) {
    Feed.refreshChains(feeds, settings, closes, eventMs)
    turn.at = Marks.instant(columns, rules, { staleAfterMs: settings.staleAfterMs, eventMs, seq })
  }
  return turn.at
}

/** Publishes the newest value if it differs from the last one sent and the rate limit allows it. */
const mark = (turn: Turn, entry: LineColumns.Entry): void => {
  const { columns, context, outputs, seq, state } = turn
  const { strategy } = entry
  const { marked } = strategy
  if (marked.length === marksMax && state.window - (marked[0] as number) < marksMax) {
    strategy.owed = true
    return
  }
  strategy.owed = false
  const at = instantOf(turn)
  const sent = Marks.valuesOf(at, entry)
  if (strategy.sent !== null && Marks.isSame(sent, strategy.sent)) return
  const message = Marks.messageOf(at, strategy, sent)
  strategy.profit = message.total_pnl
  strategy.sent = sent
  if (marked.length === marksMax) marked.shift()
  marked.push(state.window)
  const { owner, strategyId } = strategy
  const exact = context.isExact ? Marks.exactOf(sent, Marks.netGreeks(columns, entry)) : none
  outputs.push({ seq, kind: "mark", owner, strategyId, message, exact })
}

/** Uses the last prices from before the instruments became legs, or from before the state began. */
const takeKnownPrices = (state: State, strategy: Strategy.Strategy): void => {
  for (const leg of strategy.legs) {
    const { quotes } = Feed.of(state.feeds, leg.feed)
    LegPrices.set(state.prices, leg, quotes.lastPrice[leg.row] as number, quotes.receivedMs[leg.row] as number)
  }
  strategy.owed = true
}

/** Takes a definition, and values the strategy at once if market time is known, because after the close no clock may follow. */
const onDefinition = (context: Context, state: State, { definition, seq }: RecordInput.Definition): ReadonlyArray<Output> => {
  const key = Strategy.keyOf(definition)
  const before = state.strategies.get(key)
  if (definition.ended === true || !context.takes(definition)) {
    if (before !== undefined) remove(state, before)
    return []
  }
  const turn = turnOf(context, state, seq, noLines)
  const strategy = before ?? Strategy.make(definition.owner, definition.strategy_id)
  isolated(turn, { strategy }, () => {
    columnsMade.delete(state)
    LegPrices.release(state.prices, strategy.legs)
    Strategy.define(strategy, definition, context.rules)
    state.strategies.set(key, strategy)
    for (const { feed } of [...strategy.legs, ...strategy.holdings]) Feed.of(state.feeds, feed)
    for (const [feedKey, feed] of state.feeds) Feed.include(context.ends, state.strategies.values(), feedKey, feed, strategy)
    takeKnownPrices(state, strategy)
    if (!Number.isFinite(state.eventMs)) return
    turn.columns = LineColumns.of(state.feeds, state.prices, [strategy])
    mark(turn, turn.columns.entries[0] as LineColumns.Entry)
  })
  return turn.outputs
}

const onReference = (context: Context, state: State, reference: Reference): void => {
  const key = Strategy.feedKey(reference.exchange, reference.underlying)
  const feed = Feed.of(state.feeds, key)
  feed.reference = reference.instruments
  columnsMade.delete(state)
  Feed.rebuild(context.ends, state.strategies.values(), key, feed)
}

const settleAll = (turn: Turn, entry: LineColumns.Entry): void => settle(turn, entry, Number.POSITIVE_INFINITY)

const onFrame = (context: Context, state: State, input: RecordInput.Frame): ReadonlyArray<Output> => {
  const feed = state.feeds.get(Strategy.feedKey(input.exchange, input.underlying))
  if (feed === undefined || FrameGuard.accept(feed.guard, input.header) === FrameGuard.dropped) return []
  const accepted = Quotes.ingest(feed.quotes, input.header, input.bytes)
  for (let at = 0; at < accepted.count; at++) {
    const row = accepted.row[at] as number
    const atMs = accepted.receivedMs[at] as number
    const chain = feed.chains[feed.chainOf[row] as number]
    if (chain !== undefined) chain.changed = true
    else feed.forwardChanged = true
    const isLate = atMs < state.window * windowMs
    const holders = feed.legHolders[row] as ReadonlyArray<Strategy.Strategy>
    if (isLate) for (const strategy of [...holders, ...(feed.otherHolders[row] as ReadonlyArray<Strategy.Strategy>)]) strategy.owed = true
    if (holders.length === 0) continue
    const token = (feed.quotes.contracts[row] as Contract).instrument_token
    const pending: Strategy.Pending = { atMs, token, price: accepted.lastPrice[at] as number }
    for (const strategy of holders) strategy.pending.push(pending)
    state.waiting += holders.length
  }
  if (state.waiting <= pendingMax) return []
  const turn = turnOf(context, state, input.seq, columnsOf(state))
  for (const entry of turn.columns.entries) isolated(turn, entry, settleAll)
  return turn.outputs
}

/** Starts a state from the last packets of instruments. They give prices, but no traded minute. */
const onKeyframe = (state: State, { exchange, underlying, header, bytes, atMs }: RecordInput.Keyframe): void => {
  if (Number.isFinite(state.eventMs)) return
  LiveClocks.startAt(state.clocks, header.account, atMs)
  const feed = state.feeds.get(Strategy.feedKey(exchange, underlying))
  if (feed === undefined) return
  if (!FrameGuard.startAt(feed.guard, header)) return
  Quotes.ingest(feed.quotes, header, bytes)
  Feed.touch(feed)
  columnsMade.delete(state)
  for (const strategy of state.strategies.values()) takeKnownPrices(state, strategy)
}

/** Applies other rules: contracts may expire at another instant. */
const takeRules = (context: Context, state: State): void => {
  state.rules = context.ends.version
  columnsMade.delete(state)
  for (const [key, feed] of state.feeds) Feed.rebuild(context.ends, state.strategies.values(), key, feed)
}

/** Settles the prices before the clock, and closes the minute that event time has passed. */
const settleMinute = (turn: Turn, entry: LineColumns.Entry): void => {
  settle(turn, entry, turn.state.eventMs)
  Candles.closeBefore(entry.strategy, turn.sink)
  if (entry.strategy.owed) mark(turn, entry)
}
const closeWindow = (turn: Turn, entry: LineColumns.Entry): void => {
  settle(turn, entry, turn.state.eventMs)
  Candles.closeBefore(entry.strategy, turn.sink)
  mark(turn, entry)
}

const onClock = (context: Context, state: State, input: RecordInput.Clock): ReadonlyArray<Output> => {
  state.eventMs = Math.max(state.eventMs, LiveClocks.reached(state.clocks, input.account, input.atMs))
  for (const { quotes } of state.feeds.values()) Quotes.rollDay(quotes, state.eventMs)
  if (state.rules !== context.ends.version) takeRules(context, state)
  if (state.strategies.size === 0) return []
  const window = Math.floor(state.eventMs / windowMs)
  const isClosing = window > state.window
  if (isClosing) state.window = window
  const turn = turnOf(context, state, input.seq, columnsOf(state))
  const minuteMs = IndiaTime.minuteFloor(state.eventMs)
  for (const entry of turn.columns.entries) {
    const { openFromMs, owed, pending } = entry.strategy
    if (isClosing) isolated(turn, entry, closeWindow)
    // Between two windows most strategies have nothing to do.
    else if (pending.length > 0 || owed || minuteMs > openFromMs) isolated(turn, entry, settleMinute)
  }
  return turn.outputs
}

/**
 * Folds the record of strategies over the same underlyings (their definitions, references and frames of the underlyings, every clock) into
 * marks and minute candles. The strategies share prices and chains, so a strike is solved once for all of them. m2m covers the legs; P&L
 * and Greeks cover the holdings (see StrategyMessage.Mark). A price from before a leg was added counts if its underlying was already being
 * folded. `initial` returns a new state each time, because `decide` mutates the state it is given.
 */
export const make = (options: {
  readonly settings: Settings
  /** False for the definition of a strategy that another actor values. By default every strategy is taken. */
  readonly takes?: (definition: StrategyDefinition.Definition) => boolean
  /** False omits the outputs' exact numbers. Only callers that compare runs by their hashes need them. */
  readonly isExact?: boolean
  readonly ends?: RuleSet.RuleSet
  readonly rules?: RuleSet.RuleSet | undefined
}): Decider<State, RecordInput.RecordInput, Output> => {
  const closes = Feed.closesUnder(options.rules)
  const context: Context = { takes: () => true, isExact: true, ends: shipped, rules: undefined, closes, ...options }
  return {
    get initial() {
      return initial(context.ends.version)
    },
    decide: (state, input) => {
      switch (input._tag) {
        case "Frame":
          return [state, onFrame(context, state, input)]
        case "Keyframe":
          onKeyframe(state, input)
          return [state, []]
        case "Clock":
          return [state, onClock(context, state, input)]
        case "Reference":
          onReference(context, state, input.reference)
          return [state, []]
        case "Definition":
          return [state, onDefinition(context, state, input)]
        case "Break":
          return [state, []]
      }
    }
  }
}
