import type { Decider } from "../Decider.ts"
import * as Basis from "../futures/Basis.ts"
import * as IndiaTime from "../IndiaTime.ts"
import * as Money from "../Money.ts"
import * as FrameGuard from "../market/FrameGuard.ts"
import * as Life from "../market/Life.ts"
import * as MarketClose from "../market/MarketClose.ts"
import * as Quotes from "../market/Quotes.ts"
import type * as ChainMessage from "../options/ChainMessage.ts"
import * as ChainRows from "../options/ChainRows.ts"
import * as ChainState from "../options/ChainState.ts"
import * as OptionPrice from "../options/OptionPrice.ts"
import * as Rounding from "../options/Rounding.ts"
import * as LiveClocks from "../record/LiveClocks.ts"
import type { Happening, Lives } from "../record/Lives.ts"
import type * as RecordInput from "../record/RecordInput.ts"
import type * as RuleSet from "../rules/RuleSet.ts"
import { shipped } from "../rules/Shipped.ts"
import * as LifeState from "./LifeState.ts"
import * as Oddities from "./Oddities.ts"
import * as TickRows from "./TickRows.ts"

/** Chains and md.tick are published at most once in this much event time. */
export const windowMs = 250
/** und.state is one small message, so it may be published more often. */
export const stateWindowMs = 100
/**
 * The interval of keyframes, so a reader that does not follow deltas is never further behind than this. Periods begin at multiples of it
 * (`beginsPeriod`), so that a rebuilt state publishes at the same instants as one that was not rebuilt.
 */
export const keyframeMs = 5_000

export type Settings = ChainState.Settings

/** One output. `seq` is the MD_FRAMES sequence of the input that caused it; `exact` holds its numbers before rounding. */
export type Output =
  | {
      readonly seq: number
      readonly kind: "delta" | "chain"
      readonly expiry: string
      readonly message: ChainMessage.Chain
      readonly exact: Float64Array
    }
  | {
      readonly seq: number
      readonly kind: "minute"
      readonly expiry: string
      readonly message: ChainMessage.ChainMinute
      readonly exact: Float64Array
    }
  | { readonly seq: number; readonly kind: "tick"; readonly message: ChainMessage.Ticks; readonly exact: Float64Array }
  | { readonly seq: number; readonly kind: "state"; readonly message: ChainMessage.UnderlyingState; readonly exact: Float64Array }
  | { readonly seq: number; readonly kind: "life"; readonly message: Lives; readonly exact: Float64Array }
  | { readonly seq: number; readonly kind: "gap"; readonly atMs: number; readonly message: FrameGuard.Gap; readonly exact: Float64Array }
  | { readonly seq: number; readonly kind: "odd"; readonly atMs: number; readonly message: Oddities.Odd; readonly exact: Float64Array }

interface Followed {
  readonly chain: ChainState.ChainState
  /** Published numbers as last sent, in the layout of ChainRows. */
  readonly sent: Float64Array
  /** Event time of the last keyframe. */
  keyframeMs: number
}

/**
 * Plain data (maps, arrays, typed arrays), mutated in place by its one owner. A run that continues from a snapshot gives bit-identical
 * results.
 */
export interface State {
  readonly guard: FrameGuard.State
  /** Version of the rules that decide when chains and contracts expire. */
  rules: string
  quotes: Quotes.Quotes
  /** Ascending by expiry. */
  chains: Array<Followed>
  /** By row of `quotes`: the index of its chain (-1: spot or future) and of its strike. */
  chainOf: Int32Array
  strikeOf: Int32Array
  /** How many options of each expiry the exchange lists, by the newest Reference; without an expiry it is unknown. */
  listed: ReadonlyMap<string, number>
  /** True once a Reference named the instruments. */
  known: boolean
  readonly clocks: LiveClocks.LiveClocks
  /** Event time, which the clocks of all live accounts have reached. It never goes back. */
  eventMs: number
  /** End of the last closed window, for chains and ticks, and for und.state. */
  windowEndMs: number
  stateEndMs: number
  /** True if rows arrived that belong to an already closed window. The next clock closes it again. */
  late: boolean
  stateLate: boolean
  /** True if a packet of the spot or a future arrived since the last window. */
  forwardChanged: boolean
  /** True if a value in und.state may have changed since it was last built. */
  stateChanged: boolean
  sentState: string
  sentStateMs: number
  lateRows: number
  readonly oddities: Oddities.State
  readonly lives: LifeState.LifeState
}

