import * as Quotes from "../market/Quotes.ts"
import type * as ChainMessage from "../options/ChainMessage.ts"
import * as ChainRows from "../options/ChainRows.ts"
import type * as ChainState from "../options/ChainState.ts"
import * as Rounding from "../options/Rounding.ts"

/** The last values of an underlying's instruments. By row: the index of its chain (-1: spot or future) and of its strike. */
interface Rows {
  readonly quotes: Quotes.Quotes
  readonly chains: ReadonlyArray<{ readonly chain: ChainState.ChainState }>
  readonly chainOf: Int32Array
  readonly strikeOf: Int32Array
}

/** One object for all rows: read it before the next call. */
const priced = { iv: Number.NaN, delta: Number.NaN, gamma: Number.NaN, theta: Number.NaN, vega: Number.NaN }

/** The numbers that a row's chain computed for it, per year and per 1.00; NaN if unknown. */
const pricedOf = ({ quotes, chains, chainOf, strikeOf }: Rows, row: number): typeof priced => {
  const chain = chains[chainOf[row] ?? -1]?.chain
  const at = strikeOf[row] ?? -1
  const side = quotes.contracts[row]?.kind === "PE" ? chain?.put : chain?.call
  priced.iv = chain?.iv[at] ?? Number.NaN
  priced.delta = side?.delta[at] ?? Number.NaN
  priced.gamma = side?.gamma[at] ?? Number.NaN
  priced.theta = side?.theta[at] ?? Number.NaN
  priced.vega = side?.vega[at] ?? Number.NaN
  return priced
}

type Columns = ChainMessage.Ticks["columns"]

/** Converts rows to the columns of md.tick. */
export const columns = (from: Rows, rows: ReadonlyArray<number>): Columns => {
  const { quotes } = from
  const to: { -readonly [K in keyof Columns]: Array<Columns[K][number]> } = {
    instrument_token: [],
    last_price: [],
    volume: [],
    oi: [],
    iv: [],
    delta: [],
    gamma: [],
    theta: [],
    vega: []
  }
  for (const row of rows) {
    const { iv, delta, gamma, theta, vega } = pricedOf(from, row)
    to.instrument_token.push(quotes.contracts[row]?.instrument_token ?? 0)
    to.last_price.push(ChainRows.orNull(Quotes.rupees(quotes, row, quotes.lastPrice[row] ?? Number.NaN)))
    to.volume.push(ChainRows.orNull(quotes.volume[row] ?? Number.NaN))
    to.oi.push(ChainRows.orNull(quotes.oi[row] ?? Number.NaN))
    to.iv.push(Rounding.published("iv", iv))
    to.delta.push(Rounding.published("delta", delta))
    to.gamma.push(Rounding.published("gamma", gamma))
    to.theta.push(Rounding.published("theta", theta))
    to.vega.push(Rounding.published("vega", vega))
  }
  return to
}

/** Rows before rounding, column by column, with one bit pattern for NaN. Hashes are computed from these. */
export const exact = (from: Rows, rows: ReadonlyArray<number>): Float64Array => {
  const { lastPrice, volume, oi } = from.quotes
  const market = [lastPrice, volume, oi].flatMap((column) => rows.map((row) => column[row] ?? Number.NaN))
  const greeks = (["iv", "delta", "gamma", "theta", "vega"] as const).flatMap((name) => rows.map((row) => pricedOf(from, row)[name]))
  return Float64Array.from([...rows, ...market, ...greeks], Rounding.canonical)
}
