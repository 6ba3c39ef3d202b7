import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import { istDate } from "../../domain/IndiaTime.ts"
import * as Money from "../../domain/Money.ts"
import * as Instrument from "../../domain/market/Instrument.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import * as Asks from "../../streams/Asks.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { Engine } from "../shared/Engine.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { found } from "../shared/Lookup.ts"
import { pageOf } from "../shared/Paging.ts"
import { orProblem } from "../shared/StoreProblem.ts"

export const view = (instrument: Instrument.Instrument) => {
  const scale = Instrument.priceScale(instrument.token)
  return {
    instrument_token: instrument.token,
    exchange_token: instrument.exchangeToken,
    tradingsymbol: instrument.tradingsymbol,
    name: instrument.name,
    underlying: Instrument.underlyingOf(instrument)?.name ?? null,
    kind: Instrument.kindOf(instrument),
    instrument_type: instrument.instrumentType,
    exchange: instrument.exchange,
    segment: instrument.segment,
    expiry: instrument.expiry,
    strike: Instrument.isOption(instrument) ? Money.toNumber(instrument.strike, scale) : null,
    tick_size: Money.toNumber(instrument.tickSize, scale),
    lot_size: instrument.lotSize
  }
}

const viewOf = (instrument: Instrument.Instrument | undefined) => Effect.map(found("Instrument", instrument), view)

export const InstrumentsHttp = HttpApiBuilder.group(
  Api,
  "instruments",
  Effect.fnUntraced(function* (handlers) {
    const registry = yield* InstrumentRegistry
    const clock = yield* MarketClock
    const engine = yield* Engine
    const lifetimes = yield* Lifetimes

    return handlers
      .handle("search", ({ urlParams: { search = "", limit, offset, ...filter } }) =>
        Effect.sync(() => {
          const { instruments, total } = registry.search(search, filter, { limit, offset })
          return { instruments: instruments.map(view), total, limit, offset, trade_date: registry.current()?.tradeDate ?? null }
        })
      )
      .handle("foEnabled", ({ urlParams: { exchange, limit, offset } }) =>
        Effect.sync(() => {
          const listed = registry
            .derived()
            .filter((one) => exchange === undefined || one.exchange === exchange)
            .map(({ name, exchange: of, spot, lotSize, optionExpiries, futureExpiries }) => ({
              symbol: name,
              exchange: of,
              instrument_token: spot?.token ?? null,
              tradingsymbol: spot?.tradingsymbol ?? null,
              name: spot?.name ?? null,
              lot_size: lotSize,
              expiries: optionExpiries.filter((expiry) => lifetimes.isAlive(name, expiry)),
              future_expiries: futureExpiries.filter((expiry) => lifetimes.isAlive(name, expiry))
            }))
            .filter(({ expiries, future_expiries }) => expiries.length + future_expiries.length > 0)
          return { underlyings: pageOf(listed, { limit, offset }), total: listed.length, limit, offset }
        })
      )
      .handle("bySymbol", ({ path: { exchange, tradingsymbol } }) =>
        Effect.suspend(() => viewOf(registry.bySymbol(exchange, tradingsymbol)))
      )
      .handle("get", ({ path: { token } }) => Effect.suspend(() => viewOf(registry.byToken(token))))
      .handle("refresh", () =>
        Effect.gen(function* () {
          const { trade_date, instruments } = yield* engine.ask(Asks.refreshInstruments, {})
          // Another process may have loaded newer instruments.
          yield* orProblem(registry.follow(istDate(clock.unsafeNow())))
          return { message: "Instruments refreshed", trade_date, instruments }
        })
      )
  })
)
