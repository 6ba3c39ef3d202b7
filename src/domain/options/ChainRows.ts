import * as IndiaTime from "../IndiaTime.ts"
import * as Quotes from "../market/Quotes.ts"
import type { Columns } from "./ChainMessage.ts"
import * as ChainState from "./ChainState.ts"
import * as Rounding from "./Rounding.ts"

/**
 * Published numbers of a row: prices in wire integers, `quality` as an index, the rest as integers at their decimal places; NaN for
 * null.
 */
const Field = {
  lastPrice: 0,
  bid: 1,
  ask: 2,
  volume: 3,
  oi: 4,
  oiChange: 5,
  iv: 6,
  delta: 7,
  gamma: 8,
  theta: 9,
  vega: 10,
  rho: 11,
  quality: 12,
  priceChange: 13
} as const
const width = 14

/** The side of a chain row: the call of strike i is row 2i, its put is row 2i + 1. */
const sideOf = (chain: ChainState.ChainState, chainRow: number): ChainState.Side => (chainRow % 2 === 0 ? chain.call : chain.put)
const strikeIndex = (chainRow: number): number => chainRow >>> 1
/** Row in `Quotes`, or -1. */
export const quotesRow = (chain: ChainState.ChainState, chainRow: number): number =>
  sideOf(chain, chainRow).row[strikeIndex(chainRow)] ?? -1
const rowCount = (chain: ChainState.ChainState): number => chain.strike.length * 2

const fillRow = (chain: ChainState.ChainState, quotes: Quotes.Quotes, chainRow: number, row: number, into: Float64Array): void => {
  const side = sideOf(chain, chainRow)
  const i = strikeIndex(chainRow)
  const to = chainRow * width
  const { units } = Rounding
  const none = Number.NaN
  into[to + Field.lastPrice] = quotes.lastPrice[row] ?? none
  into[to + Field.bid] = quotes.bid[row] ?? none
  into[to + Field.ask] = quotes.ask[row] ?? none
  into[to + Field.volume] = quotes.volume[row] ?? none
  into[to + Field.oi] = quotes.oi[row] ?? none
  into[to + Field.oiChange] = Quotes.oiChange(quotes, row)
  into[to + Field.priceChange] = Quotes.priceChange(quotes, row)
  into[to + Field.iv] = units.iv(chain.iv[i] ?? none)
  into[to + Field.delta] = units.delta(side.delta[i] ?? none)
  into[to + Field.gamma] = units.gamma(side.gamma[i] ?? none)
  into[to + Field.theta] = units.theta(side.theta[i] ?? none)
  into[to + Field.vega] = units.vega(side.vega[i] ?? none)
  into[to + Field.rho] = units.rho(side.rho[i] ?? none)
  into[to + Field.quality] = side.quality[i] ?? none
}

/** Writes the published numbers of every streamed row, `width` each, at chainRow * width. Other rows are not touched. */
export const fill = (chain: ChainState.ChainState, quotes: Quotes.Quotes, into: Float64Array): void => {
  for (let chainRow = 0; chainRow < rowCount(chain); chainRow++) {
    const row = quotesRow(chain, chainRow)
    if (row >= 0) fillRow(chain, quotes, chainRow, row, into)
  }
}

/** The state before anything was sent. It differs from every row, because every row has a quality. */
export const nothingSent = (chain: ChainState.ChainState): Float64Array => new Float64Array(rowCount(chain) * width).fill(Number.NaN)

const differs = (now: Float64Array, sent: Float64Array, chainRow: number): boolean => {
  for (let field = chainRow * width; field < (chainRow + 1) * width; field++)
    if (!Rounding.same(now[field] ?? 0, sent[field] ?? 0)) return true
  return false
}

/** The streamed rows, ascending. */
export const all = (chain: ChainState.ChainState): Array<number> => {
  const rows: Array<number> = []
  for (let chainRow = 0; chainRow < rowCount(chain); chainRow++) if (quotesRow(chain, chainRow) >= 0) rows.push(chainRow)
  return rows
}

/** The streamed rows whose published numbers differ from what was sent, ascending. Updates `sent` to the new numbers. */
export const takeChanged = (chain: ChainState.ChainState, now: Float64Array, sent: Float64Array): Array<number> => {
  const rows: Array<number> = []
  for (let chainRow = 0; chainRow < rowCount(chain); chainRow++) {
    if (quotesRow(chain, chainRow) < 0 || !differs(now, sent, chainRow)) continue
    rows.push(chainRow)
    for (let field = chainRow * width; field < (chainRow + 1) * width; field++) sent[field] = now[field] ?? 0
  }
  return rows
}

