import type { Decider } from "../Decider.ts"
import * as Money from "../Money.ts"
import * as Expiry from "../market/Expiry.ts"
import * as FrameGuard from "../market/FrameGuard.ts"
import * as Instrument from "../market/Instrument.ts"
import * as Quotes from "../market/Quotes.ts"
import type * as RecordInput from "../market/RecordInput.ts"
import type { Contract, Reference } from "../market/Reference.ts"
import * as ChainState from "../options/ChainState.ts"
import * as Rounding from "../options/Rounding.ts"
import type * as StrategyMessage from "./StrategyMessage.ts"

/** Marks leave when a window of event time closes, and never more than `marksMax` in as many windows (four a second). */
export const windowMs = 250
export const marksMax = 4
/** Leg prices that may wait for the clock; more than that are valued without it. */
export const pendingMax = 65_536

export type Settings = ChainState.Settings

/** One output; `seq` is the MD_FRAMES sequence of the input that caused it, `exact` its numbers before rounding. */
export type Output =
  | { readonly seq: number; readonly kind: "mark"; readonly message: StrategyMessage.Mark; readonly exact: Float64Array }
  | { readonly seq: number; readonly kind: "candle"; readonly message: StrategyMessage.Candle; readonly exact: Float64Array }

/** Money in 1e-7 rupees, the finest price on the wire: a safe integer, or a bigint where it would not be one. */
type Units = number | bigint
const unitsPerRupee = 1e7
const toMoney = (units: Units): Money.Decimal => new Money.Decimal(`${units}e-7`)

interface Leg {
  readonly legId: number
  readonly feed: string
  readonly contract: Contract
  /** Signed quantity, BUY +, never zero. */
  readonly position: number
  /** Units of money in one unit of the wire's price. */
  readonly factor: number
  /** In the quotes of its feed. */
  row: number
  /** Last price among the instants that are valued, integer units, NaN before the first. */
  price: number
  priceMs: number
}

/** One underlying as this strategy needs it: everything's last price, and the chains of its option legs. */
interface Feed {
  readonly guard: FrameGuard.State
  reference: ReadonlyArray<Contract>
  quotes: Quotes.Quotes
  chains: ReadonlyArray<ChainState.ChainState>
  /** By row of `quotes`: place in `chains`, -1 for none; 1 where a leg holds the instrument. */
  chainOf: Int32Array
  held: Uint8Array
  forwardChanged: boolean
}

/** A leg's price that waits until its instant is complete. */
interface Pending {
  readonly atMs: number
  readonly token: number
  readonly price: number
}

interface OpenCandle {
  readonly minuteMs: number
  readonly open: Units
  high: Units
  low: Units
  close: Units
}

/** Plain data (maps, arrays, typed arrays), mutated in place by its one owner; a snapshot of it continues bit for bit. */
export interface State {
  readonly feeds: Map<string, Feed>
  /** A definition came: nothing leaves before. */
  known: boolean
  /** Legs of quantity zero count nothing and are left out. */
  legs: ReadonlyArray<Leg>
  /** Sum of position x entry price, decimal text. */
  entryValue: string
  pending: Array<Pending>
  candle: OpenCandle | null
  /** The first minute that may still take values; older ones are closed for good. */
  openFromMs: number
  /** Largest clock seen. */
  eventMs: number
  /** Number of the last window that closed. */
  window: number
  /** A mark is due at the next clock, window or not: the strategy is new, a row came late, or the limit held one back. */
  owed: boolean
  /** Windows of the newest marks, oldest first. */
  marked: ReadonlyArray<number>
  sent: string
  lateTicks: number
}

