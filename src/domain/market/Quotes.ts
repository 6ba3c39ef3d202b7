import { Either, Order } from "effect"
import * as IndiaTime from "../IndiaTime.ts"
import * as FrameHeader from "../record/FrameHeader.ts"
import type { Contract } from "../record/Reference.ts"
import * as Frame from "./Frame.ts"
import * as Instrument from "./Instrument.ts"

/** The base that an instrument's open interest and price are compared with. */
export const OiBase = { none: 0, firstSeen: 1, previousSession: 2 } as const

/**
 * Last values of one underlying's instruments as columns, one row per instrument. Plain data, mutated in place by its owner. Prices are
 * the wire's integers (`scale` integers make a rupee), NaN until received; times are UNIX ms.
 */
export interface Quotes {
  /** In row order, which `byRow` defines. */
  readonly contracts: ReadonlyArray<Contract>
  readonly rowOf: ReadonlyMap<number, number>
  readonly scale: Float64Array
  /** The end of a contract's last day in India. A later packet with its token belongs to another contract. */
  readonly lastDayEndMs: Float64Array
  readonly lastPrice: Float64Array
  readonly bid: Float64Array
  readonly ask: Float64Array
  readonly volume: Float64Array
  readonly oi: Float64Array
  readonly oiBase: Float64Array
  readonly oiBaseFrom: Uint8Array
  /** Price at the time when the base of the open interest was set. */
  readonly priceBase: Float64Array
  readonly previousClose: Float64Array
  /** When the newest packet was received; -Infinity before the first. */
  readonly receivedMs: Float64Array
  /** Time of the newest packet: the exchange's time, or the receive time if it carried none; NaN before the first packet. */
  readonly timeMs: Float64Array
  /**
   * When the last price was made: the last trade, an index's own time, or the receive time of a packet that carries neither. -Infinity for
   * a contract that never traded, NaN before the first packet.
   */
  readonly pricedMs: Float64Array
  /** 1 if a packet arrived since the owner last cleared it. */
  readonly changed: Uint8Array
  /** IST midnight at the end of the newest day seen. */
  nextDayMs: number
  /** Counts of packets: of an unknown kind; of a token without a contract; older than their row. */
  bad: number
  unknown: number
  outdated: number
}

/** A total order: the underlying itself, futures by expiry, options by expiry, strike and side; ties are broken by token. */
const byRow = (a: Contract, b: Contract): number =>
  Instrument.kindRank[a.kind] - Instrument.kindRank[b.kind] ||
  Order.string(a.expiry ?? "", b.expiry ?? "") ||
  a.strike - b.strike ||
  Order.string(a.kind, b.kind) ||
  a.instrument_token - b.instrument_token

/** One contract per token (the first one), in row order. Contracts of an unknown segment get no row, because their prices have no unit. */
const distinct = (contracts: Iterable<Contract>): ReadonlyArray<Contract> => {
  const byToken = new Map<number, Contract>()
  for (const contract of contracts) {
    const { instrument_token: token } = contract
    if (!byToken.has(token) && Either.isRight(Instrument.unitsOf(token))) byToken.set(token, contract)
  }
  return Array.from(byToken.values()).sort(byRow)
}

const lastDayEndMs = (expiry: string | null): number =>
  expiry === null ? Number.POSITIVE_INFINITY : IndiaTime.istMidnightMs(expiry) + IndiaTime.dayMs

export const make = (contracts: Iterable<Contract>): Quotes => {
  const rows = distinct(contracts)
  const unknown = () => new Float64Array(rows.length).fill(Number.NaN)
  return {
    contracts: rows,
    rowOf: new Map(rows.map((contract, row) => [contract.instrument_token, row])),
    scale: Float64Array.from(rows, (contract) => Instrument.priceScale(contract.instrument_token)),
    lastDayEndMs: Float64Array.from(rows, ({ expiry }) => lastDayEndMs(expiry)),
    lastPrice: unknown(),
    bid: unknown(),
    ask: unknown(),
    volume: unknown(),
    oi: unknown(),
    oiBase: unknown(),
    oiBaseFrom: new Uint8Array(rows.length),
    priceBase: unknown(),
    previousClose: unknown(),
    receivedMs: new Float64Array(rows.length).fill(Number.NEGATIVE_INFINITY),
    timeMs: unknown(),
    pricedMs: unknown(),
    changed: new Uint8Array(rows.length),
    nextDayMs: Number.NEGATIVE_INFINITY,
    bad: 0,
    unknown: 0,
    outdated: 0
  }
}

