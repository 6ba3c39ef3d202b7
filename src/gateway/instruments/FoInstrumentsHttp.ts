import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, Order } from "effect"
import { Api } from "../../contract/Api.ts"
import type * as Instrument from "../../domain/market/Instrument.ts"
import { isMetric, Metric } from "../../domain/options/StrikeDistribution.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { instrumentsLoaded, notFound } from "../shared/Lookup.ts"
import { pageOf } from "../shared/Paging.ts"
import { view } from "./InstrumentsHttp.ts"

const titles: Readonly<Record<Metric, string>> = {
  oi: "Open interest",
  oi_change: "Change of the open interest",
  volume: "Volume of the day",
  delta: "Delta",
  gamma: "Gamma",
  theta: "Theta",
  vega: "Vega",
  rho: "Rho",
  gex: "Dealer gamma exposure",
  last_price: "Last price",
  iv: "Implied volatility"
}
/** Computed from a chain at each request, so Postgres does not store this metric. */
const computed: Metric = "gex"

const metrics = Object.keys(Metric)
  .filter(isMetric)
  .map((metric) => ({
    metric,
    title: titles[metric],
    is_additive: Metric[metric].additive,
    is_stored: metric !== computed
  }))

/** By expiry; then futures, and options by strike, the call first. Texts are ordered by code units, whatever the host's locale is. */
export const inOrder = (a: Instrument.Instrument, b: Instrument.Instrument): number =>
  Order.string(a.expiry ?? "", b.expiry ?? "") || a.strike - b.strike || Order.string(a.tradingsymbol, b.tradingsymbol)

export const FoInstrumentsHttp = HttpApiBuilder.group(
  Api,
  "foInstruments",
  Effect.fnUntraced(function* (handlers) {
    const registry = yield* InstrumentRegistry
    const { hasExpired } = yield* Lifetimes

    return handlers
      .handle("indicators", () => Effect.succeed({ metrics }))
      .handle("instruments", ({ urlParams: { symbol, expiry, limit, offset } }) =>
        Effect.gen(function* () {
          yield* instrumentsLoaded(registry)
          const contracts = registry
            .exchangesOf(symbol)
            .flatMap((exchange) => registry.ofUnderlying(exchange, symbol))
            .filter((one) => one.expiry !== null && !hasExpired(one))
          if (contracts.length === 0) return yield* notFound("Symbol")
          const wanted = contracts.filter((one) => expiry === undefined || one.expiry === expiry).toSorted(inOrder)
          if (wanted.length === 0) return yield* notFound("Expiry")
          return { symbol, instruments: pageOf(wanted, { limit, offset }).map(view), total: wanted.length, limit, offset }
        })
      )
  })
)
