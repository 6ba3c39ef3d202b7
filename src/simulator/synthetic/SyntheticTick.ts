/** One tick of a synthetic market: new depth around the model price, and a trade at the best bid or ask. */
import * as Frame from "../../domain/market/Frame.ts"
import type { Random } from "../Random.ts"
import * as SyntheticBook from "./SyntheticBook.ts"

/** Writes five levels on either side of the fair price. Bids and asks never cross, and no bid is below one tick. */
const quote = (book: SyntheticBook.Book, row: number, fair: number, random: Random): void => {
  const { columns } = book
  const tick = book.tick[row] ?? 5
  const lot = book.lot[row] ?? 1
  const bits = random.bits()
  const half = tick * (0.5 + (bits & 1)) + fair * 0.0001
  const bid = Math.max(0, Math.floor((fair - half) / tick) * tick)
  const ask = Math.max(bid + tick, Math.ceil((fair + half) / tick) * tick)
  let buy = 0
  let sell = 0
  for (let level = 0; level < Frame.depthLevels; level++) {
    const at = row * Frame.depthLevels + level
    const price = bid - level * tick
    const has = price > 0
    const bidQuantity = has ? (1 + ((bits >>> (level * 3 + 1)) & 7)) * (level + 1) * lot : 0
    const askQuantity = (1 + ((bits >>> (level * 3 + 15)) & 7)) * (level + 1) * lot
    columns.bidPrice[at] = has ? price : 0
    columns.bidQuantity[at] = bidQuantity
    columns.bidOrders[at] = has ? 1 + ((bits >>> (level + 4)) & 7) : 0
    columns.askPrice[at] = ask + level * tick
    columns.askQuantity[at] = askQuantity
    columns.askOrders[at] = 1 + ((bits >>> (level + 9)) & 7)
    buy += bidQuantity
    sell += askQuantity
  }
  columns.buyQuantity[row] = buy * 20
  columns.sellQuantity[row] = sell * 20
}

const trade = (book: SyntheticBook.Book, row: number, price: number, quantity: number): void => {
  const { columns } = book
  columns.lastPrice[row] = price
  columns.lastQuantity[row] = quantity
  const volume = Math.min(Frame.u32Max, (columns.volume[row] ?? 0) + quantity)
  columns.volume[row] = volume
  const turnover = (book.turnover[row] ?? 0) + price * quantity
  book.turnover[row] = turnover
  columns.averagePrice[row] = Math.round(turnover / volume)
}

const extendDayRange = (columns: Frame.Columns, row: number, price: number): void => {
  if (price > (columns.high[row] ?? 0)) columns.high[row] = price
  if (price < (columns.low[row] ?? 0)) columns.low[row] = price
}

/** A trade opens contracts, closes them, or moves them from one holder to another. */
const changeOpenInterest = (columns: Frame.Columns, row: number, lot: number, bits: number): void => {
  const change = (((bits >>> 2) & 3) - 1) * lot * ((bits >>> 4) & 1)
  const oi = Math.max(lot, Math.min(Frame.u32Max, (columns.oi[row] ?? 0) + change))
  columns.oi[row] = oi
  if (oi > (columns.oiDayHigh[row] ?? 0)) columns.oiDayHigh[row] = oi
  if (oi < (columns.oiDayLow[row] ?? 0)) columns.oiDayLow[row] = oi
}

export const tickRow = (book: SyntheticBook.Book, row: number, timeMs: number, volumeLotsMax: number, random: Random): void => {
  const { columns } = book
  const seconds = Math.floor(timeMs / 1000)
  const tick = book.tick[row] ?? 5
  const fair = SyntheticBook.fairPrice(book, row)
  columns.exchangeTime[row] = seconds
  if (book.shape[row] === SyntheticBook.Shape.index) {
    columns.lastPrice[row] = Math.round(fair / tick) * tick
    extendDayRange(columns, row, columns.lastPrice[row] ?? 0)
    return
  }
  quote(book, row, fair, random)
  const bits = random.bits()
  const bid = Frame.bestBidPrice(columns, row)
  const price = (bits & 1) === 1 && bid > 0 ? bid : Frame.bestAskPrice(columns, row)
  const lots = 1 + ((bits >>> 8) % volumeLotsMax)
  const lot = book.lot[row] ?? 1
  trade(book, row, price, lots * lot)
  columns.lastTradeTime[row] = seconds
  extendDayRange(columns, row, price)
  if (book.shape[row] !== SyntheticBook.Shape.share) changeOpenInterest(columns, row, lot, bits)
}

/** Lots open at the start: most near the money and at round strikes, calls above the spot price and puts below it. */
const openInterestLots = (book: SyntheticBook.Book, row: number, random: Random): number => {
  if (book.shape[row] === SyntheticBook.Shape.future) return 50_000 + (random.bits() % 50_000)
  const spot = book.spot[book.product[row] ?? 0] ?? 1
  const strike = book.strike[row] ?? 0
  const distance = (strike / spot - 1 - 0.01 * (book.side[row] ?? 1)) / 0.025
  const peak = 20_000 / (1 + distance * distance)
  return Math.ceil(peak * (0.5 + random.next()) * (strike % 50_000 === 0 ? 2 : 1))
}

/** Gives a row its first packet: open interest, one tick, and a day range of one price. */
export const seedRow = (book: SyntheticBook.Book, row: number, timeMs: number, volumeLotsMax: number, random: Random): void => {
  const { columns } = book
  const shape = book.shape[row]
  if (shape === SyntheticBook.Shape.future || shape === SyntheticBook.Shape.option) {
    const oi = openInterestLots(book, row, random) * (book.lot[row] ?? 1)
    columns.oi[row] = oi
    columns.oiDayHigh[row] = oi
    columns.oiDayLow[row] = oi
  }
  tickRow(book, row, timeMs, volumeLotsMax, random)
  // A share starts at its base price, not at the bid or ask beside it.
  const tick = book.tick[row] ?? 5
  const price =
    shape === SyntheticBook.Shape.share ? Math.round(SyntheticBook.fairPrice(book, row) / tick) * tick : (columns.lastPrice[row] ?? 0)
  columns.lastPrice[row] = price
  columns.high[row] = price
  columns.low[row] = price
  columns.open[row] = price
  columns.close[row] = price
}
