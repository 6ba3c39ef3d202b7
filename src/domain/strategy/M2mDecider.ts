import type { Decider } from "../Decider.ts"
import * as IndiaTime from "../IndiaTime.ts"
import * as Money from "../Money.ts"
import * as BarSession from "../market/BarSession.ts"
import * as FrameGuard from "../market/FrameGuard.ts"
import * as Freshness from "../market/Freshness.ts"
import * as Instrument from "../market/Instrument.ts"
import * as Life from "../market/Life.ts"
import * as Quotes from "../market/Quotes.ts"
import * as ChainState from "../options/ChainState.ts"
import * as Rounding from "../options/Rounding.ts"
import type * as RecordInput from "../record/RecordInput.ts"
import type { Contract, Reference } from "../record/Reference.ts"
import type * as StrategyDefinition from "../record/StrategyDefinition.ts"
import type * as RuleSet from "../rules/RuleSet.ts"
import { shipped } from "../rules/Shipped.ts"
import * as NetGreeks from "./NetGreeks.ts"
import * as Position from "./Position.ts"
import * as Premium from "./Premium.ts"
import type * as StrategyMessage from "./StrategyMessage.ts"

/** Marks are published when a window of event time closes, and at a new definition: at most `marksMax` in that many windows (four a second). */
export const windowMs = 250
export const marksMax = 4
/** Leg prices that may wait for the clock. When there are more, all are valued at once. */
export const pendingMax = 65_536

export type Settings = ChainState.Settings

/** One output. `seq` is the MD_FRAMES sequence of the input that caused it; `exact` holds its numbers before rounding. */
export type Output =
  | { readonly seq: number; readonly kind: "mark"; readonly message: StrategyMessage.Mark; readonly exact: Float64Array }
  | { readonly seq: number; readonly kind: "candle"; readonly message: StrategyMessage.Candle; readonly exact: Float64Array }

/** A holding with a price and a quantity. */
interface Line {
  readonly feed: string
  readonly contract: Contract
  /** Signed quantity, BUY +, never zero. */
  readonly position: number
  /** `Premium.Units` per integer of the wire's price, for a quantity of one. */
  readonly factor: number
  /** Row in the quotes of its feed. */
  row: number
}

interface Leg extends Line {
  readonly legId: number
  readonly place: BarSession.Place | null
  /** The session of the day of its newest price; null before the first, and in a market without sessions. */
  session: BarSession.DaySession | null
  /** Last price at the valued instants, as a wire integer; NaN before the first. */
  price: number
  priceMs: number
}

/** One underlying as far as this strategy needs it: all last prices, and the chains of its option legs. */
interface Feed {
  readonly guard: FrameGuard.State
  reference: ReadonlyArray<Contract>
  quotes: Quotes.Quotes
  chains: ReadonlyArray<ChainState.ChainState>
  /** By row of `quotes`: the index in `chains`, or -1; and whether a leg or only a position uses the instrument. */
  chainOf: Int32Array
  held: Uint8Array
  forwardChanged: boolean
}

const held = { no: 0, byPosition: 1, byLeg: 2 } as const

/** A leg's price that waits until all prices of its instant have arrived. */
interface Pending {
  readonly atMs: number
  readonly token: number
  readonly price: number
}

interface OpenCandle {
  readonly minuteMs: number
  readonly open: Premium.Units
  high: Premium.Units
  low: Premium.Units
  close: Premium.Units
}

/**
 * Plain data (maps, arrays, typed arrays), mutated in place by its one owner. A run that continues from a snapshot gives bit-identical
 * results.
 */
