import { Effect } from "effect"
import { Views } from "../views/Views.ts"
import * as UdfBars from "./UdfBars.ts"
import * as UdfSymbol from "./UdfSymbol.ts"

const round = (value: number): number => Math.round(value * 1e4) / 1e4
const failed = (symbol: string, errmsg: string) => ({ s: "error" as const, n: symbol, v: {}, errmsg })

/** A quote: the day's candle, its change from the previous day, and the streams' last price. */
export const make = Effect.gen(function* () {
  const views = yield* Views
  const bars = yield* UdfBars.make
  const find = yield* UdfSymbol.finder

  return (symbol: string) =>
    Effect.gen(function* () {
      const it = find(symbol)
      if (it === undefined) return failed(symbol, "unknown_symbol")
      const days = yield* bars.lastDays(it)
      const day = days.at(-1)
      const row = views.chains.row(it)
      const lp = row?.last_price ?? views.chains.price(it)?.last_price ?? day?.close
      if (day === undefined || lp === undefined) return failed(symbol, "no_data")
      const before = days.at(-2)?.close ?? day.open
      const book =
        row === undefined || row.bid === null || row.ask === null ? {} : { bid: row.bid, ask: row.ask, spread: round(row.ask - row.bid) }
      return {
        s: "ok" as const,
        n: symbol,
        v: {
          short_name: it.tradingsymbol,
          exchange: it.exchange,
          original_name: UdfSymbol.fullName(it),
          description: UdfSymbol.description(it),
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
    }).pipe(Effect.catchAll(({ detail }) => Effect.succeed(failed(symbol, detail))))
})
