import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Config, Effect, Layer } from "effect"
import { Api } from "../../contract/Api.ts"
import { Authentication } from "../../contract/shared/Authentication.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import { UdfAccess } from "../../contract/udf/UdfApi.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as InstrumentHours from "../../domain/market/InstrumentHours.ts"
import * as KiteHistory from "../../domain/market/KiteHistory.ts"
import type * as Hours from "../../domain/rules/Hours.ts"
import { InstrumentRegistry } from "../../store/InstrumentRegistry.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { RuleBook } from "../../streams/RuleBook.ts"
import { History } from "../history/History.ts"
import { Symbols } from "../instruments/Symbols.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { Views } from "../views/Views.ts"

const refusedInUdf = <A, R>(access: Effect.Effect<A, Problem.Unauthorized, R>) =>
  Effect.asVoid(Effect.mapError(access, ({ detail }) => new Problem.UdfUnauthorized({ detail })))

export const UdfAccessLive = Layer.effect(
  UdfAccess,
  Effect.gen(function* () {
    const { bearer, apiKey } = yield* Authentication
    const isPublic = yield* Config.boolean("UDF_PUBLIC").pipe(Config.withDefault(false))
    return isPublic
      ? UdfAccess.of({ bearer: () => Effect.void, apiKey: () => Effect.void })
      : UdfAccess.of({ bearer: (token) => refusedInUdf(bearer(token)), apiKey: (key) => refusedInUdf(apiKey(key)) })
  })
)

const resolutions = ["1", "3", "5", "10", "15", "30", "60", "1D"] as const
const timezone = "Asia/Kolkata"
const searchMax = 100
const searchDefault = 30
const quotesMax = 100
const barsMax = 10_000
/** Without a bar in the span asked for, so far back is looked for the last one before it. */
const lookBackDays = 15

const types = { INDEX: "index", EQ: "stock", FUT: "futures", CE: "option", PE: "option" } as const satisfies Record<Instrument.Kind, string>
const exchanges = [
  ["NSE", "National Stock Exchange"],
  ["NFO", "NSE futures and options"],
  ["BSE", "BSE"],
  ["BFO", "BSE futures and options"],
  ["MCX", "Multi Commodity Exchange"],
  ["CDS", "NSE currency"]
] as const
/** What a chart shows where the rulebook does not know the hours. */
const allDay = "0000-2400"

