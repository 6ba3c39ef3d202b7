/** Packets as a broker's server writes them. Fields that a kind does not carry are left out. */
import * as Frame from "../../../src/domain/market/Frame.ts"

export type Fields = Pick<Frame.FullFields, "token" | "lastPrice"> & Partial<Frame.FullFields>
type IndexFields = Pick<Frame.FullFields, "token" | "lastPrice" | "open" | "high" | "low" | "close">
type QuoteFields = IndexFields & Pick<Frame.FullFields, "lastQuantity" | "averagePrice" | "volume" | "buyQuantity" | "sellQuantity">

const noLevel: Frame.Level = { price: 0, quantity: 0, orders: 0 }

/** Writes one packet's fields into a row and overwrites the whole row. Levels beyond the fifth are omitted. */
export const setRow = (columns: Frame.Columns, row: number, kind: Frame.Kind, fields: Fields): void => {
  Frame.ensureCapacity(columns, row + 1)
  columns.kind[row] = kind
  for (const name of Frame.rowColumns) columns[name][row] = fields[name] ?? 0
  for (let level = 0; level < Frame.depthLevels; level++) {
    const bid = fields.bids?.[level] ?? noLevel
    const ask = fields.asks?.[level] ?? noLevel
    const to = row * Frame.depthLevels + level
    columns.bidPrice[to] = bid.price
    columns.bidQuantity[to] = bid.quantity
    columns.bidOrders[to] = bid.orders
    columns.askPrice[to] = ask.price
    columns.askQuantity[to] = ask.quantity
    columns.askOrders[to] = ask.orders
  }
}

/** One packet body without a frame header and without its length. */
const encode = (kind: Frame.Kind, fields: Fields): Uint8Array<ArrayBuffer> => {
  const columns = Frame.makeColumns(1)
  setRow(columns, 0, kind, fields)
  const writer = new Frame.Writer()
  writer.append(columns, 0)
  return writer.finish().slice(2 * Frame.headerBytes)
}
export const encodeLtp = (fields: Fields): Uint8Array<ArrayBuffer> => encode(Frame.Kind.ltp, fields)
export const encodeQuote = (fields: QuoteFields): Uint8Array<ArrayBuffer> => encode(Frame.Kind.quote, fields)
export const encodeFull = (fields: Frame.FullFields): Uint8Array<ArrayBuffer> => encode(Frame.Kind.full, fields)
export const encodeIndexQuote = (fields: IndexFields): Uint8Array<ArrayBuffer> => encode(Frame.Kind.indexQuote, fields)
export const encodeIndexFull = (fields: IndexFields & Pick<Frame.FullFields, "exchangeTime">): Uint8Array<ArrayBuffer> =>
  encode(Frame.Kind.indexFull, fields)