const initial = (rules: string): State => ({
  guard: FrameGuard.make(),
  rules,
  quotes: Quotes.make([]),
  chains: [],
  chainOf: new Int32Array(0),
  strikeOf: new Int32Array(0),
  listed: new Map(),
  known: false,
  clocks: LiveClocks.make(),
  eventMs: Number.NEGATIVE_INFINITY,
  windowEndMs: Number.NEGATIVE_INFINITY,
  stateEndMs: Number.NEGATIVE_INFINITY,
  late: false,
  stateLate: false,
  forwardChanged: false,
  stateChanged: false,
  sentState: "",
  sentStateMs: Number.NEGATIVE_INFINITY,
  lateRows: 0,
  oddities: Oddities.make(),
  lives: LifeState.make()
})

interface Context {
  readonly exchange: string
  readonly underlying: string
  readonly settings: Settings
  /** Identifies the formulas, prices and calendar that the numbers follow. */
  readonly convention: string
  readonly isExact: boolean
  /** Decides when contracts expire. */
  readonly ends: RuleSet.RuleSet
  readonly closedSinceMs: (atMs: number) => number
}

const none = new Float64Array(0)

/** Names everything that decides the numbers: under one convention, the same inputs give the same result. */
export const conventionId = (settings: Settings): string =>
  `b76-parity-otm-last${OptionPrice.tradeAgeMaxMs / 1000}s-mid-act365-close-rulebook-r${settings.rate}-q${settings.dividendYield}`

const follow = (state: State, quotes: Quotes.Quotes, endsMs: number, expiry: string): Followed => {
  const before = state.chains.find(({ chain }) => chain.expiry === expiry)
  const chain = ChainState.make(quotes, expiry, endsMs, before?.chain)
  const sent = ChainRows.nothingSent(chain)
  if (before !== undefined) ChainRows.carrySent({ ...before, quotes: state.quotes }, { chain, quotes, sent })
  // The list of rows may have changed, so the next window sends a keyframe.
  return { chain, sent, keyframeMs: Number.NEGATIVE_INFINITY }
}

const onReference = (context: Context, state: State, { seq, reference }: RecordInput.ReferenceInput): ReadonlyArray<Output> => {
  const quotes = Quotes.withContracts(state.quotes, reference.instruments)
  const chains = ChainState.expiriesOf(quotes).map((expiry) => {
    const named = { exchange: reference.exchange, name: reference.underlying }
    return follow(state, quotes, Life.chainEndsMs(context.ends, named, expiry), expiry)
  })
  const placeOf = new Map(chains.map(({ chain }, place) => [chain.expiry, place]))
  state.chainOf = Int32Array.from(quotes.contracts, ({ kind, expiry }) =>
    kind === "CE" || kind === "PE" ? (placeOf.get(expiry ?? "") ?? -1) : -1
  )
  state.strikeOf = Int32Array.from(quotes.contracts, ({ strike }, row) => {
    const followed = chains[state.chainOf[row] ?? -1]
    return followed === undefined ? -1 : ChainState.indexOf(followed.chain, strike)
  })
  state.quotes = quotes
  state.chains = chains
  state.listed = new Map(Object.entries(reference.listed_options ?? {}))
  state.known = true
  state.forwardChanged = true
  state.stateChanged = true
  return lifeOutputs(context, state, seq, LifeState.onReference(state.lives, context.ends, reference, reference.instruments))
}

