/** An instrument as TradingView's charts describe it: its names, its hours and the resolutions of its bars. */
import { Effect } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as KiteHistory from "../../domain/market/KiteHistory.ts"
import type * as Hours from "../../domain/rules/Hours.ts"
import { Symbols } from "../instruments/Symbols.ts"

export const resolutions = KiteHistory.intervals.map(({ minutes }) => (minutes < IndiaTime.dayMinutes ? String(minutes) : "1D"))
const timezone = "Asia/Kolkata"

export const types = { INDEX: "index", EQ: "stock", FUT: "futures", CE: "option", PE: "option" } as const satisfies Record<
  Instrument.Kind,
  string
>
/** The session that charts show if the rulebook does not know the hours. */
const allDay = "0000-2400"

const clockText = (atMs: number): string => {
  const minutes = Math.floor(IndiaTime.istTimeOfDayMs(atMs) / IndiaTime.minuteMs)
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}${String(minutes % 60).padStart(2, "0")}`
}

/** Usual trading hours of a day, Indian time: "0915-1540". */
const sessionText = (session: Hours.Session | undefined): string =>
  session === undefined ? allDay : `${clockText(session.opensAtMs)}-${clockText(session.closesAtMs)}`

export const fullName = ({ exchange, tradingsymbol }: Instrument.Instrument): string => Instrument.symbolKey(exchange, tradingsymbol)
export const description = (it: Instrument.Instrument): string =>
  it.expiry === null
    ? it.name || it.tradingsymbol
    : [it.name, it.expiry, Instrument.isOption(it) ? `${Instrument.strikeText(it)} ${it.instrumentType}` : "future"].join(" ")

export const symbolInfo = (it: Instrument.Instrument, endMs: number | undefined, session: Hours.Session | undefined, nowMs: number) => {
  const pricescale = Instrument.priceScale(it.token)
  // An index has no tick size. Its values have two decimal places.
  const minmov = it.tickSize === 0 ? 1 : it.tickSize
  const isIndex = Instrument.kindOf(it) === "INDEX"
  return {
    name: it.tradingsymbol,
    ticker: fullName(it),
    description: description(it),
    type: types[Instrument.kindOf(it)],
    session: sessionText(session),
    timezone,
    exchange: it.exchange,
    listed_exchange: it.exchange,
    "exchange-traded": it.exchange,
    "exchange-listed": it.exchange,
    format: "price" as const,
    minmov,
    minmov2: 0,
    minmovement: minmov,
    pricescale,
    pointvalue: 1,
    currency_code: "INR",
    has_intraday: true,
    has_daily: true,
    has_weekly_and_monthly: false,
    has_no_volume: isIndex,
    visible_plots_set: isIndex ? ("ohlc" as const) : ("ohlcv" as const),
    intraday_multipliers: resolutions.filter((one) => one !== "1D"),
    supported_resolutions: [...resolutions],
    volume_precision: 0,
    data_status: "streaming" as const,
    expired: endMs !== undefined && endMs <= nowMs,
    ...(endMs === undefined ? {} : { expiration_date: endMs / 1_000 })
  }
}

/** Finds an instrument by the symbol that a chart sends, in upper or lower case. */
export const finder = Effect.map(Symbols, (symbols) => (symbol: string) => symbols.find(symbol.trim().toUpperCase()))
