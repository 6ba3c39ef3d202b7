import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import * as UdfBars from "./UdfBars.ts"
import * as UdfMarks from "./UdfMarks.ts"
import * as UdfQuote from "./UdfQuote.ts"
import * as UdfSymbol from "./UdfSymbol.ts"

const searchMax = 100
const searchDefault = 30
const quotesMax = 100

const exchanges = [
  ["NSE", "National Stock Exchange"],
  ["NFO", "NSE futures and options"],
  ["BSE", "BSE"],
  ["BFO", "BSE futures and options"],
  ["MCX", "Multi Commodity Exchange"],
  ["CDS", "NSE currency"]
] as const
const config = {
  supports_search: true,
  supports_group_request: false,
  supports_marks: true,
  supports_timescale_marks: true,
  supports_time: true,
  supported_resolutions: [...UdfSymbol.resolutions],
  exchanges: [{ value: "", name: "All", desc: "" }, ...exchanges.map(([value, desc]) => ({ value, name: value, desc }))],
  symbols_types: [
    { name: "All", value: "" },
    { name: "Index", value: "index" },
    { name: "Stock", value: "stock" },
    { name: "Futures", value: "futures" },
    { name: "Option", value: "option" }
  ]
} as const

interface Search {
  readonly query: string
  readonly type: string
  readonly exchange: string
  readonly limit: string
}
const searched = (registry: InstrumentRegistry, { query, type, exchange, limit }: Search) => {
  const kinds = (Object.keys(UdfSymbol.types) as ReadonlyArray<Instrument.Kind>).filter(
    (kind) => UdfSymbol.types[kind] === type.toLowerCase()
  )
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
      full_name: UdfSymbol.fullName(it),
      description: UdfSymbol.description(it),
      exchange: it.exchange,
      ticker: UdfSymbol.fullName(it),
      type: UdfSymbol.types[Instrument.kindOf(it)]
    }))
}

export const UdfHttp = HttpApiBuilder.group(
  Api,
  "udf",
  Effect.fnUntraced(function* (handlers) {
    const registry = yield* InstrumentRegistry
    const clock = yield* MarketClock
    const lifetimes = yield* Lifetimes
    const bars = yield* UdfBars.make
    const quote = yield* UdfQuote.make
    const find = yield* UdfSymbol.finder
    const marks = yield* UdfMarks.make

    return handlers
      .handle("config", () => Effect.succeed(config))
      .handle("time", () => Effect.sync(() => String(Math.floor(clock.unsafeNow() / 1_000))))
      .handle("symbols", ({ urlParams: { symbol } }) =>
        Effect.sync(() => {
          const it = find(symbol)
          return it === undefined
            ? UdfBars.failure("unknown_symbol")
            : UdfSymbol.symbolInfo(it, lifetimes.endOf(it), bars.usualSession(it), clock.unsafeNow())
        })
      )
      .handle("search", ({ urlParams }) => Effect.sync(() => searched(registry, urlParams)))
      .handle("history", ({ urlParams: { symbol, resolution, from, to, countback } }) =>
        Effect.suspend(() => {
          const it = find(symbol)
          const interval = UdfBars.intervalOf(resolution)
          const [fromMs, toMs] = [UdfBars.secondsMs(from), UdfBars.secondsMs(to)]
          const count = countback === "" ? 0 : Math.min(UdfBars.barsMax, Number(countback))
          if (it === undefined) return Effect.succeed(UdfBars.failure("unknown_symbol"))
          if (interval === undefined) return Effect.succeed(UdfBars.failure("unsupported resolution"))
          if (Number.isNaN(fromMs) || Number.isNaN(toMs) || !Number.isInteger(count) || count < 0)
            return Effect.succeed(UdfBars.failure("from, to and countback are whole numbers"))
          return bars.historyOf(it, interval, fromMs, toMs, count)
        })
      )
      .handle("marks", ({ urlParams: { symbol, ...span } }) => marks.bars(find(symbol), span))
      .handle("timescaleMarks", ({ urlParams: { symbol, ...span } }) => marks.timescale(find(symbol), span))
      .handle("quotes", ({ urlParams: { symbols: list } }) =>
        Effect.gen(function* () {
          const asked = list.split(",").filter((one) => one.trim() !== "")
          if (asked.length > quotesMax) return UdfBars.failure(`at most ${quotesMax} symbols`)
          return { s: "ok" as const, d: yield* Effect.forEach(asked, quote, { concurrency: 4 }) }
        })
      )
  })
)