/** Applies other rules: chains and contracts may expire at another instant. */
const takeRules = (context: Context, state: State): void => {
  const { ends, exchange, underlying } = context
  state.rules = ends.version
  state.chains = state.chains.map((followed) => {
    const { expiry, expiryMs } = followed.chain
    const endsMs = Life.chainEndsMs(ends, { exchange, name: underlying }, expiry)
    return Object.is(endsMs, expiryMs) ? followed : follow(state, state.quotes, endsMs, expiry)
  })
  state.forwardChanged = true
  LifeState.onRules(state.lives, ends, context)
}

const onFrame = (state: State, input: RecordInput.Frame): ReadonlyArray<Output> => {
  const skipped = FrameGuard.accept(state.guard, input.header)
  if (skipped === FrameGuard.dropped) return []
  const accepted = Quotes.ingest(state.quotes, input.header, input.bytes)
  for (let at = 0; at < accepted.count; at++) {
    const followed = state.chains[state.chainOf[accepted.row[at] ?? 0] ?? -1]
    if (followed !== undefined) followed.chain.changed = true
    else {
      state.forwardChanged = true
      state.stateChanged = true
    }
    const receivedMs = accepted.receivedMs[at] ?? 0
    if (receivedMs < state.stateEndMs) state.stateLate = true
    if (receivedMs < state.windowEndMs) {
      state.late = true
      state.lateRows++
    }
  }
  if (skipped === 0) return []
  const message = FrameGuard.gapBefore(input.header, skipped)
  return [{ seq: input.seq, kind: "gap", atMs: input.header.baseReceivedMs, message, exact: none }]
}

/**
 * Starts a state from the last packets of instruments. The next clock publishes the result. A state that has seen a clock already contains
 * these packets, so keyframes in the middle of a record change nothing.
 */
const onKeyframe = (state: State, { header, bytes, atMs }: RecordInput.Keyframe): ReadonlyArray<Output> => {
  if (Number.isFinite(state.eventMs)) return []
  LiveClocks.startAt(state.clocks, header.account, atMs)
  if (!FrameGuard.startAt(state.guard, header)) return []
  const accepted = Quotes.ingest(state.quotes, header, bytes)
  if (accepted.count === 0) return []
  for (const { chain } of state.chains) chain.changed = true
  state.forwardChanged = true
  state.stateChanged = true
  return []
}

/** Published numbers of one chain, valid within one call. It is not state. */
let now = new Float64Array(0)

const instantOf = ({ closedSinceMs }: Context, { eventMs }: State): ChainState.Instant => ({
  eventMs,
  closedSinceMs: closedSinceMs(eventMs)
})

/** The last prices of the call and the put at the money together, in rupees. */
const straddleOf = ({ quotes }: State, { atm, call, put }: ChainState.ChainState): number => {
  const price = (row = -1) => quotes.lastPrice[row] ?? Number.NaN
  return Quotes.rupees(quotes, call.row[atm] ?? -1, price(call.row[atm]) + price(put.row[atm]))
}

/** The fields of every message of a chain: the totals of the whole chain. */
const chainHead = (context: Context, state: State, seq: number, chain: ChainState.ChainState) => {
  const { quotes } = state
  const strikeAt = (i: number) => chain.strike[i] ?? null
  const previousSession = ChainRows.all(chain).every((row) => {
    const from = quotes.oiBaseFrom[ChainRows.quotesRow(chain, row)]
    return from !== Quotes.OiBase.firstSeen
  })
  const seen = chain.callOi + chain.putOi > 0
  return {
    v: 1,
    as_of: IndiaTime.isoTime(state.eventMs),
    seq,
    exchange: context.exchange,
    underlying: context.underlying,
    expiry: chain.expiry,
    window: IndiaTime.isoTime(state.windowEndMs),
    spot: ChainRows.orNull(spotOf(quotes)),
    forward: Rounding.round(chain.forward, forwardPlaces(quotes)),
    forward_source: chain.forwardSource === "none" ? null : chain.forwardSource,
    atm_strike: strikeAt(chain.atm),
    atm_iv: Rounding.published("iv", chain.iv[chain.atm] ?? Number.NaN),
    straddle: ChainRows.orNull(straddleOf(state, chain)),
    max_pain: strikeAt(chain.maxPain),
    pcr_oi: Rounding.round(chain.pcrOi, ratioPlaces),
    pcr_volume: Rounding.round(chain.pcrVolume, ratioPlaces),
    call_oi: chain.callOi,
    put_oi: chain.putOi,
    oi_coverage: { counted: chain.counted, listed: state.listed.get(chain.expiry) ?? null },
    oi_change_from: previousSession && seen ? "previous_session" : "first_seen",
    valued_at: IndiaTime.isoTime(ChainState.valuedMs(chain, instantOf(context, state))),
    convention: context.convention
  } as const
}

