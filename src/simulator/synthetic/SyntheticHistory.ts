/** Minute candles of a synthetic market. Minutes before its start follow from the seed, later ones from the spot path. */

import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Frame from "../../domain/market/Frame.ts"
import * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import type { Span } from "../../domain/market/KiteHistory.ts"
import * as Calendars from "../../domain/rules/Calendars.ts"
import { shipped } from "../../domain/rules/Shipped.ts"
import type { Candle } from "../Candles.ts"
import * as PastPrices from "./PastPrices.ts"
import type { SpotMinute } from "./SpotPath.ts"
import * as SyntheticBook from "./SyntheticBook.ts"
import * as SyntheticSettings from "./SyntheticSettings.ts"

/** Open, high, low and close of an underlying in one minute, paise. */
type Ohlc = readonly [open: number, high: number, low: number, close: number]

/** A contract is listed this long before it expires. */
const listedMs = 120 * IndiaTime.dayMs
/** A minute before the start is sampled this many times. */
const pastSamples = 6

/** The last sample is the first one of the next minute, so there is no gap between candles. */
const pastSpots = (settings: SyntheticSettings.Settings, seams: PastPrices.Seams, base: number, product: number, atMs: number): Ohlc => {
  const at = (part: number): number => {
    const whenMs = Math.min(seams.startMs, atMs + (part / pastSamples) * IndiaTime.minuteMs)
    return base * (1 + PastPrices.deviation(settings.seed, product, whenMs, seams, settings.variation))
  }
  const prices = Array.from({ length: pastSamples + 1 }, (_, part) => at(part))
  return [prices[0] ?? base, Math.max(...prices), Math.min(...prices), prices.at(-1) ?? base]
}

/** The market's previous close is the start price, so the day's change agrees with the candles. Products share the hours of NSE. */
const seamsOf = (startMs: number): PastPrices.Seams => {
  const todayMs = IndiaTime.startOfDayMs(startMs)
  for (let back = 0; back < Calendars.closedDaysMax; back++) {
    const session = InstrumentHours.on(
      shipped,
      { segment: "NSE_CM", security: "other" },
      IndiaTime.istDate(todayMs - back * IndiaTime.dayMs)
    )
    if (session !== null && session !== "unknown" && session.closesAtMs < startMs) return { closeMs: session.closesAtMs, startMs }
  }
  return { closeMs: startMs - IndiaTime.dayMs, startMs }
}

/** A row's candle: the model prices at its underlying's open, high, low and close, rounded to the tick size. */
const minuteOf = (book: SyntheticBook.Book, settings: SyntheticSettings.Settings, row: number, atMs: number, spots: Ohlc): Candle => {
  const [open, high, low, close] = spots
  const expiryMs = SyntheticBook.expiryMsOf(book, row)
  const tick = book.tick[row] ?? 5
  const least = book.shape[row] === SyntheticBook.Shape.option ? tick : 0
  const priceAt = (spot: number, whenMs: number): number => {
    const t = Number.isFinite(expiryMs) ? Math.max(0, IndiaTime.yearsTo(expiryMs, whenMs)) : 0
    const value = SyntheticBook.valueOf(book, row, spot, SyntheticBook.forward(spot, t), t)
    return Math.max(least, Math.round(value / tick) * tick)
  }
  const prices = [
    priceAt(open, atMs),
    priceAt(high, atMs + IndiaTime.minuteMs / 2),
    priceAt(low, atMs + IndiaTime.minuteMs / 2),
    priceAt(close, atMs + IndiaTime.minuteMs)
  ] as const
  const token = book.columns.token[row] ?? 0
  const lots = settings.rate * 60 * ((settings.volumeLotsMax + 1) / 2) * (0.5 + PastPrices.uniform(settings.seed, token, atMs))
  return {
    atMs,
    open: prices[0],
    high: Math.max(...prices),
    low: Math.min(...prices),
    close: prices[3],
    volume: book.shape[row] === SyntheticBook.Shape.index ? 0 : Math.min(Frame.u32Max, Math.round(lots) * (book.lot[row] ?? 1)),
    oi: book.columns.oi[row] ?? 0
  }
}

const placeOf = (book: SyntheticBook.Book, row: number): InstrumentHours.Place => {
  const shape = book.shape[row]
  if (shape === SyntheticBook.Shape.index || shape === SyntheticBook.Shape.share) return { segment: "NSE_CM", security: "other" }
  return { segment: "NSE_FO", security: shape === SyntheticBook.Shape.future ? "future" : "option" }
}

/** The session minutes between two instants. Days without a session are skipped at once, because a span may cover years. */
function* sessionMinutes(place: InstrumentHours.Place, fromMs: number, toMs: number): Generator<number> {
  for (let midnightMs = IndiaTime.startOfDayMs(fromMs); midnightMs <= toMs; midnightMs += IndiaTime.dayMs) {
    const session = InstrumentHours.on(shipped, place, IndiaTime.istDate(midnightMs))
    if (session === null || session === "unknown") continue
    const lastMs = Math.min(toMs, session.closesAtMs - 1)
    for (let atMs = Math.max(fromMs, session.opensAtMs); atMs <= lastMs; atMs += IndiaTime.minuteMs) yield atMs
  }
}

export const minutesOf = (
  book: SyntheticBook.Book,
  settings: SyntheticSettings.Settings,
  live: ReadonlyArray<SpotMinute>,
  row: number,
  { fromMs, toMs }: Span
): ReadonlyArray<Candle> => {
  const index = book.product[row] ?? 0
  const product = SyntheticSettings.products[index]
  if (product === undefined) return []
  const base = SyntheticSettings.basePrice(settings, product)
  const expiryMs = SyntheticBook.expiryMsOf(book, row)
  const firstMs = Math.ceil(Math.max(fromMs, Number.isFinite(expiryMs) ? expiryMs - listedMs : 0) / IndiaTime.minuteMs) * IndiaTime.minuteMs
  const lastMs = Math.min(toMs, expiryMs - 1)
  const liveFromMs = Math.min(IndiaTime.minuteFloor(settings.startMs), live[0]?.atMs ?? Number.POSITIVE_INFINITY)
  const out: Array<Candle> = []
  const seams = seamsOf(settings.startMs)
  for (const atMs of sessionMinutes(placeOf(book, row), firstMs, Math.min(lastMs, liveFromMs - 1)))
    out.push(minuteOf(book, settings, row, atMs, pastSpots(settings, seams, base, index, atMs)))
  for (const { atMs, open, high, low, close } of live) {
    if (atMs < firstMs || atMs > lastMs) continue
    out.push(minuteOf(book, settings, row, atMs, [open[index] ?? 0, high[index] ?? 0, low[index] ?? 0, close[index] ?? 0]))
  }
  return out
}