const initial = (): State => ({
  feeds: new Map(),
  known: false,
  legs: [],
  entryValue: "0",
  pending: [],
  candle: null,
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
}

const isOption = (contract: Contract): boolean => contract.kind === "CE" || contract.kind === "PE"
// A blank stands in no exchange's name, so two names never run together.
const feedKey = (exchange: string, underlying: string): string => `${exchange} ${underlying}`

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

/** Rows and chains of a feed for the legs and the reference as they are now. */
const rebuild = (feed: Feed, legs: ReadonlyArray<Leg>): void => {
  const quotes = Quotes.withContracts(feed.quotes, [...feed.reference, ...legs.map(({ contract }) => contract)])
  const expiries = new Set(legs.filter(({ contract }) => isOption(contract)).map(({ contract }) => contract.expiry))
  feed.chains = ChainState.expiriesOf(quotes)
    .filter((expiry) => expiries.has(expiry))
    .map((expiry) =>
      ChainState.make(
        quotes,
        expiry,
        feed.chains.find((chain) => chain.expiry === expiry)
      )
    )
  feed.chainOf = Int32Array.from(quotes.contracts, (contract) =>
    isOption(contract) ? feed.chains.findIndex(({ expiry }) => expiry === contract.expiry) : -1
  )
  feed.held = new Uint8Array(quotes.contracts.length)
  feed.quotes = quotes
  feed.forwardChanged = true
  for (const leg of legs) {
    leg.row = quotes.rowOf.get(leg.contract.instrument_token) as number
    feed.held[leg.row] = 1
  }
}

const legsOf = (state: State, key: string): ReadonlyArray<Leg> => state.legs.filter(({ feed }) => feed === key)

const onReference = (state: State, reference: Reference): void => {
  const key = feedKey(reference.exchange, reference.underlying)
  const feed = feedOf(state, key)
  feed.reference = reference.instruments
  rebuild(feed, legsOf(state, key))
}

const makeLeg = (leg: StrategyMessage.Leg): Leg => ({
  legId: leg.leg_id,
  feed: feedKey(leg.exchange, leg.underlying),
  contract: leg.contract,
  position: leg.direction === "BUY" ? leg.quantity : -leg.quantity,
  factor: unitsPerRupee / Instrument.priceScale(leg.contract.instrument_token),
  row: -1,
  price: Number.NaN,
  priceMs: Number.NEGATIVE_INFINITY
})

const onDefinition = (state: State, definition: StrategyMessage.Definition): void => {
  const counted = definition.legs.filter(({ quantity }) => quantity !== 0)
  const legs = counted.map(makeLeg)
  state.known = true
  state.legs = legs
  state.entryValue = counted
    .reduce((sum, leg) => {
      const value = leg.entry_price.times(leg.quantity)
      return leg.direction === "BUY" ? sum.plus(value) : sum.minus(value)
    }, Money.zero)
    .toFixed()
  for (const { feed } of legs) feedOf(state, feed)
  for (const [key, feed] of state.feeds) rebuild(feed, legsOf(state, key))
  for (const leg of legs) {
    // What was known of the instrument before it became a leg counts.
    const { quotes } = feedOf(state, leg.feed)
    leg.price = quotes.lastPrice[leg.row] as number
    leg.priceMs = quotes.receivedMs[leg.row] as number
  }
  state.owed = true
}

/** Sum of price x quantity x direction (BUY -1, SELL +1), exact; null while a leg has no price. */
const netPremium = (legs: ReadonlyArray<Leg>, priceOf: (leg: Leg) => number): Units | null => {
  let sum = 0
  for (const leg of legs) {
    const price = priceOf(leg)
    if (Number.isNaN(price)) return null
    const term = price * leg.factor * -leg.position
    sum += term
    // A double beyond 2^53 no longer counts one by one.
    if (!Number.isSafeInteger(term) || !Number.isSafeInteger(sum)) return bigNetPremium(legs, priceOf)
  }
  return sum
}

const bigNetPremium = (legs: ReadonlyArray<Leg>, priceOf: (leg: Leg) => number): bigint | null => {
  let sum = 0n
  for (const leg of legs) {
    const price = priceOf(leg)
    if (Number.isNaN(price)) return null
    sum -= BigInt(price) * BigInt(leg.factor) * BigInt(leg.position)
  }
  return sum
}

const candleOutput = (context: Context, state: State, seq: number, candle: OpenCandle): Output => ({
  seq,
  kind: "candle",
  message: {
    v: 1,
    as_of: Expiry.isoTime(Math.max(state.eventMs, candle.minuteMs + Expiry.minuteMs)),
    seq,
    strategy_id: context.strategyId,
    timestamp: Expiry.isoTime(candle.minuteMs),
    open: toMoney(candle.open),
    high: toMoney(candle.high),
    low: toMoney(candle.low),
    close: toMoney(candle.close)
  },
  exact: Float64Array.of(candle.minuteMs, Number(candle.open), Number(candle.high), Number(candle.low), Number(candle.close))
})

const closeCandle = (context: Context, state: State, seq: number, outputs: Array<Output>): void => {
  if (state.candle !== null) outputs.push(candleOutput(context, state, seq, state.candle))
  state.candle = null
}

/** Puts the value of a whole instant into its minute. */
const valueInstant = (context: Context, state: State, seq: number, atMs: number, outputs: Array<Output>): void => {
  const minuteMs = Expiry.minuteFloor(atMs)
  if (minuteMs < state.openFromMs) {
    state.lateTicks++
    return
  }
  const value = netPremium(state.legs, (leg) => leg.price)
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

/** Values the instants before `untilMs` in order of time: all prices received at one instant count as one event. */
const settle = (context: Context, state: State, seq: number, untilMs: number, outputs: Array<Output>): void => {
  // The sort is stable: what shares an instant stays in stream order.
  const ready = state.pending.filter(({ atMs }) => atMs < untilMs).sort((a, b) => a.atMs - b.atMs)
  if (ready.length === 0) return
  state.pending = state.pending.filter(({ atMs }) => atMs >= untilMs)
  for (const [at, tick] of ready.entries()) {
    for (const leg of state.legs) {
      if (leg.contract.instrument_token !== tick.token || tick.atMs < leg.priceMs) continue
      leg.price = tick.price
      leg.priceMs = tick.atMs
    }
    if (ready[at + 1]?.atMs !== tick.atMs) valueInstant(context, state, seq, tick.atMs, outputs)
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
    if (feed.held[row] !== 1) continue
    const token = (feed.quotes.contracts[row] as Contract).instrument_token
    state.pending.push({ atMs, token, price: accepted.lastPrice[at] as number })
    if (atMs < state.window * windowMs) state.owed = true
  }
  if (state.pending.length <= pendingMax) return []
  const outputs: Array<Output> = []
  settle(context, state, input.seq, Number.POSITIVE_INFINITY, outputs)
  return outputs
}

interface Net {
  delta: number
  gamma: number
  theta: number
  vega: number
}

/** Greeks of the position per year and per 1.00; NaN where an option leg has none. */
const netGreeks = (state: State): Net => {
  const net: Net = { delta: 0, gamma: 0, theta: 0, vega: 0 }
  for (const { contract, feed, row, position } of state.legs) {
    if (!isOption(contract)) {
      net.delta += position
      continue
    }
    const { chains, chainOf } = feedOf(state, feed)
    const chain = chains[chainOf[row] as number]
    // An option without an expiry has no chain, and so no Greeks.
    if (chain === undefined) return { delta: Number.NaN, gamma: Number.NaN, theta: Number.NaN, vega: Number.NaN }
    const side = contract.kind === "CE" ? chain.call : chain.put
    const at = ChainState.indexOf(chain, contract.strike)
    net.delta += position * (side.delta[at] as number)
    net.gamma += position * (side.gamma[at] as number)
    net.theta += position * (side.theta[at] as number)
    net.vega += position * (side.vega[at] as number)
  }
  return net
}

const refreshChains = (state: State, settings: Settings): void => {
  for (const feed of state.feeds.values()) {
    const { chains, quotes } = feed
    for (const chain of chains)
      if (ChainState.isDue(chain, state.eventMs, feed.forwardChanged))
        ChainState.refresh(chain, quotes, settings, Quotes.spotRow(quotes), state.eventMs)
    feed.forwardChanged = false
  }
}

const markOutput = (context: Context, state: State, seq: number): Output => {
  const { legs } = state
  const quotesOf = (leg: Leg) => feedOf(state, leg.feed).quotes
  const priceOf = (leg: Leg) => quotesOf(leg).lastPrice[leg.row] as number
  const isMissing = (leg: Leg) =>
    Number.isNaN(priceOf(leg)) || state.eventMs - (quotesOf(leg).receivedMs[leg.row] as number) > context.settings.staleAfterMs
  const units = netPremium(legs, priceOf)
  const m2m = units === null ? null : toMoney(units)
  // Profit is (price - entry) x signed quantity: the premium's sign turned round, less what was paid.
  const unrealised = m2m === null ? null : Money.zero.minus(m2m).minus(state.entryValue)
  const net = netGreeks(state)
  const missing = legs.filter(isMissing).map(({ legId }) => legId)
  const { places } = Rounding
  return {
    seq,
    kind: "mark",
    message: {
      v: 1,
      as_of: Expiry.isoTime(state.eventMs),
      seq,
      strategy_id: context.strategyId,
      m2m,
      unrealised_pnl: unrealised,
      realised_pnl: Money.zero,
      total_pnl: unrealised,
      net_delta: Rounding.round(net.delta, places.delta),
      net_gamma: Rounding.round(net.gamma, places.gamma),
      net_theta: Rounding.round(Rounding.thetaPerDay(net.theta), places.theta),
      net_vega: Rounding.round(Rounding.perPoint(net.vega), places.vega),
      complete: missing.length === 0,
      missing
    },
    exact: Float64Array.from([units === null ? Number.NaN : Number(units), net.delta, net.gamma, net.theta, net.vega], Rounding.canonical)
  }
}

/** The newest value, when it differs from what was sent and the limit lets it out. */
const mark = (context: Context, state: State, seq: number, outputs: Array<Output>): void => {
  const [oldest] = state.marked
  if (oldest !== undefined && state.marked.length === marksMax && state.window - oldest < marksMax) {
    state.owed = true
    return
  }
  state.owed = false
  refreshChains(state, context.settings)
  const output = markOutput(context, state, seq)
  const text = JSON.stringify({ ...output.message, as_of: null, seq: null })
  if (text === state.sent) return
  state.sent = text
  state.marked = [...state.marked, state.window].slice(-marksMax)
  outputs.push(output)
}

const onClock = (context: Context, state: State, input: RecordInput.Clock): ReadonlyArray<Output> => {
  state.eventMs = Math.max(state.eventMs, input.atMs)
  for (const { quotes } of state.feeds.values()) Quotes.rollDay(quotes, state.eventMs)
  const outputs: Array<Output> = []
  if (!state.known) return outputs
  settle(context, state, input.seq, state.eventMs, outputs)
  const minuteMs = Expiry.minuteFloor(state.eventMs)
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
 * Folds the record of one strategy (its definition, references and frames of the underlyings of its legs, every clock) into marks and minute
 * candles. A leg's price from before it was added counts when its underlying's reference and frames were folded then.
 * Each reading of `initial` is a state of its own: `decide` changes the state it is given.
 */
export const make = (options: {
  readonly owner: string
  readonly strategyId: number
  readonly settings: Settings
}): Decider<State, RecordInput.RecordInput, Output> => ({
  get initial() {
    return initial()
  },
  decide: (state, input) => {
    switch (input._tag) {
      case "Frame":
        return [state, onFrame(options, state, input)]
      case "Clock":
        return [state, onClock(options, state, input)]
      case "Reference":
        onReference(state, input.reference)
        return [state, []]
      case "Definition":
        if (input.definition.owner === options.owner && input.definition.strategy_id === options.strategyId)
          onDefinition(state, input.definition)
        return [state, []]
    }
  }
})