const exactOf = (context: Context, state: State, chain: ChainState.ChainState, rows: ReadonlyArray<number>): Float64Array =>
  context.isExact ? ChainRows.exact(chain, state.quotes, rows) : none

const chainOutput = (
  context: Context,
  state: State,
  seq: number,
  chain: ChainState.ChainState,
  kind: "delta" | "chain",
  rows: ReadonlyArray<number>
): Output => ({
  seq,
  kind,
  expiry: chain.expiry,
  message: { ...chainHead(context, state, seq, chain), kind, columns: ChainRows.columns(chain, state.quotes, rows, now) },
  exact: exactOf(context, state, chain, rows)
})

/** The whole chain at the first window of a minute. */
const minuteOutput = (context: Context, state: State, seq: number, chain: ChainState.ChainState): Output => {
  const rows = ChainRows.all(chain)
  const { quotes } = state
  return {
    seq,
    kind: "minute",
    expiry: chain.expiry,
    message: {
      ...chainHead(context, state, seq, chain),
      minute: IndiaTime.isoTime(IndiaTime.minuteFloor(state.windowEndMs)),
      columns: {
        tradingsymbol: rows.map((row) => quotes.contracts[ChainRows.quotesRow(chain, row)]?.tradingsymbol ?? ""),
        ...ChainRows.columns(chain, quotes, rows, now)
      }
    },
    exact: exactOf(context, state, chain, rows)
  }
}

/** Whether the exchange sent something for the chain in the minute before. Nights and holidays have no minutes. */
const hasTraded = (state: State, chain: ChainState.ChainState): boolean => {
  const sinceMs = IndiaTime.minuteFloor(state.windowEndMs) - IndiaTime.minuteMs
  return ChainRows.all(chain).some((row) => (state.quotes.timeMs[ChainRows.quotesRow(chain, row)] ?? Number.NaN) >= sinceMs)
}

const ratioPlaces = 4
/** A forward is computed, so it has two more decimal places than the prices it comes from. */
const forwardPlaces = (quotes: Quotes.Quotes): number => Money.placesOf(quotes.scale[0] ?? 1) + 2

const rupeesOf = (quotes: Quotes.Quotes, row: number): number => Quotes.rupees(quotes, row, quotes.lastPrice[row] ?? Number.NaN)
const spotOf = (quotes: Quotes.Quotes): number => rupeesOf(quotes, Quotes.spotRow(quotes))

/** The last boundary passed. After a jump over many windows only one is closed. */
const boundary = (atMs: number, everyMs: number): number => Math.floor(atMs / everyMs) * everyMs

/** True for the first message in a period of `keyframeMs`. */
const beginsPeriod = (eventMs: number, sentMs: number): boolean => boundary(eventMs, keyframeMs) > boundary(sentMs, keyframeMs)