const kept = [
  "lastPrice",
  "bid",
  "ask",
  "volume",
  "oi",
  "oiBase",
  "oiBaseFrom",
  "priceBase",
  "previousClose",
  "receivedMs",
  "timeMs",
  "pricedMs",
  "changed"
] as const satisfies ReadonlyArray<keyof Quotes>

/** The row of `from` that holds the same contract, or -1. A token that now names another contract does not match: tokens are reused. */
export const rowBefore = (from: Quotes, contract: Contract): number => {
  const row = from.rowOf.get(contract.instrument_token)
  return row !== undefined && from.contracts[row]?.tradingsymbol === contract.tradingsymbol ? row : -1
}

/** Compares open interest with the previous session's value in the contract. The price of that time is unknown. */
const takePreviousOi = (quotes: Quotes, row: number, { previous_oi }: Contract): void => {
  if (previous_oi === undefined) return
  quotes.oiBase[row] = previous_oi
  quotes.oiBaseFrom[row] = OiBase.previousSession
  quotes.priceBase[row] = Number.NaN
}

/** Quotes for a new list of contracts. Contracts that were known before keep their values. */
export const withContracts = (from: Quotes, contracts: Iterable<Contract>): Quotes => {
  const to = make(contracts)
  for (const [row, contract] of to.contracts.entries()) {
    const before = rowBefore(from, contract)
    if (before >= 0) for (const name of kept) to[name][row] = from[name][before] ?? Number.NaN
    // A session in the record itself takes precedence.
    if (from.oiBaseFrom[before] !== OiBase.previousSession) takePreviousOi(to, row, contract)
  }
  return { ...to, nextDayMs: from.nextDayMs, bad: from.bad, unknown: from.unknown, outdated: from.outdated }
}

/** Starts a new day in India: the latest open interest becomes the previous session's. */
export const rollDay = (quotes: Quotes, atMs: number): void => {
  if (atMs < quotes.nextDayMs) return
  const first = quotes.nextDayMs === Number.NEGATIVE_INFINITY
  quotes.nextDayMs = IndiaTime.startOfDayMs(atMs) + IndiaTime.dayMs
  if (first) return
  for (let row = 0; row < quotes.oi.length; row++) {
    const oi = quotes.oi[row] ?? Number.NaN
    if (Number.isNaN(oi)) continue
    quotes.oiBase[row] = oi
    quotes.oiBaseFrom[row] = OiBase.previousSession
    quotes.priceBase[row] = quotes.lastPrice[row] ?? Number.NaN
  }
}

/**
 * Rows that the last `ingest` accepted, in packet order. One object for the whole process: read it before the next call. It is not
 * state.
 */
export interface Accepted {
  count: number
  row: Int32Array
  receivedMs: Float64Array
  /** Integer price; NaN for a packet without a price. */
  lastPrice: Float64Array
}

const accepted: Accepted = { count: 0, row: new Int32Array(64), receivedMs: new Float64Array(64), lastPrice: new Float64Array(64) }

const reserve = (count: number): void => {
  if (count <= accepted.row.length) return
  accepted.row = new Int32Array(Math.max(count, accepted.row.length * 2))
  accepted.receivedMs = new Float64Array(accepted.row.length)
  accepted.lastPrice = new Float64Array(accepted.row.length)
}

const priceOrNaN = (int: number): number => (int === 0 ? Number.NaN : int)

const applyOpenInterest = (quotes: Quotes, row: number, oi: number, receivedMs: number): void => {
  quotes.oi[row] = oi
  // The packet is from a day before the newest one: it comes from the keyframe of an account that has been silent since.
  if (receivedMs < quotes.nextDayMs - IndiaTime.dayMs) {
    quotes.oiBase[row] = oi
    quotes.oiBaseFrom[row] = OiBase.previousSession
    quotes.priceBase[row] = quotes.lastPrice[row] ?? Number.NaN
  } else if (quotes.oiBaseFrom[row] === OiBase.none) {
    quotes.oiBase[row] = oi
    quotes.oiBaseFrom[row] = OiBase.firstSeen
  }
  // A contract may have a quote before its first trade.
  if (quotes.oiBaseFrom[row] === OiBase.firstSeen && Number.isNaN(quotes.priceBase[row]))
    quotes.priceBase[row] = quotes.lastPrice[row] ?? Number.NaN
}

