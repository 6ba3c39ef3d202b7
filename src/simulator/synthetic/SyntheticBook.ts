/** The state of a synthetic market by row, and the model price of each row. Prices are in paise. */
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Frame from "../../domain/market/Frame.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Life from "../../domain/market/Life.ts"
import * as Black76 from "../../domain/options/Black76.ts"
import { shipped } from "../../domain/rules/Shipped.ts"
import * as SyntheticListing from "./SyntheticListing.ts"
import * as SyntheticSettings from "./SyntheticSettings.ts"

/** Interest and dividend yield per year. */
export const rate = 0.065
const dividend = 0.012

export const Shape = { index: 0, share: 1, future: 2, option: 3 } as const

/** One expiry of one product: years until it expires, and its forward price. */
interface ExpirySlot {
  readonly product: number
  readonly expiryMs: number
  t: number
  f: number
}

/** Static data of each row, and the prices that all rows of a product or an expiry share. */
export interface Book {
  readonly columns: Frame.Columns
  readonly shape: Uint8Array
  readonly product: Uint8Array
  /** Index into `slots`; 0 for the spot itself. */
  readonly slot: Uint16Array
  readonly side: Int8Array
  readonly strike: Float64Array
  readonly tick: Uint32Array
  readonly lot: Uint32Array
  /** Sum of price x quantity over all trades, for the average price. */
  readonly turnover: Float64Array
  readonly slots: Array<ExpirySlot>
  /** Spot price by product. */
  readonly spot: Float64Array
}

/**
 * Volatility by standardised log-moneyness m = ln(K/F) / (atm sqrt(T)). m is clipped at 3, where options are almost worthless.
 * `f` and `k` share one unit; `t` is in years.
 */
export const smile = (atm: number, f: number, k: number, t: number): number => {
  const m = Math.max(-3, Math.min(3, Math.log(k / f) / (atm * Math.sqrt(Math.max(t, 1e-6)))))
  return atm * (1 - 0.06 * m + 0.03 * m * m)
}

/** Forward price of a spot price, in the same unit; `t` is in years. */
export const forward = (spot: number, t: number): number => spot * Math.exp((rate - dividend) * t)

const shapeOf = (instrument: Instrument.Instrument): number => {
  switch (Instrument.kindOf(instrument)) {
    case "INDEX":
      return Shape.index
    case "EQ":
      return Shape.share
    case "FUT":
      return Shape.future
    default:
      return Shape.option
  }
}

const tickOf = ({ instrument, product }: SyntheticListing.Listed): number => {
  const underlying = SyntheticSettings.products[product]
  // Kite lists an index without a tick size.
  return underlying !== undefined && Instrument.isIndex(instrument.token)
    ? SyntheticListing.underlyingOf(underlying).spotTick
    : instrument.tickSize
}

const empty = (settings: SyntheticSettings.Settings, rows: number): Book => ({
  columns: Frame.makeColumns(rows),
  shape: new Uint8Array(rows),
  product: new Uint8Array(rows),
  slot: new Uint16Array(rows),
  side: new Int8Array(rows),
  strike: new Float64Array(rows),
  tick: new Uint32Array(rows),
  lot: new Uint32Array(rows),
  turnover: new Float64Array(rows),
  slots: [{ product: -1, expiryMs: Number.POSITIVE_INFINITY, t: 0, f: 0 }],
  spot: Float64Array.from(SyntheticSettings.products, (product) => SyntheticSettings.basePrice(settings, product))
})

export const make = (settings: SyntheticSettings.Settings, listed: ReadonlyArray<SyntheticListing.Listed>): Book => {
  const book = empty(settings, listed.length)
  const slotByKey = new Map<string, number>()
  book.columns.count = listed.length
  for (const [row, one] of listed.entries()) {
    const { instrument, product } = one
    const shape = shapeOf(instrument)
    book.columns.token[row] = instrument.token
    book.columns.kind[row] = shape === Shape.index ? Frame.Kind.indexFull : Frame.Kind.full
    book.shape[row] = shape
    book.product[row] = product
    book.side[row] = instrument.instrumentType === "PE" ? -1 : 1
    book.strike[row] = instrument.strike
    book.tick[row] = tickOf(one)
    book.lot[row] = Math.max(1, instrument.lotSize)
    if (instrument.expiry === null) continue
    const key = `${product} ${instrument.expiry}`
    const slot =
      slotByKey.get(key) ?? book.slots.push({ product, expiryMs: Life.instrumentShownUntilMs(shipped, instrument), t: 0, f: 0 }) - 1
    slotByKey.set(key, slot)
    book.slot[row] = slot
  }
  return book
}

export const expiryMsOf = (book: Book, row: number): number => book.slots[book.slot[row] ?? 0]?.expiryMs ?? Number.POSITIVE_INFINITY

/** Computes the time to expiry and the forward price of every expiry again. */
export const refreshSlots = (book: Book, timeMs: number): void => {
  for (const slot of book.slots) {
    if (slot.product < 0) continue
    slot.t = Math.max(0, IndiaTime.yearsTo(slot.expiryMs, timeMs))
    slot.f = forward(book.spot[slot.product] ?? 0, slot.t)
  }
}

/** Model price of a row for a spot price, a forward price and `t` years to expiry; not yet rounded to the tick size. */
export const valueOf = (book: Book, row: number, spot: number, f: number, t: number): number => {
  const shape = book.shape[row]
  if (shape === Shape.index || shape === Shape.share) return spot
  if (shape === Shape.future) return f
  const strike = book.strike[row] ?? 0
  const volatility = smile(SyntheticSettings.products[book.product[row] ?? 0]?.volatility ?? 0, f, strike, t)
  return Black76.priceOf((book.side[row] ?? 1) > 0 ? 1 : -1, f, strike, t, rate, volatility)
}

/** Model price of a row at the book's current spot price. */
export const fairPrice = (book: Book, row: number): number => {
  const slot = book.slots[book.slot[row] ?? 0]
  return slot === undefined ? 0 : valueOf(book, row, book.spot[book.product[row] ?? 0] ?? 0, slot.f, slot.t)
}