export interface State {
  readonly feeds: Map<string, Feed>
  /** Version of the rules that decide when the feeds' chains expire. */
  rules: string
  /** True once a definition arrived. Nothing is published before. */
  known: boolean
  /** Legs of quantity zero are omitted. */
  legs: ReadonlyArray<Leg>
  /** Legs that cannot have a price. While there are any, m2m is null. */
  unpriced: ReadonlyArray<number>
  /** The basis of P&L and Greeks: the legs of instruments without fills, and the open positions from fills. */
  holdings: ReadonlyArray<Line>
  /** True if a holding cannot have a price. */
  unvalued: boolean
  /** Cost of the holdings, and the profit realised before; decimal text. */
  cost: string
  realised: string
  pending: Array<Pending>
  candle: OpenCandle | null
  /** Total P&L of the newest mark; decimal text, or null if unknown. */
  profit: string | null
  /** The first minute that may still change; earlier ones are closed for good. */
  openFromMs: number
  /** Largest clock seen. */
  eventMs: number
  /** Number of the last window that closed. */
  window: number
  /** A mark is due at the next clock even within a window: the strategy is new, a row came late, or the rate limit delayed a mark. */
  owed: boolean
  /** Windows of the newest marks, oldest first. */
  marked: ReadonlyArray<number>
  sent: string
  lateTicks: number
}

const initial = (rules: string): State => ({
  feeds: new Map(),
  rules,
  known: false,
  legs: [],
  unpriced: [],
  holdings: [],
  unvalued: false,
  cost: "0",
  realised: "0",
  pending: [],
  candle: null,
  profit: null,
  openFromMs: Number.NEGATIVE_INFINITY,
  eventMs: Number.NEGATIVE_INFINITY,
  window: Number.NEGATIVE_INFINITY,
  owed: false,
  marked: [],
  sent: "",
  lateTicks: 0
})

interface Context {
  readonly owner: string
  readonly strategyId: number
  readonly settings: Settings
  /** Decides when contracts expire. */
  readonly ends: RuleSet.RuleSet
  /** Decides which instants are inside a session; absent for a market that never closes. */
  readonly rules?: RuleSet.RuleSet | undefined
}

const isOption = (contract: Contract): boolean => contract.kind === "CE" || contract.kind === "PE"
// No exchange's name contains a blank, so the key is unambiguous.
const feedKey = (exchange: string, underlying: string): string => `${exchange} ${underlying}`

const underlyingOf = (key: string): Instrument.Underlying => {
  const blank = key.indexOf(" ")
  return { exchange: key.slice(0, blank), name: key.slice(blank + 1) }
}

const feedOf = (state: State, key: string): Feed => {
  const known = state.feeds.get(key)
  if (known !== undefined) return known
  const feed: Feed = {
    guard: FrameGuard.make(),
    reference: [],
    quotes: Quotes.make([]),
    chains: [],
    chainOf: new Int32Array(0),
    held: new Uint8Array(0),
    forwardChanged: true
  }
  state.feeds.set(key, feed)
  return feed
}

/** Rebuilds the rows and chains of a feed from the current legs, holdings and reference. */
const rebuild = ({ ends }: Context, state: State, key: string, feed: Feed): void => {
  const ofFeed = (line: Line) => line.feed === key
  const lines = [...state.holdings.filter(ofFeed), ...state.legs.filter(ofFeed)]
  const quotes = Quotes.withContracts(feed.quotes, [...feed.reference, ...lines.map(({ contract }) => contract)])
  const expiries = new Set(lines.filter(({ contract }) => isOption(contract)).map(({ contract }) => contract.expiry))
  feed.chains = ChainState.expiriesOf(quotes)
    .filter((expiry) => expiries.has(expiry))
    .map((expiry) =>
      ChainState.make(
        quotes,
        expiry,
        Life.chainEndsMs(ends, underlyingOf(key), expiry),
        feed.chains.find((chain) => chain.expiry === expiry)
      )
    )
  feed.chainOf = Int32Array.from(quotes.contracts, (contract) =>
    isOption(contract) ? feed.chains.findIndex(({ expiry }) => expiry === contract.expiry) : -1
  )
  feed.held = new Uint8Array(quotes.contracts.length)
  feed.quotes = quotes
  feed.forwardChanged = true
  for (const line of lines) {
    line.row = quotes.rowOf.get(line.contract.instrument_token) as number
    feed.held[line.row] = held.byPosition
  }
  for (const leg of state.legs.filter(ofFeed)) feed.held[leg.row] = held.byLeg
}