const clockText = (atMs: number): string => {
  const minutes = Math.floor(IndiaTime.istTimeOfDayMs(atMs) / IndiaTime.minuteMs)
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}${String(minutes % 60).padStart(2, "0")}`
}

/** Usual trading hours of a day, Indian time: "0915-1540". */
const sessionText = (session: Hours.Session | undefined): string =>
  session === undefined ? allDay : `${clockText(session.opensAtMs)}-${clockText(session.closesAtMs)}`

const intervalOf = (resolution: string): KiteHistory.Interval | undefined => {
  const text = resolution.toUpperCase()
  if (text === "D" || text === "1D") return KiteHistory.byMinutes(1440)
  if (text === "1H" || text === "H") return KiteHistory.byMinutes(60)
  return /^\d{1,2}$/.test(text) ? KiteHistory.byMinutes(Number(text)) : undefined
}

/** Whole seconds, ms; NaN for anything else. */
const secondsMs = (text: string): number => (/^-?\d{1,11}$/.test(text) ? Number(text) * 1_000 : Number.NaN)

const fullName = ({ exchange, tradingsymbol }: Instrument.Instrument): string => Instrument.symbolKey(exchange, tradingsymbol)
const description = (it: Instrument.Instrument): string =>
  it.expiry === null
    ? it.name || it.tradingsymbol
    : [it.name, it.expiry, Instrument.isOption(it) ? `${Instrument.strikeText(it)} ${it.instrumentType}` : "future"].join(" ")

/** Charts place a day by its date at midnight UTC, not by India's midnight on the evening before. */
const timeOf = (atMs: number, minutes: number): number => (minutes < 1440 ? atMs : atMs + IndiaTime.istOffsetMs) / 1_000

const columns = (candles: ReadonlyArray<KiteHistory.Candle>, minutes: number) => ({
  s: "ok" as const,
  t: candles.map(({ atMs }) => timeOf(atMs, minutes)),
  o: candles.map(({ open }) => open),
  h: candles.map(({ high }) => high),
  l: candles.map(({ low }) => low),
  c: candles.map(({ close }) => close),
  v: candles.map(({ volume }) => volume)
})
const failure = (errmsg: string) => ({ s: "error" as const, errmsg })

/** How far back so many bars reach at most: a week may have holidays. Unknown hours count as an hour. */
const reachMs = (bars: number, { minutes }: KiteHistory.Interval, session: Hours.Session | undefined): number => {
  const sessionMs = session === undefined ? 60 * IndiaTime.minuteMs : session.closesAtMs - session.opensAtMs
  const perSession = Math.max(1, Math.floor(sessionMs / IndiaTime.minuteMs / minutes))
  return (Math.ceil(bars / perSession) * 1.6 + 7) * IndiaTime.dayMs
}

const symbolInfo = (it: Instrument.Instrument, endMs: number | undefined, session: Hours.Session | undefined, nowMs: number) => {
  const pricescale = Instrument.priceScale(it.token)
  // An index has no tick; its values have two places.
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

const round = (value: number): number => Math.round(value * 1e4) / 1e4

export const UdfHttp = HttpApiBuilder.group(
  Api,
  "udf",
  Effect.fnUntraced(function* (handlers) {
    const history = yield* History
    const registry = yield* InstrumentRegistry
    const symbols = yield* Symbols
    const clock = yield* MarketClock
    const views = yield* Views
    const lifetimes = yield* Lifetimes
    const rules = yield* RuleBook
    const usualSession = (it: Instrument.Instrument) => InstrumentHours.usual(rules.current(), lifetimes.placeOf(it), clock.unsafeNow())
    const find = (symbol: string) => symbols.find(symbol.trim().toUpperCase())

    /** Never more than `barsMax` bars reach back, whatever the caller writes. */
    const bars = (it: Instrument.Instrument, interval: KiteHistory.Interval, fromMs: number, toMs: number) =>
      Effect.map(
        history.candles(it, interval, { fromMs: Math.max(fromMs, toMs - reachMs(barsMax, interval, usualSession(it))), toMs }),
        ({ candles }) => candles
      )

    const historyOf = (it: Instrument.Instrument, interval: KiteHistory.Interval, fromMs: number, toMs: number, countback: number) =>
      Effect.gen(function* () {
        // `to` is not part of the span; a day is asked for by its date.
        const shiftMs = interval.minutes < 1440 ? 0 : IndiaTime.istOffsetMs
        const untilMs = Math.min(toMs, clock.unsafeNow() + shiftMs + IndiaTime.dayMs) - shiftMs - 1
        const sinceMs = fromMs - shiftMs
        // "countback has priority over from": TradingView Charting Library, UDF, "Bars".
        const reach = countback > 0 ? untilMs - reachMs(countback, interval, usualSession(it)) : sinceMs
        if (reach > untilMs) return { s: "no_data" as const }
        const found = yield* bars(it, interval, reach, untilMs)
        const wanted = countback > 0 ? found.slice(-countback) : found.filter(({ atMs }) => atMs >= sinceMs)
        if (wanted.length > 0) return columns(wanted.slice(-barsMax), interval.minutes)
        const earlier = yield* bars(it, interval, reach - lookBackDays * IndiaTime.dayMs, reach - 1)
        const last = earlier.at(-1)
        return { s: "no_data" as const, ...(last === undefined ? {} : { nextTime: timeOf(last.atMs, interval.minutes) }) }
      }).pipe(Effect.catchAll(({ detail }) => Effect.succeed(failure(detail))))

    /** The day's candle and the day's before it, with the last price as the streams have it. */
    const quote = (symbol: string) =>
      Effect.gen(function* () {
        const it = find(symbol)
        if (it === undefined) return { s: "error" as const, n: symbol, v: {}, errmsg: "unknown_symbol" }
        const nowMs = clock.unsafeNow()
        const daily = KiteHistory.byMinutes(1440) as KiteHistory.Interval
        const days = yield* bars(it, daily, nowMs - lookBackDays * IndiaTime.dayMs, nowMs)
        const day = days.at(-1)
        const row = views.chains.row(it.token)
        const lp = row?.last_price ?? views.chains.price(it.token)?.last_price ?? day?.close
        if (day === undefined || lp === undefined) return { s: "error" as const, n: symbol, v: {}, errmsg: "no_data" }
        const before = days.at(-2)?.close ?? day.open
        const book =
          row === undefined || row.bid === null || row.ask === null ? {} : { bid: row.bid, ask: row.ask, spread: round(row.ask - row.bid) }
        return {
          s: "ok" as const,
          n: symbol,
          v: {
            short_name: it.tradingsymbol,
            exchange: it.exchange,
            original_name: fullName(it),
            description: description(it),
            lp,
            ch: round(lp - before),
            chp: before === 0 ? 0 : round(((lp - before) / before) * 100),
            open_price: day.open,
            high_price: Math.max(day.high, lp),
            low_price: Math.min(day.low, lp),
            prev_close_price: before,
            volume: day.volume,
            ...book
          }
        }
      }).pipe(Effect.catchAll(({ detail }) => Effect.succeed({ s: "error" as const, n: symbol, v: {}, errmsg: detail })))

    return handlers
      .handle("config", () =>
        Effect.succeed({
          supports_search: true,
          supports_group_request: false,
          supports_marks: false,
          supports_timescale_marks: false,
          supports_time: true,
          supported_resolutions: [...resolutions],
          exchanges: [{ value: "", name: "All", desc: "" }, ...exchanges.map(([value, desc]) => ({ value, name: value, desc }))],
          symbols_types: [
            { name: "All", value: "" },
            { name: "Index", value: "index" },
            { name: "Stock", value: "stock" },
            { name: "Futures", value: "futures" },
            { name: "Option", value: "option" }
          ]
        } as const)
      )
      .handle("time", () => Effect.sync(() => String(Math.floor(clock.unsafeNow() / 1_000))))
      .handle("symbols", ({ urlParams: { symbol } }) =>
        Effect.sync(() => {
          const it = find(symbol)
          return it === undefined ? failure("unknown_symbol") : symbolInfo(it, lifetimes.endOf(it), usualSession(it), clock.unsafeNow())
        })
      )
      .handle("search", ({ urlParams: { query, type, exchange, limit } }) =>
        Effect.sync(() => {
          const kinds = (Object.keys(types) as ReadonlyArray<Instrument.Kind>).filter((kind) => types[kind] === type.toLowerCase())
          const asked = /^\d{1,4}$/.test(limit) ? Number(limit) : searchDefault
          if (type !== "" && kinds.length === 0) return []
          return registry
            .search(
              query.slice(0, 100),
              { exchange: exchange === "" ? undefined : exchange.toUpperCase(), kinds: type === "" ? undefined : kinds },
              { limit: Math.min(searchMax, asked), offset: 0 }
            )
            .instruments.map((it) => ({
              symbol: it.tradingsymbol,
              full_name: fullName(it),
              description: description(it),
              exchange: it.exchange,
              ticker: fullName(it),
              type: types[Instrument.kindOf(it)]
            }))
        })
      )
      .handle("history", ({ urlParams: { symbol, resolution, from, to, countback } }) =>
        Effect.suspend(() => {
          const it = find(symbol)
          const interval = intervalOf(resolution)
          const [fromMs, toMs] = [secondsMs(from), secondsMs(to)]
          const count = countback === "" ? 0 : Math.min(barsMax, Number(countback))
          if (it === undefined) return Effect.succeed(failure("unknown_symbol"))
          if (interval === undefined) return Effect.succeed(failure("unsupported resolution"))
          if (Number.isNaN(fromMs) || Number.isNaN(toMs) || !Number.isInteger(count) || count < 0)
            return Effect.succeed(failure("from, to and countback are whole numbers"))
          return historyOf(it, interval, fromMs, toMs, count)
        })
      )
      .handle("quotes", ({ urlParams: { symbols: list } }) =>
        Effect.gen(function* () {
          const asked = list.split(",").filter((one) => one.trim() !== "")
          if (asked.length > quotesMax) return failure(`at most ${quotesMax} symbols`)
          return { s: "ok" as const, d: yield* Effect.forEach(asked, quote, { concurrency: 4 }) }
        })
      )
  })
)
