import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import type { CandleWithGreeks } from "../../contract/history/HistoryApi.ts"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as KiteHistory from "../../domain/market/KiteHistory.ts"
import type { StoredCandle } from "../../store/history/StoredBars.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { Symbols } from "../instruments/Symbols.ts"
import { found } from "../shared/Lookup.ts"
import { listed } from "../shared/SlicedAnswer.ts"
import { History } from "./History.ts"

const viewOf =
  (saysSource: boolean) =>
  ({ atMs, source, complete, ...candle }: StoredCandle) => ({
    date: IndiaTime.isoTime(atMs),
    ...candle,
    ...(complete ? {} : { complete }),
    ...(saysSource ? { source } : {})
  })

const warned = (warning: string | null) => (warning === null ? {} : { warning })

export const HistoryHttp = HttpApiBuilder.group(
  Api,
  "history",
  Effect.fnUntraced(function* (handlers) {
    const history = yield* History
    const registry = yield* InstrumentRegistry
    const symbols = yield* Symbols
    const clock = yield* MarketClock

    /** By default the span ends now and starts with that day. */
    const spanOf = (from: number | undefined, to: number | undefined): KiteHistory.Span => {
      const toMs = to ?? clock.unsafeNow()
      return { fromMs: from ?? IndiaTime.startOfDayMs(toMs), toMs }
    }
    return handlers
      .handle("history", ({ urlParams }) =>
        Effect.gen(function* () {
          const instrument = yield* found("Instrument", registry.byToken(urlParams.instrument_token))
          const { interval } = urlParams
          const span = spanOf(urlParams.from, urlParams.to)
          const { candles, warning } = yield* history.candles(instrument, interval, span, urlParams.adjusted)
          const greeks = urlParams.greeks ? yield* history.greeks(instrument, interval, span, candles) : undefined
          const view = viewOf(urlParams.sources)
          const candle = (one: StoredCandle, at: number): typeof CandleWithGreeks.Encoded => ({
            ...view(urlParams.oi ? one : { ...one, oi: null }),
            ...(greeks?.[at] ?? { greeks: null })
          })
          return yield* listed("candles", candles, candle, warned(warning))
        })
      )
      .handle("historical", ({ urlParams: { symbol, timeframe, from, to, adjusted, sources } }) =>
        Effect.gen(function* () {
          const instrument = yield* found("Symbol", symbols.find(symbol))
          const { candles, warning } = yield* history.candles(instrument, timeframe, spanOf(from, to), adjusted)
          const head = {
            symbol,
            timeframe: timeframe.name,
            instrument_token: instrument.token,
            exchange: instrument.exchange,
            tradingsymbol: instrument.tradingsymbol
          }
          return yield* listed("candles", candles, viewOf(sources), { ...head, ...warned(warning) })
        })
      )
  })
)