const onReference = (context: Context, state: State, reference: Reference): void => {
  const key = feedKey(reference.exchange, reference.underlying)
  const feed = feedOf(state, key)
  feed.reference = reference.instruments
  rebuild(context, state, key, feed)
}

const multiplierOf = ({ multiplier }: Contract): number => multiplier ?? 1

const makeLine = ({ exchange, underlying, contract }: StrategyDefinition.Priced, position: number): Line => ({
  feed: feedKey(exchange, underlying),
  contract,
  position,
  factor: (Premium.unitsPerRupee / Instrument.priceScale(contract.instrument_token)) * multiplierOf(contract),
  row: -1
})

const makeLeg = (rules: RuleSet.RuleSet | undefined, leg: StrategyDefinition.Leg): Leg => ({
  ...makeLine(leg, Position.signed(leg.direction, leg.quantity)),
  legId: leg.leg_id,
  // Without the underlying's list of instruments, a share is assumed to trade until the end of the session.
  place: rules === undefined ? null : BarSession.placeOf(rules, leg, leg.contract, false),
  session: null,
  price: Number.NaN,
  priceMs: Number.NEGATIVE_INFINITY
})

const noFills: StrategyDefinition.Traded = { realised: Money.zero, leg_ids: [], positions: [] }

/** Sets the holdings: legs without fills at their entry prices, and open positions at their cost. */
const hold = (state: State, definition: StrategyDefinition.Definition): void => {
  const { realised, leg_ids, positions } = definition.traded ?? noFills
  const filled = new Set(leg_ids)
  const unfilled = definition.legs.filter(({ leg_id }) => !filled.has(leg_id))
  state.holdings = [
    ...state.legs.filter(({ legId }) => !filled.has(legId)),
    ...positions.flatMap(({ priced, quantity }) => (priced === null ? [] : [makeLine(priced, quantity)]))
  ]
  state.unvalued = positions.some(({ priced }) => priced === null) || state.unpriced.some((legId) => !filled.has(legId))
  const entered = unfilled.reduce(
    (sum, leg) => sum.plus(Position.valueOf(leg.entry_price, Position.signed(leg.direction, leg.quantity) * multiplierOf(leg.contract))),
    Money.zero
  )
  state.cost = positions.reduce((sum, { open_cost }) => sum.plus(open_cost), entered).toFixed()
  state.realised = realised.toFixed()
}

/** Uses the last prices from before the instruments became legs, or from before the state began. */
const takeKnownPrices = (state: State): void => {
  for (const leg of state.legs) {
    const { quotes } = feedOf(state, leg.feed)
    leg.price = quotes.lastPrice[leg.row] as number
    leg.priceMs = quotes.receivedMs[leg.row] as number
  }
  state.owed = true
}

/** Values the strategy at once where market time is known: after the close no clock may follow. */
const onDefinition = (context: Context, state: State, { definition, seq }: RecordInput.Definition): ReadonlyArray<Output> => {
  const outputs: Array<Output> = []
  if (definition.owner !== context.owner || definition.strategy_id !== context.strategyId) return outputs
  state.known = true
  state.legs = definition.legs.filter(({ quantity }) => quantity !== 0).map((leg) => makeLeg(context.rules, leg))
  state.unpriced = definition.unpriced ?? []
  hold(state, definition)
  for (const { feed } of [...state.legs, ...state.holdings]) feedOf(state, feed)
  for (const [key, feed] of state.feeds) rebuild(context, state, key, feed)
  takeKnownPrices(state)
  if (Number.isFinite(state.eventMs)) mark(context, state, seq, outputs)
  return outputs
}