const closeChain = (
  context: Context,
  state: State,
  seq: number,
  followed: Followed,
  minuteBegan: boolean,
  outputs: Array<Output>
): void => {
  const { chain } = followed
  const isKeyframe = beginsPeriod(state.eventMs, followed.keyframeMs)
  const isMinute = minuteBegan && hasTraded(state, chain)
  if (!isKeyframe && !isMinute && !ChainState.isDue(chain, state.eventMs, state.forwardChanged)) return
  ChainState.refresh(chain, state.quotes, context.settings, Quotes.spotRow(state.quotes), instantOf(context, state))
  state.stateChanged = true
  if (now.length < followed.sent.length) now = new Float64Array(followed.sent.length * 2)
  ChainRows.fill(chain, state.quotes, now)
  const changed = ChainRows.takeChanged(chain, now, followed.sent)
  if (changed.length > 0) outputs.push(chainOutput(context, state, seq, chain, "delta", changed))
  if (isMinute) outputs.push(minuteOutput(context, state, seq, chain))
  if (!isKeyframe) return
  // After the delta, so that the keyframe includes it.
  outputs.push(chainOutput(context, state, seq, chain, "chain", ChainRows.all(chain)))
  followed.keyframeMs = state.eventMs
}

const takeChangedRows = (quotes: Quotes.Quotes): ReadonlyArray<number> => {
  const rows: Array<number> = []
  for (let row = 0; row < quotes.changed.length; row++) {
    if (quotes.changed[row] !== 1) continue
    rows.push(row)
    quotes.changed[row] = 0
  }
  return rows
}

const ticksOutput = (context: Context, state: State, seq: number, rows: ReadonlyArray<number>): Output => {
  const { exchange, underlying } = context
  return {
    seq,
    kind: "tick",
    message: { v: 1, as_of: IndiaTime.isoTime(state.eventMs), seq, exchange, underlying, columns: TickRows.columns(state, rows) },
    exact: context.isExact ? TickRows.exact(state, rows) : none
  }
}

/** By OiBase. */
const changeFrom = [null, "first_seen", "previous_session"] as const

const stateMessage = (context: Context, state: State, seq: number): ChainMessage.UnderlyingState => {
  const { quotes } = state
  const spotRow = Quotes.spotRow(quotes)
  const spot = spotOf(quotes)
  const pricePlaces = Money.placesOf(quotes.scale[0] ?? 1)
  const lastPrice = quotes.lastPrice[spotRow] ?? Number.NaN
  const previousClose = quotes.previousClose[spotRow] ?? Number.NaN
  return {
    v: 1,
    as_of: IndiaTime.isoTime(state.eventMs),
    seq,
    exchange: context.exchange,
    underlying: context.underlying,
    instrument_token: quotes.contracts[spotRow]?.instrument_token ?? null,
    spot: ChainRows.orNull(spot),
    spot_time: ChainRows.timeText(quotes.pricedMs[spotRow] ?? Number.NaN),
    spot_change: ChainRows.orNull(Quotes.rupees(quotes, spotRow, lastPrice - previousClose)),
    futures: quotes.contracts.flatMap((contract, row) =>
      contract.kind !== "FUT"
        ? []
        : [
            {
              expiry: contract.expiry ?? "",
              instrument_token: contract.instrument_token,
              last_price: ChainRows.orNull(rupeesOf(quotes, row)),
              time: ChainRows.timeText(quotes.pricedMs[row] ?? Number.NaN),
              oi: ChainRows.orNull(quotes.oi[row] ?? Number.NaN),
              basis: Rounding.round(Basis.difference(spot, rupeesOf(quotes, row)), pricePlaces),
              price_change: ChainRows.orNull(Quotes.rupees(quotes, row, Quotes.priceChange(quotes, row))),
              oi_change: ChainRows.orNull(Quotes.oiChange(quotes, row)),
              change_from: changeFrom[quotes.oiBaseFrom[row] ?? Quotes.OiBase.none] ?? null
            }
          ]
    ),
    expiries: state.chains.map(({ chain }) => ({
      expiry: chain.expiry,
      forward: Rounding.round(chain.forward, forwardPlaces(quotes)),
      atm_strike: chain.strike[chain.atm] ?? null,
      atm_iv: Rounding.published("iv", chain.iv[chain.atm] ?? Number.NaN)
    }))
  }
}

