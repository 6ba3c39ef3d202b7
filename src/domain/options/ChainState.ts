import * as IndiaTime from "../IndiaTime.ts"
import * as Quotes from "../market/Quotes.ts"
import * as Black76 from "./Black76.ts"
import { Quality } from "./ChainMessage.ts"
import * as Forward from "./Forward.ts"
import * as ImpliedVol from "./ImpliedVol.ts"
import * as MaxPain from "./MaxPain.ts"
import * as Moneyness from "./Moneyness.ts"
import * as OpenInterest from "./OpenInterest.ts"
import * as OptionPrice from "./OptionPrice.ts"

export interface Settings {
  /** Continuously compounded yearly rate. */
  readonly rate: number
  /** Continuously compounded yearly yield. Only a forward computed from the spot depends on it. */
  readonly dividendYield: number
  /** A row is stale if a price behind its values is older than this: event time less the exchange's time of the price. */
  readonly staleAfterMs: number
}

/**
 * Even without packets, a chain is recomputed in each period of this much event time, because options lose time value. Periods begin at
 * multiples of it, so that two states that began at different times recompute at the same instants.
 */
export const refreshMs = 5_000
const periodOf = (atMs: number): number => Math.floor(atMs / refreshMs)

/** All qualities. The columns store the index into this list. */
export const qualities = Quality.literals
const [live, stale, noPrice, noForward, belowIntrinsic, noTimeValue, aboveBound, expired] = [0, 1, 2, 3, 4, 5, 6, 7] as const

/** One side of a chain by strike: the row in `Quotes` (-1: not streamed), Greeks per year and per 1.00 (NaN: unknown), quality. */
export interface Side extends Black76.SideColumns {
  readonly row: Int32Array
  readonly quality: Uint8Array
  /** Event time of the oldest price that the row's numbers come from; NaN without one, -Infinity if its contract never traded. */
  readonly pricedMs: Float64Array
}

/** The options of one expiry as columns by ascending strike. Plain data, updated in place by `refresh`. */
export interface ChainState {
  readonly expiry: string
  /** UTC milliseconds at which the options expire; NaN if the rulebook does not know the instant. Then they have no Greeks. */
  readonly expiryMs: number
  readonly strike: Float64Array
  /** Rupees. A smaller time value gives no implied volatility. */
  readonly tick: Float64Array
  /** One volatility per strike, a fraction; NaN if unknown. It is the next solution's seed, so it is part of the state. */
  readonly iv: Float64Array
  readonly call: Side
  readonly put: Side
  /** The future of this expiry in `Quotes`, or -1. */
  readonly futureRow: number
  /** Rupees; NaN if unknown. */
  forward: number
  forwardSource: Forward.Source
  /** Index of the strike nearest the forward; of two equally near, the lower one. -1 without a forward. */
  atm: number
  /** Index of the max-pain strike, -1 without open interest. */
  maxPain: number
  callOi: number
  putOi: number
  /** Options whose open interest is known, so that it counts in the totals, PCR and max pain. */
  counted: number
  /** NaN without calls. */
  pcrOi: number
  pcrVolume: number
  /** True if a packet for one of its rows arrived since it was computed. */
  changed: boolean
  /** Event time of the last computation; -Infinity before the first. */
  computedMs: number
  /** Event time after which a row that is live now becomes stale. */
  staleFromMs: number
}

const sideColumns = (count: number): Side => ({
  row: new Int32Array(count).fill(-1),
  quality: new Uint8Array(count).fill(noPrice),
  pricedMs: new Float64Array(count).fill(Number.NaN),
  price: new Float64Array(count).fill(Number.NaN),
  delta: new Float64Array(count).fill(Number.NaN),
  gamma: new Float64Array(count).fill(Number.NaN),
  theta: new Float64Array(count).fill(Number.NaN),
  vega: new Float64Array(count).fill(Number.NaN),
  rho: new Float64Array(count).fill(Number.NaN)
})

/** The expiries that have options, ascending. */
export const expiriesOf = (quotes: Quotes.Quotes): ReadonlyArray<string> => {
  const expiries = new Set<string>()
  for (const { kind, expiry } of quotes.contracts) if ((kind === "CE" || kind === "PE") && expiry !== null) expiries.add(expiry)
  return Array.from(expiries).sort()
}