const candleOutput = (context: Context, state: State, seq: number, candle: OpenCandle): Output => ({
  seq,
  kind: "candle",
  message: {
    v: 1,
    as_of: IndiaTime.isoTime(Math.max(state.eventMs, candle.minuteMs + IndiaTime.minuteMs)),
    seq,
    strategy_id: context.strategyId,
    timestamp: IndiaTime.isoTime(candle.minuteMs),
    open: Premium.toMoney(candle.open),
    high: Premium.toMoney(candle.high),
    low: Premium.toMoney(candle.low),
    close: Premium.toMoney(candle.close),
    total_pnl: state.profit === null ? null : new Money.Decimal(state.profit)
  },
  exact: Float64Array.of(candle.minuteMs, Number(candle.open), Number(candle.high), Number(candle.low), Number(candle.close))
})

const closeCandle = (context: Context, state: State, seq: number, outputs: Array<Output>): void => {
  if (state.candle !== null) outputs.push(candleOutput(context, state, seq, state.candle))
  state.candle = null
}

/** Adds the value at a complete instant to its minute. */
const valueInstant = (context: Context, state: State, seq: number, atMs: number, outputs: Array<Output>): void => {
  const minuteMs = IndiaTime.minuteFloor(atMs)
  if (minuteMs < state.openFromMs) {
    state.lateTicks++
    return
  }
  const value = state.unpriced.length > 0 ? null : Premium.net(state.legs, (leg) => leg.price)
  if (value === null) return
  if (state.candle?.minuteMs === minuteMs) {
    if (value > state.candle.high) state.candle.high = value
    if (value < state.candle.low) state.candle.low = value
    state.candle.close = value
    return
  }
  closeCandle(context, state, seq, outputs)
  state.candle = { minuteMs, open: value, high: value, low: value, close: value }
  state.openFromMs = minuteMs
}

const isInSession = ({ rules }: Context, leg: Leg, atMs: number): boolean => {
  if (rules === undefined) return true
  const { session } = leg
  const current = session !== null && BarSession.holds(session, rules, atMs) ? session : BarSession.sessionAt(rules, leg.place, atMs)
  leg.session = current
  return atMs >= current.opensAtMs && atMs < current.closesAtMs
}

/** Values the instants before `untilMs` in order of time. All prices received at one instant count as one event. */
const settle = (context: Context, state: State, seq: number, untilMs: number, outputs: Array<Output>): void => {
  // The sort is stable: prices of the same instant stay in stream order.
  const ready = state.pending.filter(({ atMs }) => atMs < untilMs).sort((a, b) => a.atMs - b.atMs)
  if (ready.length === 0) return
  state.pending = state.pending.filter(({ atMs }) => atMs >= untilMs)
  /** True if any price of the instant came within its session. A snapshot at night gives a price but no traded minute. */
  let isTrading = false
  for (const [at, tick] of ready.entries()) {
    for (const leg of state.legs) {
      if (leg.contract.instrument_token !== tick.token) continue
      isTrading ||= isInSession(context, leg, tick.atMs)
      if (tick.atMs < leg.priceMs) continue
      leg.price = tick.price
      leg.priceMs = tick.atMs
    }
    if (ready[at + 1]?.atMs === tick.atMs) continue
    if (isTrading) valueInstant(context, state, seq, tick.atMs, outputs)
    isTrading = false
  }
}