const stateExact = (state: State): Float64Array => {
  const { quotes } = state
  const futures = quotes.contracts.flatMap(({ kind }, row) => (kind === "FUT" ? [rupeesOf(quotes, row), quotes.oi[row] ?? Number.NaN] : []))
  const chains = state.chains.flatMap(({ chain }) => [chain.forward, chain.iv[chain.atm] ?? Number.NaN])
  return Float64Array.from([spotOf(quotes), ...futures, ...chains], Rounding.canonical)
}

/** Both books of an option's strike; undefined if one is too old to count as live. */
const pairOf = (state: State, settings: Settings, row: number): Oddities.Pair | undefined => {
  const { quotes } = state
  const chain = state.chains[state.chainOf[row] ?? -1]?.chain
  if (chain === undefined || state.eventMs >= chain.expiryMs) return undefined
  const at = state.strikeOf[row] ?? -1
  const call = chain.call.row[at] ?? -1
  const put = chain.put.row[at] ?? -1
  const isFresh = (side: number) => state.eventMs - (quotes.timeMs[side] ?? Number.NEGATIVE_INFINITY) <= settings.staleAfterMs
  if (!isFresh(call) || !isFresh(put)) return undefined
  const rupees = (side: number, prices: Float64Array) => Quotes.rupees(quotes, side, prices[side] ?? Number.NaN)
  return {
    strike: chain.strike[at] ?? Number.NaN,
    callBid: rupees(call, quotes.bid),
    callAsk: rupees(call, quotes.ask),
    putBid: rupees(put, quotes.bid),
    putAsk: rupees(put, quotes.ask),
    forward: chain.forward,
    growth: Math.exp(settings.rate * IndiaTime.yearsTo(chain.expiryMs, state.eventMs))
  }
}

/** Only what is odd at the end of a window counts. No reader sees what changed within it. */
const oddOutputs = (context: Context, state: State, seq: number, rows: ReadonlyArray<number>): ReadonlyArray<Output> => {
  const { quotes } = state
  for (const row of rows) {
    const contract = quotes.contracts[row]
    if (contract === undefined) continue
    const scale = quotes.scale[row] ?? 1
    const bid = Quotes.rupees(quotes, row, quotes.bid[row] ?? Number.NaN)
    const ask = Quotes.rupees(quotes, row, quotes.ask[row] ?? Number.NaN)
    const checked = { contract, lastPrice: quotes.lastPrice[row] ?? Number.NaN, scale, bid, ask }
    Oddities.check(state.oddities, checked, pairOf(state, context.settings, row))
  }
  return Oddities.due(state.oddities, state.eventMs).map((message) => ({
    seq,
    kind: "odd",
    atMs: state.eventMs,
    message,
    exact: none
  }))
}

const closeWindow = (context: Context, state: State, seq: number, minuteBegan: boolean, outputs: Array<Output>): void => {
  for (const followed of state.chains) closeChain(context, state, seq, followed, minuteBegan, outputs)
  const rows = takeChangedRows(state.quotes)
  if (rows.length > 0) outputs.push(ticksOutput(context, state, seq, rows))
  outputs.push(...oddOutputs(context, state, seq, rows))
  state.forwardChanged = false
  state.late = false
}

/** Fields of und.state whose change alone is no reason to publish it. */
const notShown: ReadonlySet<string> = new Set(["as_of", "seq", "spot_time", "time"])

const closeState = (context: Context, state: State, seq: number, outputs: Array<Output>): void => {
  state.stateLate = false
  const isDue = beginsPeriod(state.eventMs, state.sentStateMs)
  if (!state.stateChanged && !isDue) return
  state.stateChanged = false
  const message = stateMessage(context, state, seq)
  const text = JSON.stringify(message, (name, value) => (notShown.has(name) ? undefined : value))
  if (text === state.sentState && !isDue) return
  state.sentState = text
  state.sentStateMs = state.eventMs
  outputs.push({ seq, kind: "state", message, exact: context.isExact ? stateExact(state) : none })
}