/** The chain of one expiry of `quotes`, which ends at `expiryMs`. Strikes that are also in `before` keep their volatility as seed. */
export const make = (quotes: Quotes.Quotes, expiry: string, expiryMs: number, before?: ChainState): ChainState => {
  const strikes = new Set<number>()
  let futureRow = -1
  for (const [row, contract] of quotes.contracts.entries()) {
    if (contract.expiry !== expiry) continue
    if (contract.kind === "FUT") futureRow = futureRow < 0 ? row : futureRow
    else strikes.add(contract.strike)
  }
  const strike = Float64Array.from(strikes).sort()
  const chain: ChainState = {
    expiry,
    expiryMs,
    strike,
    tick: new Float64Array(strike.length),
    iv: new Float64Array(strike.length).fill(Number.NaN),
    call: sideColumns(strike.length),
    put: sideColumns(strike.length),
    futureRow,
    forward: Number.NaN,
    forwardSource: "none",
    atm: -1,
    maxPain: -1,
    callOi: 0,
    putOi: 0,
    counted: 0,
    pcrOi: Number.NaN,
    pcrVolume: Number.NaN,
    changed: true,
    computedMs: Number.NEGATIVE_INFINITY,
    staleFromMs: Number.POSITIVE_INFINITY
  }
  placeRows(chain, quotes)
  if (before !== undefined) for (let i = 0; i < strike.length; i++) chain.iv[i] = before.iv[indexOf(before, strike[i] ?? 0)] ?? Number.NaN
  return chain
}

const placeRows = (chain: ChainState, quotes: Quotes.Quotes): void => {
  for (const [row, contract] of quotes.contracts.entries()) {
    if (contract.expiry !== chain.expiry || (contract.kind !== "CE" && contract.kind !== "PE")) continue
    const side = contract.kind === "CE" ? chain.call : chain.put
    const at = indexOf(chain, contract.strike)
    // If two contracts have the same strike and side, the one with the lower token is used.
    if (side.row[at] !== -1) continue
    side.row[at] = row
    chain.tick[at] = Math.max(chain.tick[at] ?? 0, contract.tick_size)
  }
}

/** Index of a strike, or -1. */
export const indexOf = (chain: ChainState, strike: number): number => {
  let low = 0
  let high = chain.strike.length - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const value = chain.strike[middle] ?? 0
    if (value === strike) return middle
    if (value < strike) low = middle + 1
    else high = middle - 1
  }
  return -1
}

/** Columns gathered for one `refresh`. It is synchronous, so one set serves all chains. This is not state. */
const scratch = {
  call: new Float64Array(0),
  put: new Float64Array(0),
  callOi: new Float64Array(0),
  putOi: new Float64Array(0),
  callVolume: new Float64Array(0),
  putVolume: new Float64Array(0),
  liquidity: new Float64Array(0),
  /** Volatility that the Greeks are computed with. */
  vol: new Float64Array(0),
  /** Quality of the strike: `live`, or the reason why it has no volatility. */
  reason: new Uint8Array(0),
  /** When the price of each side was made, and the price from which the volatility was solved. */
  callMs: new Float64Array(0),
  putMs: new Float64Array(0),
  sourceMs: new Float64Array(0)
}
const forward = Forward.empty()
const chosen: OptionPrice.OptionPrice = { price: Number.NaN, atMs: Number.NaN }

const columnNames = [
  "call",
  "put",
  "callOi",
  "putOi",
  "callVolume",
  "putVolume",
  "liquidity",
  "vol",
  "callMs",
  "putMs",
  "sourceMs"
] as const

const reserve = (count: number): void => {
  if (count <= scratch.call.length) return
  for (const name of columnNames) scratch[name] = new Float64Array(count * 2)
  scratch.reason = new Uint8Array(count * 2)
}

const gather = (chain: ChainState, quotes: Quotes.Quotes): void => {
  reserve(chain.strike.length)
  for (let i = 0; i < chain.strike.length; i++) {
    const call = chain.call.row[i] ?? -1
    const put = chain.put.row[i] ?? -1
    const tick = chain.tick[i] ?? 0
    OptionPrice.choose(quotes, call, tick, chosen)
    scratch.call[i] = chosen.price
    scratch.callMs[i] = chosen.atMs
    OptionPrice.choose(quotes, put, tick, chosen)
    scratch.put[i] = chosen.price
    scratch.putMs[i] = chosen.atMs
    scratch.callOi[i] = Quotes.at(quotes.oi, call)
    scratch.putOi[i] = Quotes.at(quotes.oi, put)
    const callVolume = Quotes.at(quotes.volume, call)
    const putVolume = Quotes.at(quotes.volume, put)
    scratch.callVolume[i] = callVolume
    scratch.putVolume[i] = putVolume
    // Parity needs a trade on both sides, so the smaller volume decides how far a strike's forward can be trusted.
    scratch.liquidity[i] = Math.min(callVolume, putVolume)
  }
}

