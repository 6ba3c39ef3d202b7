/** Quotes, OHLC and last prices, as kite.trade/docs/connect/v3/market-quotes describes them. */
import * as Frame from "../domain/market/Frame.ts"
import * as Instrument from "../domain/market/Instrument.ts"
import * as KiteTime from "../domain/market/KiteTime.ts"
import { instrumentsBySymbol, instrumentsByToken, type Market } from "./Market.ts"
import * as Route from "./Route.ts"

const quotesMax = 500
const pricesMax = 1000

type Quote = (instrument: Instrument.Instrument, row: Frame.FullFields) => unknown

const timeText = (seconds: number): string | null => (seconds === 0 ? null : KiteTime.format(seconds * 1000))

const ohlcOf = (row: Frame.FullFields, scale: number) => ({
  open: row.open / scale,
  high: row.high / scale,
  low: row.low / scale,
  close: row.close / scale
})
const levelsOf = (levels: ReadonlyArray<Frame.Level>, scale: number) => levels.map((level) => ({ ...level, price: level.price / scale }))

/** The day's circuit limits: ten percent on either side of the previous close; 0 and 0 for an instrument without a tick size. */
export const circuitLimits = (row: Frame.FullFields, tick: number): readonly [lower: number, upper: number] => {
  if (tick === 0) return [0, 0]
  const from = row.close === 0 ? row.open : row.close
  return [Math.max(tick, Math.ceil((from * 0.9) / tick) * tick), Math.max(tick, Math.floor((from * 1.1) / tick) * tick)]
}

const ltpQuote: Quote = (instrument, row) => ({
  instrument_token: instrument.token,
  last_price: row.lastPrice / Instrument.priceScale(instrument.token)
})

const ohlcQuote: Quote = (instrument, row) => {
  const scale = Instrument.priceScale(instrument.token)
  return { instrument_token: instrument.token, last_price: row.lastPrice / scale, ohlc: ohlcOf(row, scale) }
}

const fullQuote: Quote = (instrument, row) => {
  const scale = Instrument.priceScale(instrument.token)
  const [lower, upper] = circuitLimits(row, instrument.tickSize)
  return {
    instrument_token: instrument.token,
    timestamp: timeText(row.exchangeTime),
    last_trade_time: timeText(row.lastTradeTime),
    last_price: row.lastPrice / scale,
    last_quantity: row.lastQuantity,
    buy_quantity: row.buyQuantity,
    sell_quantity: row.sellQuantity,
    volume: row.volume,
    average_price: row.averagePrice / scale,
    oi: row.oi,
    oi_day_high: row.oiDayHigh,
    oi_day_low: row.oiDayLow,
    net_change: row.close === 0 ? 0 : (row.lastPrice - row.close) / scale,
    lower_circuit_limit: lower / scale,
    upper_circuit_limit: upper / scale,
    ohlc: ohlcOf(row, scale),
    depth: { buy: levelsOf(row.bids, scale), sell: levelsOf(row.asks, scale) }
  }
}

export const make = (market: Market, guard: Route.Guard): Route.Routes => {
  const bySymbol = instrumentsBySymbol(market)
  const byToken = instrumentsByToken(market)
  const noPacket = Frame.rowOf(Frame.makeColumns(1), 0)
  const route = (instrumentsMax: number, quote: Quote): Route.Route => ({
    methods: ["GET"],
    answer: guard("quote", (_session, query) => {
      const names = query.getAll("i")
      if (names.length === 0) return Route.refuse(400, "InputException", "Missing or empty field `i`")
      if (names.length > instrumentsMax) {
        const text = `At most ${instrumentsMax} instruments are allowed, ${names.length} were asked for`
        return Route.refuse(400, "InputException", text)
      }
      const data: Record<string, unknown> = {}
      for (const name of names) {
        const instrument = bySymbol().get(name) ?? byToken().get(name)
        // Kite leaves out an instrument that does not exist.
        if (instrument === undefined) continue
        const row = market.rowByToken.get(instrument.token)
        data[name] = quote(instrument, row === undefined ? noPacket : Frame.rowOf(market.columns, row))
      }
      return Route.success(data)
    })
  })
  return { "/quote": route(quotesMax, fullQuote), "/quote/ohlc": route(pricesMax, ohlcQuote), "/quote/ltp": route(pricesMax, ltpQuote) }
}