/** Fills `sent` of a rebuilt chain: contracts that remain keep their numbers. */
export const carrySent = (
  from: { readonly chain: ChainState.ChainState; readonly quotes: Quotes.Quotes; readonly sent: Float64Array },
  to: { readonly chain: ChainState.ChainState; readonly quotes: Quotes.Quotes; readonly sent: Float64Array }
): void => {
  for (const chainRow of all(to.chain)) {
    const contract = to.quotes.contracts[quotesRow(to.chain, chainRow)]
    const i = ChainState.indexOf(from.chain, to.chain.strike[strikeIndex(chainRow)] ?? 0)
    const before = i * 2 + (chainRow % 2)
    if (contract === undefined || i < 0 || quotesRow(from.chain, before) !== Quotes.rowBefore(from.quotes, contract)) continue
    for (let field = 0; field < width; field++) to.sent[chainRow * width + field] = from.sent[before * width + field] ?? 0
  }
}

/** Converts rows to the columns of a message. */
export const columns = (chain: ChainState.ChainState, quotes: Quotes.Quotes, rows: ReadonlyArray<number>, now: Float64Array): Columns => {
  const units = (field: number, places: number) => rows.map((row) => Rounding.fromUnits(now[row * width + field] ?? Number.NaN, places))
  const prices = (field: number) =>
    rows.map((row) => orNull(Quotes.rupees(quotes, quotesRow(chain, row), now[row * width + field] ?? Number.NaN)))
  const { places } = Rounding
  return {
    strike: rows.map((row) => chain.strike[strikeIndex(row)] ?? 0),
    side: rows.map((row) => (row % 2 === 0 ? "CE" : "PE")),
    instrument_token: rows.map((row) => quotes.contracts[quotesRow(chain, row)]?.instrument_token ?? 0),
    last_price: prices(Field.lastPrice),
    bid: prices(Field.bid),
    ask: prices(Field.ask),
    volume: units(Field.volume, 0),
    oi: units(Field.oi, 0),
    oi_change: units(Field.oiChange, 0),
    price_change: prices(Field.priceChange),
    iv: units(Field.iv, places.iv),
    delta: units(Field.delta, places.delta),
    gamma: units(Field.gamma, places.gamma),
    theta: units(Field.theta, places.theta),
    vega: units(Field.vega, places.vega),
    rho: units(Field.rho, places.rho),
    time: rows.map((row) => timeText(quotes.timeMs[quotesRow(chain, row)] ?? Number.NaN)),
    priced_at: rows.map((row) => timeText(sideOf(chain, row).pricedMs[strikeIndex(row)] ?? Number.NaN)),
    quality: rows.map((row) => ChainState.qualities[now[row * width + Field.quality] ?? 0] ?? "no_price")
  }
}

export const orNull = (x: number): number | null => (Number.isNaN(x) ? null : x)
/** A cache: the rows of one window share a few exchange times. */
const timeTexts = new Map<number, string>()
const timeTextsMax = 1_000
/** NaN and -Infinity (never) have no text. */
export const timeText = (ms: number): string | null => {
  if (!Number.isFinite(ms)) return null
  const known = timeTexts.get(ms)
  if (known !== undefined) return known
  if (timeTexts.size >= timeTextsMax) timeTexts.clear()
  const text = IndiaTime.isoTime(ms)
  timeTexts.set(ms, text)
  return text
}

/** Rows before rounding, in domain units (per year, per 1.00), with one bit pattern for NaN. Hashes are computed from these. */
export const exact = (chain: ChainState.ChainState, quotes: Quotes.Quotes, rows: ReadonlyArray<number>): Float64Array => {
  const totals = [chain.forward, chain.atm, chain.maxPain, chain.callOi, chain.putOi, chain.pcrOi, chain.pcrVolume]
  const rowWidth = 14
  const out = new Float64Array(totals.length + rows.length * rowWidth)
  out.set(totals)
  for (const [at, chainRow] of rows.entries()) {
    const side = sideOf(chain, chainRow)
    const i = strikeIndex(chainRow)
    const row = quotesRow(chain, chainRow)
    const market = [quotes.lastPrice, quotes.bid, quotes.ask, quotes.volume, quotes.oi, quotes.timeMs].map((column) => column[row] ?? 0)
    const priced = [chain.iv, side.price, side.delta, side.gamma, side.theta, side.vega, side.rho].map((column) => column[i] ?? 0)
    out.set([chainRow, ...market, ...priced], totals.length + at * rowWidth)
  }
  return out.map(Rounding.canonical)
}