const estimateForward = (chain: ChainState, quotes: Quotes.Quotes, settings: Settings, t: number, spotRow: number): void => {
  const spot = Quotes.rupees(quotes, spotRow, Quotes.at(quotes.lastPrice, spotRow))
  const alive = t > 0
  Forward.estimateInto(
    {
      // An expired chain settled at the spot. Its last option prices and its future add nothing.
      count: alive ? chain.strike.length : 0,
      strike: chain.strike,
      call: scratch.call,
      put: scratch.put,
      liquidity: scratch.liquidity,
      t: Math.max(0, t),
      r: settings.rate,
      q: settings.dividendYield,
      spot,
      future: alive ? Quotes.rupees(quotes, chain.futureRow, Quotes.at(quotes.lastPrice, chain.futureRow)) : Number.NaN
    },
    forward
  )
  if (!alive && forward.source === "none") return
  chain.forward = forward.forward
  chain.forwardSource = forward.source
}

/** Only positive prices and times are solved for, so the solver's other reasons cannot occur. */
const reasonOf = (code: number): number => {
  switch (code) {
    case ImpliedVol.Code.below_intrinsic:
      return belowIntrinsic
    case ImpliedVol.Code.at_intrinsic:
    case ImpliedVol.Code.sub_tick:
      return noTimeValue
    case ImpliedVol.Code.at_upper_bound:
    case ImpliedVol.Code.above_upper_bound:
      return aboveBound
    default:
      return noForward
  }
}

/** Solves the volatility of one strike from its out-of-the-money side, or from the other side if that has no price. */
const solveStrike = (chain: ChainState, rate: number, t: number, i: number): void => {
  const seed = chain.iv[i] ?? Number.NaN
  chain.iv[i] = Number.NaN
  scratch.vol[i] = Number.NaN
  const call = scratch.call[i] ?? Number.NaN
  const put = scratch.put[i] ?? Number.NaN
  const strike = chain.strike[i] ?? 0
  const otmIsPut = strike < chain.forward
  const usePut = otmIsPut ? !Number.isNaN(put) : Number.isNaN(call)
  const price = usePut ? put : call
  scratch.sourceMs[i] = (usePut ? scratch.putMs[i] : scratch.callMs[i]) ?? Number.NaN
  if (Number.isNaN(price)) scratch.reason[i] = noPrice
  else if (Number.isNaN(chain.forward)) scratch.reason[i] = noForward
  else {
    const vol = ImpliedVol.solveBlack76(usePut ? -1 : 1, price, chain.forward, strike, t, rate, seed, chain.tick[i] ?? 0)
    scratch.reason[i] = vol > 0 ? live : reasonOf(vol)
    if (vol > 0) {
      chain.iv[i] = vol
      scratch.vol[i] = vol
    }
  }
}

const expireStrike = (chain: ChainState, i: number, reason: number): void => {
  chain.iv[i] = Number.NaN
  // Without volatility and time, the Greeks are those of the intrinsic value.
  scratch.vol[i] = Number.isNaN(chain.forward) ? Number.NaN : 0
  scratch.reason[i] = reason
}

/**
 * Writes the quality of one side's rows, and the time of their oldest price. The prices behind a row are its own, the one that gave
 * the volatility, and the spot's or the future's if the forward comes from it.
 */
