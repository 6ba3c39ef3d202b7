import { Effect } from "effect"
import * as IndiaTime from "../../domain/IndiaTime.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import * as KiteHistory from "../../domain/market/KiteHistory.ts"
import * as Chain from "../../domain/monitor/Chain.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import * as FutureQuotes from "../futures/FutureQuotes.ts"
import { type Candles, History } from "../history/History.ts"
import { Symbols } from "../instruments/Symbols.ts"
import { found, notFound } from "../shared/Lookup.ts"
import { Monitor } from "./Monitor.ts"

interface Asked {
  readonly symbol: string
  readonly expiry: string | undefined
  readonly strike: number | undefined
  readonly interval: KiteHistory.Interval | undefined
  readonly from: number | undefined
  readonly to: number | undefined
}

const none: Candles = { candles: [], warning: null }
const closesOf = ({ candles }: Candles): ReadonlyMap<number, number> => new Map(candles.map(({ atMs, close }) => [atMs, close]))
const fiveMinutes = KiteHistory.byMinutes(5) as KiteHistory.Interval

/** Bars of the underlying, and at the same instants the closes of its nearest future and of one straddle. */
export const make = Effect.gen(function* () {
  const monitor = yield* Monitor
  const registry = yield* InstrumentRegistry
  const history = yield* History
  const symbols = yield* Symbols
  const clock = yield* MarketClock
  const futures = yield* FutureQuotes.make

  /** A contract's candles. Without them the underlying's are still right, so a failure is a warning. */
  const candlesOf = (instrument: Instrument.Instrument | undefined, interval: KiteHistory.Interval, span: KiteHistory.Span) =>
    instrument === undefined
      ? Effect.succeed(none)
      : history
          .candles(instrument, interval, span, false)
          .pipe(Effect.catchTag("Unavailable", ({ detail }) => Effect.succeed({ candles: [], warning: detail })))

  return ({ symbol, strike, interval: asked, from, to, ...wanted }: Asked) =>
    Effect.gen(function* () {
      const { expiry, head, strikes } = yield* monitor.chosen(symbol, wanted.expiry)
      const underlying = yield* found("Symbol", symbols.find(symbol))
      const interval = asked ?? fiveMinutes
      const toMs = to ?? clock.unsafeNow()
      const span = { fromMs: from ?? IndiaTime.startOfDayMs(toMs), toMs }
      const row = strikes.find((one) => one.strike === (strike ?? head.atm_strike))
      if (strike !== undefined && row === undefined) return yield* notFound("Strike")
      const future = registry.byToken(futures.alive(symbol)[0]?.instrument_token ?? 0)
      const call = registry.byToken(row?.call?.instrument_token ?? 0)
      const put = registry.byToken(row?.put?.instrument_token ?? 0)
      const spot = yield* history.candles(underlying, interval, span, false)
      const others = yield* Effect.forEach([future, call, put], (one) => candlesOf(one, interval, span))
      const [futureCloses, callCloses, putCloses] = others.map(closesOf)
      return {
        symbol,
        expiry,
        interval: interval.name,
        instrument_token: underlying.token,
        future: future?.tradingsymbol ?? null,
        strike: row?.strike ?? null,
        call: call?.tradingsymbol ?? null,
        put: put?.tradingsymbol ?? null,
        points: spot.candles.map(({ atMs, open, high, low, close }) => {
          const future_close = futureCloses?.get(atMs) ?? null
          const [call_close, put_close] = [callCloses?.get(atMs) ?? null, putCloses?.get(atMs) ?? null]
          return {
            date: IndiaTime.isoTime(atMs),
            open,
            high,
            low,
            close,
            future_close,
            basis: Chain.difference(future_close, close, Chain.pricePlaces),
            call_close,
            put_close,
            straddle: Chain.sum(call_close, put_close, Chain.pricePlaces)
          }
        }),
        warning: [spot, ...others].find(({ warning }) => warning !== null)?.warning ?? null
      }
    })
})
