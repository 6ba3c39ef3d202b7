import { Array as Arr, Effect } from "effect"
import * as Instrument from "../../domain/market/Instrument.ts"
import * as Symbol from "../../domain/market/Symbol.ts"
import * as FillCharges from "../../domain/orders/FillCharges.ts"
import * as Holdings from "../../domain/strategy/Holdings.ts"
import * as Multiplier from "../../domain/strategy/Multiplier.ts"
import * as Position from "../../domain/strategy/Position.ts"
import { RuleBook } from "../../settings/RuleBook.ts"
import { InstrumentRegistry } from "../../store/instruments/InstrumentRegistry.ts"
import { SettlementRepo } from "../../store/settlements/SettlementRepo.ts"
import { FillRepo } from "../../store/strategies/FillRepo.ts"
import { StrategyRepo } from "../../store/strategies/StrategyRepo.ts"
import { noQuote, type Quote, Valuation } from "../chains/Valuation.ts"
import { ownedStrategy } from "../shared/Lookup.ts"
import { orProblem } from "../shared/StoreProblem.ts"

/** One holding with its instrument and quote. `instrument` is undefined when the day's instruments do not contain it. */
export interface Line {
  readonly holding: Holdings.Holding
  readonly instrument: Instrument.Instrument | undefined
  readonly quote: Quote
  readonly charged: FillCharges.Charged
}

export interface Book {
  readonly lines: ReadonlyArray<Line>
  /** Symbols of open holdings whose price is missing or stale. */
  readonly missing: ReadonlyArray<string>
}

const instrumentKey = ({ exchange, tradingsymbol }: { readonly exchange: string; readonly tradingsymbol: string }): string =>
  Instrument.symbolKey(exchange, tradingsymbol)

/** What a strategy holds according to its legs and fills, with the newest prices. */
export class StrategyBook extends Effect.Service<StrategyBook>()("gateway/strategies/StrategyBook", {
  effect: Effect.gen(function* () {
    const strategies = yield* StrategyRepo
    const fills = yield* FillRepo
    const settlements = yield* SettlementRepo
    const registry = yield* InstrumentRegistry
    const valuation = yield* Valuation
    const rules = yield* RuleBook

    /** Whether a contract is written on an index. Its spot is an instrument of every day's list. */
    const isOfIndex = ({ exchange, tradingsymbol }: Holdings.Holding): boolean => {
      const parsed = Symbol.parse(tradingsymbol)
      const underlying = parsed === null ? null : Instrument.underlyingNamed(exchange, parsed.name)
      if (underlying === null) return false
      return registry.ofUnderlying(underlying.exchange, underlying.name).some(({ token }) => Instrument.isIndex(token))
    }
    const chargedOf = (holding: Holdings.Holding, own: ReadonlyArray<FillRepo.Fill>, on: string | undefined): FillCharges.Charged => {
      const { exchange, settled, source, tradingsymbol } = holding
      if (source === "leg") return FillCharges.ofLeg
      const known = rules.current()
      const charged = FillCharges.ofFills(known, own)
      if (settled === undefined || on === undefined) return charged
      const open = Position.netQuantity(own)
      const ending = { exchange, tradingsymbol, open, price: settled.price, on, isOfIndex: isOfIndex(holding) }
      return FillCharges.sum([charged, FillCharges.ofEnding(known, ending)])
    }
    const line = (holding: Holdings.Holding, own: ReadonlyArray<FillRepo.Fill>, expiry: string | undefined): Line => {
      const instrument = registry.bySymbol(holding.exchange, holding.tradingsymbol)
      return {
        holding,
        charged: chargedOf(holding, own, expiry),
        instrument,
        quote: instrument === undefined ? noQuote : valuation.quote(instrument)
      }
    }
    const isMissing = ({ holding, quote }: Line): boolean => holding.state.netQuantity !== 0 && (quote.lastPrice === null || quote.isStale)

    return {
      /** Another user's strategy is not found. */
      of: (owner: string, strategyId: number) =>
        Effect.gen(function* () {
          const { legs } = yield* ownedStrategy(strategies, owner, strategyId)
          const multiplierOf = Multiplier.lookup(rules.current().segments, valuation.nowMs())
          const all = yield* orProblem(fills.list(owner, strategyId))
          const byInstrument = Arr.groupBy(all, instrumentKey)
          const traded = Holdings.traded(all, multiplierOf)
          const ended = yield* orProblem(settlements.ofHoldings)
          const settled = Holdings.settlementsOf(ended)
          const expiries = new Map(ended.map((it) => [instrumentKey(it), it.expiry]))
          const lines = Holdings.holdings(legs, traded, settled, multiplierOf).map((holding) =>
            line(holding, byInstrument[instrumentKey(holding)] ?? [], expiries.get(instrumentKey(holding)))
          )
          const missing = new Set(lines.filter(isMissing).map(({ holding }) => holding.tradingsymbol))
          return { lines, missing: [...missing] } satisfies Book
        })
    } as const
  })
}) {}