const judge = (
  chain: ChainState,
  side: Side,
  prices: Float64Array,
  timesMs: Float64Array,
  eventMs: number,
  settings: Settings,
  forwardMs: number
): void => {
  for (let i = 0; i < chain.strike.length; i++) {
    const reason = scratch.reason[i] ?? noPrice
    const isPriced = !Number.isNaN(prices[i])
    const ownMs = isPriced ? (timesMs[i] ?? Number.NaN) : Number.NaN
    if (reason !== live) {
      side.quality[i] = isPriced || reason === expired ? reason : noPrice
      side.pricedMs[i] = ownMs
      continue
    }
    const sourceMs = scratch.sourceMs[i] ?? Number.NaN
    const oldestMs = Math.min(sourceMs, isPriced ? ownMs : sourceMs, forwardMs)
    side.pricedMs[i] = oldestMs
    side.quality[i] = eventMs - oldestMs > settings.staleAfterMs ? stale : live
    if (side.quality[i] === live) chain.staleFromMs = Math.min(chain.staleFromMs, oldestMs + settings.staleAfterMs)
  }
}

/** When the price behind the forward was made. Parity takes it from the options, whose own times count. */
const forwardMsOf = (chain: ChainState, quotes: Quotes.Quotes, spotRow: number): number => {
  const row = chain.forwardSource === "future" ? chain.futureRow : chain.forwardSource === "spot" ? spotRow : -1
  return row < 0 ? Number.POSITIVE_INFINITY : Quotes.at(quotes.pricedMs, row)
}

/** How many options have a known open interest. */
const countKnown = (count: number): number => {
  let known = 0
  for (let i = 0; i < count; i++) known += (Number.isNaN(scratch.callOi[i]) ? 0 : 1) + (Number.isNaN(scratch.putOi[i]) ? 0 : 1)
  return known
}

const summarise = (chain: ChainState): void => {
  const count = chain.strike.length
  const totals = OpenInterest.summarise(count, scratch.callOi, scratch.putOi, scratch.callVolume, scratch.putVolume)
  chain.callOi = totals.callOi
  chain.putOi = totals.putOi
  chain.counted = countKnown(count)
  chain.pcrOi = totals.pcrOi.value ?? Number.NaN
  chain.pcrVolume = totals.pcrVolume.value ?? Number.NaN
  chain.maxPain = MaxPain.lowestRow(count, scratch.callOi, scratch.putOi)
}

/** Whether `refresh` at this event time would change anything. `forwardChanged`: a packet of the spot or a future arrived. */
export const isDue = (chain: ChainState, eventMs: number, forwardChanged: boolean): boolean =>
  chain.changed ||
  (forwardChanged && chain.forwardSource !== "parity") ||
  periodOf(eventMs) > periodOf(chain.computedMs) ||
  eventMs > chain.staleFromMs ||
  (eventMs >= chain.expiryMs && chain.computedMs < chain.expiryMs)

/** An instant of event time. `closedSinceMs`: the end of the options' last session while they do not trade, otherwise NaN. */
export interface Instant {
  readonly eventMs: number
  readonly closedSinceMs: number
}

/**
 * The instant from which a chain's option time counts. While the options do not trade it is their close, because the last prices were
 * made then: a volatility neither rises through the night nor over a weekend. An expired chain has no option time.
 */
export const valuedMs = (chain: ChainState, { closedSinceMs, eventMs }: Instant): number =>
  Number.isNaN(closedSinceMs) || eventMs >= chain.expiryMs ? eventMs : closedSinceMs

/** Recomputes a chain from the last values, for an instant of event time. Allocates a few small objects per chain, none per row. */
export const refresh = (chain: ChainState, quotes: Quotes.Quotes, settings: Settings, spotRow: number, instant: Instant): void => {
  const count = chain.strike.length
  const { eventMs } = instant
  const t = IndiaTime.yearsTo(chain.expiryMs, valuedMs(chain, instant))
  gather(chain, quotes)
  estimateForward(chain, quotes, settings, t, spotRow)
  for (let i = 0; i < count; i++) {
    if (t > 0) solveStrike(chain, settings.rate, t, i)
    else expireStrike(chain, i, Number.isNaN(t) ? noForward : expired)
  }
  const { strike, call, put } = chain
  Black76.fillChain({ count, strike, vol: scratch.vol, f: chain.forward, t: Math.max(0, t), r: settings.rate, call, put })
  chain.staleFromMs = Number.POSITIVE_INFINITY
  const forwardMs = forwardMsOf(chain, quotes, spotRow)
  judge(chain, call, scratch.call, scratch.callMs, eventMs, settings, forwardMs)
  judge(chain, put, scratch.put, scratch.putMs, eventMs, settings, forwardMs)
  chain.atm = Moneyness.atmRow(strike, count, chain.forward)
  summarise(chain)
  chain.changed = false
  chain.computedMs = eventMs
}
