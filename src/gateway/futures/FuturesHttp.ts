import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Api } from "../../contract/Api.ts"
import * as Problem from "../../contract/shared/Problem.ts"
import * as Basis from "../../domain/futures/Basis.ts"
import * as Rollover from "../../domain/futures/Rollover.ts"
import * as Money from "../../domain/Money.ts"
import * as Life from "../../domain/market/Life.ts"
import * as OpenInterest from "../../domain/options/OpenInterest.ts"
import * as Rounding from "../../domain/options/Rounding.ts"
import { shipped } from "../../domain/rules/Shipped.ts"
import * as Multiplier from "../../domain/strategy/Multiplier.ts"
import { MarketClock } from "../../streams/MarketClock.ts"
import { Chains } from "../chains/Chains.ts"
import { Lifetimes } from "../shared/Lifetimes.ts"
import { found } from "../shared/Lookup.ts"
import * as ContinuousSeries from "./ContinuousSeries.ts"
import * as FutureQuotes from "./FutureQuotes.ts"

const carryPlaces = 5
const percentPlaces = 4
const priceOf = (published: number | null): Money.Decimal | null => (published === null ? null : Money.ofNumber(published))
const orNaN = (value: number | null | undefined): number => value ?? Number.NaN

export const FuturesHttp = HttpApiBuilder.group(
  Api,
  "futures",
  Effect.fnUntraced(function* (handlers) {
    const chains = yield* Chains
    const clock = yield* MarketClock
    const lifetimes = yield* Lifetimes
    const quotes = yield* FutureQuotes.make
    const continuous = yield* ContinuousSeries.make

    const signalOf = (symbol: string, spot: number | null, future: FutureQuotes.Future) => {
      const basis = Basis.basis({
        spot: orNaN(spot),
        future: orNaN(future.last_price),
        expiryAtMs: quotes.endsMs(symbol, future.expiry),
        nowMs: quotes.asOfMs(symbol)
      })
      return {
        ...quotes.named(future),
        last_price: future.last_price,
        oi: future.oi,
        price_change: future.price_change ?? null,
        oi_change: future.oi_change ?? null,
        change_from: future.change_from ?? null,
        signal: OpenInterest.buildUp(orNaN(future.price_change), orNaN(future.oi_change)),
        basis: future.basis,
        carry: Rounding.round(basis?.carry ?? null, carryPlaces)
      }
    }
    const rollOf = (symbol: string) => {
      const futures = quotes.alive(symbol)
      const [near, ...later] = futures.map((one) => ({
        price: orNaN(one.last_price),
        openInterest: orNaN(one.oi),
        expiryAtMs: quotes.endsMs(symbol, one.expiry)
      }))
      const roll = near === undefined ? Rollover.unknown : Rollover.rollover(near, later)
      const all = futures.reduce((sum, { oi }) => sum + (oi ?? 0), 0)
      return {
        percent: Rounding.round(roll.percent, percentPlaces),
        spread: Rounding.round(roll.spread, percentPlaces),
        cost_percent: Rounding.round(roll.costPercent, percentPlaces),
        carry: Rounding.round(roll.carry, carryPlaces),
        contracts: futures.map((one) => ({
          ...quotes.named(one),
          last_price: one.last_price,
          oi: one.oi,
          oi_share: all === 0 || one.oi === null ? null : Rounding.round(one.oi / all, percentPlaces)
        }))
      }
    }
    return handlers
      .handle("positionSignals", ({ urlParams: { symbol } }) =>
        Effect.map(chains.known(symbol), () => {
          const state = quotes.state(symbol)
          const spot = state?.spot ?? null
          const futures = quotes.alive(symbol).map((one) => signalOf(symbol, spot, one))
          return { symbol, spot, futures, as_of: state?.as_of ?? null }
        })
      )
      .handle("rollover", ({ urlParams: { symbol, adjustment, interval, from, to } }) =>
        Effect.gen(function* () {
          yield* chains.known(symbol)
          const joined = adjustment === undefined ? null : yield* continuous(symbol, adjustment, interval, from, to ?? clock.unsafeNow())
          return { symbol, ...rollOf(symbol), continuous: joined, as_of: quotes.state(symbol)?.as_of ?? null }
        })
      )
      .handle("rolloverPnl", ({ urlParams: { symbol, direction, quantity, ...prices } }) =>
        Effect.gen(function* () {
          yield* chains.known(symbol)
          const futures = quotes.alive(symbol)
          const near = yield* found("Expiry", futures[0])
          const next = yield* found("Expiry", futures[1])
          const closePrice = prices.close_price ?? priceOf(near.last_price)
          const openPrice = prices.open_price ?? priceOf(next.last_price)
          const ltp = priceOf(next.last_price)
          const exchange = Life.derivativesExchange(lifetimes.exchangeOf(symbol))
          const contract = { exchange, tradingsymbol: quotes.named(near).tradingsymbol ?? symbol }
          const multiplier = Multiplier.lookup(shipped.segments, clock.unsafeNow())(contract)
          const units = quantity * multiplier
          if (!Number.isSafeInteger(units)) return yield* Problem.invalidField("quantity", `too many: each is ${multiplier} units`)
          const report = Rollover.rollProfit({ direction, quantity: units, entryPrice: prices.entry_price, closePrice, openPrice, ltp })
          return {
            symbol,
            near: quotes.named(near),
            next: quotes.named(next),
            direction,
            quantity,
            multiplier,
            entry_price: prices.entry_price,
            close_price: closePrice,
            open_price: openPrice,
            last_price: ltp,
            realised: report.realised,
            unrealised: report.unrealised,
            roll_cost: report.rollCost,
            total: report.total,
            as_of: quotes.state(symbol)?.as_of ?? null
          }
        })
      )
  })
)