const onFrame = (context: Context, state: State, input: RecordInput.Frame): ReadonlyArray<Output> => {
  const feed = state.feeds.get(feedKey(input.exchange, input.underlying))
  if (feed === undefined || FrameGuard.accept(feed.guard, input.header) === FrameGuard.dropped) return []
  const accepted = Quotes.ingest(feed.quotes, input.header, input.bytes)
  for (let at = 0; at < accepted.count; at++) {
    const row = accepted.row[at] as number
    const atMs = accepted.receivedMs[at] as number
    const chain = feed.chains[feed.chainOf[row] as number]
    if (chain !== undefined) chain.changed = true
    else feed.forwardChanged = true
    const holder = feed.held[row]
    if (holder === held.no) continue
    if (atMs < state.window * windowMs) state.owed = true
    if (holder === held.byPosition) continue
    const token = (feed.quotes.contracts[row] as Contract).instrument_token
    state.pending.push({ atMs, token, price: accepted.lastPrice[at] as number })
  }
  if (state.pending.length <= pendingMax) return []
  const outputs: Array<Output> = []
  settle(context, state, input.seq, Number.POSITIVE_INFINITY, outputs)
  return outputs
}

/** Starts a state from the last packets of instruments. They give prices, but no traded minute. */
const onKeyframe = (state: State, { exchange, underlying, header, bytes }: RecordInput.Keyframe): void => {
  const feed = state.feeds.get(feedKey(exchange, underlying))
  if (feed === undefined || Number.isFinite(state.eventMs)) return
  FrameGuard.startAt(feed.guard, header)
  Quotes.ingest(feed.quotes, header, bytes)
  for (const chain of feed.chains) chain.changed = true
  feed.forwardChanged = true
  takeKnownPrices(state)
}

/** Greeks of one unit per year and per 1.00; NaN if an option has none. */
const unitGreeks = (state: State, { contract, feed, row }: Line): NetGreeks.Greeks => {
  if (!isOption(contract)) return NetGreeks.ofUnderlying
  const { chains, chainOf } = feedOf(state, feed)
  const chain = chains[chainOf[row] as number]
  // An option without an expiry has no chain, so it has no Greeks.
  if (chain === undefined) return NetGreeks.none
  const side = contract.kind === "CE" ? chain.call : chain.put
  const at = ChainState.indexOf(chain, contract.strike)
  return NetGreeks.each((name) => side[name][at] as number)
}

const netGreeks = (state: State): NetGreeks.Greeks =>
  state.unvalued
    ? NetGreeks.none
    : NetGreeks.net(state.holdings.map((line) => NetGreeks.times(line.position * multiplierOf(line.contract), unitGreeks(state, line))))

const refreshChains = (state: State, settings: Settings): void => {
  for (const feed of state.feeds.values()) {
    const { chains, quotes } = feed
    for (const chain of chains)
      if (ChainState.isDue(chain, state.eventMs, feed.forwardChanged))
        ChainState.refresh(chain, quotes, settings, Quotes.spotRow(quotes), state.eventMs)
    feed.forwardChanged = false
  }
}

/** The instant to which the age of a line's price counts. A share's price does not move in the closing auction of its exchange. */
const judgedAt = ({ rules }: Context, eventMs: number): ((line: Line) => number) => {
  const byExchange = new Map<string, number>()
  return ({ contract, feed }) => {
    if (rules === undefined || contract.kind !== "EQ") return eventMs
    const { exchange, name } = underlyingOf(feed)
    const known = byExchange.get(exchange)
    if (known !== undefined) return known
    // The definition lacks the other contracts of the underlying, so every share counts as one with derivatives.
    const place = BarSession.placeOf(rules, { exchange, underlying: name }, contract, true)
    const judged = Freshness.judgedAtMs(rules, place, eventMs)
    byExchange.set(exchange, judged)
    return judged
  }
}