/** When the price of a packet was made, never after the packet's receipt. */
const pricedAt = (bytes: Uint8Array, offset: number, length: number, receivedMs: number): number => {
  const tradeSeconds = Frame.lastTradeTimeAt(bytes, offset, length)
  const exchangeSeconds = Frame.exchangeTimeAt(bytes, offset, length)
  if (tradeSeconds > 0) return Math.min(tradeSeconds * 1000, receivedMs)
  if (exchangeSeconds > 0) return Frame.hasDepth(length) ? Number.NEGATIVE_INFINITY : Math.min(exchangeSeconds * 1000, receivedMs)
  return receivedMs
}

/** Applies the packet at `offset`, of kind `length`. Fields are read in place, because most of them are not needed here. */
const apply = (quotes: Quotes, row: number, bytes: Uint8Array, offset: number, length: number, receivedMs: number): void => {
  quotes.receivedMs[row] = receivedMs
  quotes.changed[row] = 1
  quotes.pricedMs[row] = pricedAt(bytes, offset, length, receivedMs)
  quotes.lastPrice[row] = priceOrNaN(Frame.lastPriceAt(bytes, offset))
  // If the newest packet has no depth, the book is unknown: an old quote must not pass for a live one.
  quotes.bid[row] = priceOrNaN(Frame.bestBidAt(bytes, offset, length))
  quotes.ask[row] = priceOrNaN(Frame.bestAskAt(bytes, offset, length))
  if (Frame.hasOhlc(length)) quotes.previousClose[row] = priceOrNaN(Frame.closeAt(bytes, offset, length))
  if (Frame.hasVolume(length)) quotes.volume[row] = Frame.volumeAt(bytes, offset, length)
  if (Frame.hasOpenInterest(length)) applyOpenInterest(quotes, row, Frame.openInterestAt(bytes, offset, length), receivedMs)
  const exchangeSeconds = Frame.exchangeTimeAt(bytes, offset, length)
  quotes.timeMs[row] = exchangeSeconds === 0 ? receivedMs : exchangeSeconds * 1000
}

/** Folds a frame's packets. A packet older than its row (a resent frame) is skipped. Returns the accepted packets. */
export const ingest = (quotes: Quotes, header: FrameHeader.FrameHeader, bytes: Uint8Array): Accepted => {
  const packets = Frame.packetCount(bytes)
  reserve(packets)
  FrameHeader.fillReceivedMs(header, packets, accepted.receivedMs)
  let packet = 0
  let count = 0
  quotes.bad += Frame.forEachPacket(bytes, (offset, length) => {
    const row = quotes.rowOf.get(Frame.tokenAt(bytes, offset))
    const receivedMs = accepted.receivedMs[packet++] ?? 0
    if (row === undefined || receivedMs >= (quotes.lastDayEndMs[row] as number)) {
      quotes.unknown++
    } else if (receivedMs < (quotes.receivedMs[row] ?? 0)) {
      quotes.outdated++
    } else {
      if (receivedMs >= quotes.nextDayMs) rollDay(quotes, receivedMs)
      apply(quotes, row, bytes, offset, length, receivedMs)
      // `count` never passes the index of the packet being read, so one array serves both.
      accepted.row[count] = row
      accepted.receivedMs[count] = receivedMs
      accepted.lastPrice[count] = quotes.lastPrice[row] ?? Number.NaN
      count++
    }
  })
  accepted.count = count
  return accepted
}

/** A column's value in a row; NaN for a contract without a row (-1). */
export const at = (column: Float64Array, row: number): number => (row < 0 ? Number.NaN : (column[row] ?? Number.NaN))

/** A row's integer price in rupees; NaN stays NaN. */
export const rupees = (quotes: Quotes, row: number, int: number): number => int / (quotes.scale[row] ?? 1)

/** Change of open interest since its base (`oiBaseFrom`); NaN while unknown. */
export const oiChange = (quotes: Quotes, row: number): number => (quotes.oi[row] ?? Number.NaN) - (quotes.oiBase[row] ?? Number.NaN)

/**
 * Change of price over the same time as `oiChange`, in the wire's integers. If open interest is compared with the previous session, the
 * base is the exchange's previous close. Otherwise it is the price when the open interest was first seen. NaN while unknown.
 */
export const priceChange = (quotes: Quotes, row: number): number => {
  const previousClose = quotes.oiBaseFrom[row] === OiBase.previousSession ? (quotes.previousClose[row] ?? Number.NaN) : Number.NaN
  const base = Number.isNaN(previousClose) ? (quotes.priceBase[row] ?? Number.NaN) : previousClose
  return (quotes.lastPrice[row] ?? Number.NaN) - base
}

/** The row of the underlying itself (index or share), or -1. */
export const spotRow = (quotes: Quotes): number => {
  const kind = quotes.contracts[0]?.kind
  return kind === "INDEX" || kind === "EQ" ? 0 : -1
}