const lifeOutputs = (context: Context, state: State, seq: number, happenings: ReadonlyArray<Happening>): ReadonlyArray<Output> => {
  if (happenings.length === 0 || !Number.isFinite(state.eventMs)) return []
  const { exchange, underlying } = context
  const message: Lives = { v: 1, as_of: IndiaTime.isoTime(state.eventMs), seq, exchange, underlying, happenings }
  const prices = happenings.flatMap((one) => (one.kind === "settled" ? [one.price.toNumber()] : []))
  return [{ seq, kind: "life", message, exact: Float64Array.from(prices) }]
}

/** A state that starts within a minute did not see how it began. */
const beginsMinute = (beforeMs: number, windowEndMs: number): boolean => {
  const minuteMs = IndiaTime.minuteFloor(windowEndMs)
  return Number.isFinite(beforeMs) ? beforeMs < minuteMs : windowEndMs === minuteMs
}

const onClock = (context: Context, state: State, input: RecordInput.Clock): ReadonlyArray<Output> => {
  state.eventMs = Math.max(state.eventMs, LiveClocks.reached(state.clocks, input.account, input.atMs))
  Quotes.rollDay(state.quotes, state.eventMs)
  if (state.rules !== context.ends.version) takeRules(context, state)
  if (!state.known) return []
  const outputs: Array<Output> = [...lifeOutputs(context, state, input.seq, LifeState.onClock(state.lives, state.quotes, state.eventMs))]
  const windowEndMs = boundary(state.eventMs, windowMs)
  if (windowEndMs > state.windowEndMs || state.late) {
    const minuteBegan = beginsMinute(state.windowEndMs, windowEndMs)
    state.windowEndMs = windowEndMs
    closeWindow(context, state, input.seq, minuteBegan, outputs)
  }
  const stateEndMs = boundary(state.eventMs, stateWindowMs)
  if (stateEndMs > state.stateEndMs || state.stateLate) {
    state.stateEndMs = stateEndMs
    closeState(context, state, input.seq, outputs)
  }
  return outputs
}

/**
 * Folds the record of one underlying (its frames and references, every clock) into chains, ticks and the state of the underlying. Only
 * clocks advance time and publish. So the outputs depend only on the inputs' order, never on how they were batched. `initial` returns a
 * new state each time, because `decide` mutates the state it is given.
 */
export const make = (options: {
  readonly exchange: string
  readonly underlying: string
  readonly settings: Settings
  /** False omits the outputs' exact numbers. Only callers that compare runs by their hashes need them. */
  readonly isExact?: boolean
  /** Decides when contracts expire. */
  readonly ends?: RuleSet.RuleSet
  /** Decides which instants are inside a session; absent for a market that never closes. */
  readonly rules?: RuleSet.RuleSet | undefined
}): Decider<State, RecordInput.RecordInput, Output> => {
  const { exchange, underlying, rules, settings } = options
  const context: Context = {
    isExact: true,
    ends: shipped,
    ...options,
    convention: conventionId(settings),
    closedSinceMs: MarketClose.ofOptions(rules, { exchange, name: underlying })
  }
  const isOurs = (of: { readonly exchange: string; readonly underlying: string }) =>
    of.exchange === options.exchange && of.underlying === options.underlying
  return {
    get initial() {
      return initial(context.ends.version)
    },
    decide: (state, input) => {
      switch (input._tag) {
        case "Frame":
          return [state, isOurs(input) ? onFrame(state, input) : []]
        case "Keyframe":
          return [state, isOurs(input) ? onKeyframe(state, input) : []]
        case "Clock":
          return [state, onClock(context, state, input)]
        case "Reference":
          return [state, isOurs(input.reference) ? onReference(context, state, input) : []]
        case "Definition":
        case "Break":
          return [state, []]
      }
    }
  }
}