const markOutput = (context: Context, state: State, seq: number): Output => {
  const { holdings, legs, unpriced, unvalued } = state
  const quotesOf = (line: Line) => feedOf(state, line.feed).quotes
  const priceOf = (line: Line) => quotesOf(line).lastPrice[line.row] as number
  const judgedMs = judgedAt(context, state.eventMs)
  const isMissing = (line: Line) =>
    Number.isNaN(priceOf(line)) || judgedMs(line) - (quotesOf(line).pricedMs[line.row] as number) > context.settings.staleAfterMs
  const units = unpriced.length > 0 ? null : Premium.net(legs, priceOf)
  const heldUnits = unvalued ? null : Premium.net(holdings, priceOf)
  // Profit is (price - entry) x signed quantity: the negated premium minus what was paid.
  const unrealised = heldUnits === null ? null : Money.zero.minus(Premium.toMoney(heldUnits)).minus(state.cost)
  const realised = new Money.Decimal(state.realised)
  const net = netGreeks(state)
  const missing = [...unpriced, ...legs.filter(isMissing).map(({ legId }) => legId)].sort((a, b) => a - b)
  return {
    seq,
    kind: "mark",
    message: {
      v: 1,
      as_of: IndiaTime.isoTime(state.eventMs),
      seq,
      strategy_id: context.strategyId,
      m2m: units === null ? null : Premium.toMoney(units),
      unrealised_pnl: unrealised,
      realised_pnl: realised,
      total_pnl: unrealised === null ? null : unrealised.plus(realised),
      net_delta: Rounding.published("delta", net.delta),
      net_gamma: Rounding.published("gamma", net.gamma),
      net_theta: Rounding.published("theta", net.theta),
      net_vega: Rounding.published("vega", net.vega),
      complete: missing.length === 0 && !unvalued && !holdings.some(isMissing),
      missing
    },
    exact: Float64Array.from(
      [...[units, heldUnits].map((value) => (value === null ? Number.NaN : Number(value))), net.delta, net.gamma, net.theta, net.vega],
      Rounding.canonical
    )
  }
}

/** Publishes the newest value if it differs from the last one sent and the rate limit allows it. */
const mark = (context: Context, state: State, seq: number, outputs: Array<Output>): void => {
  const [oldest] = state.marked
  if (oldest !== undefined && state.marked.length === marksMax && state.window - oldest < marksMax) {
    state.owed = true
    return
  }
  state.owed = false
  refreshChains(state, context.settings)
  const output = markOutput(context, state, seq)
  state.profit = output.message.total_pnl?.toFixed() ?? null
  const text = JSON.stringify({ ...output.message, as_of: null, seq: null })
  if (text === state.sent) return
  state.sent = text
  state.marked = [...state.marked, state.window].slice(-marksMax)
  outputs.push(output)
}

/** Applies other rules: contracts may expire at another instant. */
const takeRules = (context: Context, state: State): void => {
  state.rules = context.ends.version
  for (const [key, feed] of state.feeds) rebuild(context, state, key, feed)
}

const onClock = (context: Context, state: State, input: RecordInput.Clock): ReadonlyArray<Output> => {
  state.eventMs = Math.max(state.eventMs, input.atMs)
  for (const { quotes } of state.feeds.values()) Quotes.rollDay(quotes, state.eventMs)
  if (state.rules !== context.ends.version) takeRules(context, state)
  const outputs: Array<Output> = []
  if (!state.known) return outputs
  settle(context, state, input.seq, state.eventMs, outputs)
  const minuteMs = IndiaTime.minuteFloor(state.eventMs)
  if (minuteMs > state.openFromMs) {
    closeCandle(context, state, input.seq, outputs)
    state.openFromMs = minuteMs
  }
  const window = Math.floor(state.eventMs / windowMs)
  if (window > state.window || state.owed) {
    state.window = window
    mark(context, state, input.seq, outputs)
  }
  return outputs
}

/**
 * Folds the record of one strategy (its definition, references and frames of its underlyings, every clock) into marks and minute
 * candles. m2m covers the legs; P&L and Greeks cover the holdings (see StrategyMessage.Mark). A price from before a leg was added
 * counts if its underlying was already being folded. `initial` returns a new state each time, because `decide` mutates the state it is
 * given.
 */
export const make = (
  options: Omit<Context, "ends"> & { readonly ends?: RuleSet.RuleSet }
): Decider<State, RecordInput.RecordInput, Output> => {
  const context: Context = { ends: shipped, ...options }
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
