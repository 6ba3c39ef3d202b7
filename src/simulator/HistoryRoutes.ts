/** Historical candles, as kite.trade/docs/connect/v3/historical describes them. */

import * as IndiaTime from "../domain/IndiaTime.ts"
import * as Timeframe from "../domain/indicators/Timeframe.ts"
import * as Instrument from "../domain/market/Instrument.ts"
import * as InstrumentHours from "../domain/market/InstrumentHours.ts"
import * as KiteHistory from "../domain/market/KiteHistory.ts"
import * as KiteTime from "../domain/market/KiteTime.ts"
import { shipped } from "../domain/rules/Shipped.ts"
import * as Candles from "./Candles.ts"
import { instrumentsByToken, type Market } from "./Market.ts"
import * as Route from "./Route.ts"

interface Asked {
  readonly interval: KiteHistory.Interval
  readonly span: KiteHistory.Span
}

/** UNIX ms of "yyyy-mm-dd hh:mm:ss", or of a day's midnight in India; NaN for any other text. */
export const instantMs = (text: string): number => KiteTime.instantMs(IndiaTime.isIsoDate(text) ? `${text} 00:00:00` : text) ?? Number.NaN

/** The interval and the span of a request, or Kite's text for what is wrong with them. */
const read = (name: string, query: URLSearchParams): Asked | string => {
  const interval = KiteHistory.byName(name)
  if (interval === undefined) return "invalid interval"
  const span = { fromMs: instantMs(query.get("from") ?? ""), toMs: instantMs(query.get("to") ?? "") }
  if (Number.isNaN(span.fromMs)) return "invalid from date"
  if (Number.isNaN(span.toMs)) return "invalid to date"
  if (span.fromMs > span.toMs) return "from date cannot be after to date"
  if (span.toMs - span.fromMs > interval.daysMax * IndiaTime.dayMs) return `interval exceeds max limit: ${interval.daysMax} days`
  return { interval, span }
}

const candlesOf = (market: Market, instrument: Instrument.Instrument, { interval, span }: Asked): ReadonlyArray<Candles.Candle> => {
  // The first candle also needs minutes from before the span, and the last one minutes from after it.
  const openMs = InstrumentHours.gridOpenMs(shipped, InstrumentHours.placeOf(shipped, instrument, false), span.toMs)
  const minutes = market.minutes(instrument.token, {
    fromMs: Timeframe.barStartMs(span.fromMs, interval.minutes, openMs),
    toMs: span.toMs + interval.minutes * IndiaTime.minuteMs
  })
  return Candles.aggregate(minutes, interval.minutes, openMs).filter(({ atMs }) => atMs >= span.fromMs && atMs <= span.toMs)
}

/** The route of one token and interval, both as the path spells them. */
export const make = (market: Market, guard: Route.Guard) => {
  const byToken = instrumentsByToken(market)
  return (token: string, name: string): Route.Route => ({
    methods: ["GET"],
    answer: guard("history", (_session, query) => {
      const instrument = byToken().get(token)
      if (instrument === undefined) return Route.refuse(400, "InputException", "invalid token")
      const asked = read(name, query)
      if (typeof asked === "string") return Route.refuse(400, "InputException", asked)
      const isContinuous = query.get("continuous") === "1"
      if (isContinuous && (instrument.instrumentType !== "FUT" || asked.interval.name !== "day"))
        return Route.refuse(400, "InputException", "continuous data is available only for day candles of futures")
      const scale = Instrument.priceScale(instrument.token)
      const candles = candlesOf(market, instrument, asked).map(({ atMs, open, high, low, close, volume, oi }) => {
        const row = [KiteTime.candleText(atMs), open / scale, high / scale, low / scale, close / scale, volume]
        return query.get("oi") === "1" ? [...row, oi] : row
      })
      return Route.success({ candles })
    })
  })
}
